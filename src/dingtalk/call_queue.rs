//! The call call_queue: a queue in front of each kind of call of each app, which lets one call out at a time.
//!
//! Callers stand in fair_turns, one for each address they come from, and the fair_turns take turns: nobody waits behind a crowd of
//! one address longer than his share. A caller whose turn would come too late is told so at once and takes no slot; one
//! that goes away gives its place up; one whose call DingTalk turned away stands in front again, not behind those who
//! came after it.

use std::net::IpAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use moka::sync::Cache;
use tokio::time::{Instant, sleep_until, timeout_at};

use super::call::Call;
use super::pace::{Pace, Schedule};
use fair_turns::FairTurns;

mod fair_turns;

/// Whose line a caller stands in; everybody without an address stands in one.
pub(super) type QueueKey = Option<IpAddr>;

/// A refused caller is asked to wait until this part of the queue has gone, so that it does not find it full again.
const RETREAT_DIVISOR: u32 = 5;
/// More apps than this at a time is no company.
const QUEUES: u64 = 1024;
/// Far longer than any place in a queue is waited for.
const QUEUE_IDLE: Duration = Duration::from_mins(10);

/// All queues of one process.
pub(super) struct CallQueue {
    /// `None` when there is no limit.
    pace: Option<Pace>,
    bound: Duration,
    queues: Cache<(String, Call), Arc<Queue>>,
    waiting: Arc<AtomicUsize>,
}

/// The caller's turn would come too late.
#[derive(Debug)]
pub(super) struct TooLong {
    pub(super) retry_after: Duration,
}

impl CallQueue {
    /// `per_second` calls of one kind for one app; 0 is no limit.
    pub(super) fn new(per_second: u32, bound: Duration) -> Self {
        Self {
            pace: Pace::of(per_second),
            bound,
            queues: Cache::builder()
                .max_capacity(QUEUES)
                .time_to_idle(QUEUE_IDLE)
                .build(),
            waiting: Arc::default(),
        }
    }

    /// How long a caller stands in the queue at most, counted from now.
    pub(super) fn deadline(&self) -> Instant {
        Instant::now() + self.bound
    }

    /// Returns when the caller may send, with the time it stood in the queue; at once when that would be after
    /// `deadline`.
    pub(super) async fn turn(
        &self,
        client_id: &str,
        call: Call,
        whose: QueueKey,
        attempt: Attempt,
        deadline: Instant,
    ) -> Result<Duration, TooLong> {
        let Some(limit) = self.pace else {
            return Ok(Duration::ZERO);
        };
        let arrived = Instant::now();
        let queue = self.queues.get_with((client_id.to_owned(), call), || {
            Arc::new(Queue::new(limit, arrived))
        });
        let retreat = self.bound / RETREAT_DIVISOR;
        let place =
            Ticket::take(&queue, &self.waiting, whose, attempt, arrived, deadline).map_err(|late| {
                TooLong {
                    retry_after: late + retreat,
                }
            })?;
        let turn = match attempt {
            // FairTurns that came later may have put it off; a little of that is no reason to come again.
            Attempt::First => {
                let turn = timeout_at(deadline + retreat, FairTurns::turn(&queue.fair_turns, whose)).await;
                Some(turn.map_err(|_| TooLong { retry_after: retreat })?)
            }
            Attempt::Repeated => None,
        };
        let first = queue.slot.lock().await;
        let slot = queue.state().schedule.next();
        sleep_until(slot).await;
        let sent = Instant::now();
        queue.state().schedule.send(sent);
        drop(first);
        drop(turn);
        drop(place);
        Ok(sent - arrived)
    }

    /// Callers that wait now, over all queues.
    pub(super) fn waiting(&self) -> usize {
        self.waiting.load(Ordering::Relaxed)
    }
}

/// Whether a caller has stood in this queue before with the same call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Attempt {
    First,
    Repeated,
}

/// One queue.
struct Queue {
    /// Those who are here for the first time.
    fair_turns: Arc<FairTurns>,
    /// Held by the caller that waits for its slot; only the one whose turn it is and those who are back compete for it.
    slot: tokio::sync::Mutex<()>,
    state: Mutex<State>,
}

struct State {
    schedule: Schedule,
    back: u32,
}

impl Queue {
    fn new(pace: Pace, now: Instant) -> Self {
        Self {
            fair_turns: Arc::default(),
            slot: tokio::sync::Mutex::new(()),
            state: Mutex::new(State {
                schedule: Schedule::starting(pace, now),
                back: 0,
            }),
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A place in the queue, given up when dropped: after the turn, or when the caller goes away.
struct Ticket {
    queue: Arc<Queue>,
    key: QueueKey,
    attempt: Attempt,
    waiting: Arc<AtomicUsize>,
}

impl Ticket {
    /// `Err` tells by how much the turn would miss the deadline.
    fn take(
        queue: &Arc<Queue>,
        waiting: &Arc<AtomicUsize>,
        whose: QueueKey,
        attempt: Attempt,
        now: Instant,
        deadline: Instant,
    ) -> Result<Self, Duration> {
        let mut state = queue.state();
        let ahead = match attempt {
            Attempt::First => queue.fair_turns.ahead_of_next(whose) + state.back,
            // The first of the fair_turns may hold the slot already.
            Attempt::Repeated => u32::from(!queue.fair_turns.are_empty()) + state.back,
        };
        let turn = state.schedule.turn(now, ahead);
        if turn > deadline {
            return Err(turn - deadline);
        }
        match attempt {
            Attempt::First => queue.fair_turns.enter(whose),
            Attempt::Repeated => state.back += 1,
        }
        drop(state);
        waiting.fetch_add(1, Ordering::Relaxed);
        Ok(Self {
            queue: Arc::clone(queue),
            key: whose,
            attempt,
            waiting: Arc::clone(waiting),
        })
    }
}

impl Drop for Ticket {
    fn drop(&mut self) {
        match self.attempt {
            Attempt::First => self.queue.fair_turns.leave(self.key),
            Attempt::Repeated => self.queue.state().back -= 1,
        }
        self.waiting.fetch_sub(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests;
