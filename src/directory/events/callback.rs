//! A callback: DingTalk posts an event, signed and encrypted, and wants an encrypted answer within a second and a half.
//!
//! What is not DingTalk's, not meant for this app, not of now or not new is refused with nothing stored. What is, is stored
//! before the answer: DingTalk sends again what was not answered.

use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use moka::future::Cache as Sources;
use moka::sync::Cache;
use serde_json::{Map, Value};
use sha2::{Digest as _, Sha256};
use tokio::sync::Notify;
use tokio::time::timeout;
use url::{Url, form_urlencoded};

use super::super::source::{Source, SourceError};
use super::crypto::{CallbackKeyError, Seal, SealError, SealedReply, Signed};
use super::event::{self, Notice};
use super::inbox::{Channel, Inbox};
use super::source::EventSource;
use crate::authenticator::Registry;
use crate::clock::Clock;
use crate::entropy::Entropy;
use crate::nocobase::{Store, StoreError, SyncSource};
use crate::ttl_cell::TtlCell;

/// DingTalk waits a second and a half, the way there and back included.
const ANSWERED_WITHIN: Duration = Duration::from_millis(1200);
/// How far DingTalk's clock and ours may be apart, with its attempts half a minute later.
const TOLERANCE: TimeDelta = TimeDelta::minutes(10);
/// A request is remembered for as long as its time would be believed.
const REMEMBERED: Duration = Duration::from_mins(25);
/// Of an hour's worth at DingTalk's rate; only what was signed with the token takes room.
const MOST_REMEMBERED: u64 = 100_000;
/// Forged requests cost no question to the database each.
const SOURCE_FOR: Duration = Duration::from_secs(2);
const MOST_SOURCES: u64 = 200;
/// A time in seconds is smaller for the next three thousand years.
const MILLISECONDS_FROM: i64 = 100_000_000_000;

/// What callback addresses begin with, below the API base; the name of the source follows.
pub const CALLBACK_PATH: &str = "dingtalk-events/";

/// Where DingTalk posts the events of a source, beside this action's address.
pub fn callback_address(action: &Url, source: &str) -> Option<Url> {
    let mut address = action.join(CALLBACK_PATH).ok()?;
    address.path_segments_mut().ok()?.pop_if_empty().push(source);
    Some(address)
}

/// Why a callback is not accepted.
#[derive(Debug, thiserror::Error)]
pub enum CallbackError {
    /// No enabled source of this name receives callbacks.
    #[error("no source of this name receives callbacks")]
    NotFound,
    /// Token or EncodingAESKey cannot be used.
    #[error(transparent)]
    Key(#[from] CallbackKeyError),
    /// Not the shape of a callback.
    #[error("it is not understood")]
    NotUnderstood,
    /// Not DingTalk's, or not for this app.
    #[error(transparent)]
    Seal(#[from] SealError),
    /// Signed too long ago, or in the future.
    #[error("its time is not now")]
    Stale,
    /// The same request has been accepted before.
    #[error("it was accepted before")]
    Replayed,
    /// The database took too long for DingTalk's patience.
    #[error("the database did not answer within DingTalk's time")]
    Slow,
    /// The database did not do its part.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The source cannot be read.
    #[error("the source cannot be read")]
    Source(#[source] Arc<SourceError>),
    /// The cryptographic library refused.
    #[error("the answer cannot be encrypted")]
    Reply,
}

impl CallbackError {
    /// The word in metrics and logs; it never changes.
    pub const fn label(&self) -> &'static str {
        match self {
            Self::NotFound => "no_source",
            Self::Key(_) => "key_unusable",
            Self::NotUnderstood => "not_understood",
            Self::Seal(SealError::Signature) => "forged",
            Self::Seal(SealError::Undecipherable) => "undecipherable",
            Self::Seal(SealError::Owner) => "wrong_owner",
            Self::Stale => "stale",
            Self::Replayed => "replayed",
            Self::Slow => "slow",
            Self::Store(_) => "not_stored",
            Self::Source(_) => "source_unreadable",
            Self::Reply => "no_reply",
        }
    }

    /// Whether DingTalk is to send it again, because we are at fault.
    pub const fn is_ours(&self) -> bool {
        match self {
            Self::Key(_) | Self::Slow | Self::Store(_) | Self::Source(_) | Self::Reply => true,
            Self::NotFound | Self::NotUnderstood | Self::Seal(_) | Self::Stale | Self::Replayed => false,
        }
    }
}

/// What a callback says, once it is known to be DingTalk's.
#[derive(Debug)]
pub struct OpenedCallback {
    /// What is to be done.
    pub notice: Notice,
    /// The same for the same request.
    pub digest: [u8; 32],
}

/// Opens a callback; changes nothing.
pub fn open(
    seal: &Seal,
    query: &str,
    body: &[u8],
    now: DateTime<Utc>,
) -> Result<OpenedCallback, CallbackError> {
    let parameters: Vec<_> = form_urlencoded::parse(query.as_bytes()).collect();
    let parameter = |names: [&str; 2]| {
        let mut found = parameters.iter().filter(|(name, _)| names.contains(&&**name));
        found.next().map(|(_, value)| &**value)
    };
    let (Some(signature), Some(timestamp), Some(nonce)) = (
        parameter(["signature", "msg_signature"]),
        parameter(["timestamp", "timeStamp"]),
        parameter(["nonce", "nonce"]),
    ) else {
        return Err(CallbackError::NotUnderstood);
    };
    let body: Map<String, Value> = serde_json::from_slice(body).map_err(|_| CallbackError::NotUnderstood)?;
    let encrypt = body
        .get("encrypt")
        .and_then(Value::as_str)
        .ok_or(CallbackError::NotUnderstood)?;
    let message = seal.open(Signed {
        signature,
        timestamp,
        nonce,
        encrypt,
    })?;
    if !is_now(timestamp, now) {
        return Err(CallbackError::Stale);
    }
    let notice = event::of_callback(&message).ok_or(CallbackError::NotUnderstood)?;
    Ok(OpenedCallback {
        notice,
        // The signature covers all parts, however they are cut out of the address.
        digest: Sha256::digest(signature.to_ascii_lowercase()).into(),
    })
}

fn is_now(timestamp: &str, now: DateTime<Utc>) -> bool {
    let Ok(number) = timestamp.parse::<i64>() else {
        return false;
    };
    let millis = if number < MILLISECONDS_FROM {
        number.saturating_mul(1000)
    } else {
        number
    };
    DateTime::from_timestamp_millis(millis).is_some_and(|at| (now - at).abs() <= TOLERANCE)
}

type Seen = Cache<(i64, [u8; 32]), ()>;

/// A request that is being accepted: given back when it is not, or when nobody waits for the answer any more, so that it is
/// stored when it is sent again.
struct Claim<'a> {
    seen: &'a Seen,
    request: Option<(i64, [u8; 32])>,
}

impl<'a> Claim<'a> {
    fn on(seen: &'a Seen, request: (i64, [u8; 32])) -> Option<Self> {
        let is_new = seen.entry(request).or_insert(()).is_fresh();
        is_new.then_some(Self {
            seen,
            request: Some(request),
        })
    }

    fn keep(mut self) {
        self.request = None;
    }
}

impl Drop for Claim<'_> {
    fn drop(&mut self) {
        if let Some(request) = self.request {
            self.seen.invalidate(&request);
        }
    }
}

/// Receives callbacks; clones share what they remember.
#[derive(Clone)]
pub struct Callbacks {
    inbox: Inbox,
    store: Store,
    registry: Registry,
    clock: Clock,
    entropy: Entropy,
    /// Names that nobody has cost no question each.
    enabled: Arc<TtlCell<Arc<[SyncSource]>>>,
    sources: Sources<i64, Arc<EventSource>>,
    /// Another process may be sent the same request again: there the database knows the event.
    seen: Seen,
    missed: Arc<Notify>,
}

impl Callbacks {
    /// Into this inbox, for the sources of this database.
    pub fn new(inbox: Inbox, store: Store, registry: Registry, clock: Clock, entropy: Entropy) -> Self {
        Self {
            inbox,
            store,
            registry,
            enabled: Arc::new(TtlCell::new(clock.clone())),
            clock,
            entropy,
            sources: Sources::builder()
                .max_capacity(MOST_SOURCES)
                .time_to_live(SOURCE_FOR)
                .build(),
            seen: Cache::builder()
                .max_capacity(MOST_REMEMBERED)
                .time_to_live(REMEMBERED)
                .build(),
            missed: Arc::default(),
        }
    }

    /// Wakes when a callback could not be stored: DingTalk may have given it up by the time we can.
    pub fn missed(&self) -> Arc<Notify> {
        Arc::clone(&self.missed)
    }

    /// Where they are stored.
    pub const fn inbox(&self) -> &Inbox {
        &self.inbox
    }

    /// Takes what was posted to the address of a source, and says what is answered.
    pub async fn receive(
        &self,
        source: &str,
        query: &str,
        body: &[u8],
    ) -> Result<SealedReply, CallbackError> {
        // What is given up in the middle is sent again, and is no replay then.
        let accepting = timeout(ANSWERED_WITHIN, self.accept(source, query, body));
        let received = accepting.await.unwrap_or(Err(CallbackError::Slow));
        if let Err(error) = &received {
            self.inbox.observe(Channel::Callback, error.label());
            if error.is_ours() {
                self.missed.notify_one();
            }
        }
        received
    }

    async fn accept(&self, source: &str, query: &str, body: &[u8]) -> Result<SealedReply, CallbackError> {
        let source = self.source(source).await?;
        let seal = source.seal().ok_or(CallbackError::NotFound)??;
        let now = self.clock.now();
        let OpenedCallback { notice, digest } = open(&seal, query, body, now)?;
        let claim = Claim::on(&self.seen, (source.id, digest)).ok_or(CallbackError::Replayed)?;
        match notice {
            Notice::Events(events) => {
                self.inbox.add(source.id, Channel::Callback, events).await?;
            }
            Notice::Check => self.inbox.observe(Channel::Callback, "check"),
            Notice::Irrelevant => self.inbox.observe(Channel::Callback, "irrelevant"),
        }
        claim.keep();
        seal.seal("success", now.timestamp_millis(), &self.entropy)
            .ok_or(CallbackError::Reply)
    }

    async fn source(&self, name: &str) -> Result<Arc<EventSource>, CallbackError> {
        let enabled = self.enabled.get(async {
            let rows = self.store.sync_sources().enabled().await?;
            Ok::<_, StoreError>(Arc::<[SyncSource]>::from(rows))
        });
        let enabled = enabled.await?;
        let row = enabled.iter().find(|row| row.name == name);
        let row = row.ok_or(CallbackError::NotFound)?;
        let found = self.sources.try_get_with(row.id, async {
            let source = Source::of(row, &self.store, &self.registry).await?;
            Ok::<_, SourceError>(Arc::new(EventSource::of(&source)))
        });
        found.await.map_err(CallbackError::Source)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ten_minutes_are_now_and_more_are_not() {
        let now = DateTime::from_timestamp(1_700_000_000, 0).unwrap();
        for (timestamp, expected) in [
            ("1700000000000", true),
            ("1700000000", true),
            ("1699999400000", true),
            ("1699999399999", false),
            ("1700000600000", true),
            ("1700000600001", false),
            ("1699999399", false),
            ("", false),
            ("now", false),
            ("-1700000000000", false),
            ("99999999999999999999", false),
            ("9223372036854775807", false),
        ] {
            assert_eq!(is_now(timestamp, now), expected, "{timestamp}");
        }
    }
}
