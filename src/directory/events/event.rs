//! An event: DingTalk says that people or departments have changed, by their ids and nothing else that counts.

use serde_json::{Map, Value};
use sha2::{Digest as _, Sha256};

/// Room for an id in the table.
const ID_LENGTH: usize = 191;
/// An id of a person has at most 64 characters; what is longer is none.
const SUBJECT_LENGTH: usize = 64;
/// So many fit into a row, whatever they are.
const SUBJECTS: usize = 200;

/// The events that change what is kept of the directory.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum EventKind {
    /// Somebody joined.
    PersonAdded,
    /// Something about somebody is different.
    PersonChanged,
    /// Somebody left.
    PersonLeft,
    /// There is a new department.
    DepartmentCreated,
    /// Something about a department is different; possibly who heads it.
    DepartmentChanged,
    /// A department is gone.
    DepartmentRemoved,
}

impl EventKind {
    /// All of them.
    pub const ALL: [Self; 6] = [
        Self::PersonAdded,
        Self::PersonChanged,
        Self::PersonLeft,
        Self::DepartmentCreated,
        Self::DepartmentChanged,
        Self::DepartmentRemoved,
    ];

    /// DingTalk's word for it.
    pub const fn word(self) -> &'static str {
        match self {
            Self::PersonAdded => "user_add_org",
            Self::PersonChanged => "user_modify_org",
            Self::PersonLeft => "user_leave_org",
            Self::DepartmentCreated => "org_dept_create",
            Self::DepartmentChanged => "org_dept_modify",
            Self::DepartmentRemoved => "org_dept_remove",
        }
    }

    /// The kind behind DingTalk's word; `None` for the many that concern us not.
    pub fn of(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.word() == word)
    }

    /// Whether its subjects are people, and not departments.
    pub const fn is_about_people(self) -> bool {
        matches!(self, Self::PersonAdded | Self::PersonChanged | Self::PersonLeft)
    }
}

/// What happened, and to whom.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DirectoryEvent {
    /// DingTalk's number of it; where there is none, a digest of what it said. The same event has the same one.
    pub id: String,
    /// What happened.
    pub kind: EventKind,
    /// Ids of people, or of departments.
    pub subjects: Vec<String>,
}

/// What an event came to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Notice {
    /// It is to be stored.
    Events(Vec<DirectoryEvent>),
    /// DingTalk asks whether the address works.
    Check,
    /// Nothing that is kept here, or nobody named in it.
    Irrelevant,
}

/// Reads the body of a callback.
pub fn of_callback(message: &str) -> Option<Notice> {
    let body: Map<String, Value> = serde_json::from_str(message).ok()?;
    let word = field(&body, "EventType").and_then(Value::as_str)?;
    if matches!(
        word,
        "check_url" | "check_create_suite_url" | "check_update_suite_url"
    ) {
        return Some(Notice::Check);
    }
    let id = field(&body, "eventId").and_then(text);
    Some(notice(word, id, &body, message))
}

/// Reads the data of a frame, whose headers have said what it is.
pub fn of_frame(word: &str, id: Option<&str>, data: &str) -> Option<Notice> {
    let body: Map<String, Value> = serde_json::from_str(data).ok()?;
    // As the interface for pulling events has it: the payload one floor below.
    let inner = field(&body, "data").and_then(Value::as_object).unwrap_or(&body);
    let id = id
        .map(str::to_owned)
        .or_else(|| field(&body, "eventId").and_then(text));
    Some(notice(word, id, inner, data))
}

/// Reads an entry of the list of callbacks that failed.
pub fn of_failed_callback(entry: &Value) -> Option<Notice> {
    let word = entry.get("call_back_tag")?.as_str()?;
    let body = entry.get(word)?.as_object()?;
    Some(notice(word, None, body, &entry.to_string()))
}

fn notice(word: &str, id: Option<String>, body: &Map<String, Value>, whole: &str) -> Notice {
    let Some(kind) = EventKind::of(word) else {
        return Notice::Irrelevant;
    };
    let name = if kind.is_about_people() {
        "UserId"
    } else {
        "DeptId"
    };
    let subjects = subjects(field(body, name));
    if subjects.is_empty() {
        return Notice::Irrelevant;
    }
    let id = id
        .filter(|id| !id.is_empty() && id.len() <= ID_LENGTH - SPARE)
        .unwrap_or_else(|| hex::encode(Sha256::digest(format!("{word}\n{whole}"))));
    let parts = subjects.chunks(SUBJECTS).enumerate();
    let parts = parts.map(|(index, subjects)| DirectoryEvent {
        id: if index == 0 {
            id.clone()
        } else {
            format!("{id}#{index}")
        },
        kind,
        subjects: subjects.to_vec(),
    });
    Notice::Events(parts.collect())
}

/// For the number of a part.
const SPARE: usize = 8;

/// A field, whose name DingTalk's generations spell `UserId`, `userId` and `userid`.
fn field<'body>(body: &'body Map<String, Value>, name: &str) -> Option<&'body Value> {
    let mut named = body.iter().filter(|(key, _)| key.eq_ignore_ascii_case(name));
    named.next().map(|(_, value)| value)
}

/// Ids, as texts, numbers or one alone, each once; what is none is left out.
fn subjects(value: Option<&Value>) -> Vec<String> {
    let listed = match value {
        Some(Value::Array(list)) => list.iter().filter_map(text).collect(),
        Some(one) => text(one).into_iter().collect::<Vec<_>>(),
        None => Vec::new(),
    };
    let mut subjects: Vec<String> = listed
        .into_iter()
        .filter(|id| !id.is_empty() && id.len() <= SUBJECT_LENGTH && !id.chars().any(char::is_control))
        .collect();
    subjects.sort_unstable();
    subjects.dedup();
    subjects
}

fn text(value: &Value) -> Option<String> {
    value
        .as_str()
        .map(str::to_owned)
        .or_else(|| value.as_i64().map(|number| number.to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn event(message: &Value) -> DirectoryEvent {
        match of_callback(&message.to_string()) {
            Some(Notice::Events(events)) => events.into_iter().next().unwrap(),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn both_generations_of_spelling_say_the_same() {
        let older =
            json!({"CorpId": "c", "EventType": "user_add_org", "UserId": ["a", "b"], "TimeStamp": "1"});
        let newer =
            json!({"eventType": "user_add_org", "userId": ["b", "a"], "eventId": "e1", "timeStamp": 1});

        for message in [&older, &newer] {
            let event = event(message);
            assert_eq!(event.kind, EventKind::PersonAdded);
            assert_eq!(event.subjects, ["a", "b"]);
        }
        assert_eq!(event(&newer).id, "e1");
        assert_eq!(event(&older).id.len(), 64);
    }

    #[test]
    fn departments_are_numbers_texts_or_one_alone() {
        for ids in [json!([101]), json!(["101"]), json!(101), json!("101")] {
            let event = event(&json!({"EventType": "org_dept_modify", "DeptId": ids}));
            assert_eq!(event.subjects, ["101"]);
        }
    }

    #[test]
    fn an_event_without_a_number_has_the_same_one_again_and_another_has_another() {
        let one = json!({"EventType": "user_leave_org", "UserId": ["a"], "TimeStamp": "1"});
        let later = json!({"EventType": "user_leave_org", "UserId": ["a"], "TimeStamp": "2"});

        assert_eq!(event(&one).id, event(&one).id);
        assert_ne!(event(&one).id, event(&later).id);
    }

    #[test]
    fn what_concerns_nobody_here_is_irrelevant_and_what_is_no_event_is_nothing() {
        for message in [
            json!({"EventType": "org_admin_add", "UserId": ["a"]}),
            json!({"EventType": "user_add_org", "UserId": []}),
            json!({"EventType": "user_add_org", "UserId": [{"a": 1}, null, ""]}),
            json!({"EventType": "org_dept_create"}),
        ] {
            assert_eq!(
                of_callback(&message.to_string()),
                Some(Notice::Irrelevant),
                "{message}"
            );
        }
        for message in ["", "[]", "{}", r#"{"EventType":7}"#, "success"] {
            assert_eq!(of_callback(message), None, "{message}");
        }
    }

    #[test]
    fn a_frame_has_its_payload_in_its_data_or_one_floor_below() {
        let plain = json!({"timeStamp": 1, "userId": ["a"]}).to_string();
        let pulled = json!({"eventId": "e2", "data": {"timeStamp": 1, "userId": ["a"]}}).to_string();

        for (id, data, expected) in [(Some("e1"), &plain, "e1"), (None, &pulled, "e2")] {
            let Some(Notice::Events(events)) = of_frame("user_modify_org", id, data) else {
                panic!("{data}");
            };
            assert_eq!((events[0].id.as_str(), events[0].subjects.len()), (expected, 1));
        }
    }

    #[test]
    fn a_failed_callback_is_an_event_like_others() {
        let entry = json!({
            "call_back_tag": "user_add_org", "event_time": 1,
            "user_add_org": {"corpid": "c", "userid": ["a"]},
        });

        let Some(Notice::Events(events)) = of_failed_callback(&entry) else {
            panic!("not read");
        };

        assert_eq!(events[0].subjects, ["a"]);
    }

    #[test]
    fn many_subjects_are_several_rows() {
        let ids: Vec<String> = (0..450).map(|number| format!("person-{number:03}")).collect();
        let message = json!({"EventType": "user_modify_org", "eventId": "e", "UserId": ids}).to_string();

        let Some(Notice::Events(events)) = of_callback(&message) else {
            panic!("not read");
        };

        let ids: Vec<&str> = events.iter().map(|event| event.id.as_str()).collect();
        assert_eq!(ids, ["e", "e#1", "e#2"]);
        assert_eq!(
            events.iter().map(|event| event.subjects.len()).sum::<usize>(),
            450
        );
    }
}
