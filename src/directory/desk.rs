//! The desk: where synchronizations are asked for and looked at, in whichever process; the work is the keeper's.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use chrono::{DateTime, FixedOffset, Utc};
use serde::de::DeserializeOwned;
use tokio::sync::Notify;

use super::run::{Cause, Confirmed, Requested, Run, RunState};
use super::status::DirectoryStatus;
use super::writer::SiteWriter;
use crate::audit::Audit;
use crate::authenticator::Registry;
use crate::background::Background;
use crate::clock::Clock;
use crate::dingtalk::DingTalk;
use crate::entropy::Entropy;
use crate::error_code::Code;
use crate::nocobase::{ChangeRow, Page, Paged, Store, StoreError, SyncSource, UserId};

/// The names under which things are known of a source.
pub(super) mod name {
    /// The latest run.
    pub const RUN: &str = "run";
    /// Those before it.
    pub const RUNS: &str = "runs";
    /// A run that is wanted.
    pub const REQUESTED: &str = "requested";
    /// What the last whole reading was of.
    pub const SCOPE: &str = "scope";
    /// That somebody has looked at a preview.
    pub const ACCEPTED: &str = "accepted";
    /// The latest time of the schedule that was taken care of.
    pub const SCHEDULED: &str = "scheduled";
    /// When people were taken out because of an event.
    pub const REMOVALS: &str = "removals";
}

/// Runs that are remembered.
const RUNS_KEPT: usize = 20;

/// Why a synchronization cannot be asked for.
#[derive(Debug, thiserror::Error)]
pub enum DirectoryError {
    /// No enabled source has this name.
    #[error("no enabled source has this name")]
    SourceNotFound,
    /// The run that is meant is not the latest, or asks for nothing.
    #[error("the run is not the latest one, or needs no confirmation")]
    Outdated,
    /// There is one under way.
    #[error("a run is under way")]
    UnderWay,
    /// The database did not do its part.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl DirectoryError {
    /// What is said of it outside.
    pub fn code(&self) -> Code {
        match self {
            Self::SourceNotFound => Code::SourceNotFound,
            Self::Outdated => Code::RunOutdated,
            Self::UnderWay => Code::RunUnderWay,
            Self::Store(error) => error.code(),
        }
    }
}

/// What the work is done with.
pub struct DirectoryParts {
    /// NocoBase's tables.
    pub store: Store,
    /// DingTalk.
    pub dingtalk: DingTalk,
    /// The authenticators.
    pub registry: Registry,
    /// Who writes.
    pub writer: SiteWriter,
    /// The record of who was taken out.
    pub audit: Audit,
    /// The time.
    pub clock: Clock,
    /// Randomness.
    pub entropy: Entropy,
    /// What nobody waits for.
    pub background: Background,
    /// By which the schedule goes.
    pub zone: FixedOffset,
}

/// The organizations that are kept in step; clones are one.
#[derive(Clone)]
pub struct Directory(pub(super) Arc<Inner>);

pub(super) struct Inner {
    pub(super) parts: DirectoryParts,
    /// Whom the database knows this process by.
    pub(super) holder: String,
    /// Whether there is a source to look after, as the keeper has last seen.
    pub(super) has_sources: AtomicBool,
    /// Wakes the keeper.
    pub(super) wake: Notify,
    /// Wakes who looks after one source.
    pub(super) nudges: Mutex<BTreeMap<i64, Arc<Notify>>>,
    /// One at a time writes for a source.
    pub(super) turns: Mutex<BTreeMap<i64, Arc<tokio::sync::Mutex<()>>>>,
}

impl Directory {
    /// Nothing is done before a keeper works.
    pub fn new(parts: DirectoryParts) -> Self {
        Self(Arc::new(Inner {
            holder: parts.entropy.uuid().to_string(),
            parts,
            has_sources: AtomicBool::new(false),
            wake: Notify::new(),
            nudges: Mutex::default(),
            turns: Mutex::default(),
        }))
    }

    /// Asks for a run, unless one is under way: that one is told.
    pub async fn start(
        &self,
        source: &str,
        reason: Cause,
        actor: Option<UserId>,
    ) -> Result<Run, DirectoryError> {
        let row = self.enabled(source).await?;
        self.request(&row, reason, actor, None).await
    }

    /// Asks for a run that does what the latest one only showed.
    pub async fn confirm(
        &self,
        source: &str,
        id: &str,
        actor: Option<UserId>,
    ) -> Result<Run, DirectoryError> {
        let row = self.enabled(source).await?;
        let latest = self.run(row.id).await?;
        if latest.id != id || !matches!(latest.state, RunState::Preview | RunState::Held) {
            return Err(DirectoryError::Outdated);
        }
        let confirmed = Confirmed {
            removals: latest.removals,
        };
        self.request(&row, Cause::Button, actor, Some(confirmed)).await
    }

    /// Forgets what the latest run showed.
    pub async fn discard(&self, source: &str) -> Result<(), DirectoryError> {
        let row = self.enabled(source).await?;
        let latest = self.run(row.id).await?;
        if latest.state.is_under_way() {
            return Err(DirectoryError::UnderWay);
        }
        if matches!(latest.state, RunState::Preview | RunState::Held) {
            self.parts().store.directory_changes().begin(row.id).await?;
            self.put(row.id, name::RUN, &Run::default()).await?;
        }
        Ok(())
    }

    /// The latest run.
    pub async fn latest(&self, source: &str) -> Result<Run, DirectoryError> {
        let row = self.named(source).await?;
        Ok(self.run(row.id).await?)
    }

    /// The last runs, the latest first.
    pub async fn last_runs(&self, source: &str) -> Result<Vec<Run>, DirectoryError> {
        let row = self.named(source).await?;
        Ok(self.read(row.id, name::RUNS).await?.unwrap_or_default())
    }

    /// What the latest run did, or would do: a page of it, of one kind or of all.
    pub async fn rows(
        &self,
        source: &str,
        kind: Option<&str>,
        page: Page,
    ) -> Result<Paged<ChangeRow>, DirectoryError> {
        let row = self.named(source).await?;
        let changes = self.parts().store.directory_changes();
        Ok(changes.page(row.id, kind, page).await?)
    }

    /// Some of what the latest run did, and where to go on.
    pub async fn rows_after(
        &self,
        source: &str,
        position: i64,
        limit: u64,
    ) -> Result<(Vec<ChangeRow>, Option<i64>), DirectoryError> {
        let row = self.named(source).await?;
        let changes = self.parts().store.directory_changes();
        Ok(changes.after(row.id, position, limit).await?)
    }

    /// All sources, in use or not, with how each is.
    pub async fn sources(&self) -> Result<Vec<(SyncSource, DirectoryStatus)>, DirectoryError> {
        let store = &self.parts().store;
        let mut sources = Vec::new();
        for row in store.sync_sources().all().await? {
            let status = DirectoryStatus::read(store, &row).await?;
            sources.push((row, status));
        }
        Ok(sources)
    }

    /// Whether there was a source to look after, a few seconds ago.
    pub fn has_sources(&self) -> bool {
        self.0.has_sources.load(Ordering::Relaxed)
    }

    /// Lets the keeper look at once which sources there are.
    pub fn look(&self) {
        self.0.wake.notify_one();
    }

    /// Whoever only looks may look at one that is not in use, too.
    async fn named(&self, source: &str) -> Result<SyncSource, DirectoryError> {
        let row = self.parts().store.sync_sources().named(source).await?;
        row.ok_or(DirectoryError::SourceNotFound)
    }

    async fn enabled(&self, source: &str) -> Result<SyncSource, DirectoryError> {
        let row = self.named(source).await?;
        Some(row)
            .filter(|row| row.enabled)
            .ok_or(DirectoryError::SourceNotFound)
    }

    pub(super) async fn request(
        &self,
        row: &SyncSource,
        reason: Cause,
        actor: Option<UserId>,
        confirmed: Option<Confirmed>,
    ) -> Result<Run, DirectoryError> {
        let store = &self.parts().store;
        let latest = self.run(row.id).await?;
        if latest.state.is_under_way() {
            return Ok(latest);
        }
        store.ensure_directory_tables().await?;
        let requested = Requested {
            id: self.parts().entropy.uuid().to_string(),
            reason,
            actor,
            confirmed,
        };
        let waiting = Run::waiting(&requested, self.now());
        let state = store.directory_state();
        let text = serde_json::to_string(&requested).unwrap_or_default();
        // Of two who ask at once, one has asked.
        let is_first = state
            .put_new(row.id, name::REQUESTED, &text, self.now_ms())
            .await?;
        let waiting = if is_first {
            self.put(row.id, name::RUN, &waiting).await?;
            waiting
        } else {
            let asked: Option<Requested> = self.read(row.id, name::REQUESTED).await?;
            asked.map_or(waiting, |asked| Run::waiting(&asked, self.now()))
        };
        self.nudge(row.id);
        self.0.wake.notify_one();
        Ok(waiting)
    }

    pub(super) fn parts(&self) -> &DirectoryParts {
        &self.0.parts
    }

    pub(super) fn now(&self) -> DateTime<Utc> {
        self.parts().clock.now()
    }

    pub(super) fn now_ms(&self) -> i64 {
        self.now().timestamp_millis()
    }

    pub(super) async fn run(&self, source: i64) -> Result<Run, StoreError> {
        Ok(self.read(source, name::RUN).await?.unwrap_or_default())
    }

    /// Takes note of a run that has ended.
    pub(super) async fn remember(&self, source: i64, run: &Run) -> Result<(), StoreError> {
        self.put(source, name::RUN, run).await?;
        let mut runs: Vec<Run> = self.read(source, name::RUNS).await?.unwrap_or_default();
        runs.retain(|known| known.id != run.id);
        runs.insert(0, run.clone());
        runs.truncate(RUNS_KEPT);
        self.put(source, name::RUNS, &runs).await
    }

    /// What is known by this name; what a later version wrote otherwise is not known.
    pub(super) async fn read<T: DeserializeOwned>(
        &self,
        source: i64,
        name: &str,
    ) -> Result<Option<T>, StoreError> {
        let entry = self.parts().store.directory_state().get(source, name).await?;
        Ok(entry.and_then(|entry| serde_json::from_str(&entry.value).ok()))
    }

    pub(super) async fn put<T: serde::Serialize + ?Sized>(
        &self,
        source: i64,
        name: &str,
        value: &T,
    ) -> Result<(), StoreError> {
        let text = serde_json::to_string(value).unwrap_or_default();
        let state = self.parts().store.directory_state();
        state.put(source, name, &text, self.now_ms()).await
    }

    /// What wakes who looks after a source in this process.
    pub(super) fn nudges(&self, source: i64) -> Arc<Notify> {
        let mut nudges = self.0.nudges.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(nudges.entry(source).or_default())
    }

    pub(super) fn nudge(&self, source: i64) {
        self.nudges(source).notify_one();
    }

    /// Whose turn it is to write for a source, in this process.
    pub(super) fn turn(&self, source: i64) -> Arc<tokio::sync::Mutex<()>> {
        let mut turns = self.0.turns.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(turns.entry(source).or_default())
    }
}
