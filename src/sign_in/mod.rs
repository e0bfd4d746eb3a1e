//! The use case: a person signs in with DingTalk.
//!
//! [`SignIn::start`] sends the browser to DingTalk, [`SignIn::callback`] takes its answer back to the
//! sign-in page, [`SignIn::complete`] redeems the code, finds the user and issues the session. Inside DingTalk's own
//! client [`SignIn::complete_in_client`] does that alone.

mod callback;
mod code_id;
mod complete;
mod directory_member;
mod error;
pub mod flow;
pub mod flow_cookie;
mod former_links;
mod identity;
mod in_client;
mod known_phones;
mod leavers;
mod link_conversion;
mod linking;
mod matching;
mod membership;
mod newcomer;
mod own_link;
mod profile;
mod return_path;
mod signed_in;
mod start;
mod used_flows;

use std::net::IpAddr;
use std::sync::Arc;

use crate::aes_key::AesKey;
use crate::audit::{Audit, Entry, Event, Matched};
use crate::authenticator::AuthenticatorOptions;
use crate::authenticator::Registry;
use crate::background::Background;
use crate::clock::Clock;
use crate::dingtalk::{Credentials, DingTalk};
use crate::entropy::Entropy;
use crate::error_code::Code;
use crate::nocobase::{Store, UserId};
use crate::product::REDIRECT_ACTION;
use crate::secret::SecretBytes;
use crate::session::Sessions;

pub use callback::{CallbackAnswer, CallbackKind, CallbackQuery, is_code};
use code_id::CodeIds;
pub use complete::{CompleteRequest, SignInRefusal};
pub use error::SignInError;
use flow::Flow;
pub use flow::FlowPurpose;
use flow_cookie::FlowSeal;
use former_links::FormerLinks;
pub use in_client::InClientRequest;
use known_phones::KnownPhones;
pub use membership::Membership;
use membership::Memberships;
pub use own_link::OwnLink;
pub use return_path::ReturnPath;
pub use signed_in::Completed;
pub use start::{StartRequest, Started};
use used_flows::UsedFlows;

/// A cookie as the browser sent it.
#[derive(Clone)]
pub struct CookieIn {
    /// Its name.
    pub name: String,
    /// Its value.
    pub value: String,
}

/// What happens to a flow cookie with an answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CookieChange {
    /// It is set, until `ends_at` (seconds).
    Set {
        /// Its name.
        name: String,
        /// Its sealed value.
        value: String,
        /// The end of the flow.
        ends_at: i64,
    },
    /// It is removed.
    Remove {
        /// Its name.
        name: String,
    },
}

/// Where requests are answered, and what this process may ask of the database.
#[derive(Clone, Debug)]
pub struct Site {
    /// NocoBase's API base path, with slashes on both sides.
    pub api_base: String,
    /// The path NocoBase's pages live under, with slashes on both sides.
    pub public_path: String,
    /// Whether the plugin's own row says if it is enabled (alone); beside NocoBase, NocoBase sees to that.
    pub plugin_row_decides: bool,
}

impl Site {
    /// The path DingTalk sends the browser back to.
    pub fn redirect_path(&self) -> String {
        format!("{}{REDIRECT_ACTION}", self.api_base)
    }

    /// The plain sign-in page.
    pub fn sign_in_page(&self) -> String {
        format!("{}signin", self.public_path)
    }

    /// The first page of who is signed in.
    pub fn home_page(&self) -> String {
        format!("{}admin", self.public_path)
    }
}

/// Who is asking, for the audit.
#[derive(Clone, Debug)]
pub struct Requester {
    /// The identifier that the person is shown and that the log carries.
    pub reference: String,
    /// The address of the person's machine, as far as trusted proxies vouch for it.
    pub address: Option<IpAddr>,
    /// Whom it stands for in a queue: the address itself, or the network that one customer is given.
    pub queue_key: Option<IpAddr>,
    /// Whether refusals go to the audit: not from an address that has had its share of them, so that nobody fills a
    /// disk.
    pub records_refusals: bool,
}

/// The use case, ready to run; clones share what they remember.
#[derive(Clone)]
pub struct SignIn {
    store: Store,
    dingtalk: DingTalk,
    sessions: Sessions,
    audit: Audit,
    seal: FlowSeal,
    used_flows: Arc<UsedFlows>,
    code_ids: CodeIds,
    /// Apart from the flows, which cost more to make: nobody pushes these out with made-up codes.
    used_codes: Arc<UsedFlows>,
    registry: Registry,
    known_phones: KnownPhones,
    memberships: Arc<Memberships>,
    former_links: FormerLinks,
    site: Site,
    clock: Clock,
    entropy: Entropy,
    background: Background,
}

/// What the use case is made of.
pub struct Parts {
    /// NocoBase's tables.
    pub store: Store,
    /// DingTalk.
    pub dingtalk: DingTalk,
    /// The issuer of sessions.
    pub sessions: Sessions,
    /// The record of who signed in.
    pub audit: Audit,
    /// The secret all replicas share, from which flow keys are derived.
    pub secret: SecretBytes,
    /// The key of NocoBase's secret variables.
    pub aes_key: Option<AesKey>,
    /// Where we are.
    pub site: Site,
    /// The time.
    pub clock: Clock,
    /// Randomness.
    pub entropy: Entropy,
    /// What nobody waits for.
    pub background: Background,
}

impl SignIn {
    /// Puts the use case together.
    pub fn new(parts: Parts) -> Self {
        Self {
            seal: FlowSeal::new(&parts.secret, parts.aes_key.as_ref(), parts.entropy.clone()),
            used_flows: Arc::default(),
            code_ids: CodeIds::new(&parts.secret, parts.aes_key.as_ref()),
            used_codes: Arc::default(),
            dingtalk: parts.dingtalk,
            sessions: parts.sessions,
            audit: parts.audit,
            registry: Registry::new(
                parts.store.clone(),
                parts.aes_key,
                parts.site.plugin_row_decides,
                parts.clock.clone(),
            ),
            known_phones: KnownPhones::new(parts.store.clone(), parts.clock.clone()),
            memberships: Arc::default(),
            former_links: FormerLinks::new(parts.store.clone(), parts.clock.clone()),
            store: parts.store,
            site: parts.site,
            clock: parts.clock,
            entropy: parts.entropy,
            background: parts.background,
        }
    }

    /// The authenticators and their settings.
    pub fn authenticators(&self) -> &Registry {
        &self.registry
    }

    /// The flows in this browser that are ours, and the names of flow cookies that hold none, or none that counts under
    /// the origin of this request.
    fn flows(&self, cookies: &[CookieIn], secure: bool) -> (Vec<Flow>, Vec<String>) {
        let now = self.clock.now();
        let mut flows = Vec::new();
        let mut dead = Vec::new();
        for cookie in cookies
            .iter()
            .filter(|cookie| flow_cookie::is_flow_cookie(&cookie.name))
        {
            let opened = flow_cookie::counts_here(&cookie.name, secure)
                .then(|| self.seal.open(&cookie.name, &cookie.value));
            match opened.flatten() {
                Some(found) if !found.has_ended(now) => flows.push(found),
                Some(_) | None => dead.push(cookie.name.clone()),
            }
        }
        (flows, dead)
    }

    /// Writes to the audit.
    async fn record(&self, attempt: &Requester, outcome: Outcome<'_>) {
        if outcome.result.is_err() && !attempt.records_refusals {
            return;
        }
        let entry = Entry {
            authenticator: outcome.authenticator.to_owned(),
            matched: outcome.matched,
            user_id: outcome.user_id.map(|id| id.0),
            // A link is made by the person themselves.
            actor_id: outcome
                .user_id
                .filter(|_| outcome.event == Event::Link)
                .map(|id| id.0),
            address: attempt.address,
            dingtalk_request_id: outcome.dingtalk_request_id,
            detail: outcome.detail,
            ..Entry::new(
                self.clock.now(),
                &attempt.reference,
                outcome.event,
                outcome.result,
            )
        };
        self.audit.note(&entry).await;
    }
}

/// How an attempt ended, for the audit.
struct Outcome<'a> {
    event: Event,
    authenticator: &'a str,
    result: Result<(), Code>,
    matched: Option<Matched>,
    user_id: Option<UserId>,
    dingtalk_request_id: Option<String>,
    detail: Option<String>,
}

impl<'a> Outcome<'a> {
    fn refused(event: Event, authenticator: &'a str, error: &SignInError) -> Self {
        Self {
            event,
            authenticator,
            result: Err(error.code()),
            matched: None,
            user_id: error.user(),
            dingtalk_request_id: error.dingtalk().and_then(|error| error.request_id.clone()),
            detail: error.dingtalk().map(|error| error.label().to_owned()),
        }
    }
}

fn credentials(options: &AuthenticatorOptions) -> Result<Credentials, SignInError> {
    let missing = || SignInError::ConfigurationIncomplete(None);
    Ok(Credentials {
        client_id: options.client_id.clone().ok_or_else(missing)?,
        client_secret: options.client_secret.clone().ok_or_else(missing)?,
    })
}
