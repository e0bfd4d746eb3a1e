//! The pace: when the calls of one queue leave.
//!
//! DingTalk refuses the 21st call of one app to one API within a second (on the usual plan), and a refused call costs
//! the person a second or more. So calls leave evenly spaced. A slot is 5 % longer than the limit asks for, which
//! keeps 21 calls 50 ms away from sharing a second on the wire, and still lets 1000 people through in 52.5 s. A timer
//! that fires late is made up for, by a fifth of a slot at most and never closer than the limit itself; otherwise the
//! lateness of every timer would add up to a slower queue.

use std::time::Duration;

use tokio::time::Instant;

/// How much longer than the limit asks a slot is, in percent.
const MARGIN_PERCENT: u32 = 5;
/// The part of a slot that a late timer may take off the next one.
const SLACK_DIVISOR: u32 = 5;

/// How far apart calls are.
#[derive(Clone, Copy, Debug)]
pub(super) struct Pace {
    /// From one slot to the next.
    slot: Duration,
    /// What the limit itself asks; two calls are never closer.
    closest: Duration,
    /// How much of a late timer is made up for.
    slack: Duration,
}

impl Pace {
    /// `None` when there is no limit.
    pub(super) fn of(per_second: u32) -> Option<Self> {
        let closest = Duration::from_secs(1).checked_div(per_second)?;
        let slot = closest * (100 + MARGIN_PERCENT) / 100;
        Some(Self {
            slot,
            closest,
            slack: slot / SLACK_DIVISOR,
        })
    }
}

/// When the next call may leave.
#[derive(Debug)]
pub(super) struct Schedule {
    pace: Pace,
    next: Instant,
}

impl Schedule {
    /// A call may leave at once.
    pub(super) fn starting(pace: Pace, now: Instant) -> Self {
        Self { pace, next: now }
    }

    /// When the next call may leave.
    pub(super) fn next(&self) -> Instant {
        self.next
    }

    /// The turn of a caller with `ahead` others in front of it.
    pub(super) fn turn(&self, now: Instant, ahead: u32) -> Instant {
        self.next.max(now) + self.pace.slot * ahead
    }

    /// A call left at `now`.
    pub(super) fn send(&mut self, now: Instant) {
        let due = now
            .checked_sub(self.pace.slack)
            .map_or(now, |earliest| earliest.max(self.next));
        self.next = (due + self.pace.slot).max(now + self.pace.closest);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: Duration = Duration::from_millis(1);

    /// Sends `count` calls, each `late(n)` after its slot, and tells when they left.
    fn sent(per_second: u32, count: u32, late: impl Fn(u32) -> Duration) -> Vec<Instant> {
        let mut schedule = Schedule {
            pace: Pace::of(per_second).unwrap(),
            next: Instant::now(),
        };
        (0..count)
            .map(|n| {
                let now = schedule.next + late(n);
                schedule.send(now);
                now
            })
            .collect()
    }

    /// The shortest time in which `calls` of them left.
    fn tightest(sent: &[Instant], calls: usize) -> Duration {
        sent.windows(calls)
            .map(|window| window[calls - 1] - window[0])
            .min()
            .unwrap()
    }

    #[test]
    fn a_second_never_holds_more_calls_than_the_limit_with_a_margin_for_the_wire() {
        let on_time = sent(20, 1000, |_| Duration::ZERO);
        assert_eq!(tightest(&on_time, 21), 1050 * MS);

        let one_late = sent(20, 1000, |n| if n == 500 { 30 * MS } else { Duration::ZERO });
        assert!(
            tightest(&one_late, 21) >= 1035 * MS,
            "{:?}",
            tightest(&one_late, 21)
        );

        let all_late = sent(20, 1000, |n| MS * (n % 9));
        assert!(
            tightest(&all_late, 21) >= 1000 * MS,
            "{:?}",
            tightest(&all_late, 21)
        );
    }

    #[test]
    fn a_thousand_callers_pass_within_a_tenth_of_the_limit_also_when_timers_fire_late() {
        for late in [0, 1, 2] {
            let sent = sent(20, 1000, |_| MS * late);
            let last = sent[999] - sent[0];
            assert!(last <= Duration::from_secs(53), "{last:?}");
        }
    }

    #[test]
    fn a_rest_earns_no_burst() {
        let mut schedule = Schedule {
            pace: Pace::of(20).unwrap(),
            next: Instant::now(),
        };
        let late = schedule.next + Duration::from_mins(1);

        schedule.send(late);

        assert!(schedule.next - late >= 50 * MS);
    }
}
