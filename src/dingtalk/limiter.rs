//! The call limiter: a queue in front of each kind of call of each app, which lets one call out at a time.
//!
//! Callers stand in lines, one for each address they come from, and the lines take turns: nobody waits behind a crowd of
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
use lines::Lines;

mod lines;

/// Whose line a caller stands in; everybody without an address stands in one.
pub(super) type Line = Option<IpAddr>;

/// A refused caller is asked to wait until this part of the queue has gone, so that it does not find it full again.
const RETREAT_DIVISOR: u32 = 5;
/// More apps than this at a time is no company.
const LANES: u64 = 1024;
/// Far longer than any place in a queue is waited for.
const LANE_IDLE: Duration = Duration::from_mins(10);

/// All queues of one process.
pub(super) struct Limiter {
    /// `None` when there is no limit.
    pace: Option<Pace>,
    bound: Duration,
    lanes: Cache<(String, Call), Arc<Lane>>,
    waiting: Arc<AtomicUsize>,
}

/// The caller's turn would come too late.
#[derive(Debug)]
pub(super) struct TooLong {
    pub(super) retry_after: Duration,
}

impl Limiter {
    /// `per_second` calls of one kind for one app; 0 is no limit.
    pub(super) fn new(per_second: u32, bound: Duration) -> Self {
        Self {
            pace: Pace::of(per_second),
            bound,
            lanes: Cache::builder()
                .max_capacity(LANES)
                .time_to_idle(LANE_IDLE)
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
        whose: Line,
        visit: Visit,
        deadline: Instant,
    ) -> Result<Duration, TooLong> {
        let Some(limit) = self.pace else {
            return Ok(Duration::ZERO);
        };
        let arrived = Instant::now();
        let lane = self.lanes.get_with((client_id.to_owned(), call), || {
            Arc::new(Lane::new(limit, arrived))
        });
        let retreat = self.bound / RETREAT_DIVISOR;
        let place =
            Place::take(&lane, &self.waiting, whose, visit, arrived, deadline).map_err(|late| TooLong {
                retry_after: late + retreat,
            })?;
        let turn = match visit {
            // Lines that came later may have put it off; a little of that is no reason to come again.
            Visit::First => {
                let turn = timeout_at(deadline + retreat, Lines::turn(&lane.lines, whose)).await;
                Some(turn.map_err(|_| TooLong { retry_after: retreat })?)
            }
            Visit::Repeated => None,
        };
        let first = lane.door.lock().await;
        let slot = lane.state().schedule.next();
        sleep_until(slot).await;
        let sent = Instant::now();
        lane.state().schedule.send(sent);
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
pub(super) enum Visit {
    First,
    Repeated,
}

/// One queue.
struct Lane {
    /// Those who are here for the first time.
    lines: Arc<Lines>,
    /// Held by the caller that waits for its slot; only the one whose turn it is and those who are back compete for it.
    door: tokio::sync::Mutex<()>,
    state: Mutex<State>,
}

struct State {
    schedule: Schedule,
    back: u32,
}

impl Lane {
    fn new(pace: Pace, now: Instant) -> Self {
        Self {
            lines: Arc::default(),
            door: tokio::sync::Mutex::new(()),
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
struct Place {
    lane: Arc<Lane>,
    line: Line,
    visit: Visit,
    waiting: Arc<AtomicUsize>,
}

impl Place {
    /// `Err` tells by how much the turn would miss the deadline.
    fn take(
        lane: &Arc<Lane>,
        waiting: &Arc<AtomicUsize>,
        whose: Line,
        visit: Visit,
        now: Instant,
        deadline: Instant,
    ) -> Result<Self, Duration> {
        let mut state = lane.state();
        let ahead = match visit {
            Visit::First => lane.lines.ahead_of_next(whose) + state.back,
            // The first of the lines may hold the door already.
            Visit::Repeated => u32::from(!lane.lines.are_empty()) + state.back,
        };
        let turn = state.schedule.turn(now, ahead);
        if turn > deadline {
            return Err(turn - deadline);
        }
        match visit {
            Visit::First => lane.lines.enter(whose),
            Visit::Repeated => state.back += 1,
        }
        drop(state);
        waiting.fetch_add(1, Ordering::Relaxed);
        Ok(Self {
            lane: Arc::clone(lane),
            line: whose,
            visit,
            waiting: Arc::clone(waiting),
        })
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        match self.visit {
            Visit::First => self.lane.lines.leave(self.line),
            Visit::Repeated => self.lane.state().back -= 1,
        }
        self.waiting.fetch_sub(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests;
