//! What can go wrong with DingTalk.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use thiserror::Error;

use super::call::Call;
use crate::error_code::Code;

/// A call that gave no answer to use. Clones share their cause, because callers share one fetch of the app token.
#[derive(Clone, Debug)]
pub struct DingTalkError {
    /// The call that failed, or was not made.
    pub call: Call,
    /// DingTalk's own number of the request, under which its support finds it.
    pub request_id: Option<String>,
    /// What came of it.
    pub kind: ErrorKind,
}

impl fmt::Display for DingTalkError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{} ({})", self.kind, self.call)
    }
}

impl std::error::Error for DingTalkError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        std::error::Error::source(&self.kind)
    }
}

/// A kind for each reaction, whichever API it came from.
#[derive(Clone, Debug, Error)]
pub enum ErrorKind {
    /// The authorization code is unknown, used or expired: the person starts again.
    #[error("DingTalk refused the authorization code")]
    CodeRejected,
    /// Client ID or Client Secret is wrong: an administrator corrects it.
    #[error("DingTalk refused the client id or the client secret")]
    CredentialsRejected,
    /// The access token was refused, also after an app access token had been fetched anew.
    #[error("DingTalk refused the access token")]
    TokenRejected,
    /// The app was not granted these permissions: an administrator grants them in DingTalk's console.
    #[error("the DingTalk app lacks a permission: {}", .0.join(", "))]
    PermissionMissing(
        /// Their names as the console spells them; never empty.
        Vec<String>,
    ),
    /// This server's address is not on the app's list: an administrator adds it.
    #[error("DingTalk does not accept calls from this address")]
    IpNotAllowed,
    /// The person or their department is outside of what the app may see.
    #[error("the DingTalk app may not see this person")]
    NotInScope,
    /// The person may not use the app: it is not published, or they are outside its visible range.
    #[error("the DingTalk app is not visible to this person")]
    AppNotVisible,
    /// The app or its organization is switched off.
    #[error("the DingTalk app or its organization is disabled")]
    AppUnavailable,
    /// DingTalk refused the call for its rate, before looking at it.
    #[error("DingTalk refused for now, too many calls")]
    Throttled {
        /// How long it is useless to try.
        retry_after: Duration,
    },
    /// The organization has used up its calls of the month, and DingTalk did not look at this one: no waiting of ours
    /// helps, an administrator buys more.
    #[error("the organization has no calls left this month")]
    QuotaUsedUp,
    /// Our own queue cannot reach the call in time; nothing was sent.
    #[error("the queue is too long")]
    Busy {
        /// When it is worth trying.
        retry_after: Duration,
    },
    /// No connection came about; nothing was sent.
    #[error("cannot connect to DingTalk")]
    NotConnected(
        /// Why, without the address.
        #[source]
        Arc<reqwest::Error>,
    ),
    /// No answer came in time, from DingTalk or from what stands behind its gateway; it may have acted all the same.
    #[error("DingTalk did not answer in time")]
    TimedOut,
    /// What came back is no answer; DingTalk may have acted all the same.
    #[error("DingTalk gave no usable answer")]
    Malformed(
        /// What is wrong with it.
        #[source]
        Fault,
    ),
    /// DingTalk refused for a reason nobody here can act on; the code is for the log.
    #[error("DingTalk refused with {code} (status {status})")]
    Refused {
        /// DingTalk's code, reduced to `[A-Za-z0-9._-]` and 80 characters.
        code: String,
        /// The HTTP status.
        status: u16,
    },
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

/// What is known of a kind: its name in metrics and logs, its code outside, and two questions.
struct Traits {
    label: &'static str,
    code: Code,
    was_not_processed: bool,
    is_passing: bool,
}

impl ErrorKind {
    /// The table.
    const fn traits(&self) -> Traits {
        const fn row(label: &'static str, code: Code, was_not_processed: bool, is_passing: bool) -> Traits {
            Traits {
                label,
                code,
                was_not_processed,
                is_passing,
            }
        }
        match self {
            Self::CodeRejected => row("code_rejected", Code::CodeRejected, false, false),
            Self::CredentialsRejected => row("credentials_rejected", Code::CredentialsRejected, false, false),
            Self::TokenRejected => row("token_rejected", Code::DingTalkUnavailable, false, true),
            Self::PermissionMissing(_) => row("permission_missing", Code::PermissionMissing, false, false),
            Self::IpNotAllowed => row("ip_not_allowed", Code::IpNotAllowed, false, false),
            Self::NotInScope => row("not_in_scope", Code::NotInScope, false, false),
            Self::AppNotVisible => row("app_not_visible", Code::AppNotVisible, false, false),
            Self::AppUnavailable => row("app_unavailable", Code::AppDisabled, false, false),
            Self::Throttled { .. } => row("throttled", Code::DingTalkBusy, true, true),
            Self::QuotaUsedUp => row("quota_used_up", Code::QuotaUsedUp, true, false),
            Self::Busy { .. } => row("busy", Code::DingTalkBusy, true, true),
            Self::NotConnected(_) => row("not_connected", Code::DingTalkUnavailable, true, true),
            Self::TimedOut => row("timed_out", Code::DingTalkTimeout, false, true),
            Self::Malformed(_) => row("malformed", Code::DingTalkUnavailable, false, true),
            // An unknown refusal comes from a server that failed, or it lasts.
            Self::Refused { status: 500.., .. } => row("refused", Code::DingTalkUnavailable, false, true),
            Self::Refused { .. } => row("refused", Code::DingTalkRefused, false, false),
        }
    }

    /// The error of this call, with DingTalk's number of the request where it gave one.
    pub(super) const fn at(self, call: Call, request_id: Option<String>) -> DingTalkError {
        DingTalkError {
            call,
            request_id,
            kind: self,
        }
    }
}

impl DingTalkError {
    /// The name of the kind in metrics and logs; it never changes.
    pub const fn label(&self) -> &'static str {
        self.kind.traits().label
    }

    /// What is said of it outside.
    pub const fn code(&self) -> Code {
        self.kind.traits().code
    }

    /// True when the call certainly did not reach DingTalk's logic, so that an authorization code is still unused.
    pub const fn was_not_processed(&self) -> bool {
        self.kind.traits().was_not_processed
    }

    /// True when the same call may go well in a moment.
    pub const fn is_passing(&self) -> bool {
        self.kind.traits().is_passing
    }

    /// When DingTalk, or our own queue, says that it is worth trying again.
    pub const fn retry_after(&self) -> Option<Duration> {
        if let ErrorKind::Throttled { retry_after } | ErrorKind::Busy { retry_after } = self.kind {
            Some(retry_after)
        } else {
            None
        }
    }
}
