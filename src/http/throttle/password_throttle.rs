//! Guessing of passwords: who was wrong too often waits, longer each time.
//!
//! An account is counted for each address by itself: who guesses at somebody's password keeps that person from nowhere
//! else. Guesses from very many addresses at one account are counted together, for every address but those from which
//! the account was signed in with before. Each process counts for itself.

use std::hash::Hash;
use std::net::IpAddr;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use moka::sync::Cache;
use sha2::{Digest as _, Sha256};

use crate::clock::Clock;
use crate::http::RequestError;
use crate::http::throttle::leaky_buckets::{LeakyBuckets, network};

/// Wrong passwords for one account from one address before the waiting begins.
const MISTAKES_OF_AN_ACCOUNT: u32 = 10;
/// And for all accounts from one address.
const MISTAKES_OF_AN_ADDRESS: u32 = 100;
/// And for one account from all the addresses that have never had its password right.
const MISTAKES_FROM_ANYWHERE: u32 = 30;
const MISTAKE_OF_AN_ACCOUNT_FORGOTTEN: TimeDelta = TimeDelta::minutes(15);
const MISTAKE_OF_AN_ADDRESS_FORGOTTEN: TimeDelta = TimeDelta::minutes(5);
/// The longest wait between two guesses, in seconds.
const LONGEST_WAIT: i64 = 15 * 60;
/// The owner of an account that all the world guesses at is among those who wait.
const LONGEST_WAIT_OF_ALL: i64 = 30;
/// As long as somebody is on holiday.
const KNOWN_FOR: Duration = Duration::from_hours(30 * 24);
const KNOWN: u64 = 10_000;

/// The wrong passwords of late.
pub struct PasswordThrottle {
    clock: Clock,
    mistakes: Mutex<Mistakes>,
    /// Where accounts were signed in with.
    known: Cache<AccountAt, ()>,
}

struct Mistakes {
    accounts: LeakyBuckets<AccountAt>,
    addresses: LeakyBuckets<Option<IpAddr>>,
    anywhere: LeakyBuckets<Account>,
}

/// An account's digest, because the account itself need not be kept.
type Account = [u8; 32];

/// An account, and the address it was tried from.
type AccountAt = (Account, Option<IpAddr>);

impl PasswordThrottle {
    /// Nobody has been wrong yet.
    pub fn new(clock: Clock) -> Self {
        let mistakes = Mistakes {
            accounts: LeakyBuckets::new(MISTAKE_OF_AN_ACCOUNT_FORGOTTEN),
            addresses: LeakyBuckets::new(MISTAKE_OF_AN_ADDRESS_FORGOTTEN),
            anywhere: LeakyBuckets::new(MISTAKE_OF_AN_ACCOUNT_FORGOTTEN),
        };
        let known = Cache::builder()
            .max_capacity(KNOWN)
            .time_to_idle(KNOWN_FOR)
            .build();
        Self {
            clock,
            mistakes: Mutex::new(mistakes),
            known,
        }
    }

    /// Counts a password as wrong until it is found right, or says when it may be tried. Counted beforehand, guesses
    /// sent side by side gain nothing.
    pub fn count(&self, account: &str, address: Option<IpAddr>) -> Result<(), RequestError> {
        let now = self.clock.now();
        let (account, address) = (account_at(account, address), address.map(network));
        let mistakes = self.lock();
        let is_known = self.known.contains_key(&account);
        wait(
            &mistakes.accounts,
            &account,
            MISTAKES_OF_AN_ACCOUNT,
            LONGEST_WAIT,
            now,
        )?;
        wait(
            &mistakes.addresses,
            &address,
            MISTAKES_OF_AN_ADDRESS,
            LONGEST_WAIT,
            now,
        )?;
        if !is_known {
            wait(
                &mistakes.anywhere,
                &account.0,
                MISTAKES_FROM_ANYWHERE,
                LONGEST_WAIT_OF_ALL,
                now,
            )?;
            mistakes.anywhere.add(account.0, now);
        }
        mistakes.accounts.add(account, now);
        mistakes.addresses.add(address, now);
        Ok(())
    }

    /// The password was right: this account's mistakes are forgotten, and no other's.
    pub fn forget(&self, account: &str, address: Option<IpAddr>) {
        let (account, address) = (account_at(account, address), address.map(network));
        let mistakes = self.lock();
        let count = mistakes.accounts.count(&account, self.clock.now());
        if self.known.contains_key(&account) {
            self.known.insert(account, ());
        } else {
            // Its own, and no other address's.
            mistakes.anywhere.take_back(account.0, count);
            self.known.insert(account, ());
        }
        mistakes.accounts.forget(&account);
        mistakes.addresses.take_back(address, count);
    }

    fn lock(&self) -> MutexGuard<'_, Mistakes> {
        self.mistakes.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn account_at(account: &str, address: Option<IpAddr>) -> AccountAt {
    let digest = Sha256::digest(account.to_lowercase()).into();
    (digest, address.map(network))
}

/// From `free` mistakes on, the wait since the last one doubles with each.
fn wait<K: Hash + Eq + Send + Sync + 'static>(
    tally: &LeakyBuckets<K>,
    key: &K,
    free: u32,
    longest: i64,
    now: DateTime<Utc>,
) -> Result<(), RequestError> {
    let Some(beyond) = tally.count(key, now).checked_sub(free) else {
        return Ok(());
    };
    let doubled = 1_i64.checked_shl(beyond).filter(|seconds| *seconds > 0);
    let pause = doubled.map_or(longest, |seconds| seconds.min(longest));
    let until = tally.last(key).map(|last| last + TimeDelta::seconds(pause));
    match until {
        Some(until) if until > now => Err(RequestError::too_many(until - now)),
        Some(_) | None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const OFFICE: &str = "203.0.113.9";
    const ELSEWHERE: &str = "198.51.100.7";

    fn guesses() -> (PasswordThrottle, Clock) {
        let clock = Clock::manual(DateTime::<Utc>::UNIX_EPOCH);
        (PasswordThrottle::new(clock.clone()), clock)
    }

    /// Counts a guess: the seconds it has to wait.
    fn guess(guesses: &PasswordThrottle, account: &str, address: &str) -> u64 {
        match guesses.count(account, address.parse().ok()) {
            Ok(()) => 0,
            Err(RequestError::TooManyAttempts { retry_after_seconds }) => retry_after_seconds,
            Err(other) => panic!("{other}"),
        }
    }

    #[test]
    fn guesses_at_one_account_wait_twice_as_long_each_time_up_to_minutes() {
        let (guesses, clock) = guesses();
        for _ in 0..MISTAKES_OF_AN_ACCOUNT {
            assert_eq!(guess(&guesses, "a", OFFICE), 0);
        }
        let mut waits = Vec::new();
        for _ in 0..12 {
            let seconds = guess(&guesses, "A", OFFICE);
            waits.push(seconds);
            clock.advance(TimeDelta::seconds(seconds.try_into().unwrap()));
            assert_eq!(guess(&guesses, "a", OFFICE), 0);
        }

        assert_eq!(waits[..10], [1, 2, 4, 8, 16, 32, 64, 128, 256, 512]);
        assert!(waits[10..].iter().all(|wait| *wait > 256), "{waits:?}");
    }

    #[test]
    fn an_account_guessed_at_from_one_address_is_free_at_another() {
        let (guesses, _) = guesses();
        while guess(&guesses, "a", OFFICE) == 0 {}

        assert_eq!(guess(&guesses, "a", ELSEWHERE), 0);
        assert_eq!(guess(&guesses, "b", OFFICE), 0);
    }

    #[test]
    fn guesses_at_one_account_from_hundreds_of_networks_do_not_go_on_without_end() {
        let (guesses, clock) = guesses();
        assert_eq!(guess(&guesses, "a", OFFICE), 0);
        guesses.forget("a", OFFICE.parse().ok());

        let let_through = (0..600)
            .filter(|number| guess(&guesses, "a", &format!("10.{}.{}.1", number / 200, number % 200)) == 0)
            .count();

        assert_eq!(let_through, 30);
        assert_eq!(
            guess(&guesses, "a", OFFICE),
            0,
            "where the owner has signed in before"
        );
        assert_eq!(guess(&guesses, "b", ELSEWHERE), 0, "another account");
        for _ in 0..MISTAKES_OF_AN_ACCOUNT {
            clock.advance(TimeDelta::seconds(LONGEST_WAIT_OF_ALL));
            assert_eq!(
                guess(&guesses, "a", ELSEWHERE),
                0,
                "the owner in a new place waits no longer"
            );
        }
    }

    #[test]
    fn guesses_at_many_accounts_wait_too() {
        let (guesses, _) = guesses();
        for account in 0..MISTAKES_OF_AN_ADDRESS {
            assert_eq!(guess(&guesses, &account.to_string(), OFFICE), 0);
        }

        assert_eq!(guess(&guesses, "one more", OFFICE), 1);
        assert_eq!(guess(&guesses, "one more", ELSEWHERE), 0);
    }

    #[test]
    fn a_right_password_forgets_the_mistakes_of_its_own_account_only() {
        let (guesses, _) = guesses();
        for account in 0..MISTAKES_OF_AN_ADDRESS - 3 {
            assert_eq!(guess(&guesses, &account.to_string(), OFFICE), 0);
        }
        let mine = || [(); 4].map(|()| guess(&guesses, "mine", OFFICE));
        assert_eq!(mine(), [0, 0, 0, 1]);

        guesses.forget("mine", OFFICE.parse().ok());

        assert_eq!(mine(), [0, 0, 0, 1]);
    }
}
