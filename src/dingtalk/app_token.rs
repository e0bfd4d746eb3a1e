//! The app access token: the app's own credential for the older API, fetched once and shared by all sign-ins.
//!
//! DingTalk limits how often it may be fetched, and hands out the same one while it is valid. So there is one per
//! client id and secret, one fetch in flight whose end all waiting callers share, good or bad, and a fetch ahead of
//! its expiry. It is dropped when a call says that it is no good.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use moka::sync::Cache;
use secrecy::{ExposeSecret as _, SecretString};
use sha2::{Digest as _, Sha256};
use tokio::sync::Mutex;
use tokio::time::Instant;

use super::answer::IssuedAppToken;
use super::credentials::Credentials;
use super::error::{DingTalkError, ErrorKind};

/// Fetched anew this long before its expiry, or after nine tenths of a shorter life.
const EARLY: Duration = Duration::from_mins(5);
/// When a fetch ahead of expiry fails, the next one is tried no sooner.
const PATIENCE: Duration = Duration::from_secs(30);
/// More apps than this at a time is no company.
const SLOTS: u64 = 256;
/// Longer than any token lives.
const SLOT_IDLE: Duration = Duration::from_hours(25);

/// A credential of the app, valid when it was handed out.
#[derive(Clone, Debug)]
pub struct AppAccessToken {
    pub(super) token: SecretString,
    /// Which fetch it came from, so that a late complaint does not drop its successor.
    serial: u64,
}

/// The tokens of all apps.
pub(super) struct AppTokens {
    slots: Cache<[u8; 32], Arc<Mutex<Slot>>>,
    fetches: AtomicU64,
}

#[derive(Default)]
struct Slot {
    held: Option<HeldToken>,
    /// The last fetch, if it failed, and when.
    failure: Option<(Instant, DingTalkError)>,
}

struct HeldToken {
    token: AppAccessToken,
    refresh_at: Instant,
    expires_at: Instant,
}

impl AppTokens {
    pub(super) fn new() -> Self {
        Self {
            slots: Cache::builder()
                .max_capacity(SLOTS)
                .time_to_idle(SLOT_IDLE)
                .build(),
            fetches: AtomicU64::new(0),
        }
    }

    /// The token held for these credentials, else what `fetch` brings.
    pub(super) async fn get(
        &self,
        credentials: &Credentials,
        fetch: impl Future<Output = Result<IssuedAppToken, DingTalkError>>,
    ) -> Result<AppAccessToken, DingTalkError> {
        let arrived = Instant::now();
        let slot = self.slot(credentials);
        // HeldToken over the fetch: this is what keeps it the only one. A caller that goes away hands over to the next.
        let mut slot = slot.lock().await;
        if let Some(held) = slot.held.as_ref().filter(|held| Instant::now() < held.refresh_at) {
            return Ok(held.token.clone());
        }
        if let Some((_, error)) = slot.failure.as_ref().filter(|(ended, _)| *ended > arrived) {
            return Err(error.clone());
        }
        match fetch.await {
            Ok(issued) => {
                let serial = self.fetches.fetch_add(1, Ordering::Relaxed);
                let token = AppAccessToken {
                    token: issued.token,
                    serial,
                };
                slot.held = Some(HeldToken::new(token.clone(), issued.lifetime, Instant::now()));
                slot.failure = None;
                Ok(token)
            }
            Err(error) => {
                let now = Instant::now();
                if is_passing(&error)
                    && let Some(held) = slot.held.as_mut().filter(|held| now < held.expires_at)
                {
                    held.refresh_at = held.expires_at.min(now + PATIENCE);
                    return Ok(held.token.clone());
                }
                slot.held = None;
                slot.failure = Some((now, error.clone()));
                Err(error)
            }
        }
    }

    /// Drops `token`, unless another has taken its place already.
    pub(super) async fn forget(&self, credentials: &Credentials, token: &AppAccessToken) {
        let slot = self.slot(credentials);
        let mut slot = slot.lock().await;
        if slot
            .held
            .as_ref()
            .is_some_and(|held| held.token.serial == token.serial)
        {
            slot.held = None;
        }
    }

    fn slot(&self, credentials: &Credentials) -> Arc<Mutex<Slot>> {
        let mut key = Sha256::new();
        key.update(credentials.client_id.len().to_be_bytes());
        key.update(credentials.client_id.as_bytes());
        key.update(credentials.client_secret.expose_secret().as_bytes());
        self.slots.get_with(key.finalize().into(), Arc::default)
    }
}

impl HeldToken {
    fn new(token: AppAccessToken, lifetime: Duration, now: Instant) -> Self {
        let early = EARLY.min(lifetime / 10);
        Self {
            token,
            refresh_at: now + lifetime.saturating_sub(early),
            expires_at: now + lifetime,
        }
    }
}

/// Whether a valid token outlives this failure to fetch the next one.
fn is_passing(error: &DingTalkError) -> bool {
    // Used up by the month, or gone wrong in a server of DingTalk's: either says nothing about our token.
    matches!(error.kind, ErrorKind::QuotaUsedUp)
        || error.is_passing() && !matches!(error.kind, ErrorKind::TokenRejected | ErrorKind::Refused { .. })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dingtalk::call::Call;

    fn credentials() -> Credentials {
        Credentials {
            client_id: "dingdemo".into(),
            client_secret: SecretString::from("s"),
        }
    }

    fn issued(token: &str) -> IssuedAppToken {
        IssuedAppToken {
            token: SecretString::from(token),
            lifetime: Duration::from_hours(2),
        }
    }

    /// Holds `old`, which is due for its successor and lives for `left`.
    async fn due(left: Duration) -> AppTokens {
        let (tokens, now) = (AppTokens::new(), Instant::now());
        let token = AppAccessToken {
            token: SecretString::from("old"),
            serial: u64::MAX,
        };
        let held = HeldToken {
            token,
            refresh_at: now,
            expires_at: now + left,
        };
        tokens.slot(&credentials()).lock().await.held = Some(held);
        tokens
    }

    async fn get(
        tokens: &AppTokens,
        fetched: Result<IssuedAppToken, DingTalkError>,
    ) -> Result<String, DingTalkError> {
        let token = tokens.get(&credentials(), async { fetched }).await?;
        Ok(token.token.expose_secret().to_owned())
    }

    fn timed_out() -> DingTalkError {
        ErrorKind::TimedOut.at(Call::AppAccessToken, None)
    }

    #[test]
    fn a_token_is_fetched_anew_ahead_of_its_expiry() {
        let now = Instant::now();
        for (lifetime, refresh) in [(7200, 6900), (3000, 2700), (600, 540), (60, 54), (0, 0)] {
            let token = AppAccessToken {
                token: SecretString::from("t"),
                serial: 0,
            };
            let held = HeldToken::new(token, Duration::from_secs(lifetime), now);
            assert_eq!(held.refresh_at - now, Duration::from_secs(refresh));
            assert_eq!(held.expires_at - now, Duration::from_secs(lifetime));
        }
    }

    #[tokio::test]
    async fn a_token_due_for_its_successor_is_replaced() {
        let tokens = due(Duration::from_mins(5)).await;

        assert_eq!(get(&tokens, Ok(issued("new"))).await.unwrap(), "new");
        assert_eq!(get(&tokens, Err(timed_out())).await.unwrap(), "new");
    }

    #[tokio::test]
    async fn a_living_token_outlasts_a_passing_failure_and_is_not_asked_for_at_each_call() {
        let tokens = due(Duration::from_mins(5)).await;

        assert_eq!(get(&tokens, Err(timed_out())).await.unwrap(), "old");
        assert_eq!(get(&tokens, Ok(issued("too soon"))).await.unwrap(), "old");
    }

    #[tokio::test]
    async fn a_living_token_does_not_outlast_refused_credentials() {
        let tokens = due(Duration::from_mins(5)).await;
        let refused = ErrorKind::CredentialsRejected.at(Call::AppAccessToken, None);

        assert!(get(&tokens, Err(refused)).await.is_err());
        assert_eq!(get(&tokens, Ok(issued("new"))).await.unwrap(), "new");
    }

    #[tokio::test]
    async fn a_dead_token_is_not_handed_out() {
        let tokens = due(Duration::ZERO).await;

        assert!(get(&tokens, Err(timed_out())).await.is_err());
    }

    #[tokio::test]
    async fn a_late_complaint_does_not_drop_the_successor() {
        let tokens = due(Duration::from_mins(5)).await;
        let old = AppAccessToken {
            token: SecretString::from("old"),
            serial: u64::MAX,
        };
        get(&tokens, Ok(issued("new"))).await.unwrap();

        tokens.forget(&credentials(), &old).await;

        assert_eq!(get(&tokens, Err(timed_out())).await.unwrap(), "new");
    }
}
