//! Where events go, whichever way they came: into the database, before DingTalk hears that they have arrived.

use std::fmt;
use std::sync::Arc;

use tokio::sync::Notify;

use super::event::DirectoryEvent;
use crate::clock::Clock;
use crate::nocobase::{NewEvent, Store, StoreError};

/// The way an event came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Channel {
    /// Posted by DingTalk.
    Callback,
    /// Over the WebSocket.
    Stream,
    /// From DingTalk's list of callbacks that failed.
    FailedList,
}

impl Channel {
    /// The name in metrics; it never changes.
    pub const fn label(self) -> &'static str {
        match self {
            Self::Callback => "callback",
            Self::Stream => "stream",
            Self::FailedList => "failed_list",
        }
    }
}

/// Told what became of everything that arrived: by which way, and a word for it.
pub type EventObserver = Arc<dyn Fn(Channel, &'static str) + Send + Sync>;

/// Stores events; clones are one.
#[derive(Clone)]
pub struct Inbox {
    store: Store,
    clock: Clock,
    observer: EventObserver,
    arrived: Arc<Notify>,
}

impl fmt::Debug for Inbox {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Inbox").finish_non_exhaustive()
    }
}

impl Inbox {
    /// Into this database.
    pub fn new(store: Store, clock: Clock, observer: EventObserver) -> Self {
        Self {
            store,
            clock,
            observer,
            arrived: Arc::default(),
        }
    }

    /// Stores them, once each, and says when, in milliseconds; they are there when this returns.
    pub async fn add(
        &self,
        source: i64,
        channel: Channel,
        events: Vec<DirectoryEvent>,
    ) -> Result<i64, StoreError> {
        let received = self.clock.now().timestamp_millis();
        let events: Vec<NewEvent> = events
            .into_iter()
            .map(|event| NewEvent {
                id: event.id,
                event_type: event.kind.word().to_owned(),
                subjects: event.subjects,
                received,
            })
            .collect();
        match self.store.directory_events().add(source, &events).await {
            Ok(added) => {
                for index in 0..events.len() {
                    self.observe(channel, if index < added { "stored" } else { "known" });
                }
                self.arrived.notify_waiters();
                Ok(received)
            }
            Err(error) => {
                self.observe(channel, "not_stored");
                Err(error)
            }
        }
    }

    /// Counts what needs no storing, or was refused.
    pub fn observe(&self, channel: Channel, outcome: &'static str) {
        (self.observer)(channel, outcome);
    }

    /// Wakes when something has arrived in this process.
    pub fn arrived(&self) -> Arc<Notify> {
        Arc::clone(&self.arrived)
    }
}
