//! How the stream of a source is, as every process can read it.

use chrono::{DateTime, Utc};
use log::warn;
use serde::{Deserialize, Serialize};

use crate::causes::with_causes;
use crate::nocobase::{Store, StoreError};

/// Its name among the small things that are known of a source.
const NAME: &str = "stream";

/// Where a stream is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum StreamState {
    /// Being opened.
    #[default]
    Connecting,
    /// Events arrive.
    Connected,
    /// It could not be opened, and is tried again.
    Waiting,
    /// Nobody holds it.
    Stopped,
}

/// How the stream of a source is; times are milliseconds.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct StreamStatus {
    /// Where it is.
    pub state: StreamState,
    /// Since when it is there.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub connected_since: Option<i64>,
    /// When it was last known to be there.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_alive: Option<i64>,
    /// When something last arrived.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_event: Option<i64>,
    /// Why it is not there, as in the answers.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub code: Option<String>,
}

impl StreamStatus {
    /// As it was last written; a new one where nothing was, or nothing that is understood.
    pub async fn read(store: &Store, source: i64) -> Result<Self, StoreError> {
        let entry = store.directory_state().get(source, NAME).await?;
        Ok(entry
            .and_then(|entry| serde_json::from_str(&entry.value).ok())
            .unwrap_or_default())
    }

    /// For everybody to read. A stream does not end because nobody can be told of it.
    pub(super) async fn write(&self, store: &Store, source: i64, now: DateTime<Utc>) {
        let Ok(text) = serde_json::to_string(self) else {
            return;
        };
        let written = store
            .directory_state()
            .put(source, NAME, &text, now.timestamp_millis());
        if let Err(error) = written.await {
            warn!(
                "how the stream of source {source} is could not be written: {}",
                with_causes(&error)
            );
        }
    }
}
