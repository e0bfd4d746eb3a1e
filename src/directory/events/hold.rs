//! Holding a source: whoever has its lease receives its events and applies them, until told to stop.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{Notify, watch};
use tokio::task::JoinHandle;

use super::failed_list;
use super::inbox::Inbox;
use super::queue::{Apply, EventQueue};
use super::source::EventSource;
use super::stream::{Stream, StreamPace};
use crate::clock::Clock;
use crate::dingtalk::DingTalk;
use crate::entropy::Entropy;
use crate::nocobase::Store;

/// How the events of a source come.
#[derive(Clone)]
pub enum Receive {
    /// Posted by DingTalk, to any process, which stores them. Woken when this process [could not](super::Callbacks::missed).
    Callback(Arc<Notify>),
    /// Over a WebSocket, which the holder opens.
    Stream,
}

/// What receiving events takes.
#[derive(Clone)]
pub struct EventContext {
    /// NocoBase's tables.
    pub store: Store,
    /// Who is asked.
    pub dingtalk: DingTalk,
    /// Where events go first.
    pub inbox: Inbox,
    /// The time.
    pub clock: Clock,
    /// Randomness.
    pub entropy: Entropy,
    /// Woken when events were missed and everything is to be compared.
    pub comparison_wanted: Arc<Notify>,
    /// How a stream behaves.
    pub pace: StreamPace,
    /// How often it is looked for events that another process has stored; a second at most.
    pub poll: Duration,
    /// How long DingTalk tries to deliver what we refused; three quarters of a minute at most.
    pub given_up_after: Duration,
}

impl EventContext {
    /// As the real DingTalk wants it.
    pub fn new(store: Store, dingtalk: DingTalk, inbox: Inbox, clock: Clock, entropy: Entropy) -> Self {
        Self {
            store,
            dingtalk,
            inbox,
            clock,
            entropy,
            comparison_wanted: Arc::default(),
            pace: StreamPace::default(),
            poll: Duration::MAX,
            given_up_after: Duration::MAX,
        }
    }
}

/// A source that is held.
pub struct EventsHandle {
    stop: watch::Sender<bool>,
    tasks: Vec<JoinHandle<()>>,
}

impl fmt::Debug for EventsHandle {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("EventsHandle").finish_non_exhaustive()
    }
}

/// Receives the events of a source and applies them; dropped, it stops as soon as it can.
pub fn hold(context: EventContext, source: EventSource, receive: Receive, apply: Apply) -> EventsHandle {
    let (stop, stopped) = watch::channel(false);
    let queue = EventQueue::new(context.clone(), source.clone(), apply, stopped.clone());
    let receiving = match receive {
        Receive::Callback(missed) => tokio::spawn(failed_list::run(context, source, missed, stopped)),
        Receive::Stream => tokio::spawn(Stream::run(context, source, stopped)),
    };
    EventsHandle {
        stop,
        tasks: vec![receiving, tokio::spawn(queue.run())],
    }
}

impl EventsHandle {
    /// Stops it: what is being applied is applied, what was stored waits for the next holder.
    pub async fn stop(mut self) {
        self.stop.send_replace(true);
        for task in std::mem::take(&mut self.tasks) {
            let _ = task.await;
        }
    }
}

impl Drop for EventsHandle {
    fn drop(&mut self) {
        self.stop.send_replace(true);
    }
}

/// Waits for the word to stop.
pub(super) async fn stopped(stop: &mut watch::Receiver<bool>) {
    // The guard of the value may not be held by whoever waits for something else, too.
    let _ = stop.wait_for(|stop| *stop).await;
}
