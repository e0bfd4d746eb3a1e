//! The queue: events that are stored and wait until whom they name is settled, is read anew and is applied.
//!
//! An event is done when what came of it is applied, and not before: what was begun is begun again after a crash, and reading
//! anew twice changes nothing.

use std::collections::HashSet;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::BoxFuture;
use log::warn;
use tokio::sync::{Notify, watch};
use tokio::time::{Instant, sleep};

use super::event::EventKind;
use super::hold::{EventContext, stopped};
use super::reread::{Homes, NamedSubjects, is_empty};
use super::source::EventSource;
use super::stream::back_off;
use crate::causes::with_causes;
use crate::dingtalk::DingTalkError;
use crate::directory::execution::Reread;
use crate::nocobase::{NewEvent, RecordKind, StoreError};

/// Rows looked at in one go.
const LOOKED_AT: u64 = 500;
/// Questions to DingTalk in one go: three seconds' worth and mostly less, so that what comes next does not wait for long.
const QUESTIONS: usize = 60;
/// Another process may have stored something.
const POLL: Duration = Duration::from_secs(1);
const FIRST_PAUSE: Duration = Duration::from_secs(1);
const LONGEST_PAUSE: Duration = Duration::from_mins(1);
/// DingTalk says that somebody has joined before it has their departments together.
const SETTLES_ADDED: i64 = 3000;
const SETTLES: i64 = 1000;
/// Done events are remembered as long as DingTalk may deliver them again.
const REMEMBERED: chrono::TimeDelta = chrono::TimeDelta::days(7);
const PRUNE_EVERY: Duration = Duration::from_hours(1);
/// The name under which it is known when the last event came.
pub(in crate::directory) const LAST_EVENT: &str = "lastEvent";

/// Why a change was not applied; it is tried again.
#[derive(Debug, thiserror::Error)]
#[error("the changes could not be applied")]
pub struct NotApplied(#[source] pub Box<dyn std::error::Error + Send + Sync>);

/// Makes the users here what was read.
pub type Apply = Arc<dyn Fn(Reread) -> BoxFuture<'static, Result<(), NotApplied>> + Send + Sync>;

#[derive(Debug, thiserror::Error)]
enum QueueError {
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(transparent)]
    DingTalk(#[from] DingTalkError),
    #[error(transparent)]
    Apply(#[from] NotApplied),
}

/// Events that were read anew together.
struct Batch {
    ids: Vec<String>,
    reread: Reread,
    received: i64,
}

/// The queue of one source.
pub(super) struct EventQueue {
    context: EventContext,
    source: EventSource,
    apply: Apply,
    arrived: Arc<Notify>,
    stop: watch::Receiver<bool>,
}

impl fmt::Debug for EventQueue {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("EventQueue").finish_non_exhaustive()
    }
}

impl EventQueue {
    pub(super) fn new(
        context: EventContext,
        source: EventSource,
        apply: Apply,
        stop: watch::Receiver<bool>,
    ) -> Self {
        let arrived = context.inbox.arrived();
        Self {
            context,
            source,
            apply,
            arrived,
            stop,
        }
    }

    /// Works until it is to stop. While one batch is applied the next one is read.
    pub(super) async fn run(mut self) {
        self.prune().await;
        let mut pruned = Instant::now();
        let mut read: Option<Batch> = None;
        let mut failures = 0;
        while !*self.stop.borrow() {
            let in_hand = read.as_ref().map(|batch| batch.ids.iter().cloned().collect());
            let (next, applied) = tokio::join!(
                self.collect(in_hand.unwrap_or_default()),
                self.finish(read.take())
            );
            let is_idle = matches!((&next, &applied), (Ok(None), Ok(false)));
            for error in [next.as_ref().err(), applied.as_ref().err()]
                .into_iter()
                .flatten()
            {
                warn!("events of {} wait: {}", self.source.name, with_causes(error));
            }
            let asked_for = next.as_ref().err().and_then(QueueError::retry_after);
            let has_failed = next.is_err() || applied.is_err();
            // What was read before others were applied would be applied out of order.
            read = next.ok().flatten().filter(|_| applied.is_ok());
            if has_failed {
                let pause = back_off(FIRST_PAUSE, LONGEST_PAUSE, failures, &self.context.entropy);
                failures += 1;
                self.wait(asked_for.map_or(pause, |asked_for| asked_for.max(pause)))
                    .await;
            } else {
                failures = 0;
                if pruned.elapsed() >= PRUNE_EVERY {
                    self.prune().await;
                    pruned = Instant::now();
                }
                if is_idle {
                    self.idle().await;
                }
            }
        }
        if let Err(error) = self.finish(read).await {
            warn!("events of {} wait: {}", self.source.name, with_causes(&error));
        }
    }

    /// Reads those that are settled, the oldest first; `None` when there are none.
    async fn collect(&self, in_hand: HashSet<String>) -> Result<Option<Batch>, QueueError> {
        let now = self.context.clock.now().timestamp_millis();
        let events = self.context.store.directory_events();
        let pending = events.pending(self.source.id, LOOKED_AT).await?;
        let mut named = NamedSubjects::default();
        let mut ids = Vec::new();
        let mut received = 0;
        for event in pending {
            if in_hand.contains(&event.id) || settled_at(&event) > now {
                continue;
            }
            named.add(&event);
            received = received.max(event.received);
            ids.push(event.id);
            if named.len() >= QUESTIONS {
                break;
            }
        }
        if ids.is_empty() {
            return Ok(None);
        }
        let records = self.context.store.sync_records();
        let people = named.with_home();
        let homes = Homes::of(
            &records
                .bodies(&self.source.name, RecordKind::Person, &people)
                .await?,
        );
        let mut stop = self.stop.clone();
        tokio::select! {
            reread = named.read(&self.context.dingtalk, &self.source.credentials, &homes) => {
                Ok(Some(Batch { ids, reread: reread?, received }))
            }
            () = stopped(&mut stop) => Ok(None),
        }
    }

    /// Applies a batch, and only then says that it is done; whether there was one.
    async fn finish(&self, batch: Option<Batch>) -> Result<bool, QueueError> {
        let Some(batch) = batch else {
            return Ok(false);
        };
        if !is_empty(&batch.reread) {
            (self.apply)(batch.reread).await?;
        }
        let now = self.context.clock.now().timestamp_millis();
        let store = &self.context.store;
        store
            .directory_events()
            .done(self.source.id, &batch.ids, now)
            .await?;
        store
            .directory_state()
            .put(
                self.source.id,
                LAST_EVENT,
                &batch.received.to_string(),
                batch.received,
            )
            .await?;
        Ok(true)
    }

    async fn prune(&self) {
        let before = (self.context.clock.now() - REMEMBERED).timestamp_millis();
        let pruned = self
            .context
            .store
            .directory_events()
            .prune(self.source.id, before);
        if let Err(error) = pruned.await {
            warn!(
                "old events of {} were not forgotten: {}",
                self.source.name,
                with_causes(&error)
            );
        }
    }

    async fn idle(&mut self) {
        tokio::select! {
            () = self.arrived.notified() => {}
            () = sleep(self.context.poll.min(POLL)) => {}
            () = stopped(&mut self.stop) => {}
        }
    }

    async fn wait(&mut self, pause: Duration) {
        tokio::select! {
            () = sleep(pause) => {}
            () = stopped(&mut self.stop) => {}
        }
    }
}

impl QueueError {
    const fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::DingTalk(error) => error.retry_after(),
            Self::Store(_) | Self::Apply(_) => None,
        }
    }
}

/// When whom it names can be read, in milliseconds.
fn settled_at(event: &NewEvent) -> i64 {
    let settles = match EventKind::of(&event.event_type) {
        Some(EventKind::PersonAdded) => SETTLES_ADDED,
        _ => SETTLES,
    };
    event.received.saturating_add(settles)
}
