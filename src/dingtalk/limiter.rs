//! The call limiter: a queue in front of each kind of call of each app, which lets one call out at a time.
//!
//! A caller whose turn would come too late is told so at once and takes no slot; one that goes away gives its place
//! up. What lets a caller out is a fair lock, so a place needs no timer until it is the first.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use moka::sync::Cache;
use tokio::time::{Instant, sleep_until};

use super::call::Call;
use super::pace::{Pace, Schedule};

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
        deadline: Instant,
    ) -> Result<Duration, TooLong> {
        let Some(limit) = self.pace else {
            return Ok(Duration::ZERO);
        };
        let arrived = Instant::now();
        let lane = self.lanes.get_with((client_id.to_owned(), call), || {
            Arc::new(Lane::new(limit, arrived))
        });
        let place = Place::take(&lane, &self.waiting, arrived, deadline).map_err(|late| TooLong {
            retry_after: late + self.bound / RETREAT_DIVISOR,
        })?;
        let first = lane.line.lock().await;
        let slot = lane.state().schedule.next();
        sleep_until(slot).await;
        let sent = Instant::now();
        lane.state().schedule.send(sent);
        drop(first);
        drop(place);
        Ok(sent - arrived)
    }

    /// Callers that wait now, over all queues.
    pub(super) fn waiting(&self) -> usize {
        self.waiting.load(Ordering::Relaxed)
    }
}

/// One queue.
struct Lane {
    /// Held by the first in the queue while it waits for its slot; tokio's lock is fair, so the rest wait in order.
    line: tokio::sync::Mutex<()>,
    state: Mutex<State>,
}

struct State {
    schedule: Schedule,
    waiting: u32,
}

impl Lane {
    fn new(pace: Pace, now: Instant) -> Self {
        Self {
            line: tokio::sync::Mutex::new(()),
            state: Mutex::new(State {
                schedule: Schedule::starting(pace, now),
                waiting: 0,
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
    waiting: Arc<AtomicUsize>,
}

impl Place {
    /// `Err` tells by how much the turn would miss the deadline.
    fn take(
        lane: &Arc<Lane>,
        waiting: &Arc<AtomicUsize>,
        now: Instant,
        deadline: Instant,
    ) -> Result<Self, Duration> {
        let mut state = lane.state();
        let turn = state.schedule.turn(now, state.waiting);
        if turn > deadline {
            return Err(turn - deadline);
        }
        state.waiting += 1;
        drop(state);
        waiting.fetch_add(1, Ordering::Relaxed);
        Ok(Self {
            lane: Arc::clone(lane),
            waiting: Arc::clone(waiting),
        })
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.lane.state().waiting -= 1;
        self.waiting.fetch_sub(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: Duration = Duration::from_millis(1);

    #[tokio::test]
    async fn callers_leave_in_the_order_they_came() {
        let limiter = Arc::new(Limiter::new(500, Duration::from_mins(1)));
        let order = Arc::new(Mutex::new(Vec::new()));
        // One thread runs the tasks in the order they were spawned, so they join the queue in this order.
        let callers: Vec<_> = (0..40)
            .map(|n| {
                let (limiter, order) = (Arc::clone(&limiter), Arc::clone(&order));
                tokio::spawn(async move {
                    limiter
                        .turn("app", Call::Profile, limiter.deadline())
                        .await
                        .unwrap();
                    order.lock().unwrap().push(n);
                })
            })
            .collect();

        for caller in callers {
            caller.await.unwrap();
        }

        assert_eq!(*order.lock().unwrap(), (0..40).collect::<Vec<_>>());
        assert_eq!(limiter.waiting(), 0);
    }

    #[tokio::test]
    async fn a_caller_who_would_wait_too_long_is_told_so_at_once_and_takes_no_slot() {
        let limiter = Limiter::new(1, Duration::from_secs(2));
        let deadline = limiter.deadline();
        limiter.turn("app", Call::Profile, deadline).await.unwrap();
        let mut first = Box::pin(limiter.turn("app", Call::Profile, deadline));
        assert!(futures_util::poll!(&mut first).is_pending());

        let refused = limiter.turn("app", Call::Profile, deadline).await;
        let refused_again = limiter.turn("app", Call::Profile, deadline).await;

        let (refused, again) = (refused.unwrap_err(), refused_again.unwrap_err());
        assert!(
            refused.retry_after >= 400 * MS && refused.retry_after < 600 * MS,
            "{refused:?}"
        );
        assert!(again.retry_after < 600 * MS, "{again:?}");
        assert_eq!(limiter.waiting(), 1);
    }

    #[tokio::test]
    async fn a_caller_who_goes_away_gives_its_place_up() {
        let limiter = Limiter::new(1, Duration::from_secs(2));
        let deadline = limiter.deadline();
        limiter.turn("app", Call::Profile, deadline).await.unwrap();
        let mut gone = Box::pin(limiter.turn("app", Call::Profile, deadline));
        assert!(futures_util::poll!(&mut gone).is_pending());

        drop(gone);

        assert_eq!(limiter.waiting(), 0);
        let mut next = Box::pin(limiter.turn("app", Call::Profile, deadline));
        assert!(
            futures_util::poll!(&mut next).is_pending(),
            "there is a place again"
        );
        assert_eq!(limiter.waiting(), 1);
    }

    #[tokio::test]
    async fn a_place_given_up_in_the_middle_lets_the_next_one_through() {
        let limiter = Limiter::new(200, Duration::from_secs(30));
        let deadline = limiter.deadline();
        limiter.turn("app", Call::Profile, deadline).await.unwrap();
        let mut first = Box::pin(limiter.turn("app", Call::Profile, deadline));
        let mut second = Box::pin(limiter.turn("app", Call::Profile, deadline));
        assert!(futures_util::poll!(&mut first).is_pending());
        assert!(futures_util::poll!(&mut second).is_pending());

        drop(first);

        second.await.unwrap();
    }

    #[tokio::test]
    async fn apps_and_kinds_of_call_have_a_queue_each() {
        let limiter = Limiter::new(1, Duration::ZERO);

        for (client_id, call) in [
            ("a", Call::Profile),
            ("b", Call::Profile),
            ("a", Call::UserAccessToken),
        ] {
            limiter.turn(client_id, call, Instant::now() + MS).await.unwrap();
        }

        assert!(
            limiter
                .turn("a", Call::Profile, Instant::now() + MS)
                .await
                .is_err()
        );
    }

    #[tokio::test]
    async fn no_limit_means_no_queue() {
        let limiter = Limiter::new(0, Duration::ZERO);

        for _ in 0..1000 {
            limiter
                .turn("a", Call::Profile, limiter.deadline())
                .await
                .unwrap();
        }
    }
}
