//! What time it is, as a value that is handed in.
//!
//! Nothing else in the crate reads the wall clock, so a test can hold it still or move it.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use chrono::{DateTime, TimeDelta, Utc};

/// The source of the current time; clones tell the same time.
#[derive(Clone, Debug)]
pub struct Clock(TimeSource);

#[derive(Clone, Debug)]
enum TimeSource {
    System,
    Manual(Arc<AtomicI64>),
}

/// Whether `at` was less than `span` before `now`. A clock that was set back makes it long ago: nothing is to last for as
/// long as that.
pub fn is_recent(at: DateTime<Utc>, now: DateTime<Utc>, span: TimeDelta) -> bool {
    (TimeDelta::zero()..span).contains(&(now - at))
}

impl Clock {
    /// The machine's clock.
    pub const fn system() -> Self {
        Self(TimeSource::System)
    }

    /// A clock that stands at `start` until it is moved with [`Clock::advance`].
    pub fn manual(start: DateTime<Utc>) -> Self {
        Self(TimeSource::Manual(Arc::new(AtomicI64::new(
            start.timestamp_millis(),
        ))))
    }

    /// Moves a manual clock forward; the system clock is not ours to move and stays.
    pub fn advance(&self, by: TimeDelta) {
        if let TimeSource::Manual(millis) = &self.0 {
            millis.fetch_add(by.num_milliseconds(), Ordering::SeqCst);
        }
    }

    /// The current time.
    #[expect(
        clippy::disallowed_methods,
        reason = "the one place that reads the wall clock"
    )]
    pub fn now(&self) -> DateTime<Utc> {
        match &self.0 {
            TimeSource::System => Utc::now(),
            TimeSource::Manual(millis) => {
                DateTime::from_timestamp_millis(millis.load(Ordering::SeqCst)).unwrap_or_default()
            }
        }
    }
}
