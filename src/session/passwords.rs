//! Checking passwords: few at once, because each takes a core and 16 MiB for as long as it lasts.

use std::sync::Arc;
use std::time::{Duration, Instant};

use secrecy::{ExposeSecret as _, SecretString};
use tokio::sync::Semaphore;

use super::password;
use crate::entropy::Entropy;
use crate::nocobase::PasswordHash;

/// Is told how long each check took.
pub type PasswordObserver = Arc<dyn Fn(Duration) + Send + Sync>;

/// Checks passwords; clones share the turns.
#[derive(Clone)]
pub struct Passwords {
    turns: Arc<Semaphore>,
    observer: PasswordObserver,
}

impl Passwords {
    /// On half of the cores: the other half goes on signing people in while passwords are guessed.
    pub fn new(observer: PasswordObserver) -> Self {
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        Self::at_once((cores / 2).max(1), observer)
    }

    fn at_once(turns: usize, observer: PasswordObserver) -> Self {
        Self {
            turns: Arc::new(Semaphore::new(turns)),
            observer,
        }
    }

    /// The hash of a new password; `None` when the process stops meanwhile.
    pub async fn hash(&self, password: SecretString, entropy: &Entropy) -> Option<PasswordHash> {
        let turn = Arc::clone(&self.turns).acquire_owned().await.ok()?;
        let entropy = entropy.clone();
        let hashed = tokio::task::spawn_blocking(move || {
            let hash = password::hash(password.expose_secret(), &entropy);
            drop(turn);
            hash
        });
        hashed.await.ok()
    }

    /// Whether the password has this hash. Without a hash the same work is done, and the answer is no.
    pub async fn verify(&self, password: SecretString, stored: Option<PasswordHash>) -> bool {
        let Ok(turn) = Arc::clone(&self.turns).acquire_owned().await else {
            return false;
        };
        let observer = Arc::clone(&self.observer);
        let checked = tokio::task::spawn_blocking(move || {
            let started = Instant::now();
            let right = password::verify(password.expose_secret(), stored.as_ref());
            observer(started.elapsed());
            // Kept until here also when nobody waits for the answer any more.
            drop(turn);
            right
        });
        checked.await.unwrap_or(false)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use futures_util::future::join_all;

    use super::*;

    #[tokio::test]
    async fn every_check_holds_a_turn_until_it_is_over() {
        let turns = Arc::new(Semaphore::new(2));
        let (without_turn, seen) = (Arc::new(AtomicUsize::new(0)), Arc::clone(&turns));
        let counted = Arc::clone(&without_turn);
        let observer = Arc::new(move |_| {
            if seen.available_permits() == 2 {
                counted.fetch_add(1, Ordering::SeqCst);
            }
        });
        let passwords = Passwords {
            turns: Arc::clone(&turns),
            observer,
        };

        let guesses = (0..6).map(|guess| passwords.verify(guess.to_string().into(), None));
        let right = join_all(guesses).await;

        assert_eq!(right, [false; 6]);
        assert_eq!(without_turn.load(Ordering::SeqCst), 0);
        assert_eq!(turns.available_permits(), 2);
    }

    #[tokio::test]
    async fn a_wrong_password_and_a_missing_account_cost_one_hash_each() {
        let hashes = Arc::new(AtomicUsize::new(0));
        let counted = Arc::clone(&hashes);
        let observer = Arc::new(move |_| {
            counted.fetch_add(1, Ordering::SeqCst);
        });
        let passwords = Passwords::at_once(1, observer);
        let stored = password::hash("right", &Entropy::seeded(1));

        for (password, stored, right) in [
            ("right", Some(stored.clone()), true),
            ("wrong", Some(stored), false),
            ("right", None, false),
        ] {
            let before = hashes.load(Ordering::SeqCst);
            assert_eq!(passwords.verify(password.into(), stored).await, right);
            assert_eq!(hashes.load(Ordering::SeqCst), before + 1, "{password}");
        }
    }
}
