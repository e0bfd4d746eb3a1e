//! Whose ended sessions are due to be deleted.
//!
//! NocoBase deletes a user's ended sessions at each of their sign-ins, and has no index on the user in `issuedTokens`:
//! each deletion reads the table. So the users are gathered, and one statement is run for all of them.

use std::collections::BTreeSet;
use std::mem;
use std::sync::{Mutex, PoisonError};

use chrono::{DateTime, TimeDelta, Utc};

use crate::clock::is_recent;
use crate::nocobase::UserId;

/// How long users are gathered. Those who are gathered when the last sign-in of a rush is over wait for the next one:
/// what stays does no harm.
const GATHERED_FOR: TimeDelta = TimeDelta::seconds(5);
/// A statement for more would be long.
const MOST_AT_ONCE: usize = 1024;

/// The users who signed in since the last deletion.
#[derive(Default)]
pub(super) struct EndedSessions(Mutex<Gathered>);

#[derive(Default)]
struct Gathered {
    users: BTreeSet<UserId>,
    deleted_at: Option<DateTime<Utc>>,
}

impl EndedSessions {
    /// Adds a user, and hands over all of them when it is time.
    pub(super) fn due_with(&self, user: UserId, now: DateTime<Utc>) -> Option<BTreeSet<UserId>> {
        let mut gathered = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        gathered.users.insert(user);
        let is_early = gathered
            .deleted_at
            .is_some_and(|at| is_recent(at, now, GATHERED_FOR));
        if is_early && gathered.users.len() < MOST_AT_ONCE {
            return None;
        }
        gathered.deleted_at = Some(now);
        Some(mem::take(&mut gathered.users))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn after(seconds: i64) -> DateTime<Utc> {
        DateTime::from_timestamp(1_763_600_000 + seconds, 0).unwrap()
    }

    fn due(ended: &EndedSessions, user: i64, seconds: i64) -> Option<Vec<i64>> {
        let users = ended.due_with(UserId(user), after(seconds))?;
        Some(users.into_iter().map(|user| user.0).collect())
    }

    #[test]
    fn users_are_gathered_for_five_seconds() {
        let ended = EndedSessions::default();

        assert_eq!(due(&ended, 1, 0), Some(vec![1]));
        assert_eq!(due(&ended, 3, 1), None);
        assert_eq!(due(&ended, 2, 4), None);
        assert_eq!(due(&ended, 3, 5), Some(vec![2, 3]));
        assert_eq!(due(&ended, 1, 6), None);
    }

    #[test]
    fn a_clock_that_was_set_back_puts_nothing_off() {
        let ended = EndedSessions::default();
        due(&ended, 1, 3600);

        assert_eq!(due(&ended, 2, 0), Some(vec![2]));
    }

    #[test]
    fn a_rush_is_handed_over_before_its_time() {
        let ended = EndedSessions::default();
        due(&ended, 0, 0);
        let most = i64::try_from(MOST_AT_ONCE).unwrap();
        for user in 1..most {
            assert_eq!(due(&ended, user, 1), None);
        }

        assert_eq!(due(&ended, most, 1).map(|users| users.len()), Some(MOST_AT_ONCE));
    }
}
