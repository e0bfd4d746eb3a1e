//! NocoBase sessions: a signed token in the browser and a row in `issuedTokens`.
//!
//! The rules are NocoBase's own, in its order. Alone, the sidecar
//! issues, checks, renews and ends sessions. Beside NocoBase it only issues them: NocoBase caches
//! what it knows of sessions, so renewing or blocking behind its back would break them.

pub mod cookies;
mod ended;
mod error;
mod first_password;
mod hmac;
pub mod password;
mod passwords;
pub mod policy;
pub mod token;

use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use log::{info, warn};
use moka::future::Cache;
use uuid::Uuid;

use crate::background::Background;
use crate::causes::with_causes;
use crate::clock::Clock;
use crate::entropy::Entropy;
use crate::nocobase::{IssuedToken, Store, StoreError, User, UserId};
use crate::ttl_cell::TtlCell;

use ended::EndedSessions;

pub use cookies::{CookieLife, SessionCookie};
pub use error::SessionError;
pub use first_password::FirstPassword;
pub use passwords::{PasswordObserver, Passwords};
pub use policy::TokenPolicy;
pub use token::{BridgeClaims, Claims, SessionSecret, TokenError};

/// A session before it is known whose it is.
pub struct Draft {
    /// What is written of it.
    pub row: IssuedToken,
    /// When it begins.
    pub now: DateTime<Utc>,
    policy: TokenPolicy,
}

/// A session that was just issued.
pub struct Issued {
    /// The token for the browser.
    pub token: String,
    /// What it says.
    pub claims: Claims,
    /// How long the session, and so its cookies, live.
    pub lifetime: TimeDelta,
}

/// A session that was checked and holds.
pub struct Checked {
    /// The user it belongs to.
    pub user: User,
    /// The claims of the token, after renewal where there was one.
    pub claims: Claims,
    /// The token that replaces the one sent.
    pub renewed: Option<String>,
    /// The policy it was checked against.
    pub policy: TokenPolicy,
}

/// Issues, checks, renews and ends sessions.
#[derive(Clone)]
pub struct Sessions {
    store: Store,
    secret: SessionSecret,
    passwords: Passwords,
    clock: Clock,
    entropy: Entropy,
    renewals: Cache<Uuid, Renewal>,
    policy: Arc<TtlCell<TokenPolicy>>,
    ended: Arc<EndedSessions>,
    background: Background,
}

#[derive(Clone, Copy)]
struct Renewal {
    jti: Uuid,
    issued_at_ms: i64,
}

/// Requests sent side by side with one old token all get the renewed one for this long, as in NocoBase.
const RENEWAL_SHARED_FOR: Duration = Duration::from_secs(10);
const RENEWALS_REMEMBERED: u64 = 10_000;

impl Sessions {
    /// Sessions on this store, signed with this secret.
    pub fn new(
        store: Store,
        secret: SessionSecret,
        passwords: Passwords,
        clock: Clock,
        entropy: Entropy,
        background: Background,
    ) -> Self {
        let renewals = Cache::builder()
            .max_capacity(RENEWALS_REMEMBERED)
            .time_to_live(RENEWAL_SHARED_FOR)
            .build();
        Self {
            store,
            secret,
            passwords,
            policy: Arc::new(TtlCell::new(clock.clone())),
            clock,
            entropy,
            renewals,
            ended: Arc::default(),
            background,
        }
    }

    /// The secret, for what else is signed with it.
    pub fn secret(&self) -> &SessionSecret {
        &self.secret
    }

    /// Issues a session. `id` names it in `issuedTokens`: a second session under one id is refused.
    pub async fn issue(
        &self,
        user_id: UserId,
        authenticator: &str,
        id: Uuid,
    ) -> Result<Issued, SessionError> {
        let draft = self.draft(authenticator, id).await?;
        self.record(user_id, &draft).await?;
        self.hand_out(user_id, &draft)
    }

    /// A session that is nobody's yet.
    pub async fn draft(&self, authenticator: &str, id: Uuid) -> Result<Draft, SessionError> {
        let policy = self.policy().await?;
        let now = self.clock.now();
        let row = IssuedToken {
            id,
            jti: self.entropy.uuid(),
            issued_at_ms: now.timestamp_millis(),
            signed_in_at_ms: now.timestamp_millis(),
            authenticator: authenticator.to_owned(),
        };
        Ok(Draft { row, now, policy })
    }

    /// Writes the row without which a session cannot be renewed; `AlreadyIssued` when it is there.
    pub async fn record(&self, user_id: UserId, draft: &Draft) -> Result<(), SessionError> {
        match self
            .store
            .issued_tokens()
            .issue(user_id, &draft.row, draft.now)
            .await
        {
            Err(StoreError::Duplicate { .. }) => Err(SessionError::AlreadyIssued),
            outcome => Ok(outcome?),
        }
    }

    /// The token of a session whose row is written.
    pub fn hand_out(&self, user_id: UserId, draft: &Draft) -> Result<Issued, SessionError> {
        let Draft { row, now, policy } = draft;
        let claims = Claims {
            user_id,
            temp: true,
            iat: now.timestamp(),
            sign_in_time: row.signed_in_at_ms,
            exp: now.timestamp() + policy.token_expiration.num_seconds(),
            jti: row.jti,
        };
        let token = self.secret.sign(&claims).map_err(SessionError::Signing)?;
        self.delete_ended_sessions(user_id, *now, policy);
        Ok(Issued {
            token,
            claims,
            lifetime: policy.session_expiration,
        })
    }

    /// A fresh identifier for a session that no flow leads to.
    pub fn fresh_id(&self) -> Uuid {
        self.entropy.uuid()
    }

    /// Deletes the ended sessions of those who signed in of late, off the path of the answer: what stays does no harm.
    fn delete_ended_sessions(&self, user_id: UserId, now: DateTime<Utc>, policy: &TokenPolicy) {
        let Some(users) = self.ended.due_with(user_id, now) else {
            return;
        };
        let before_ms = now.timestamp_millis() - policy.session_expiration.num_milliseconds();
        let store = self.store.clone();
        self.background.spawn(async move {
            if let Err(error) = store
                .issued_tokens()
                .delete_sign_ins_before(&users, before_ms)
                .await
            {
                warn!(
                    "ended sessions of {} users were not deleted: {}",
                    users.len(),
                    with_causes(&error)
                );
            }
        });
    }

    /// Checks a token, and renews it when its time is over and the session's is not.
    pub async fn check(&self, token: Option<&str>, is_stream: bool) -> Result<Checked, SessionError> {
        let claims = self
            .secret
            .verify(token.ok_or(SessionError::EmptyToken)?)
            .map_err(|_| SessionError::InvalidToken)?;
        let user = self
            .store
            .users()
            .find(claims.user_id)
            .await?
            .ok_or(SessionError::UserNotFound)?;
        if self
            .store
            .issued_tokens()
            .is_blocked(&claims.jti.to_string())
            .await?
        {
            return Err(SessionError::BlockedToken);
        }
        let policy = self.policy().await?;
        let now_ms = self.clock.now().timestamp_millis();
        if now_ms - claims.sign_in_time > policy.session_expiration.num_milliseconds() {
            return Err(SessionError::ExpiredSession);
        }
        if user
            .password_change_tz
            .is_some_and(|changed| claims.iat * 1000 < changed)
        {
            return Err(SessionError::PasswordChanged);
        }
        let is_over = now_ms >= claims.exp * 1000
            || now_ms - claims.iat * 1000 > policy.token_expiration.num_milliseconds();
        if !is_over {
            return Ok(Checked {
                user,
                claims,
                renewed: None,
                policy,
            });
        }
        let limit = policy.renew_limit.num_milliseconds();
        if limit > 0 && now_ms - claims.exp * 1000 > limit {
            return Err(SessionError::ExpiredSession);
        }
        if is_stream {
            return Err(SessionError::StreamDoesNotRenew);
        }
        let (claims, renewed) = self.renew(&claims, &policy).await?;
        Ok(Checked {
            user,
            claims,
            renewed: Some(renewed),
            policy,
        })
    }

    async fn renew(&self, old: &Claims, policy: &TokenPolicy) -> Result<(Claims, String), SessionError> {
        let renewal = self
            .renewals
            .try_get_with(old.jti, async {
                let now = self.clock.now();
                let jti = self.entropy.uuid();
                match self.store.issued_tokens().renew(old.jti, jti, now).await {
                    Ok(true) => Ok(Renewal {
                        jti,
                        issued_at_ms: now.timestamp_millis(),
                    }),
                    Ok(false) => Err(None),
                    Err(error) => Err(Some(error)),
                }
            })
            .await
            .map_err(
                |failure: Arc<Option<StoreError>>| match Arc::try_unwrap(failure) {
                    Ok(Some(error)) => SessionError::Store(error),
                    Ok(None) => SessionError::RenewFailed,
                    Err(shared) => {
                        if shared.is_some() {
                            SessionError::Store(StoreError::Conflict)
                        } else {
                            SessionError::RenewFailed
                        }
                    }
                },
            )?;
        // The cache tells time by the machine's clock; what counts is ours.
        let age_ms = self.clock.now().timestamp_millis() - renewal.issued_at_ms;
        if u128::from(age_ms.unsigned_abs()) > RENEWAL_SHARED_FOR.as_millis() {
            return Err(SessionError::RenewFailed);
        }
        let iat = renewal.issued_at_ms / 1000;
        let claims = Claims {
            user_id: old.user_id,
            temp: true,
            iat,
            sign_in_time: old.sign_in_time,
            exp: iat + policy.token_expiration.num_seconds(),
            jti: renewal.jti,
        };
        let token = self.secret.sign(&claims).map_err(SessionError::Signing)?;
        info!("session of user {} renewed", claims.user_id);
        Ok((claims, token))
    }

    /// Ends the session of this token. A token that is none of ours has no session to end.
    pub async fn sign_out(&self, token: &str) -> Result<Option<UserId>, SessionError> {
        let Ok(claims) = self.secret.verify(token) else {
            return Ok(None);
        };
        let policy = self.policy().await?;
        let ends_at_ms = claims.sign_in_time + policy.session_expiration.num_milliseconds();
        let ends = DateTime::from_timestamp_millis(ends_at_ms).unwrap_or(DateTime::<Utc>::MAX_UTC);
        let now = self.clock.now();
        // Nothing to block in a session that is over, and one row is enough, however often somebody signs out.
        let id = claims.jti.to_string();
        if ends > now && !self.store.issued_tokens().is_blocked(&id).await? {
            self.store.issued_tokens().block(&id, ends, now).await?;
        }
        Ok(Some(claims.user_id))
    }

    /// Finds the user with this account and password. Unknown account and wrong password differ neither in
    /// answer nor in the work done.
    pub async fn find_by_password(&self, account: &str, password: &str) -> Result<User, SessionError> {
        let found = self.store.users().find_by_account(account).await?;
        let (user, stored) = match found {
            Some((user, stored)) => (Some(user), stored),
            None => (None, None),
        };
        let right = self.passwords.verify(password.into(), stored).await;
        match user {
            Some(user) if right => Ok(user),
            Some(_) | None => Err(SessionError::WrongPassword),
        }
    }

    /// Whether this is the user's password.
    pub async fn has_password(&self, user: UserId, password: &str) -> Result<bool, SessionError> {
        let stored = self.store.users().password_hash(user).await?;
        Ok(self.passwords.verify(password.into(), stored).await)
    }

    /// Gives the user another password. Every session they have ends with it, this one too.
    pub async fn change_password(&self, user: UserId, new: &str) -> Result<(), SessionError> {
        let hash = self.passwords.hash(new.into(), &self.entropy).await;
        let hash = hash.ok_or(SessionError::NotHashed)?;
        self.store
            .users()
            .change_password(user, &hash, self.clock.now())
            .await?;
        Ok(())
    }

    /// The token policy as it stands in the database, or stood there a moment ago; NocoBase itself reads it once.
    pub async fn policy(&self) -> Result<TokenPolicy, SessionError> {
        let look_up = async {
            let config = self.store.issued_tokens().policy().await?;
            let config = config.ok_or(SessionError::PolicyMissing)?;
            TokenPolicy::parse(&config).ok_or(SessionError::PolicyMissing)
        };
        self.policy.get(look_up).await
    }

    /// The cookies of a session, as NocoBase sets them beside the answer.
    pub fn cookies(
        &self,
        token: &str,
        authenticator: &str,
        role: Option<&str>,
        lifetime: TimeDelta,
    ) -> Vec<SessionCookie> {
        cookies::of_session(token, authenticator, role, &self.entropy.text::<24>(), lifetime)
    }
}
