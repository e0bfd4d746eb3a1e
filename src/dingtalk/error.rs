//! What can go wrong with DingTalk: a variant for each reaction, whichever API it came from.

use std::sync::Arc;
use std::time::Duration;

use thiserror::Error;

use super::call::Call;
use crate::error_code::Code;

/// A call that gave no answer to use. Clones share their cause, because callers share one fetch of the app token.
#[derive(Clone, Debug, Error)]
pub enum DingTalkError {
    /// The authorization code is unknown, used or expired: the person starts again.
    #[error("DingTalk refused the authorization code at {call}")]
    CodeRejected {
        /// The refused call.
        call: Call,
        /// DingTalk's own number of the request.
        request_id: Option<String>,
    },
    /// Client ID or Client Secret is wrong: an administrator corrects it.
    #[error("DingTalk refused the client id or the client secret at {call}")]
    CredentialsRejected {
        /// The refused call.
        call: Call,
        /// DingTalk's own number of the request.
        request_id: Option<String>,
    },
    /// The access token was refused, also after an app access token had been fetched anew.
    #[error("DingTalk refused the access token at {call}")]
    TokenRejected {
        /// The refused call.
        call: Call,
        /// DingTalk's own number of the request.
        request_id: Option<String>,
    },
    /// The app was not granted these permissions: an administrator grants them in DingTalk's console.
    #[error("the DingTalk app lacks a permission for {call}: {}", permissions.join(", "))]
    PermissionMissing {
        /// The refused call.
        call: Call,
        /// DingTalk's own number of the request.
        request_id: Option<String>,
        /// Their names as the console spells them; never empty.
        permissions: Vec<String>,
    },
    /// This server's address is not on the app's list: an administrator adds it.
    #[error("DingTalk does not accept {call} from this address")]
    IpNotAllowed {
        /// The refused call.
        call: Call,
        /// DingTalk's own number of the request.
        request_id: Option<String>,
    },
    /// The person or their department is outside of what the app may see.
    #[error("the DingTalk app may not see this person at {call}")]
    NotInScope {
        /// The refused call.
        call: Call,
        /// DingTalk's own number of the request.
        request_id: Option<String>,
    },
    /// The app or its organization is switched off.
    #[error("the DingTalk app or its organization is disabled at {call}")]
    AppUnavailable {
        /// The refused call.
        call: Call,
        /// DingTalk's own number of the request.
        request_id: Option<String>,
    },
    /// DingTalk refused the call for its rate, before looking at it.
    #[error("DingTalk refused {call} for now, too many calls")]
    Throttled {
        /// The refused call.
        call: Call,
        /// DingTalk's own number of the request.
        request_id: Option<String>,
        /// How long it is useless to try.
        retry_after: Duration,
    },
    /// The organization has used up its calls of the month, and DingTalk did not look at this one: no waiting of ours
    /// helps, an administrator buys more.
    #[error("the organization has no calls left this month for {call}")]
    QuotaUsedUp {
        /// The refused call.
        call: Call,
        /// DingTalk's own number of the request.
        request_id: Option<String>,
    },
    /// Our own queue cannot reach the call in time; nothing was sent.
    #[error("the queue for {call} is too long")]
    Busy {
        /// The call that was not made.
        call: Call,
        /// When it is worth trying.
        retry_after: Duration,
    },
    /// No connection came about; nothing was sent.
    #[error("cannot connect to DingTalk for {call}")]
    NotConnected {
        /// The call that was not made.
        call: Call,
        /// Why, without the address.
        #[source]
        source: Arc<reqwest::Error>,
    },
    /// No answer came in time, from DingTalk or from what stands behind its gateway; it may have acted all the same.
    #[error("DingTalk did not answer {call} in time")]
    TimedOut {
        /// The call without an answer.
        call: Call,
        /// DingTalk's own number of the request, when its gateway gave up.
        request_id: Option<String>,
    },
    /// What came back is no answer; DingTalk may have acted all the same.
    #[error("DingTalk gave no usable answer to {call}")]
    Malformed {
        /// The call without an answer.
        call: Call,
        /// DingTalk's own number of the request.
        request_id: Option<String>,
        /// What is wrong with it.
        #[source]
        fault: Fault,
    },
    /// DingTalk refused for a reason nobody here can act on; the code is for the log.
    #[error("DingTalk refused {call} with {code} (status {status})")]
    Refused {
        /// The refused call.
        call: Call,
        /// DingTalk's own number of the request.
        request_id: Option<String>,
        /// DingTalk's code, reduced to `[A-Za-z0-9._-]` and 80 characters.
        code: String,
        /// The HTTP status.
        status: u16,
    },
    /// The client cannot be set up, or the address configured for DingTalk is no base of HTTP calls.
    #[error("the client for DingTalk cannot be set up")]
    Client(#[source] SetUpFault),
}

/// Why there is no client.
#[derive(Clone, Debug, Error)]
pub enum SetUpFault {
    /// This address of DingTalk's is not http or https.
    #[error("the address of {0} is no http or https address")]
    Address(&'static str),
    /// The HTTP or TLS library refused; a machine without root certificates is one cause.
    #[error("the http library cannot be set up")]
    Library(#[source] Arc<reqwest::Error>),
}

/// What made an answer unusable.
#[derive(Clone, Debug, Error)]
pub enum Fault {
    /// The connection broke before the answer was complete.
    #[error("the connection broke")]
    Connection(#[source] Arc<reqwest::Error>),
    /// More than any answer of DingTalk's has.
    #[error("the answer is too large")]
    TooLarge,
    /// Not a JSON object: a page of some gateway, nothing at all, or half an answer.
    #[error("the answer is no JSON object (status {status})")]
    NotJson {
        /// The HTTP status.
        status: u16,
    },
    /// An answer that says neither yes nor no.
    #[error("the answer has status {status} and no code")]
    Status {
        /// The HTTP status.
        status: u16,
    },
    /// A field is absent or has a value nobody can rely on.
    #[error("the field {0} is unusable")]
    Field(&'static str),
}

impl DingTalkError {
    /// The name of the variant in metrics and logs; it never changes.
    pub const fn label(&self) -> &'static str {
        match self {
            Self::CodeRejected { .. } => "code_rejected",
            Self::CredentialsRejected { .. } => "credentials_rejected",
            Self::TokenRejected { .. } => "token_rejected",
            Self::PermissionMissing { .. } => "permission_missing",
            Self::IpNotAllowed { .. } => "ip_not_allowed",
            Self::NotInScope { .. } => "not_in_scope",
            Self::AppUnavailable { .. } => "app_unavailable",
            Self::Throttled { .. } => "throttled",
            Self::QuotaUsedUp { .. } => "quota_used_up",
            Self::Busy { .. } => "busy",
            Self::NotConnected { .. } => "not_connected",
            Self::TimedOut { .. } => "timed_out",
            Self::Malformed { .. } => "malformed",
            Self::Refused { .. } => "refused",
            Self::Client(_) => "client",
        }
    }

    /// What is said of it outside.
    pub const fn code(&self) -> Code {
        match self {
            Self::CodeRejected { .. } => Code::CodeRejected,
            Self::CredentialsRejected { .. } => Code::CredentialsRejected,
            Self::AppUnavailable { .. } => Code::AppDisabled,
            Self::PermissionMissing { .. } => Code::PermissionMissing,
            Self::NotInScope { .. } => Code::NotInScope,
            Self::IpNotAllowed { .. } => Code::IpNotAllowed,
            Self::Throttled { .. } | Self::Busy { .. } => Code::DingTalkBusy,
            Self::TimedOut { .. } => Code::DingTalkTimeout,
            Self::QuotaUsedUp { .. } => Code::QuotaUsedUp,
            Self::Refused { .. } if !self.is_passing() => Code::DingTalkRefused,
            Self::NotConnected { .. }
            | Self::TokenRejected { .. }
            | Self::Malformed { .. }
            | Self::Refused { .. } => Code::DingTalkUnavailable,
            Self::Client(_) => Code::Internal,
        }
    }

    /// The call that failed; `None` when no call could be made at all.
    pub const fn call(&self) -> Option<Call> {
        match self {
            Self::CodeRejected { call, .. }
            | Self::CredentialsRejected { call, .. }
            | Self::TokenRejected { call, .. }
            | Self::PermissionMissing { call, .. }
            | Self::IpNotAllowed { call, .. }
            | Self::NotInScope { call, .. }
            | Self::AppUnavailable { call, .. }
            | Self::Throttled { call, .. }
            | Self::QuotaUsedUp { call, .. }
            | Self::Busy { call, .. }
            | Self::NotConnected { call, .. }
            | Self::TimedOut { call, .. }
            | Self::Malformed { call, .. }
            | Self::Refused { call, .. } => Some(*call),
            Self::Client(_) => None,
        }
    }

    /// The number under which DingTalk's support finds the request.
    pub fn request_id(&self) -> Option<&str> {
        match self {
            Self::CodeRejected { request_id, .. }
            | Self::CredentialsRejected { request_id, .. }
            | Self::TokenRejected { request_id, .. }
            | Self::PermissionMissing { request_id, .. }
            | Self::IpNotAllowed { request_id, .. }
            | Self::NotInScope { request_id, .. }
            | Self::AppUnavailable { request_id, .. }
            | Self::Throttled { request_id, .. }
            | Self::QuotaUsedUp { request_id, .. }
            | Self::TimedOut { request_id, .. }
            | Self::Malformed { request_id, .. }
            | Self::Refused { request_id, .. } => request_id.as_deref(),
            Self::Busy { .. } | Self::NotConnected { .. } | Self::Client(_) => None,
        }
    }

    /// True when the call certainly did not reach DingTalk's logic, so that an authorization code is still unused.
    pub const fn was_not_processed(&self) -> bool {
        match self {
            Self::Throttled { .. }
            | Self::QuotaUsedUp { .. }
            | Self::Busy { .. }
            | Self::NotConnected { .. }
            | Self::Client(_) => true,
            Self::CodeRejected { .. }
            | Self::CredentialsRejected { .. }
            | Self::TokenRejected { .. }
            | Self::PermissionMissing { .. }
            | Self::IpNotAllowed { .. }
            | Self::NotInScope { .. }
            | Self::AppUnavailable { .. }
            | Self::TimedOut { .. }
            | Self::Malformed { .. }
            | Self::Refused { .. } => false,
        }
    }

    /// True when the same call may go well in a moment: an unknown refusal comes from a server that failed, or it lasts.
    pub const fn is_passing(&self) -> bool {
        match self {
            Self::Refused { status, .. } => *status >= 500,
            Self::Throttled { .. }
            | Self::Busy { .. }
            | Self::NotConnected { .. }
            | Self::TimedOut { .. }
            | Self::TokenRejected { .. }
            | Self::Malformed { .. } => true,
            Self::CodeRejected { .. }
            | Self::CredentialsRejected { .. }
            | Self::PermissionMissing { .. }
            | Self::IpNotAllowed { .. }
            | Self::NotInScope { .. }
            | Self::AppUnavailable { .. }
            | Self::QuotaUsedUp { .. }
            | Self::Client(_) => false,
        }
    }
}
