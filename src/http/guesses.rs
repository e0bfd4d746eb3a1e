//! Guessing of passwords: who was wrong too often waits, longer each time.
//!
//! An account is counted for each address by itself: who guesses at somebody's password keeps that person from nowhere
//! else. Each process counts for itself.

use std::hash::Hash;
use std::net::IpAddr;
use std::sync::{Mutex, MutexGuard, PoisonError};

use chrono::{DateTime, TimeDelta, Utc};
use sha2::{Digest as _, Sha256};

use super::RequestError;
use super::tally::{Tally, network};
use crate::clock::Clock;

/// Wrong passwords for one account from one address before the waiting begins.
const MISTAKES_OF_AN_ACCOUNT: u32 = 10;
/// And for all accounts from one address.
const MISTAKES_OF_AN_ADDRESS: u32 = 100;
const MISTAKE_OF_AN_ACCOUNT_FORGOTTEN: TimeDelta = TimeDelta::minutes(15);
const MISTAKE_OF_AN_ADDRESS_FORGOTTEN: TimeDelta = TimeDelta::minutes(5);
/// The longest wait between two guesses, in seconds.
const LONGEST_WAIT: i64 = 15 * 60;

/// The wrong passwords of late.
pub struct Guesses {
    clock: Clock,
    mistakes: Mutex<Mistakes>,
}

struct Mistakes {
    accounts: Tally<AccountAt>,
    addresses: Tally<Option<IpAddr>>,
}

/// An account's digest, because the account itself need not be kept, and the address it was tried from.
type AccountAt = ([u8; 32], Option<IpAddr>);

impl Guesses {
    /// Nobody has been wrong yet.
    pub fn new(clock: Clock) -> Self {
        let mistakes = Mistakes {
            accounts: Tally::new(MISTAKE_OF_AN_ACCOUNT_FORGOTTEN),
            addresses: Tally::new(MISTAKE_OF_AN_ADDRESS_FORGOTTEN),
        };
        Self {
            clock,
            mistakes: Mutex::new(mistakes),
        }
    }

    /// Counts a password as wrong until it is found right, or says when it may be tried. Counted beforehand, guesses
    /// sent side by side gain nothing.
    pub fn count(&self, account: &str, address: Option<IpAddr>) -> Result<(), RequestError> {
        let now = self.clock.now();
        let (account, address) = (account_at(account, address), address.map(network));
        let mistakes = self.lock();
        wait(&mistakes.accounts, &account, MISTAKES_OF_AN_ACCOUNT, now)?;
        wait(&mistakes.addresses, &address, MISTAKES_OF_AN_ADDRESS, now)?;
        mistakes.accounts.add(account, now);
        mistakes.addresses.add(address, now);
        Ok(())
    }

    /// The password was right: this account's mistakes are forgotten, and no other's.
    pub fn forget(&self, account: &str, address: Option<IpAddr>) {
        let (account, address) = (account_at(account, address), address.map(network));
        let mistakes = self.lock();
        let count = mistakes.accounts.count(&account, self.clock.now());
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
    tally: &Tally<K>,
    key: &K,
    free: u32,
    now: DateTime<Utc>,
) -> Result<(), RequestError> {
    let Some(beyond) = tally.count(key, now).checked_sub(free) else {
        return Ok(());
    };
    let doubled = 1_i64.checked_shl(beyond).filter(|seconds| *seconds > 0);
    let pause = doubled.map_or(LONGEST_WAIT, |seconds| seconds.min(LONGEST_WAIT));
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

    fn guesses() -> (Guesses, Clock) {
        let clock = Clock::manual(DateTime::<Utc>::UNIX_EPOCH);
        (Guesses::new(clock.clone()), clock)
    }

    /// Counts a guess: the seconds it has to wait.
    fn guess(guesses: &Guesses, account: &str, address: &str) -> u64 {
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
