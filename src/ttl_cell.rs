//! One answer of the database, remembered for a moment.
//!
//! At nine in the morning everyone asks the same few things: which authenticators there are, and how long a session
//! lives. What an administrator changes in NocoBase counts within [`REMEMBERED_FOR`]; what they change here counts at
//! once.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use tokio::time::timeout;

use crate::clock::{Clock, is_recent};

/// How old a remembered answer may be.
pub const REMEMBERED_FOR: TimeDelta = TimeDelta::seconds(2);
/// Who has waited this long for another one's look looks for themselves.
const PATIENCE: Duration = Duration::from_secs(1);

/// A value and when it was looked up.
pub struct TtlCell<T> {
    known: Mutex<Known<T>>,
    /// Held by who looks: a crowd asks the database once, and not all at the same time.
    looking: tokio::sync::Mutex<()>,
    clock: Clock,
}

struct Known<T> {
    value: Option<(T, DateTime<Utc>)>,
    /// How often it was forgotten: what was looked up before a change is not kept after it.
    forgotten: u64,
}

impl<T: Clone> TtlCell<T> {
    /// Nothing is known yet.
    pub fn new(clock: Clock) -> Self {
        Self {
            known: Mutex::new(Known {
                value: None,
                forgotten: 0,
            }),
            looking: tokio::sync::Mutex::new(()),
            clock,
        }
    }

    /// Forgets the value, because it was changed here.
    pub fn forget(&self) {
        let mut known = self.known();
        known.value = None;
        known.forgotten += 1;
    }

    /// The value; `look_up` is only asked where it is not known. A failure is not remembered.
    pub async fn get<E>(&self, look_up: impl Future<Output = Result<T, E>>) -> Result<T, E> {
        if let Some(value) = self.fresh() {
            return Ok(value);
        }
        // A database that is away must not be waited for one after the other.
        let _looking = timeout(PATIENCE, self.looking.lock()).await;
        if let Some(value) = self.fresh() {
            return Ok(value);
        }
        let (now, forgotten) = (self.clock.now(), self.known().forgotten);
        let value = look_up.await?;
        let mut known = self.known();
        if known.forgotten == forgotten {
            known.value = Some((value.clone(), now));
        }
        Ok(value)
    }

    fn fresh(&self) -> Option<T> {
        let known = self.known();
        let (value, at) = known.value.as_ref()?;
        is_recent(*at, self.clock.now(), REMEMBERED_FOR).then(|| value.clone())
    }

    fn known(&self) -> MutexGuard<'_, Known<T>> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;
    use std::convert::Infallible;

    use super::*;

    #[tokio::test]
    async fn a_crowd_asks_once() {
        let number = TtlCell::new(Clock::system());
        let asked = Cell::new(0);
        let ask = || async {
            asked.set(asked.get() + 1);
            tokio::task::yield_now().await;
            Ok::<_, Infallible>(7)
        };

        let seen = futures_util::future::join_all((0..50).map(|_| number.get(ask()))).await;

        assert_eq!((seen, asked.get()), (vec![Ok(7); 50], 1));
    }

    #[tokio::test]
    async fn a_value_is_looked_up_again_when_it_is_old() {
        let clock = Clock::manual(DateTime::UNIX_EPOCH);
        let number = TtlCell::new(clock.clone());
        let value = async |new: i32| number.get(async { Ok::<_, Infallible>(new) }).await.unwrap();
        assert_eq!(value(1).await, 1);

        clock.advance(REMEMBERED_FOR - TimeDelta::milliseconds(1));
        assert_eq!(value(2).await, 1);
        clock.advance(TimeDelta::milliseconds(1));

        assert_eq!(value(3).await, 3);
    }

    #[tokio::test]
    async fn a_value_is_looked_up_again_when_the_clock_was_set_back() {
        let clock = Clock::manual(DateTime::UNIX_EPOCH);
        let number = TtlCell::new(clock.clone());
        let value = async |new: i32| number.get(async { Ok::<_, Infallible>(new) }).await.unwrap();
        assert_eq!(value(1).await, 1);

        clock.advance(TimeDelta::hours(-1));

        assert_eq!(value(2).await, 2);
    }

    #[tokio::test]
    async fn a_failure_is_not_remembered() {
        let number = TtlCell::new(Clock::system());

        assert_eq!(number.get(async { Err("away") }).await, Err("away"));

        assert_eq!(number.get(async { Ok::<_, &str>(1) }).await, Ok(1));
    }

    #[tokio::test]
    async fn what_was_looked_up_before_a_change_is_not_kept_after_it() {
        let number = TtlCell::new(Clock::system());
        let look = async {
            number.forget();
            Ok::<_, Infallible>(1)
        };

        assert_eq!(number.get(look).await, Ok(1));

        assert_eq!(number.get(async { Ok::<_, Infallible>(2) }).await, Ok(2));
    }
}
