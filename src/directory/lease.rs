//! The lease of a source: of several processes one works on it.

use std::time::Duration;

use log::warn;
use tokio::time::{Instant, sleep};

use super::desk::Directory;
use crate::causes::with_causes;
use crate::nocobase::StoreError;

/// Who dies holds a source for so long.
const LIFE: Duration = Duration::from_secs(30);
const RENEWED_EVERY: Duration = Duration::from_secs(10);
/// After a failure it is tried again soon: there is time for it.
const TRIED_AGAIN_AFTER: Duration = Duration::from_secs(2);

impl Directory {
    /// Takes a source in hand, or keeps it so; false while another process has it.
    pub(super) async fn take_lease(&self, source: i64) -> Result<bool, StoreError> {
        let now = self.now_ms();
        let life = i64::try_from(LIFE.as_millis()).unwrap_or(i64::MAX);
        let state = self.parts().store.directory_state();
        state
            .take_lease(source, &self.0.holder, now, now.saturating_add(life))
            .await
    }

    /// Keeps a source in hand; returns when it is lost, or may be.
    pub(super) async fn keep_lease(&self, source: i64) {
        let mut sure = Instant::now();
        let mut pause = RENEWED_EVERY;
        loop {
            sleep(pause).await;
            match self.take_lease(source).await {
                Ok(true) => {
                    sure = Instant::now();
                    pause = RENEWED_EVERY;
                }
                Ok(false) => return,
                Err(error) => {
                    warn!("a lease could not be renewed: {}", with_causes(&error));
                    if sure.elapsed() + TRIED_AGAIN_AFTER >= LIFE {
                        return;
                    }
                    pause = TRIED_AGAIN_AFTER;
                }
            }
        }
    }

    /// Lets go of a source, so that another process has it at once.
    pub(super) async fn give_back_lease(&self, source: i64) {
        let state = self.parts().store.directory_state();
        if let Err(error) = state.give_back_lease(source, &self.0.holder).await {
            warn!("a lease could not be given back: {}", with_causes(&error));
        }
    }
}
