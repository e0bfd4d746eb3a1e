//! The client: DingTalk's calls as functions, with their limits and repeats.
//!
//! A call is repeated only when DingTalk certainly did not look at it: refused for its rate, or never connected. So
//! an authorization code reaches DingTalk's logic once at most.

use std::sync::Arc;
use std::time::Duration;

use reqwest::header::{ACCEPT, HeaderValue};
use reqwest::{Client, RequestBuilder};
use secrecy::{ExposeSecret as _, SecretString};
use serde_json::json;
use tokio::time::{Instant, sleep};

use super::answer;
use super::app_token::AppTokens;
use super::authorization::{self, AuthorizationRequest};
use super::call::{Call, CallReport, Observer};
use super::call_queue::{Attempt, CallQueue, QueueKey};
use super::credentials::Credentials;
use super::endpoints::{Addresses, Endpoints};
use super::error::{DingTalkError, ErrorKind, SetUpFault};
use super::identity::{Profile, UserAccessToken};
use super::raw_answer::RawAnswer;
use super::retry_pauses::RetryPauses;
use super::transport;

/// How much is asked of DingTalk, and for how long.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Calls of one kind within a second, for one app; 0 is no limit.
    pub qps_per_api: u32,
    /// The longest a call stands in our queue, over all its repeats.
    pub queue_bound: Duration,
    /// For a connection to come about.
    pub connect_timeout: Duration,
    /// For one HTTP request in whole: connection, request, answer.
    pub call_timeout: Duration,
    /// How long a second of DingTalk's lasts, over which it counts calls; only a double of it has another.
    pub window: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            qps_per_api: 20,
            queue_bound: Duration::from_secs(55),
            connect_timeout: Duration::from_secs(2),
            call_timeout: Duration::from_secs(5),
            window: Duration::from_secs(1),
        }
    }
}

/// DingTalk; clones share its connections, queues and app access tokens.
#[derive(Clone)]
pub struct DingTalk {
    pub(super) inner: Arc<Shared>,
    /// Whose calls these are, in the queue.
    queue_key: QueueKey,
}

pub(super) struct Shared {
    pub(super) http: Client,
    pub(super) addresses: Addresses,
    call_queue: CallQueue,
    pub(super) tokens: AppTokens,
    pauses: RetryPauses,
    observer: Observer,
}

impl DingTalk {
    /// Opens nothing yet: the first call connects.
    pub fn new(endpoints: &Endpoints, limits: Limits, observer: Observer) -> Result<Self, SetUpFault> {
        endpoints.check()?;
        let inner = Shared {
            http: transport::client(limits.connect_timeout, limits.call_timeout)?,
            addresses: Addresses::below(endpoints),
            call_queue: CallQueue::new(limits.qps_per_api, limits.queue_bound),
            tokens: AppTokens::new(),
            pauses: RetryPauses::new(limits.window),
            observer,
        };
        Ok(Self {
            inner: Arc::new(inner),
            queue_key: None,
        })
    }

    /// DingTalk for the people behind one address: where calls queue, each address has its turn, however many wait
    /// behind another.
    #[must_use]
    pub fn queued_by(&self, queue_key: QueueKey) -> Self {
        Self {
            inner: Arc::clone(&self.inner),
            queue_key,
        }
    }

    /// Where a browser is sent to sign in.
    pub fn authorization_url(&self, request: &AuthorizationRequest<'_>) -> String {
        authorization::url(&self.inner.addresses.authorization, request)
    }

    /// The origin of DingTalk's sign-in page: what a frame of it speaks from.
    pub fn login_origin(&self) -> String {
        self.inner.addresses.authorization.origin().ascii_serialization()
    }

    /// Turns the one-time code into the person's token. After an error that
    /// [was processed](DingTalkError::was_not_processed), the code is to be taken for used.
    pub async fn redeem(
        &self,
        credentials: &Credentials,
        code: &SecretString,
    ) -> Result<UserAccessToken, DingTalkError> {
        let url = &self.inner.addresses.user_access_token;
        let request = || {
            self.inner.http.post(url.clone()).json(&json!({
                "clientId": credentials.client_id,
                "clientSecret": credentials.client_secret.expose_secret(),
                "code": code.expose_secret(),
                "grantType": "authorization_code",
            }))
        };
        self.call(
            Call::UserAccessToken,
            credentials,
            request,
            answer::user_access_token,
        )
        .await
    }

    /// Who the owner of the token is.
    pub async fn profile(
        &self,
        credentials: &Credentials,
        token: &UserAccessToken,
    ) -> Result<Profile, DingTalkError> {
        let url = &self.inner.addresses.profile;
        // What cannot stand in a header is no token DingTalk gave.
        let mut header = HeaderValue::from_str(token.token.expose_secret())
            .map_err(|_| ErrorKind::TokenRejected.at(Call::Profile, None))?;
        header.set_sensitive(true);
        let request = || {
            self.inner
                .http
                .get(url.clone())
                .header("x-acs-dingtalk-access-token", header.clone())
        };
        self.call(Call::Profile, credentials, request, answer::profile)
            .await
    }

    /// Calls that wait in our own queue now, for the metrics.
    pub fn queue_length(&self) -> usize {
        self.inner.call_queue.waiting()
    }

    pub(super) async fn call<T>(
        &self,
        call: Call,
        credentials: &Credentials,
        request: impl Fn() -> RequestBuilder,
        understand: impl Fn(&RawAnswer) -> Result<T, DingTalkError>,
    ) -> Result<T, DingTalkError> {
        let deadline = self.inner.call_queue.deadline();
        let mut repeat = 0;
        loop {
            let attempt = if repeat == 0 {
                Attempt::First
            } else {
                Attempt::Repeated
            };
            let queued = self
                .inner
                .call_queue
                .turn(&credentials.client_id, call, self.queue_key, attempt, deadline)
                .await
                .map_err(|late| {
                    let retry_after = late.retry_after;
                    ErrorKind::Busy { retry_after }.at(call, None)
                })?;
            let begun = Instant::now();
            let exchanged = transport::exchange(call, request().header(ACCEPT, "application/json")).await;
            let outcome = exchanged.and_then(|answer| understand(&answer));
            (self.inner.observer)(&CallReport {
                app: credentials.client_id.clone(),
                call,
                outcome: outcome.as_ref().map_or_else(DingTalkError::label, |_| "ok"),
                elapsed: begun.elapsed(),
                queued,
            });
            let error = match outcome {
                Ok(value) => return Ok(value),
                Err(error) => error,
            };
            let Some(pause) = self.inner.pauses.before(repeat, &error) else {
                return Err(error);
            };
            sleep(pause).await;
            repeat += 1;
        }
    }
}
