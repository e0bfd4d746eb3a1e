//! How a source is, as every process can read it: for the doctor, the metrics and the list of sources.

use chrono::{DateTime, Utc};

use super::desk::name;
use super::events::{LAST_EVENT, StreamStatus};
use super::options::ReceiveMode;
use super::run::{Run, RunState};
use crate::nocobase::{Store, StoreError, SyncSource};

/// How a source is.
#[derive(Clone, Default)]
pub struct DirectoryStatus {
    /// Its latest run.
    pub run: Run,
    /// Its stream.
    pub stream: StreamStatus,
    /// When something last arrived, by callback or stream.
    pub last_event: Option<DateTime<Utc>>,
    /// When the event arrived that has been waiting longest.
    pub oldest_event: Option<DateTime<Utc>>,
    /// How many wait.
    pub events: u64,
    /// When a run last ended well.
    pub last_success: Option<DateTime<Utc>>,
    /// How changes arrive; `None` where the settings do not say it in words of ours.
    pub receive_mode: Option<ReceiveMode>,
}

impl DirectoryStatus {
    /// Reads it.
    pub async fn read(store: &Store, source: &SyncSource) -> Result<Self, StoreError> {
        let state = store.directory_state();
        let read = async |name| state.get(source.id, name).await;
        let run = read(name::RUN).await?;
        let run = run.and_then(|entry| serde_json::from_str(&entry.value).ok());
        let runs = read(name::RUNS).await?;
        let runs: Option<Vec<Run>> = runs.and_then(|entry| serde_json::from_str(&entry.value).ok());
        let last_event = read(LAST_EVENT).await?;
        let oldest = store.directory_events().oldest_pending(source.id).await?;
        Ok(Self {
            run: run.unwrap_or_default(),
            stream: StreamStatus::read(store, source.id).await?,
            last_event: last_event.and_then(|entry| DateTime::from_timestamp_millis(entry.at)),
            oldest_event: oldest.and_then(|(at, _)| DateTime::from_timestamp_millis(at)),
            events: oldest.map_or(0, |(_, count)| count),
            last_success: runs
                .unwrap_or_default()
                .iter()
                .find(|run| run.state == RunState::Done)
                .and_then(|run| run.ended_at),
            receive_mode: source
                .options
                .get("receiveMode")
                .and_then(|mode| ReceiveMode::named(mode.as_str()?)),
        })
    }
}
