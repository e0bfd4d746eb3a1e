//! The limit of one address: how many sign-ins may fail or be abandoned, and how many codes DingTalk may reject.
//!
//! An office is one address. So a sign-in under way is counted only until it succeeds, and what brings a flow of ours
//! is asked for nothing but rejected codes, which people hardly ever have. Each process counts for itself.

use std::net::IpAddr;
use std::sync::{Mutex, MutexGuard, PoisonError};

use chrono::TimeDelta;

use crate::audit::Event;
use crate::clock::Clock;
use crate::http::request::context::Context;
use crate::http::throttle::leaky_buckets::{LeakyBuckets, network};
use crate::http::{ApiError, RequestError};
use crate::sign_in::SignInError;

/// As long as a flow lives.
const REMEMBERED_FOR: TimeDelta = TimeDelta::minutes(10);
/// How often the audit notes that an address is over its limit.
const NOTED_EACH: TimeDelta = TimeDelta::minutes(1);
/// Starts for each code that DingTalk may reject: such a code costs DingTalk a call, and is not had by giving up.
const STARTS_FOR_A_REJECTED_CODE: u32 = 20;
/// A code that was waited with too long is no attack.
const LEAST_REJECTED_CODES: u32 = 10;
/// Refusals of all addresses that the audit takes at once, and how fast it takes more: 11 MB a day for ever.
const REFUSALS_OF_ALL: u32 = 5000;
const REFUSAL_OF_ALL_FORGOTTEN: TimeDelta = TimeDelta::seconds(2);

/// Keeps addresses from trying without end.
pub struct SignInThrottle {
    clock: Clock,
    most: u32,
    attempts: Mutex<LeakyBuckets<IpAddr>>,
    most_rejected: u32,
    /// The codes that DingTalk rejected.
    rejected: Mutex<LeakyBuckets<IpAddr>>,
    /// What the audit was told of; apart from the attempts, because a flow of ours may be posted again and again.
    refusals: Mutex<LeakyBuckets<IpAddr>>,
    notes: Mutex<LeakyBuckets<IpAddr>>,
    refusals_of_all: Mutex<LeakyBuckets<()>>,
}

impl SignInThrottle {
    /// At most `most` failed or abandoned sign-ins of one address in ten minutes; 0 does not limit them.
    pub fn new(most: u32, clock: Clock) -> Self {
        let each = |most: u32| {
            let each = REMEMBERED_FOR / i32::try_from(most.max(1)).unwrap_or(i32::MAX);
            each.max(TimeDelta::milliseconds(1))
        };
        let most_rejected = (most / STARTS_FOR_A_REJECTED_CODE).max(LEAST_REJECTED_CODES);
        Self {
            clock,
            most,
            attempts: Mutex::new(LeakyBuckets::new(each(most))),
            most_rejected,
            rejected: Mutex::new(LeakyBuckets::new(each(most_rejected))),
            refusals: Mutex::new(LeakyBuckets::new(each(most))),
            notes: Mutex::new(LeakyBuckets::new(NOTED_EACH)),
            refusals_of_all: Mutex::new(LeakyBuckets::new(REFUSAL_OF_ALL_FORGOTTEN)),
        }
    }

    /// Counts a sign-in that has not succeeded, unless there were too many: then says when to come back.
    ///
    /// An address that nobody knows is not limited: all the world would share it.
    pub fn count(&self, address: Option<IpAddr>) -> Result<(), RequestError> {
        let Some(network) = address.map(network).filter(|_| self.most > 0) else {
            return Ok(());
        };
        let now = self.clock.now();
        let attempts = lock(&self.attempts);
        if attempts.count(&network, now) < self.most {
            attempts.add(network, now);
            return Ok(());
        }
        let wait = attempts.time_until_fewer(&network, self.most, now);
        Err(RequestError::too_many(wait))
    }

    /// DingTalk rejected the code of a flow.
    pub fn code_rejected(&self, address: Option<IpAddr>) {
        if let Some(address) = address.filter(|address| self.may_redeem(Some(*address)).is_ok()) {
            lock(&self.rejected).add(network(address), self.clock.now());
        }
    }

    /// Whether DingTalk may be asked about one more code of an address: not when it rejected too many.
    pub fn may_redeem(&self, address: Option<IpAddr>) -> Result<(), RequestError> {
        let Some(network) = address.map(network).filter(|_| self.most > 0) else {
            return Ok(());
        };
        let now = self.clock.now();
        let rejected = lock(&self.rejected);
        if rejected.count(&network, now) < self.most_rejected {
            return Ok(());
        }
        Err(RequestError::too_many(rejected.time_until_fewer(
            &network,
            self.most_rejected,
            now,
        )))
    }

    /// Takes one more refusal into the audit, whoever it is of; false when it has had its share of all of them.
    pub fn audit_takes_refusal(&self) -> bool {
        let has_room = self.audit_has_room();
        if has_room {
            lock(&self.refusals_of_all).add((), self.clock.now());
        }
        has_room
    }

    /// Whoever commands very many addresses must not fill a disk either.
    fn audit_has_room(&self) -> bool {
        lock(&self.refusals_of_all).count(&(), self.clock.now()) < REFUSALS_OF_ALL
    }

    /// One that was counted has succeeded after all.
    pub fn take_back(&self, address: Option<IpAddr>) {
        if let Some(address) = address {
            lock(&self.attempts).take_back(network(address), 1);
        }
    }

    /// A refusal of this address went to the audit, where it has room for one.
    pub fn refused(&self, address: Option<IpAddr>) {
        // No more than the limit is held against anybody, or it would take hours to be forgotten.
        if !self.records_refusals(address) {
            return;
        }
        let now = self.clock.now();
        lock(&self.refusals_of_all).add((), now);
        if let Some(address) = address {
            lock(&self.refusals).add(network(address), now);
        }
    }

    /// Whether the audit takes one more refusal of an address: at most as many as it may have attempts, and of all
    /// addresses no more than their share.
    pub fn records_refusals(&self, address: Option<IpAddr>) -> bool {
        let count = |address| lock(&self.refusals).count(&network(address), self.clock.now());
        self.audit_has_room() && (self.most == 0 || address.is_none_or(|address| count(address) < self.most))
    }

    /// Whether the audit should note that an address was refused: once a minute, so that nobody fills a disk.
    fn is_noted(&self, address: Option<IpAddr>) -> bool {
        let Some(network) = address.map(network) else {
            return true;
        };
        let now = self.clock.now();
        let notes = lock(&self.notes);
        let is_due = notes.count(&network, now) == 0;
        if is_due {
            notes.add(network, now);
        }
        is_due
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Context {
    /// Refuses a sign-in that brings no flow of ours: these are counted, and when they are too many, refused for that.
    pub async fn refuse_without_flow(&self, attempt: &'static str, error: SignInError) -> ApiError {
        match self.state.throttles.sign_ins.count(self.address) {
            Ok(()) => {
                // Without a flow, the authenticator is anybody's text.
                self.record(Event::SignIn, "", Err(error.code()), None).await;
                error.into()
            }
            Err(limit) => self.refuse_over_limit(Event::SignIn, attempt, "", limit).await,
        }
    }

    /// Refuses an address that has to wait.
    pub async fn refuse_over_limit(
        &self,
        event: Event,
        attempt: &'static str,
        authenticator: &str,
        error: RequestError,
    ) -> ApiError {
        self.state.ops.metrics.limited(attempt);
        let error = ApiError::from(error);
        if self.state.throttles.sign_ins.is_noted(self.address) {
            self.record(event, authenticator, Err(error.code()), None).await;
        }
        error
    }
}

#[cfg(test)]
mod tests {
    use chrono::{DateTime, Utc};

    use super::*;

    const OFFICE: &str = "203.0.113.9";
    const ELSEWHERE: &str = "198.51.100.7";

    fn at(address: &str) -> Option<IpAddr> {
        address.parse().ok()
    }

    fn limits(most: u32) -> (SignInThrottle, Clock) {
        let clock = Clock::manual(DateTime::<Utc>::UNIX_EPOCH);
        (SignInThrottle::new(most, clock.clone()), clock)
    }

    fn seconds_to_wait(result: Result<(), RequestError>) -> u64 {
        match result {
            Ok(()) => 0,
            Err(RequestError::TooManyAttempts { retry_after_seconds }) => retry_after_seconds,
            Err(other) => panic!("{other}"),
        }
    }

    #[test]
    fn an_office_of_2000_people_that_all_sign_in_is_never_limited() {
        let (limits, _) = limits(crate::config::DEFAULT_ATTEMPTS_PER_ADDRESS);
        for _ in 0..5 {
            for _ in 0..2000 {
                limits.count(at(OFFICE)).unwrap();
            }
            for _ in 0..2000 {
                limits.take_back(at(OFFICE));
            }
        }
        // Half of them then give up once each and try again, all within one minute.
        for _ in 0..3000 {
            limits.count(at(OFFICE)).unwrap();
        }
    }

    #[test]
    fn too_many_are_told_when_to_come_back_and_may_then() {
        let (limits, clock) = limits(10);
        for _ in 0..10 {
            limits.count(at(OFFICE)).unwrap();
        }

        assert_eq!(seconds_to_wait(limits.count(at(OFFICE))), 60);
        assert_eq!(seconds_to_wait(limits.count(at(ELSEWHERE))), 0);
        clock.advance(TimeDelta::seconds(59));
        assert_eq!(seconds_to_wait(limits.count(at(OFFICE))), 1);
        clock.advance(TimeDelta::seconds(1));
        assert_eq!(seconds_to_wait(limits.count(at(OFFICE))), 0);
        assert_eq!(seconds_to_wait(limits.count(at(OFFICE))), 60);
    }

    #[test]
    fn neither_zero_nor_an_unknown_address_limits_anybody() {
        let (off, _) = limits(0);
        let (strict, _) = limits(1);
        for _ in 0..50 {
            off.count(at(OFFICE)).unwrap();
            strict.count(None).unwrap();
            off.refused(at(OFFICE));
            strict.refused(None);
            assert!(off.records_refusals(at(OFFICE)) && strict.records_refusals(None));
        }
    }

    #[test]
    fn an_address_has_far_fewer_rejected_codes_than_starts() {
        let (limits, clock) = limits(4000);
        for _ in 0..200 {
            limits.may_redeem(at(OFFICE)).unwrap();
            limits.code_rejected(at(OFFICE));
        }
        // Those that were under way already count no further.
        for _ in 0..1000 {
            limits.code_rejected(at(OFFICE));
        }

        assert_eq!(seconds_to_wait(limits.may_redeem(at(OFFICE))), 3);
        assert_eq!(seconds_to_wait(limits.may_redeem(at(ELSEWHERE))), 0);
        assert_eq!(
            seconds_to_wait(limits.count(at(OFFICE))),
            0,
            "others there may begin"
        );
        clock.advance(TimeDelta::seconds(3));
        assert_eq!(seconds_to_wait(limits.may_redeem(at(OFFICE))), 0);
    }

    #[test]
    fn refusals_of_very_many_addresses_do_not_fill_the_audit() {
        let (limits, clock) = limits(4000);
        let takes = |refusals: u32| (0..refusals).filter(|_| limits.audit_takes_refusal()).count();

        assert_eq!(takes(20_000), 5000);
        assert!(!limits.records_refusals(at(OFFICE)), "with a flow or without one");
        clock.advance(TimeDelta::minutes(1));
        assert_eq!(takes(20_000), 30);
    }

    #[test]
    fn refused_sign_ins_of_very_many_addresses_do_not_fill_the_audit() {
        let (limits, _clock) = limits(4000);
        let recorded = (0..20_000_u32)
            .map(|number| Some(IpAddr::from(number.to_be_bytes())))
            .filter(|address| {
                let is_recorded = limits.records_refusals(*address);
                limits.refused(*address);
                is_recorded
            })
            .count();

        assert_eq!(recorded, 5000);
        assert!(!limits.audit_takes_refusal());
    }

    #[test]
    fn a_refusal_is_noted_once_a_minute_for_each_address() {
        let (limits, clock) = limits(1);
        let notes = |address| (0..1000).filter(|_| limits.is_noted(at(address))).count();

        assert_eq!((notes(OFFICE), notes(ELSEWHERE)), (1, 1));
        clock.advance(TimeDelta::seconds(59));
        assert_eq!(notes(OFFICE), 0);
        clock.advance(TimeDelta::seconds(1));
        assert_eq!(notes(OFFICE), 1);
    }
}
