//! The simulator's time: monotonic, and movable, so that a code can expire without anybody waiting.

use std::time::Duration;

use tokio::time::Instant;

/// Time since the simulator started, as far as its codes, tokens and limits are concerned.
#[derive(Debug)]
pub struct Time {
    started: Instant,
    added: Duration,
    held: Option<Duration>,
}

impl Time {
    /// Starts at zero.
    pub fn start() -> Self {
        Self {
            started: Instant::now(),
            added: Duration::ZERO,
            held: None,
        }
    }

    /// How long ago the simulator started.
    pub fn now(&self) -> Duration {
        self.held.unwrap_or_else(|| self.started.elapsed()) + self.added
    }

    /// Stops time, but for [`Time::advance`].
    pub fn hold(&mut self) {
        self.held.get_or_insert_with(|| self.started.elapsed());
    }

    /// Moves time forward.
    pub fn advance(&mut self, by: Duration) {
        self.added += by;
    }
}
