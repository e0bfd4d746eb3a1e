//! The limit of sign-ins inside DingTalk: a page that asks for one code after the other would use up the organization's
//! calls of the month.
//!
//! Nothing is counted but what was refused for good. A program that runs wild is held by its own user agent long before
//! its office is, and an office that is held can still sign in through the button: that has a limit of its own.

use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::net::IpAddr;
use std::sync::{Mutex, MutexGuard, PoisonError};

use chrono::TimeDelta;

use crate::clock::Clock;
use crate::http::RequestError;
use crate::http::throttle::leaky_buckets::{LeakyBuckets, network};

const REMEMBERED_FOR: TimeDelta = TimeDelta::minutes(10);
/// Of the attempts that an address may have, so many stand against one refused code of it.
const ATTEMPTS_FOR_A_REFUSAL: u32 = 20;
/// And so many against one of a single user agent there.
const ATTEMPTS_FOR_A_REFUSAL_OF_AN_AGENT: u32 = 100;
/// A few refusals are no attack.
const LEAST: u32 = 10;

/// Keeps pages inside DingTalk from trying without end.
pub struct InClientThrottle {
    clock: Clock,
    is_unlimited: bool,
    of_address: Refusals<IpAddr>,
    of_agent: Refusals<(IpAddr, u64)>,
}

struct Refusals<K> {
    most: u32,
    held: Mutex<LeakyBuckets<K>>,
}

impl<K: std::hash::Hash + Eq + Send + Sync + 'static> Refusals<K> {
    fn new(most: u32) -> Self {
        let each = REMEMBERED_FOR / i32::try_from(most).unwrap_or(i32::MAX);
        Self {
            most,
            held: Mutex::new(LeakyBuckets::new(each.max(TimeDelta::milliseconds(1)))),
        }
    }

    fn has_room(&self, key: &K, clock: &Clock) -> Result<(), RequestError> {
        let (held, now) = (self.lock(), clock.now());
        if held.count(key, now) < self.most {
            return Ok(());
        }
        Err(RequestError::too_many(held.time_until_fewer(key, self.most, now)))
    }

    fn lock(&self) -> MutexGuard<'_, LeakyBuckets<K>> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl InClientThrottle {
    /// In proportion to how many sign-ins of one address may fail in ten minutes; 0 does not limit them.
    pub fn new(attempts: u32, clock: Clock) -> Self {
        Self {
            clock,
            is_unlimited: attempts == 0,
            of_address: Refusals::new((attempts / ATTEMPTS_FOR_A_REFUSAL).max(LEAST)),
            of_agent: Refusals::new((attempts / ATTEMPTS_FOR_A_REFUSAL_OF_AN_AGENT).max(LEAST)),
        }
    }

    /// Whether DingTalk may be asked about one more code, or else when.
    pub fn may_redeem(&self, address: Option<IpAddr>, agent: &str) -> Result<(), RequestError> {
        let Some(network) = address.map(network).filter(|_| !self.is_unlimited) else {
            return Ok(());
        };
        self.of_agent.has_room(&(network, hash(agent)), &self.clock)?;
        self.of_address.has_room(&network, &self.clock)
    }

    /// A code was refused, and the next one will be.
    pub fn refused(&self, address: Option<IpAddr>, agent: &str) {
        // No more than the limit is held against anybody, or it would take hours to be forgotten.
        let Some(network) = address
            .filter(|address| self.may_redeem(Some(*address), agent).is_ok())
            .map(network)
        else {
            return;
        };
        let now = self.clock.now();
        self.of_agent.lock().add((network, hash(agent)), now);
        self.of_address.lock().add(network, now);
    }
}

fn hash(agent: &str) -> u64 {
    let mut hasher = DefaultHasher::new();
    agent.hash(&mut hasher);
    hasher.finish()
}

#[cfg(test)]
mod tests {
    use chrono::{DateTime, Utc};

    use super::*;

    const ADDRESS: Option<IpAddr> = Some(IpAddr::V4(std::net::Ipv4Addr::new(203, 0, 113, 9)));

    fn throttle(attempts: u32) -> (InClientThrottle, Clock) {
        let clock = Clock::manual(DateTime::<Utc>::UNIX_EPOCH);
        (InClientThrottle::new(attempts, clock.clone()), clock)
    }

    #[test]
    fn a_page_that_runs_wild_holds_up_itself_and_not_its_office() {
        let (throttle, clock) = throttle(4000);
        for _ in 0..1000 {
            throttle.refused(ADDRESS, "wild");
        }

        let refused = throttle.may_redeem(ADDRESS, "wild").unwrap_err();

        assert!(
            matches!(
                refused,
                RequestError::TooManyAttempts {
                    retry_after_seconds: 15
                }
            ),
            "{refused:?}"
        );
        throttle.may_redeem(ADDRESS, "honest").unwrap();
        clock.advance(TimeDelta::seconds(15));
        throttle.may_redeem(ADDRESS, "wild").unwrap();
    }

    #[test]
    fn whoever_changes_the_user_agent_is_held_by_the_address() {
        let (throttle, _) = throttle(4000);
        for agent in 0..200 {
            throttle.may_redeem(ADDRESS, &agent.to_string()).unwrap();
            throttle.refused(ADDRESS, &agent.to_string());
        }

        assert!(throttle.may_redeem(ADDRESS, "another").is_err());
        let elsewhere = Some("198.51.100.7".parse().unwrap());
        throttle.may_redeem(elsewhere, "another").unwrap();
    }

    #[test]
    fn without_a_limit_nobody_is_held() {
        let (throttle, _) = throttle(0);
        for _ in 0..1000 {
            throttle.refused(ADDRESS, "wild");
        }

        throttle.may_redeem(ADDRESS, "wild").unwrap();
        throttle.may_redeem(None, "wild").unwrap();
    }
}
