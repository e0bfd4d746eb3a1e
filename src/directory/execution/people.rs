//! People, written: new ones many at a time and past NocoBase, who knows nothing of them; everybody else by NocoBase.

use std::collections::{HashMap, HashSet};

use serde_json::json;

use super::departments::by_uid;
use super::{Execution, RunError};
use crate::audit::Event;
use crate::directory::known::{KnownSite, subject};
use crate::directory::left::{LEFT, Left};
use crate::directory::person::Person;
use crate::directory::plan::{Deed, PersonStep, Plan, PlanRules, Reason};
use crate::directory::record;
use crate::directory::rows::{self, Kind};
use crate::directory::writer::{NotDone, Operation, SiteWriter, UserToWrite};
use crate::nocobase::{
    CustomColumns, FirstRights, LinkOutcome, NewPeople, NewPerson, NewPersonLink, RecordKind, StoreError,
    SyncedPerson, UserId, WantedLink, WriteRefusal,
};

/// How a link says that it was made from a record.
const MATCHED_BY: &str = "directory";

/// What new people are made with.
struct Making {
    columns: CustomColumns,
    departments: HashMap<String, i64>,
    rights: FirstRights,
}

impl Execution<'_> {
    /// Writes what is planned for these people, and tells who is to be tried once more.
    pub(super) async fn write_people(
        &mut self,
        steps: &[PersonStep],
        known: &KnownSite,
        rules: &PlanRules<'_>,
        is_last_try: bool,
    ) -> Result<Vec<Box<str>>, RunError> {
        let mut again = Vec::new();
        let new: Vec<&PersonStep> = steps.iter().filter(|step| step.action == Deed::Create).collect();
        if !new.is_empty() {
            let making = self.making().await?;
            for part in new.chunks(SiteWriter::AT_ONCE) {
                let failed = self.make(part, &making, rules, is_last_try).await?;
                again.extend(failed);
                self.tell().await?;
            }
        }
        let is_here =
            |step: &&PersonStep| matches!(step.action, Deed::Link(_) | Deed::Change(_) | Deed::Restore(_));
        let here: Vec<&PersonStep> = steps.iter().filter(is_here).collect();
        let left: HashMap<UserId, (&String, &Left)> = known
            .left
            .iter()
            .map(|(uid, left)| (left.user_id, (uid, left)))
            .collect();
        for part in here.chunks(SiteWriter::AT_ONCE) {
            again.extend(self.follow(part, &left, rules, is_last_try).await?);
            self.tell().await?;
        }
        let failed: HashSet<&str> = again.iter().map(|uid| &**uid).collect();
        let unlinked: Vec<&PersonStep> = steps
            .iter()
            .filter(|step| step.links && !failed.contains(&*step.uid))
            .collect();
        for part in unlinked.chunks(SiteWriter::AT_ONCE) {
            self.link(part).await?;
        }
        Ok(again)
    }

    /// What failed is planned anew, for it may be that somebody else was faster, and tried once more.
    pub(super) async fn write_again(
        &mut self,
        plan: &Plan,
        again: &[Box<str>],
        rules: &PlanRules<'_>,
    ) -> Result<(), RunError> {
        let again: HashSet<&str> = again.iter().map(|uid| &**uid).collect();
        let failed = plan.people.iter().filter(|step| again.contains(&*step.uid));
        let people = failed
            .map(|step| (step.uid.clone(), step.person.clone()))
            .collect();
        let (plan, known) = self.plan_some(people, &[], rules).await?;
        self.run.counts.skip += plan.count(|action| matches!(action, Deed::Skip(_)));
        self.say_what_is_skipped(&plan).await?;
        self.write_people(&plan.people, &known, rules, true).await?;
        Ok(())
    }

    /// Plans for these people, with what is known of them and of these others.
    pub(super) async fn plan_some(
        &self,
        people: HashMap<Box<str>, Person>,
        others: &[String],
        rules: &PlanRules<'_>,
    ) -> Result<(Plan, KnownSite), RunError> {
        let mut uids: Vec<String> = people.keys().map(ToString::to_string).collect();
        uids.extend_from_slice(others);
        let known = self.known(Some(&uids)).await?;
        let plan = Plan::of_some(people.clone(), &known, rules);
        // Whether a user is somebody else's already, only the records of all can tell.
        if plan.count(|action| matches!(action, Deed::Link(_))) == 0 {
            return Ok((plan, known));
        }
        let known = self.known(None).await?;
        Ok((Plan::of_some(people, &known, rules), known))
    }

    async fn making(&self) -> Result<Making, RunError> {
        let store = &self.directory.parts().store;
        let (source, link) = (&self.source, self.source.link.as_ref());
        let wanted = source.options.fields.columns.iter().flatten();
        let wanted: Vec<&str> = wanted.map(String::as_str).collect();
        let (columns, _) = store.users().custom_columns(&wanted).await?;
        let mut departments = HashMap::new();
        if self.has_departments {
            let records = store
                .sync_records()
                .all(&source.name, RecordKind::Department)
                .await?;
            let living = records.into_iter().filter(|record| record.exists);
            departments.extend(living.filter_map(|record| Some((record.uid, record.resource?))));
        }
        Ok(Making {
            columns,
            departments,
            rights: FirstRights {
                default_role: link.and_then(|link| link.default_role.clone()),
                may_administrate: link.is_some_and(|link| link.may_administrators),
                ..FirstRights::default()
            },
        })
    }

    /// Makes these users, all of them or, where one is in the way, halves of them down to that one.
    async fn make(
        &mut self,
        steps: &[&PersonStep],
        making: &Making,
        rules: &PlanRules<'_>,
        is_last_try: bool,
    ) -> Result<Vec<Box<str>>, RunError> {
        let (mut open, mut again) = (vec![steps], Vec::new());
        while let Some(part) = open.pop() {
            match self.try_to_make(part, making, rules).await {
                Ok(elsewhere) => again.extend(elsewhere),
                Err(RunError::Store(error)) => {
                    let Some(not_done) = of_one(&error) else {
                        return Err(error.into());
                    };
                    let (Some(step), false) = (part.first(), part.len() > 1) else {
                        let (first, second) = part.split_at(part.len() / 2);
                        open.extend([second, first]);
                        continue;
                    };
                    if is_last_try {
                        let not_done = NotDone {
                            uid: step.uid.to_string(),
                            ..not_done
                        };
                        self.fail(&not_done, step.person.name.as_deref(), None).await?;
                    } else {
                        again.push(step.uid.clone());
                    }
                }
                Err(error) => return Err(error),
            }
        }
        Ok(again)
    }

    /// Tells who was here by then.
    async fn try_to_make(
        &mut self,
        part: &[&PersonStep],
        making: &Making,
        rules: &PlanRules<'_>,
    ) -> Result<Vec<Box<str>>, RunError> {
        let link = self.source.link.as_ref();
        let people: Vec<NewPerson> = part
            .iter()
            .filter_map(|step| {
                let record = record::person(&step.uid, &step.person, step.left_out, &rules.shape);
                let subject = link.and_then(|link| subject(&step.uid, &step.person, link));
                Some(NewPerson {
                    person: SyncedPerson::of(record, &making.columns, &making.departments)?,
                    link: subject.zip(link).map(|(subject, link)| NewPersonLink {
                        subject: subject.to_owned(),
                        meta: link.source.noted_in(&json!({ "matchedBy": MATCHED_BY })),
                    }),
                })
            })
            .collect();
        let how = NewPeople {
            source: &self.source.name,
            authenticator: link.map(|link| link.authenticator.as_str()),
            rights: &making.rights,
        };
        let now = self.directory.now();
        let store = &self.directory.parts().store;
        let added = store.add_people(&how, &people, now).await?;
        let added = added.ok_or(RunError::SourceGone)?;
        let names: HashMap<&str, Option<&str>> = part
            .iter()
            .map(|step| (&*step.uid, step.person.name.as_deref()))
            .collect();
        let mut user_ids = Vec::with_capacity(added.added.len());
        for (uid, user) in &added.added {
            user_ids.push(*user);
            let name = names.get(uid.as_str()).copied().flatten();
            self.add_row(rows::row(Kind::Create, uid, name, Some(*user), json!({})))
                .await?;
        }
        self.run.counts.create += user_ids.len();
        self.run.progress.written += user_ids.len();
        if !user_ids.is_empty() {
            let announce = self.announces;
            self.write_down(&Operation::Arrived { user_ids, announce })
                .await?;
        }
        Ok(added.known.into_iter().map(Into::into).collect())
    }

    async fn follow(
        &mut self,
        part: &[&PersonStep],
        left: &HashMap<UserId, (&String, &Left)>,
        rules: &PlanRules<'_>,
        is_last_try: bool,
    ) -> Result<Vec<Box<str>>, RunError> {
        let given_back = |action| match action {
            Deed::Restore(user) => left.get(&user).map(|(_, left)| left.roles.clone()),
            Deed::Create | Deed::Link(_) | Deed::Change(_) | Deed::Keep(_) | Deed::Skip(_) => None,
        };
        let people = part.iter().filter_map(|step| {
            Some(UserToWrite {
                user_id: step.user()?,
                record: record::person(&step.uid, &step.person, step.left_out, &rules.shape),
                roles: given_back(step.action),
            })
        });
        let operation = Operation::People {
            keep_departments: self.source.options.keep_departments,
            people: people.collect(),
        };
        let outcome = self.write_down(&operation).await?;
        let failed = by_uid(&outcome);
        let mut again = Vec::new();
        for step in part {
            if let Some(not_done) = failed.get(&*step.uid) {
                if is_last_try {
                    let name = step.person.name.as_deref();
                    self.fail(not_done, name, step.user()).await?;
                } else {
                    again.push(step.uid.clone());
                }
                continue;
            }
            let counts = &mut self.run.counts;
            match step.action {
                Deed::Link(_) => counts.link += 1,
                Deed::Restore(_) => counts.restore += 1,
                Deed::Change(_) | Deed::Create | Deed::Keep(_) | Deed::Skip(_) => counts.change += 1,
            }
            self.run.progress.written += 1;
            if let Deed::Restore(user) = step.action {
                let state = self.directory.parts().store.directory_state();
                if let Some((uid, _)) = left.get(&user) {
                    state.delete(self.source.id, &format!("{LEFT}{uid}")).await?;
                }
                self.audit(Event::Return, user, "back_in_the_organization").await;
            }
            if let Some(row) = rows::of_step(step) {
                self.add_row(row).await?;
            }
        }
        Ok(again)
    }

    /// Links users whose records say who they are, but for those whom somebody else has linked meanwhile; where one is in
    /// the way of all, each alone.
    async fn link(&mut self, steps: &[&PersonStep]) -> Result<(), RunError> {
        let elsewhere = match self.try_to_link(steps).await {
            Err(StoreError::Duplicate { .. } | StoreError::Conflict | StoreError::TextRefused) => {
                if steps.len() > 1 {
                    for step in steps {
                        Box::pin(self.link(&[*step])).await?;
                    }
                    return Ok(());
                }
                steps.to_vec()
            }
            elsewhere => elsewhere?,
        };
        for step in elsewhere {
            self.add_row(rows::told(step, Reason::LinkElsewhere)).await?;
        }
        Ok(())
    }

    /// Who is linked otherwise, and stays so.
    async fn try_to_link<'s>(&self, steps: &[&'s PersonStep]) -> Result<Vec<&'s PersonStep>, StoreError> {
        let Some(link) = &self.source.link else {
            return Ok(Vec::new());
        };
        let wanted = |step: &&'s PersonStep| {
            let wanted = WantedLink {
                user: step.user()?,
                subject: subject(&step.uid, &step.person, link)?.to_owned(),
                meta: link.source.noted_in(&json!({ "matchedBy": MATCHED_BY })),
                nickname: step.person.name.as_deref().map(str::to_owned),
            };
            Some((*step, wanted))
        };
        let (steps, wanted): (Vec<_>, Vec<_>) = steps.iter().filter_map(wanted).unzip();
        let store = &self.directory.parts().store;
        let Some(mut linking) = store.begin_link(&link.authenticator).await? else {
            return Ok(steps);
        };
        let outcomes = linking.link_many(&wanted, self.directory.now()).await?;
        linking.commit().await?;
        let is_elsewhere = |outcome| match outcome {
            LinkOutcome::SubjectTaken(_) | LinkOutcome::UserTaken => true,
            LinkOutcome::Linked | LinkOutcome::Present => false,
        };
        let outcomes = steps.into_iter().zip(outcomes);
        Ok(outcomes
            .filter(|(_, outcome)| is_elsewhere(*outcome))
            .map(|(step, _)| step)
            .collect())
    }

    pub(super) async fn fail(
        &mut self,
        not_done: &NotDone,
        name: Option<&str>,
        user: Option<UserId>,
    ) -> Result<(), RunError> {
        self.run.counts.fail += 1;
        self.add_row(rows::failed(not_done, name, user)).await
    }
}

/// What keeps one of a batch from being made; `None` for what keeps all.
fn of_one(error: &StoreError) -> Option<NotDone> {
    // What the site wants filled is missing of all of them.
    if matches!(error, StoreError::ValueRequired { .. }) {
        return None;
    }
    let refusal = WriteRefusal::of(error)?;
    let field = if let StoreError::Duplicate { field } = error {
        Some((*field).to_owned())
    } else {
        None
    };
    Some(NotDone {
        uid: String::new(),
        reason: refusal.code().to_owned(),
        field,
    })
}
