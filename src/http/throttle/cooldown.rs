//! An action that is not to be repeated too soon.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// Keeps an action from being repeated too soon.
#[derive(Default)]
pub struct Cooldown(Mutex<Option<Instant>>);

impl Cooldown {
    /// Begins the action, unless it was begun less than `pause` ago: then the seconds to wait.
    pub fn wait(&self, pause: Duration) -> Option<u64> {
        let mut last = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(left) = last.and_then(|last| pause.checked_sub(last.elapsed())) {
            return Some(left.as_secs() + 1);
        }
        *last = Some(Instant::now());
        None
    }
}
