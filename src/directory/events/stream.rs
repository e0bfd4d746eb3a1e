//! Stream mode: a WebSocket to DingTalk that is opened again whenever it is lost, and replaced before DingTalk ends it.

use std::time::Duration;

use log::{info, warn};
use tokio::sync::{mpsc, oneshot, watch};
use tokio::task::JoinHandle;
use tokio::time::{Instant, interval, sleep, timeout};

use super::connection::{Arrival, ConnectError, StreamConnection, StreamEnd, StreamPatience, connect};
use super::frame::Acknowledgement;
use super::hold::{EventContext, stopped};
use super::inbox::{Channel, Inbox};
use super::source::EventSource;
use super::status::{StreamState, StreamStatus};
use crate::causes::with_causes;
use crate::dingtalk::{DingTalkError, ErrorKind};
use crate::entropy::Entropy;
use crate::error_code::Code;

/// Events that wait for the database; DingTalk sends again what finds no room.
const QUEUE: usize = 256;
/// Events that are stored together.
const AT_ONCE: usize = 50;
/// A database that does not answer is an answer, too.
const STORED_WITHIN: Duration = Duration::from_secs(10);
/// How often it is written that the stream is there.
const WRITE_EVERY: Duration = Duration::from_secs(30);

/// How a stream behaves; tests have less time.
#[derive(Clone, Copy, Debug)]
pub struct StreamPace {
    /// How long a connection may take, or be silent.
    pub patience: StreamPatience,
    /// Before the second attempt; doubled before each one after it.
    pub first_pause: Duration,
    /// No pause is longer.
    pub longest_pause: Duration,
    /// After wrong credentials, which no waiting of ours corrects.
    pub refused_pause: Duration,
    /// A connection that lasted so long begins with the first pause again.
    pub lasted: Duration,
    /// After so long without a connection, events are taken for lost.
    pub outage: chrono::TimeDelta,
}

impl Default for StreamPace {
    fn default() -> Self {
        Self {
            patience: StreamPatience {
                connect: Duration::from_secs(10),
                idle: Duration::from_mins(1),
                pong: Duration::from_secs(10),
            },
            first_pause: Duration::from_secs(1),
            longest_pause: Duration::from_mins(1),
            refused_pause: Duration::from_mins(5),
            lasted: Duration::from_secs(30),
            outage: chrono::TimeDelta::minutes(3),
        }
    }
}

/// Why a stream is not there.
#[derive(Debug, thiserror::Error)]
enum OpenError {
    #[error(transparent)]
    DingTalk(#[from] DingTalkError),
    #[error(transparent)]
    Connect(#[from] ConnectError),
}

impl OpenError {
    fn code(&self) -> Code {
        match self {
            Self::DingTalk(error) => error.code(),
            Self::Connect(_) => Code::StreamUnreachable,
        }
    }
}

/// The stream of one source.
pub(super) struct Stream {
    context: EventContext,
    source: EventSource,
    status: StreamStatus,
    arrivals: mpsc::Sender<Arrival>,
    stored: watch::Receiver<Option<i64>>,
    stop: watch::Receiver<bool>,
}

/// A connection that runs by itself.
struct Held {
    leaving: oneshot::Receiver<()>,
    stop: oneshot::Sender<()>,
    task: JoinHandle<StreamEnd>,
    since: Instant,
}

impl Held {
    /// Closes it, when what it handed over is answered.
    async fn close(self) {
        let _ = self.stop.send(());
        let _ = self.task.await;
    }
}

/// What became of a connection.
enum StreamOutcome {
    Leaving,
    Ended(StreamEnd),
    Stopped,
}

impl Stream {
    /// Holds it until it is to stop.
    pub(super) async fn run(context: EventContext, source: EventSource, stop: watch::Receiver<bool>) {
        let (arrivals, waiting) = mpsc::channel(QUEUE);
        let (note, stored) = watch::channel(None);
        let storing = tokio::spawn(store_arrivals(context.inbox.clone(), source.id, waiting, note));
        let status = match StreamStatus::read(&context.store, source.id).await {
            Ok(status) => status,
            Err(error) => {
                warn!(
                    "how long the stream of {} was away is not known: {}",
                    source.name,
                    with_causes(&error)
                );
                context.comparison_wanted.notify_one();
                StreamStatus::default()
            }
        };
        let stream = Self {
            context,
            source,
            status,
            arrivals,
            stored,
            stop,
        };
        stream.hold().await;
        let _ = storing.await;
    }

    async fn hold(mut self) {
        let mut failures = 0;
        let mut former: Option<Held> = None;
        while !*self.stop.borrow() {
            if former.is_none() {
                self.write(StreamState::Connecting).await;
            }
            let mut stop = self.stop.clone();
            let opened = tokio::select! {
                opened = self.open() => opened,
                () = stopped(&mut stop) => break,
            };
            let mut held = match opened {
                Ok(held) => held,
                Err(error) => {
                    former = former.filter(|held| !held.task.is_finished());
                    let pause = self.failed(&error, failures).await;
                    failures += 1;
                    self.wait(pause).await;
                    continue;
                }
            };
            self.connected().await;
            if let Some(former) = former.take() {
                // Not waited for: it may have something to acknowledge yet.
                tokio::spawn(former.close());
            }
            match self.watch(&mut held).await {
                StreamOutcome::Leaving => {
                    failures = 0;
                    former = Some(held);
                }
                StreamOutcome::Stopped => {
                    former = Some(held);
                    break;
                }
                StreamOutcome::Ended(ended) => {
                    if held.since.elapsed() >= self.context.pace.lasted {
                        failures = 0;
                    }
                    info!(
                        "the stream of {} was interrupted: {}",
                        self.source.name,
                        ended.label()
                    );
                    self.context.inbox.observe(Channel::Stream, "interrupted");
                    self.status.code = Some(Code::StreamUnreachable.name().to_owned());
                    self.write(StreamState::Waiting).await;
                    let pause = self.pause(failures);
                    failures += 1;
                    self.wait(pause).await;
                }
            }
        }
        if let Some(held) = former {
            held.close().await;
        }
        self.write(StreamState::Stopped).await;
    }

    async fn open(&self) -> Result<Held, OpenError> {
        let ticket = self
            .context
            .dingtalk
            .open_stream(&self.source.credentials)
            .await?;
        let patience = self.context.pace.patience;
        let socket = connect(&ticket, &patience).await?;
        let (left, leaving) = oneshot::channel();
        let (stop, stopped) = oneshot::channel();
        let connection = StreamConnection::new(
            socket,
            patience,
            self.context.inbox.clone(),
            self.arrivals.clone(),
            left,
        );
        Ok(Held {
            leaving,
            stop,
            task: tokio::spawn(connection.run(stopped)),
            since: Instant::now(),
        })
    }

    /// Until the connection is over, is to be replaced, or is not wanted any more.
    async fn watch(&mut self, held: &mut Held) -> StreamOutcome {
        let mut stop = self.stop.clone();
        let mut writing = interval(WRITE_EVERY);
        writing.reset();
        let mut is_leaving_possible = true;
        loop {
            tokio::select! {
                ended = &mut held.task => return StreamOutcome::Ended(ended.unwrap_or(StreamEnd::Cut)),
                left = &mut held.leaving, if is_leaving_possible => {
                    if left.is_ok() {
                        return StreamOutcome::Leaving;
                    }
                    is_leaving_possible = false;
                }
                () = stopped(&mut stop) => return StreamOutcome::Stopped,
                _ = writing.tick() => self.write(StreamState::Connected).await,
            }
        }
    }

    async fn connected(&mut self) {
        let now = self.context.clock.now();
        let last = self
            .status
            .last_alive
            .and_then(chrono::DateTime::from_timestamp_millis);
        if last.is_some_and(|last| now - last >= self.context.pace.outage) {
            info!(
                "the stream of {} was away for long: what happened meanwhile is compared",
                self.source.name
            );
            self.context.comparison_wanted.notify_one();
        }
        self.status.code = None;
        self.status.connected_since = Some(now.timestamp_millis());
        self.context.inbox.observe(Channel::Stream, "connected");
        self.write(StreamState::Connected).await;
    }

    /// Takes note of a failure, and says how long to wait.
    async fn failed(&mut self, error: &OpenError, failures: u32) -> Duration {
        let code = error.code().name();
        if self.status.code.as_deref() != Some(code) {
            warn!(
                "the stream of {} cannot be opened: {}",
                self.source.name,
                with_causes(error)
            );
        }
        self.context.inbox.observe(Channel::Stream, "not_opened");
        self.status.code = Some(code.to_owned());
        self.write(StreamState::Waiting).await;
        let asked_for = match error {
            OpenError::DingTalk(error) if matches!(error.kind, ErrorKind::CredentialsRejected) => {
                Some(self.context.pace.refused_pause)
            }
            OpenError::DingTalk(error) => error.retry_after(),
            OpenError::Connect(_) => None,
        };
        let pause = self.pause(failures);
        asked_for.map_or(pause, |asked_for| asked_for.max(pause))
    }

    fn pause(&self, failures: u32) -> Duration {
        let pace = &self.context.pace;
        back_off(
            pace.first_pause,
            pace.longest_pause,
            failures,
            &self.context.entropy,
        )
    }

    async fn wait(&mut self, pause: Duration) {
        tokio::select! {
            () = sleep(pause) => {}
            () = stopped(&mut self.stop) => {}
        }
    }

    async fn write(&mut self, state: StreamState) {
        let now = self.context.clock.now();
        self.status.state = state;
        match state {
            StreamState::Connected => self.status.last_alive = Some(now.timestamp_millis()),
            StreamState::Connecting | StreamState::Waiting | StreamState::Stopped => {
                self.status.connected_since = None;
            }
        }
        if let Some(stored) = *self.stored.borrow() {
            self.status.last_event = Some(stored);
        }
        self.status.write(&self.context.store, self.source.id, now).await;
    }
}

/// Doubled with each failure up to the longest, of which between a half and all is waited.
pub(super) fn back_off(first: Duration, longest: Duration, failures: u32, entropy: &Entropy) -> Duration {
    let whole = first.saturating_mul(2_u32.saturating_pow(failures)).min(longest);
    let [part] = entropy.bytes::<1>();
    whole / 2 + whole / 2 * u32::from(part) / 255
}

/// Stores what arrives, and has it acknowledged when it is there.
async fn store_arrivals(
    inbox: Inbox,
    source: i64,
    mut waiting: mpsc::Receiver<Arrival>,
    note: watch::Sender<Option<i64>>,
) {
    let mut arrivals = Vec::new();
    while waiting.recv_many(&mut arrivals, AT_ONCE).await > 0 {
        let events = arrivals
            .iter()
            .flat_map(|arrival| arrival.events.clone())
            .collect();
        let how = match timeout(STORED_WITHIN, inbox.add(source, Channel::Stream, events)).await {
            Ok(Ok(at)) => {
                note.send_replace(Some(at));
                Acknowledgement::Success
            }
            Ok(Err(error)) => {
                warn!(
                    "events of source {source} could not be stored: {}",
                    with_causes(&error)
                );
                Acknowledgement::Later
            }
            Err(_) => {
                warn!("events of source {source} could not be stored in time");
                Acknowledgement::Later
            }
        };
        for arrival in arrivals.drain(..) {
            arrival.acknowledge(how);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_double_up_to_the_longest_and_never_fall_below_their_half() {
        let entropy = Entropy::seeded(7);
        let (first, longest) = (Duration::from_secs(1), Duration::from_mins(1));
        for (failures, whole) in [(0, 1), (1, 2), (5, 32), (6, 60), (200, 60)] {
            let pause = back_off(first, longest, failures, &entropy);
            let whole = Duration::from_secs(whole);
            assert!((whole / 2..=whole).contains(&pause), "{failures}: {pause:?}");
        }
    }
}
