//! The pauses before a call is repeated, and which calls are.

use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use super::error::{DingTalkError, ErrorKind};

/// In seconds of DingTalk's.
const STEPS: [Duration; 2] = [Duration::from_secs(1), Duration::from_secs(2)];
/// A longer wait is for the person to decide.
const LONGEST: Duration = Duration::from_secs(2);
const JITTER: Duration = Duration::from_millis(300);

/// How long to wait before each repeat.
pub(super) struct RetryPauses {
    /// Of one second of DingTalk's.
    window: Duration,
    drawn: AtomicU32,
}

impl RetryPauses {
    /// DingTalk counts by the second, which lasts this long.
    pub(super) const fn new(window: Duration) -> Self {
        Self {
            window,
            drawn: AtomicU32::new(0),
        }
    }

    /// `None` when the error ends the call.
    pub(super) fn before(&self, repeat: usize, error: &DingTalkError) -> Option<Duration> {
        let step = *STEPS.get(repeat)?;
        let asked = if let ErrorKind::Throttled { retry_after } = error.kind {
            retry_after
        } else if matches!(error.kind, ErrorKind::NotConnected(_)) {
            Duration::ZERO
        } else {
            return None;
        };
        let pause = || (step.max(asked) + self.spread()).mul_f64(self.window.as_secs_f64());
        (asked <= LONGEST).then(pause)
    }

    /// Multiples of the golden ratio fall evenly into the unit interval, so callers refused together come back
    /// apart, without randomness.
    fn spread(&self) -> Duration {
        const GOLDEN: u32 = 0x9E37_79B9;
        let point = self.drawn.fetch_add(1, Ordering::Relaxed).wrapping_mul(GOLDEN);
        JITTER.mul_f64(f64::from(point) / f64::from(u32::MAX))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dingtalk::call::Call;

    const SECOND: Duration = Duration::from_secs(1);

    fn throttled(seconds: u64) -> DingTalkError {
        let retry_after = Duration::from_secs(seconds);
        ErrorKind::Throttled { retry_after }.at(Call::Profile, None)
    }

    #[test]
    fn a_refused_call_is_repeated_after_one_second_and_after_two() {
        let pauses = RetryPauses::new(SECOND);

        let first = pauses.before(0, &throttled(1)).unwrap();
        let second = pauses.before(1, &throttled(1)).unwrap();

        assert!((1000..=1300).contains(&first.as_millis()), "{first:?}");
        assert!((2000..=2300).contains(&second.as_millis()), "{second:?}");
        assert!(pauses.before(2, &throttled(1)).is_none());
    }

    #[test]
    fn what_dingtalk_asks_for_is_waited_for_when_it_is_short() {
        let pauses = RetryPauses::new(SECOND);

        assert!(pauses.before(0, &throttled(2)).unwrap() >= Duration::from_secs(2));
        assert!(pauses.before(0, &throttled(60)).is_none());
    }

    #[test]
    fn the_pauses_of_a_faster_double_are_shorter_and_as_many() {
        let pauses = RetryPauses::new(Duration::from_millis(1));

        assert!(pauses.before(1, &throttled(2)).unwrap() < Duration::from_millis(3));
        assert!(pauses.before(0, &throttled(60)).is_none());
        assert!(pauses.before(2, &throttled(1)).is_none());
    }

    #[test]
    fn callers_refused_together_come_back_apart() {
        let pauses = RetryPauses::new(SECOND);
        let mut waits: Vec<_> = (0..20)
            .map(|_| pauses.before(0, &throttled(1)).unwrap())
            .collect();
        waits.sort_unstable();

        let closest = waits
            .windows(2)
            .map(|pair| pair[1].saturating_sub(pair[0]))
            .min()
            .unwrap();

        assert!(closest >= Duration::from_millis(5), "{closest:?}");
    }

    #[test]
    fn what_may_have_reached_dingtalk_is_not_repeated() {
        let pauses = RetryPauses::new(SECOND);
        let call = Call::UserAccessToken;
        let busy = ErrorKind::Busy {
            retry_after: Duration::ZERO,
        };

        for kind in [ErrorKind::TimedOut, busy] {
            assert!(pauses.before(0, &kind.at(call, None)).is_none());
        }
    }
}
