//! What became of those whom events named: read anew, since events come late, twice and out of order.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};

use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use log::warn;
use serde_json::Value;
use tokio::try_join;

use super::event::EventKind;
use crate::dingtalk::{
    Credentials, DepartmentId, DingTalk, DingTalkError, DingTalkUserId, DirectoryEntry, ErrorKind,
};
use crate::directory::execution::Reread;
use crate::nocobase::NewEvent;

/// Calls under way at a time.
const AT_ONCE: usize = 10;
/// With more people than these, some are read by the lists of their departments: DingTalk counts the two calls apart, so
/// that both together let twice as many people through.
const MANY: usize = 10;

/// Whether it says nothing.
pub(super) fn is_empty(reread: &Reread) -> bool {
    reread.people.is_empty()
        && reread.gone.is_empty()
        && reread.departments.is_empty()
        && reread.gone_departments.is_empty()
}

/// Whom events name, each once.
#[derive(Debug, Default)]
pub(super) struct NamedSubjects {
    people: BTreeSet<String>,
    departments: BTreeSet<DepartmentId>,
    /// Departments whose people are read, too: who heads one is told by its people.
    with_people: BTreeSet<DepartmentId>,
}

impl NamedSubjects {
    /// Adds those of an event. What is no event, or nobody's id, names nobody.
    pub(super) fn add(&mut self, event: &NewEvent) {
        let Some(kind) = EventKind::of(&event.event_type) else {
            return;
        };
        if kind.is_about_people() {
            self.people.extend(event.subjects.iter().cloned());
            return;
        }
        for department in event.subjects.iter().filter_map(|id| id.parse().ok()) {
            self.departments.insert(department);
            if kind == EventKind::DepartmentChanged {
                self.with_people.insert(department);
            }
        }
    }

    /// How many questions it takes, at least.
    pub(super) fn len(&self) -> usize {
        self.people.len() + self.departments.len() + self.with_people.len()
    }

    /// Those of whom it is worth knowing where they were last: none where there are few.
    pub(super) fn with_home(&self) -> Vec<String> {
        if self.people.len() > MANY {
            self.people.iter().cloned().collect()
        } else {
            Vec::new()
        }
    }

    /// Reads them all, or says why not; `homes` is where some of them were last.
    pub(super) async fn read(
        mut self,
        dingtalk: &DingTalk,
        credentials: &Credentials,
        homes: &Homes,
    ) -> Result<Reread, DingTalkError> {
        let mut reread = Reread::default();
        let asked = std::mem::take(&mut self.departments).into_iter();
        let questions = asked.map(|id| async move { (id, dingtalk.department(credentials, id).await) });
        for (id, found) in answers(questions).await? {
            match found {
                Some(Some(department)) => reread.departments.push(department),
                Some(None) => reread.gone_departments.push(id),
                None => {}
            }
        }
        for department in std::mem::take(&mut self.with_people) {
            if !reread.gone_departments.contains(&department) {
                self.read_people_of(department, dingtalk, credentials, &mut reread)
                    .await?;
            }
        }
        let known: BTreeSet<&str> = reread.people.iter().map(|entry| entry.user_id.as_str()).collect();
        let mut alone = self.people;
        alone.retain(|id| !known.contains(id.as_str()));
        let listed = homes.lists(&alone);
        for id in listed.iter().flat_map(|(_, people)| people) {
            alone.remove(id);
        }
        let lists = listed.into_iter().map(|(department, people)| async move {
            let found = people_in(department, &people, dingtalk, credentials).await;
            (people, found)
        });
        let lists = async {
            let answered = stream::iter(lists).buffer_unordered(AT_ONCE);
            answered
                .map(|(people, found)| Ok((people, found?)))
                .try_collect()
                .await
        };
        let (read, lists): (_, Vec<_>) = try_join!(members(alone, dingtalk, credentials), lists)?;
        let mut missed = BTreeSet::new();
        for (mut people, found) in lists {
            for entry in &found {
                people.remove(entry.user_id.as_str());
            }
            reread.people.extend(found);
            missed.extend(people);
        }
        let missed = members(missed, dingtalk, credentials).await?;
        for (id, found) in read.into_iter().chain(missed) {
            match found {
                Some(Some(entry)) => reread.people.push(entry),
                Some(None) => reread.gone.push(id),
                None => {}
            }
        }
        Ok(reread)
    }

    /// The people of a department. Who is in others, too, is read alone: the list of one department does not say whom they
    /// lead elsewhere.
    async fn read_people_of(
        &mut self,
        department: DepartmentId,
        dingtalk: &DingTalk,
        credentials: &Credentials,
        reread: &mut Reread,
    ) -> Result<(), DingTalkError> {
        let mut cursor = Some(0);
        while let Some(from) = cursor {
            let page = dingtalk.department_members(credentials, department, from).await;
            let Some(Some(page)) = unless_out_of_scope(page)? else {
                return Ok(());
            };
            for entry in page.entries {
                if entry.departments.len() == 1 {
                    reread.people.push(entry);
                } else {
                    self.people.insert(entry.user_id.as_str().to_owned());
                }
            }
            cursor = page.next;
        }
        Ok(())
    }
}

/// Where people were last: the one department of each; whoever was in several is not here.
#[derive(Debug, Default)]
pub(super) struct Homes(BTreeMap<String, DepartmentId>);

impl Homes {
    /// As their records say, by the user ID.
    pub(super) fn of(records: &BTreeMap<String, Value>) -> Self {
        let home = |record: &Value| match record.get("departments")?.as_array()?.as_slice() {
            [place] => place.get("uid")?.as_str()?.parse().ok(),
            _ => None,
        };
        let homes = records
            .iter()
            .filter_map(|(id, record)| Some((id.clone(), home(record)?)));
        Self(homes.collect())
    }

    /// Departments by whose lists some of these people are read: those with several of them, and so many others that as
    /// many calls are left for people alone.
    fn lists(&self, people: &BTreeSet<String>) -> Vec<(DepartmentId, BTreeSet<String>)> {
        let mut by_department: BTreeMap<DepartmentId, BTreeSet<String>> = BTreeMap::new();
        for id in people {
            if let Some(department) = self.0.get(id) {
                by_department.entry(*department).or_default().insert(id.clone());
            }
        }
        let mut groups: Vec<_> = by_department.into_iter().collect();
        groups.sort_by_key(|(_, people)| Reverse(people.len()));
        let (mut alone, mut lists) = (people.len(), 0);
        groups
            .into_iter()
            .take_while(|(_, people)| {
                alone -= people.len();
                lists += 1;
                people.len() > 1 || lists <= alone
            })
            .collect()
    }
}

/// What DingTalk says of these people, each asked about alone.
async fn members(
    people: BTreeSet<String>,
    dingtalk: &DingTalk,
    credentials: &Credentials,
) -> Result<Vec<(DingTalkUserId, Option<Option<DirectoryEntry>>)>, DingTalkError> {
    let people: Vec<_> = people.iter().filter_map(|id| DingTalkUserId::parse(id)).collect();
    let questions = people.into_iter().map(|id| async move {
        let found = dingtalk.member(credentials, &id).await;
        (id, found)
    });
    answers(questions).await
}

/// Those of these people whom the list of a department has, and who are in no other one: it does not say whom they lead
/// elsewhere. No more calls are made than there are people.
async fn people_in(
    department: DepartmentId,
    people: &BTreeSet<String>,
    dingtalk: &DingTalk,
    credentials: &Credentials,
) -> Result<Vec<DirectoryEntry>, DingTalkError> {
    let mut found = Vec::new();
    let mut cursor = Some(0);
    for _ in people {
        let Some(from) = cursor.filter(|_| found.len() < people.len()) else {
            break;
        };
        let page = dingtalk.department_members(credentials, department, from).await;
        let Some(Some(page)) = unless_out_of_scope(page)? else {
            break;
        };
        let is_wanted =
            |entry: &DirectoryEntry| people.contains(entry.user_id.as_str()) && entry.departments.len() == 1;
        found.extend(page.entries.into_iter().filter(is_wanted));
        cursor = page.next;
    }
    Ok(found)
}

/// What DingTalk says of each, some of them asked at a time.
async fn answers<K, T>(
    questions: impl Iterator<Item: Future<Output = (K, Result<T, DingTalkError>)>>,
) -> Result<Vec<(K, Option<T>)>, DingTalkError> {
    stream::iter(questions)
        .buffer_unordered(AT_ONCE)
        .map(|(id, found)| Ok((id, unless_out_of_scope(found)?)))
        .try_collect()
        .await
}

/// `None` for what the app may not see, or what DingTalk will not answer for however often it is asked: nothing is known of
/// it, so nothing is done about it, and the others do not wait for it.
fn unless_out_of_scope<T>(found: Result<T, DingTalkError>) -> Result<Option<T>, DingTalkError> {
    match found {
        Ok(found) => Ok(Some(found)),
        Err(error) if matches!(error.kind, ErrorKind::NotInScope) => Ok(None),
        Err(error) if matches!(error.kind, ErrorKind::Refused { .. }) && !error.is_passing() => {
            warn!("whom an event names could not be read: {error}");
            Ok(None)
        }
        Err(error) => Err(error),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn homes(of: &[(&str, &[&str])]) -> Homes {
        let record = |places: &[&str]| {
            let places: Vec<_> = places.iter().map(|uid| json!({ "uid": uid })).collect();
            json!({ "departments": places })
        };
        let records = of.iter().map(|(id, places)| ((*id).to_owned(), record(places)));
        Homes::of(&records.collect())
    }

    /// Which departments are asked for whom.
    fn lists(homes: &Homes, people: &[&str]) -> Vec<(DepartmentId, Vec<String>)> {
        let people = people.iter().map(|&id| id.to_owned()).collect();
        let lists = homes.lists(&people).into_iter();
        lists
            .map(|(department, people)| (department, people.into_iter().collect()))
            .collect()
    }

    #[test]
    fn half_of_the_calls_are_for_lists_and_several_people_of_one_department_cost_one() {
        let homes = homes(&[
            ("a", &["1"]),
            ("b", &["2"]),
            ("c", &["3"]),
            ("d", &["4"]),
            ("e", &["5"]),
            ("f", &["5"]),
            ("g", &["6", "7"]),
            ("h", &["no number"]),
        ]);

        assert_eq!(
            lists(&homes, &["a", "b", "c", "d"]),
            [(1, vec!["a".into()]), (2, vec!["b".into()])]
        );
        assert_eq!(lists(&homes, &["e", "f"]), [(5, vec!["e".into(), "f".into()])]);
        assert_eq!(
            lists(&homes, &["a", "b", "e", "f"]),
            [(5, vec!["e".into(), "f".into()])]
        );
        assert_eq!(lists(&homes, &["g", "h", "nobody"]), []);
    }

    fn event(word: &str, subjects: &[&str]) -> NewEvent {
        NewEvent {
            id: "e".into(),
            event_type: word.into(),
            subjects: subjects.iter().map(|&id| id.into()).collect(),
            received: 0,
        }
    }

    #[test]
    fn everybody_is_named_once_however_many_events_name_them() {
        let mut named = NamedSubjects::default();
        for event in [
            event("user_add_org", &["a", "b"]),
            event("user_leave_org", &["a"]),
            event("org_dept_create", &["1", "no number"]),
            event("org_dept_modify", &["1", "2"]),
            event("label_user_change", &["c"]),
        ] {
            named.add(&event);
        }

        assert_eq!(named.people.len(), 2);
        assert_eq!(named.departments.len(), 2);
        assert_eq!(named.len(), 6);
    }
}
