//! The keeper: in each process, looks which sources there are, takes those in hand that nobody else has, and does for them
//! what is wanted or due.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use chrono::{DateTime, Utc};
use futures_util::future::BoxFuture;
use log::{info, warn};
use tokio::sync::{Notify, watch};
use tokio::task::JoinHandle;
use tokio::time::sleep;

use super::desk::{Directory, DirectoryError, name};
use super::run::{Cause, Requested};
use super::schedule::RunSchedule;
use super::source::{Source, SourceError, options_of};
use super::writer::{Operation, SiteWriter};
use crate::causes::with_causes;
use crate::nocobase::{StoreError, SyncSource};

/// How often it is looked which sources there are, where there are any or that could not be read.
const SOURCES_READ_EVERY: Duration = Duration::from_secs(5);
/// And where there were none: most sites have none, and whoever makes one asks for a run.
const LOOKED_FOR_EVERY: Duration = Duration::from_mins(1);
/// How often it is looked whether a run is wanted, where nobody in this process asked for it.
const LOOKED_EVERY: Duration = Duration::from_secs(1);

/// What else goes on for a source while this process has it in hand; it is dropped when that ends.
pub type Companion = Arc<dyn Fn(Directory, SyncSource) -> BoxFuture<'static, ()> + Send + Sync>;

/// What does the work; it goes on until [`Keeper::stop`].
pub struct Keeper {
    stop: watch::Sender<bool>,
    work: JoinHandle<()>,
}

impl Keeper {
    /// Begins, once it is known which sources there are: the first scrape of the metrics has them, and the statement that
    /// asks for them is counted before anybody's.
    pub async fn start(directory: Directory, companions: Vec<Companion>) -> Self {
        let mut sources = SourcesInUse::of(directory);
        let first = sources.read().await;
        let (stop, stopped) = watch::channel(false);
        let work = tokio::spawn(work(sources, first, companions.into(), stopped));
        Self { stop, work }
    }

    /// Ends, with every source given back.
    pub async fn stop(self) {
        let _ = self.stop.send(true);
        if let Err(error) = self.work.await {
            warn!("the keeper of the directories did not end by itself: {error}");
        }
    }
}

/// Returns when it is to end; whoever could say so may be gone, too.
async fn is_stopped(stopped: &mut watch::Receiver<bool>) {
    let _ = stopped.wait_for(|is_stopped| *is_stopped).await;
}

/// A source that is looked after, with the row as it was then.
struct Tended {
    row: SyncSource,
    stop: watch::Sender<bool>,
    task: JoinHandle<()>,
}

/// Which sources are in use, as far as that can be read.
struct SourcesInUse {
    directory: Directory,
    could_read: bool,
}

impl SourcesInUse {
    fn of(directory: Directory) -> Self {
        Self {
            directory,
            could_read: true,
        }
    }

    /// `None` when they cannot be read, which ends no work.
    async fn read(&mut self) -> Option<Vec<SyncSource>> {
        match self.directory.parts().store.sync_sources().enabled().await {
            Ok(rows) => {
                self.could_read = true;
                self.directory
                    .0
                    .has_sources
                    .store(!rows.is_empty(), Ordering::Relaxed);
                Some(rows)
            }
            Err(error) => {
                // Once, and not every five seconds.
                if std::mem::take(&mut self.could_read) {
                    warn!("the sources cannot be read: {}", with_causes(&error));
                }
                None
            }
        }
    }
}

async fn work(
    mut sources: SourcesInUse,
    mut rows: Option<Vec<SyncSource>>,
    companions: Arc<[Companion]>,
    mut stopped: watch::Receiver<bool>,
) {
    let directory = sources.directory.clone();
    let mut tended: BTreeMap<i64, Tended> = BTreeMap::new();
    loop {
        if let Some(rows) = rows {
            tend(&directory, &companions, &mut tended, rows).await;
        }
        let pause = if tended.is_empty() && sources.could_read {
            LOOKED_FOR_EVERY
        } else {
            SOURCES_READ_EVERY
        };
        tokio::select! {
            () = sleep(pause) => {}
            () = directory.0.wake.notified() => {}
            () = is_stopped(&mut stopped) => break,
        }
        rows = sources.read().await;
    }
    for (_, source) in tended {
        source.end().await;
    }
}

/// Looks after the sources that there are, and after no others. A row that was changed is begun with anew.
async fn tend(
    directory: &Directory,
    companions: &Arc<[Companion]>,
    tended: &mut BTreeMap<i64, Tended>,
    rows: Vec<SyncSource>,
) {
    let mut gone: Vec<i64> = tended.keys().copied().collect();
    for row in rows {
        gone.retain(|id| *id != row.id);
        let is_same = tended
            .get(&row.id)
            .is_some_and(|known| known.row == row && !known.task.is_finished());
        if is_same {
            directory.nudge(row.id);
            continue;
        }
        if let Some(former) = tended.remove(&row.id) {
            former.end().await;
        }
        if let Err(error) = directory.parts().store.ensure_directory_tables().await {
            warn!(
                "the tables for {} could not be made: {}",
                row.name,
                with_causes(&error)
            );
            continue;
        }
        let (stop, stopped) = watch::channel(false);
        let work = look_after(directory.clone(), Arc::clone(companions), row.clone(), stopped);
        let task = tokio::spawn(work);
        tended.insert(row.id, Tended { row, stop, task });
    }
    for id in gone {
        if let Some(former) = tended.remove(&id) {
            former.end().await;
        }
    }
}

impl Tended {
    async fn end(self) {
        let _ = self.stop.send(true);
        let _ = self.task.await;
    }
}

/// Waits for the source's lease, works while it lasts, and gives it back.
async fn look_after(
    directory: Directory,
    companions: Arc<[Companion]>,
    row: SyncSource,
    mut stopped: watch::Receiver<bool>,
) {
    let nudged = directory.nudges(row.id);
    let mut could_take = true;
    loop {
        match directory.take_lease(row.id).await {
            Ok(true) => {
                could_take = true;
                let company = companions
                    .iter()
                    .map(|companion| companion(directory.clone(), row.clone()));
                let company = futures_util::future::join_all(company);
                tokio::select! {
                    () = serve(&directory, &row, &nudged) => {}
                    () = directory.keep_lease(row.id) => {}
                    () = async { company.await; std::future::pending().await } => {}
                    () = is_stopped(&mut stopped) => {
                        directory.give_back_lease(row.id).await;
                        return;
                    }
                }
            }
            Ok(false) => could_take = true,
            Err(error) => {
                if std::mem::take(&mut could_take) {
                    warn!("{} cannot be taken in hand: {}", row.name, with_causes(&error));
                }
            }
        }
        tokio::select! {
            () = sleep(LOOKED_EVERY) => {}
            () = is_stopped(&mut stopped) => return,
        }
    }
}

/// Does what is wanted or due, one after the other; returns when the database does not do its part.
async fn serve(directory: &Directory, row: &SyncSource, nudged: &Notify) {
    let served = async {
        if let Some(broken_off) = directory.broken_off(row.id).await? {
            directory.perform(row, &broken_off).await?;
        }
        let schedule = directory.schedule_of(row).await?;
        let mut taken_care_of = None;
        loop {
            let requested: Option<Requested> = directory.read(row.id, name::REQUESTED).await?;
            if let Some(requested) = requested {
                directory.perform(row, &requested).await?;
                continue;
            }
            let due = schedule.latest(directory.now(), directory.parts().zone);
            if due != taken_care_of {
                directory.keep_schedule(row, due).await?;
                taken_care_of = due;
                continue;
            }
            tokio::select! {
                () = sleep(LOOKED_EVERY) => {}
                () = nudged.notified() => {}
            }
        }
    };
    let outcome: Result<Infallible, StoreError> = served.await;
    let Err(error) = outcome;
    warn!("{} could not be looked after: {}", row.name, with_causes(&error));
}

impl Directory {
    /// The run that this or another process left unfinished: what has been written by then is found unchanged.
    async fn broken_off(&self, source: i64) -> Result<Option<Requested>, StoreError> {
        let run = self.run(source).await?;
        let requested: Option<Requested> = self.read(source, name::REQUESTED).await?;
        if !run.state.is_under_way() || requested.is_some() {
            return Ok(None);
        }
        info!("a synchronization that broke off is begun again");
        Ok(Some(Requested {
            id: run.id,
            reason: Cause::Resume,
            actor: run.actor,
            confirmed: run.confirmed,
        }))
    }

    /// Asks for a run when it is time, once, whichever process does.
    async fn keep_schedule(&self, row: &SyncSource, due: Option<DateTime<Utc>>) -> Result<(), StoreError> {
        let Some(due) = due.map(|due| due.timestamp_millis()) else {
            return Ok(());
        };
        let state = self.parts().store.directory_state();
        let last = state.get(row.id, name::SCHEDULED).await?;
        if last.as_ref().is_some_and(|last| last.at >= due) {
            return Ok(());
        }
        state.put(row.id, name::SCHEDULED, "", due).await?;
        // Who has only just chosen a schedule waits for its next time.
        if last.is_some() {
            match self.request(row, Cause::Schedule, None, None).await {
                Err(DirectoryError::Store(error)) => return Err(error),
                Err(error) => warn!("{} could not be begun: {}", row.name, with_causes(&error)),
                Ok(_) => self.tell_nocobase(row).await,
            }
        }
        Ok(())
    }

    /// NocoBase's own list of synchronizations has it, too, where that is to be had.
    async fn tell_nocobase(&self, row: &SyncSource) {
        if !matches!(self.parts().writer, SiteWriter::Bridge(_)) {
            return;
        }
        let parts = self.parts();
        let Ok(source) = Source::of(row, &parts.store, &parts.registry).await else {
            return;
        };
        let writer = parts.writer.clone();
        parts.background.spawn(async move {
            if let Err(error) = writer.write(&source, &Operation::Pull).await {
                info!(
                    "NocoBase does not list the synchronization: {}",
                    with_causes(&error)
                );
            }
        });
    }

    /// Settings that cannot be read have none: a run says what is wrong with them.
    async fn schedule_of(&self, row: &SyncSource) -> Result<RunSchedule, StoreError> {
        let parts = self.parts();
        match options_of(row, &parts.store, &parts.registry).await {
            Ok(options) => Ok(options.schedule),
            Err(SourceError::Store(error)) => Err(error),
            Err(_) => Ok(RunSchedule::Off),
        }
    }
}
