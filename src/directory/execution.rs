//! A run from its beginning to its end: read, compared, and written, unless somebody has to look at it first.

mod departments;
mod error;
mod evidence;
mod knowledge;
mod leavers;
mod people;
mod reread;

use std::collections::BTreeSet;
use std::mem;
use std::time::Duration;

use log::{info, warn};
use tokio::sync::watch;
use tokio::time::{Instant, interval};

use super::desk::{Directory, name};
use super::known::KnownSite;
use super::plan::{Deed, Plan, PlanRules};
use super::reading::{self, Wanted};
use super::rows::{self, Kind};
use super::run::{Counts, Requested, Run, RunState};
use super::snapshot::Snapshot;
use super::source::Source;
use super::writer::SiteWriter;
use crate::causes::with_causes;
use crate::nocobase::{ChangeRow, StoreError, SyncSource};

use error::RunError;
use evidence::Evidence;
pub use reread::Reread;

/// How often everybody can see how far a run is.
const TOLD_EVERY: Duration = Duration::from_secs(1);
/// Rows are put away so many at a time.
const ROWS_AT_ONCE: usize = 500;

/// A run that is under way.
pub(super) struct Execution<'a> {
    directory: &'a Directory,
    source: Source,
    /// Whether NocoBase has departments.
    has_departments: bool,
    run: Run,
    rows: Vec<ChangeRow>,
    told: Instant,
    /// Workflows hear of new people, unless there are so many that this is a move and no news.
    announces: bool,
    /// A few people after an event are no run, and leave the latest one's rows alone.
    is_quiet: bool,
}

impl Directory {
    /// Does a run that was asked for. An error means that not even its end could be noted.
    pub(super) async fn perform(&self, row: &SyncSource, requested: &Requested) -> Result<Run, StoreError> {
        let turn = self.turn(row.id);
        let _turn = turn.lock().await;
        let mut run = Run::waiting(requested, self.now());
        run.state = RunState::Reading;
        self.put(row.id, name::RUN, &run).await?;
        let store = &self.parts().store;
        store.directory_state().delete(row.id, name::REQUESTED).await?;
        info!("the organization of {} is being read", row.name);
        let ended = Box::pin(self.carry_out(row, &mut run)).await;
        if let Err(error) = &ended {
            error.note_in(&mut run);
        } else {
            run.state = RunState::Done;
        }
        match &ended {
            Ok(()) => info!("the organization of {} is in step: {:?}", row.name, run.counts),
            Err(error) => warn!(
                "the synchronization of {} ended early: {}",
                row.name,
                with_causes(error)
            ),
        }
        run.ended_at = Some(self.now());
        self.remember(row.id, &run).await?;
        Ok(run)
    }

    async fn carry_out(&self, row: &SyncSource, run: &mut Run) -> Result<(), RunError> {
        let parts = self.parts();
        let plugins = parts.store.system().directory_plugins().await?;
        if !plugins.sync {
            return Err(RunError::SyncPluginOff);
        }
        let source = Source::of(row, &parts.store, &parts.registry).await?;
        let mut execution = Execution {
            directory: self,
            source,
            has_departments: plugins.departments,
            run: run.clone(),
            rows: Vec::new(),
            told: Instant::now(),
            announces: false,
            is_quiet: false,
        };
        let ended = execution.carry_out().await;
        let kept = execution.put_rows_away().await;
        *run = execution.run;
        ended.and(kept)
    }
}

impl Execution<'_> {
    async fn carry_out(&mut self) -> Result<(), RunError> {
        let mut snapshot = self.read().await?;
        self.enter(RunState::Comparing).await?;
        let known = self.known(None).await?;
        let evidence = self.weigh(&snapshot).await?;
        let people = mem::take(&mut snapshot.people);
        let people_read = people.len();
        let departments: BTreeSet<_> = snapshot.departments.keys().copied().collect();
        // Owned: the plan is followed while the run writes itself down.
        let (options, link) = (self.source.options.clone(), self.source.link.clone());
        let there = self.has_departments.then_some(&departments);
        let rules = PlanRules::of(&options, link.as_ref(), there);
        let mut plan = Plan::of(&snapshot, people, &known, &rules);
        if !evidence.is_complete {
            plan.removed_departments.clear();
        }
        drop(snapshot);
        let leavers = self.judge_leavers(&plan, &known, &evidence);
        self.run.is_complete = evidence.is_complete;
        self.run.removals = leavers.due.len();
        self.run.counts = counted(&plan, leavers.due.len());
        self.directory
            .parts()
            .store
            .directory_changes()
            .begin(self.source.id)
            .await?;
        if let Some(reason) = self.reason_to_ask(&plan, &known, &evidence, &leavers).await? {
            self.show(&plan, &leavers).await?;
            return Err(reason);
        }
        self.accept().await?;
        self.enter(RunState::Writing).await?;
        let begun = self.directory.now_ms();
        let failures = self.write(&mut plan, known, &rules, &leavers, &evidence).await?;
        if evidence.is_complete {
            self.keep_evidence(&evidence, people_read, begun).await?;
        }
        if failures > 0 {
            return Err(RunError::Failures { count: failures });
        }
        Ok(())
    }

    async fn read(&mut self) -> Result<Snapshot, RunError> {
        let (progress, seen) = watch::channel(reading::ReadingProgress::default());
        let options = self.source.options.clone();
        let credentials = self.source.credentials.clone();
        let dingtalk = self.directory.parts().dingtalk.clone();
        let wanted = Wanted {
            departments: &options.departments,
            fields: &options.fields,
        };
        let mut read = Box::pin(reading::read(&dingtalk, &credentials, &wanted, &progress));
        let mut ticks = interval(TOLD_EVERY);
        loop {
            tokio::select! {
                snapshot = &mut read => {
                    self.see(*seen.borrow());
                    return Ok(snapshot?);
                }
                _ = ticks.tick() => {
                    self.see(*seen.borrow());
                    self.tell().await?;
                }
            }
        }
    }

    fn see(&mut self, progress: reading::ReadingProgress) {
        self.run.progress.departments = progress.departments;
        self.run.progress.departments_read = progress.departments_read;
        self.run.progress.people = progress.people;
    }

    /// Writes everything, and what failed once more at the end; tells how much failed then, too.
    async fn write(
        &mut self,
        plan: &mut Plan,
        known: KnownSite,
        rules: &PlanRules<'_>,
        leavers: &leavers::Judged,
        evidence: &Evidence,
    ) -> Result<usize, RunError> {
        self.run.progress.to_write = to_write(plan, leavers.due.len());
        self.run.counts = Counts {
            unchanged: self.run.counts.unchanged,
            skip: self.run.counts.skip,
            ..Counts::default()
        };
        self.announces = plan.count(|action| *action == Deed::Create) <= SiteWriter::AT_ONCE;
        self.write_departments(plan).await?;
        self.say_what_is_skipped(plan).await?;
        let again = self.write_people(&plan.people, &known, rules, false).await?;
        if !again.is_empty() {
            self.write_again(plan, &again, rules).await?;
        }
        self.write_leavers(plan, leavers, evidence).await?;
        self.remove_departments(plan).await?;
        Ok(self.run.counts.fail)
    }

    /// What a run would do, for somebody to look at.
    async fn show(&mut self, plan: &Plan, leavers: &leavers::Judged) -> Result<(), RunError> {
        for step in plan.departments.iter().flatten() {
            let kind = if step.is_new {
                Kind::DepartmentCreate
            } else {
                Kind::DepartmentChange
            };
            let uid = step.id.to_string();
            let row = rows::row(kind, &uid, Some(&step.name), None, serde_json::json!({}));
            self.add_row(row).await?;
        }
        for removed in &plan.removed_departments {
            let row = rows::row(
                Kind::DepartmentRemove,
                &removed.uid,
                None,
                None,
                serde_json::json!({}),
            );
            self.add_row(row).await?;
        }
        for step in &plan.people {
            if let Some(row) = rows::of_step(step) {
                self.add_row(row).await?;
            }
        }
        for leaver in &leavers.due {
            let row = rows::row(
                Kind::Remove,
                &leaver.uid,
                None,
                Some(leaver.user),
                serde_json::json!({}),
            );
            self.add_row(row).await?;
        }
        self.say_what_else(plan).await
    }

    async fn say_what_is_skipped(&mut self, plan: &Plan) -> Result<(), RunError> {
        let skipped = plan
            .people
            .iter()
            .filter(|step| matches!(step.action, Deed::Skip(_)));
        for step in skipped {
            if let Some(row) = rows::of_step(step) {
                self.add_row(row).await?;
            }
        }
        self.say_what_else(plan).await
    }

    async fn say_what_else(&mut self, plan: &Plan) -> Result<(), RunError> {
        for told in &plan.told {
            if let Some(step) = plan.people.get(told.person) {
                self.add_row(rows::told(step, told.reason)).await?;
            }
        }
        Ok(())
    }

    async fn add_row(&mut self, row: ChangeRow) -> Result<(), RunError> {
        self.rows.push(row);
        if self.rows.len() >= ROWS_AT_ONCE {
            self.put_rows_away().await?;
        }
        Ok(())
    }

    async fn put_rows_away(&mut self) -> Result<(), RunError> {
        let rows = mem::take(&mut self.rows);
        if self.is_quiet {
            return Ok(());
        }
        let changes = self.directory.parts().store.directory_changes();
        Ok(changes.append(self.source.id, &rows).await?)
    }

    async fn enter(&mut self, state: RunState) -> Result<(), RunError> {
        self.run.state = state;
        self.tell_now().await
    }

    /// Says how far the run is, when the last time is long enough ago.
    async fn tell(&mut self) -> Result<(), RunError> {
        if self.is_quiet || self.told.elapsed() < TOLD_EVERY {
            return Ok(());
        }
        self.tell_now().await
    }

    async fn tell_now(&mut self) -> Result<(), RunError> {
        self.told = Instant::now();
        self.put_rows_away().await?;
        Ok(self.directory.put(self.source.id, name::RUN, &self.run).await?)
    }
}

fn counted(plan: &Plan, removals: usize) -> Counts {
    let departments = || plan.departments.iter().flatten();
    Counts {
        create: plan.count(|action| matches!(action, Deed::Create)),
        link: plan.count(|action| matches!(action, Deed::Link(_))),
        change: plan.count(|action| matches!(action, Deed::Change(_))),
        restore: plan.count(|action| matches!(action, Deed::Restore(_))),
        remove: removals,
        skip: plan.count(|action| matches!(action, Deed::Skip(_))),
        fail: 0,
        department_create: departments().filter(|step| step.is_new).count(),
        department_change: departments().filter(|step| !step.is_new).count(),
        department_remove: plan.removed_departments.len(),
        unchanged: plan.count(|action| matches!(action, Deed::Keep(_))),
    }
}

fn to_write(plan: &Plan, removals: usize) -> usize {
    let counts = counted(plan, removals);
    counts.create
        + counts.link
        + counts.change
        + counts.restore
        + counts.remove
        + counts.department_create
        + counts.department_change
        + counts.department_remove
}
