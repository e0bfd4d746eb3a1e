//! A few people and departments that were read again after DingTalk told of changes: the same plan, the same writing.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use log::warn;
use serde_json::Value;
use tokio::time::Instant;

use super::evidence::usual;
use super::{Execution, RunError};
use crate::causes::with_causes;
use crate::dingtalk::{Department, DepartmentId, DingTalkUserId, DirectoryEntry};
use crate::directory::desk::{Directory, name};
use crate::directory::known::KnownSite;
use crate::directory::options::LeaversMode;
use crate::directory::person::Person;
use crate::directory::plan::{DepartmentStep, Leaver, Plan, PlanRules, RemovedDepartment};
use crate::directory::record;
use crate::directory::run::{Requested, Run};
use crate::directory::snapshot::Scope;
use crate::directory::source::Source;
use crate::directory::writer::How;
use crate::nocobase::{RecordKind, StoreError, UserId, record_hash};

/// What was read again.
#[derive(Default)]
pub struct Reread {
    /// People who are there.
    pub people: Vec<DirectoryEntry>,
    /// People of whom DingTalk says that they are not.
    pub gone: Vec<DingTalkUserId>,
    /// Departments that are there.
    pub departments: Vec<Department>,
    /// Departments that are not.
    pub gone_departments: Vec<DepartmentId>,
}

/// Why it was not written: it is to be tried again.
#[derive(Debug, thiserror::Error)]
#[error("what was read again could not be written")]
pub struct ApplyError(#[source] RunError);

impl From<StoreError> for ApplyError {
    fn from(error: StoreError) -> Self {
        Self(error.into())
    }
}

impl Directory {
    /// Writes what was read again. Before somebody has looked at the preview, and for a source that is not in use any more,
    /// nothing is written: the next run does it.
    pub async fn apply(&self, source: i64, reread: Reread) -> Result<(), ApplyError> {
        let parts = self.parts();
        let turn = self.turn(source);
        let _turn = turn.lock().await;
        let row = parts.store.sync_sources().by_id(source).await?;
        let Some(row) = row.filter(|row| row.enabled) else {
            return Ok(());
        };
        let accepted = parts.store.directory_state().get(source, name::ACCEPTED).await?;
        let plugins = parts.store.system().directory_plugins().await?;
        if accepted.is_none() || !plugins.sync {
            return Ok(());
        }
        let source = Source::of(&row, &parts.store, &parts.registry).await;
        let requested = Requested {
            id: parts.entropy.uuid().to_string(),
            reason: crate::directory::run::Cause::Events,
            actor: None,
            confirmed: None,
        };
        let mut execution = Execution {
            directory: self,
            source: source.map_err(|error| ApplyError(error.into()))?,
            has_departments: plugins.departments,
            run: Run::waiting(&requested, self.now()),
            rows: Vec::new(),
            told: Instant::now(),
            announces: true,
            is_quiet: true,
        };
        Box::pin(execution.apply(reread)).await.map_err(ApplyError)
    }
}

impl Execution<'_> {
    async fn apply(&mut self, reread: Reread) -> Result<(), RunError> {
        let known = KnownSite {
            departments: self.known_departments().await?,
            ..KnownSite::default()
        };
        let scope: Option<Scope> = self.last_scope().await?;
        let mut plan = Plan::default();
        if self.has_departments {
            plan.departments = self.departments_of(&reread.departments, &known, scope.as_ref());
            plan.removed_departments = self.removed_of(&reread.gone_departments, &known).await?;
        }
        self.write_departments(&plan).await?;
        let mut departments: BTreeSet<DepartmentId> = known
            .departments
            .living()
            .filter_map(|(record, _)| record.uid.parse().ok())
            .collect();
        departments.extend(plan.departments.iter().flatten().map(|step| step.id));
        let (options, link) = (self.source.options.clone(), self.source.link.clone());
        let there = self.has_departments.then_some(&departments);
        let rules = PlanRules::of(&options, link.as_ref(), there);
        // Who is nowhere that is read has only moved, which the next run sees.
        let is_ours = |entry: &DirectoryEntry| {
            if self.has_departments {
                let mut places = entry.departments.iter();
                places.any(|place| departments.contains(&place.department))
            } else {
                options.departments.is_open()
            }
        };
        let people: HashMap<Box<str>, Person> = reread
            .people
            .into_iter()
            .filter(is_ours)
            .map(|entry| {
                let uid: Box<str> = entry.user_id.as_str().into();
                (uid, Person::of(entry, &options.fields))
            })
            .collect();
        let gone: Vec<String> = reread.gone.iter().map(|id| id.as_str().to_owned()).collect();
        let (steps, known) = self.plan_some(people, &gone, &rules).await?;
        plan.people = steps.people;
        let again = self.write_people(&plan.people, &known, &rules, false).await?;
        if !again.is_empty() {
            self.write_again(&plan, &again, &rules).await?;
        }
        self.take_out_gone(&reread.gone, &known).await?;
        self.remove_departments(&plan).await
    }

    async fn last_scope(&self) -> Result<Option<Scope>, StoreError> {
        let last: Option<Value> = self.directory.read(self.source.id, name::SCOPE).await?;
        Ok(last.and_then(|last| serde_json::from_value(last.get("scope")?.clone()).ok()))
    }

    /// Those below a department that is here, and those that the reading begins at.
    fn departments_of(
        &self,
        read: &[Department],
        known: &KnownSite,
        scope: Option<&Scope>,
    ) -> Vec<Vec<DepartmentStep>> {
        let fence = &self.source.options.departments;
        let mut open: BTreeMap<DepartmentId, &Department> = read
            .iter()
            .filter(|department| !fence.denied.contains(&department.id))
            .map(|department| (department.id, department))
            .collect();
        let is_root = |id: DepartmentId| {
            if fence.allowed.is_empty() {
                scope.is_some_and(|scope| scope.departments.contains(&id))
            } else {
                fence.allowed.contains(&id)
            }
        };
        let mut here: HashSet<DepartmentId> = known
            .departments
            .living()
            .filter_map(|(record, _)| record.uid.parse().ok())
            .collect();
        let mut levels = Vec::new();
        loop {
            let ready: Vec<&Department> = open
                .values()
                .filter(|department| {
                    let parent = department.parent;
                    // A parent that is read again itself comes first.
                    let waits =
                        parent.is_some_and(|parent| parent != department.id && open.contains_key(&parent));
                    !waits && (parent.is_some_and(|parent| here.contains(&parent)) || is_root(department.id))
                })
                .copied()
                .collect();
            if ready.is_empty() {
                return levels;
            }
            let mut level = Vec::new();
            for department in ready {
                open.remove(&department.id);
                let parent = department.parent.filter(|parent| here.contains(parent));
                here.insert(department.id);
                let record = record::department(department.id, &department.name, parent);
                let written = known.departments.find(&department.id.to_string());
                let written = written.filter(|written| written.exists);
                if written.is_none_or(|written| written.hash != record_hash(&record)) {
                    level.push(DepartmentStep {
                        id: department.id,
                        name: department.name.clone(),
                        record,
                        is_new: written.is_none(),
                    });
                }
            }
            if !level.is_empty() {
                levels.push(level);
            }
        }
    }

    /// Those of the departments that are no more under which nothing is left.
    async fn removed_of(
        &self,
        gone: &[DepartmentId],
        known: &KnownSite,
    ) -> Result<Vec<RemovedDepartment>, StoreError> {
        let gone: HashSet<String> = gone.iter().map(ToString::to_string).collect();
        if gone.is_empty() {
            return Ok(Vec::new());
        }
        let uids: Vec<String> = known
            .departments
            .living()
            .map(|(record, _)| record.uid.clone())
            .collect();
        let records = self.directory.parts().store.sync_records();
        let bodies = records
            .bodies(&self.source.name, RecordKind::Department, &uids)
            .await?;
        let mut parents = HashSet::new();
        for (uid, body) in &bodies {
            if !gone.contains(uid) {
                parents.extend(body.get("parentUid").and_then(Value::as_str));
            }
        }
        let removed = known
            .departments
            .living()
            .filter(|(record, _)| gone.contains(&record.uid) && !parents.contains(record.uid.as_str()));
        Ok(removed
            .map(|(record, id)| RemovedDepartment {
                uid: record.uid.clone(),
                id,
            })
            .collect())
    }

    async fn take_out_gone(&mut self, gone: &[DingTalkUserId], known: &KnownSite) -> Result<(), RunError> {
        let leavers: Vec<Leaver> = gone
            .iter()
            .filter(|user_id| !known.left.contains_key(user_id.as_str()))
            .filter_map(|user_id| {
                let record = known
                    .people
                    .find(user_id.as_str())
                    .filter(|record| record.exists)?;
                Some(Leaver {
                    uid: user_id.as_str().to_owned(),
                    user: UserId(record.resource?),
                })
            })
            .collect();
        if leavers.is_empty() {
            return Ok(());
        }
        let options = &self.source.options;
        if options.grace_days > 0 || options.leavers == LeaversMode::Report {
            for leaver in &leavers {
                self.note_missing(leaver).await?;
            }
            return Ok(());
        }
        let Some(how) = How::of(options.leavers) else {
            return Ok(());
        };
        let recent = self.recent_removals(self.directory.now_ms()).await?.len();
        let records = self.directory.parts().store.sync_records();
        let everybody = records.all(&self.source.name, RecordKind::Person).await?;
        let living = everybody.iter().filter(|record| record.exists).count();
        if recent + leavers.len() > usual(living) {
            warn!(
                "{} people of {} have left within an hour, more than usual: the next synchronization shows who",
                recent + leavers.len(),
                self.source.name
            );
            return Ok(());
        }
        self.take_out(how, &leavers).await
    }
}

impl ApplyError {
    /// With what led to it, for the log.
    pub fn causes(&self) -> String {
        with_causes(self)
    }
}
