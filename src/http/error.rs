//! The one table: what went wrong, as status, code, words and log level.

use actix_web::http::StatusCode;
use chrono::TimeDelta;
use log::Level;

use crate::dingtalk::DingTalkError;
use crate::nocobase::StoreError;
use crate::session::SessionError;
use crate::sign_in::SignInError;

/// Anything a request can be refused for.
#[derive(Debug, thiserror::Error)]
pub enum ApiError {
    /// A sign-in was refused.
    #[error(transparent)]
    SignIn(#[from] SignInError),
    /// A session was refused.
    #[error(transparent)]
    Session(#[from] SessionError),
    /// The database did not do its part.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The request itself was refused.
    #[error(transparent)]
    Request(#[from] RequestError),
}

/// What is wrong with a request.
#[derive(Debug, thiserror::Error)]
pub enum RequestError {
    /// There is nothing at this address.
    #[error("there is no such action")]
    NotFound,
    /// There is something, and it takes another method.
    #[error("the action takes another method")]
    MethodNotAllowed,
    /// NocoBase answers this itself.
    #[error("beside NocoBase, this is NocoBase's to answer")]
    NotServedHere,
    /// The body is longer than any body we take.
    #[error("the body is too large")]
    BodyTooLarge,
    /// The body was cut off.
    #[error("the body did not arrive whole")]
    BodyIncomplete,
    /// The body is no JSON object.
    #[error("the body is not a JSON object")]
    InvalidJson,
    /// A field is missing or not of its form.
    #[error("the field {0} is missing or not of its form")]
    InvalidField(&'static str),
    /// A header or the host cannot be read.
    #[error("the header {0} cannot be read")]
    InvalidHeader(&'static str),
    /// The record the request speaks of does not exist.
    #[error("there is no such record")]
    RecordNotFound,
    /// The name is taken.
    #[error("the name is taken")]
    NameTaken,
    /// The type of the authenticator is none that is offered.
    #[error("the authenticator's type is not offered")]
    UnknownType,
    /// The new password is too short.
    #[error("the new password is too short")]
    PasswordTooShort,
    /// The present password is another one.
    #[error("the present password is another one")]
    PasswordRefused,
    /// A sign-in was posted by a page of another site.
    #[error("the sign-in was posted from an origin that is not trusted")]
    UntrustedOrigin,
    /// People use https, and the proxy before us does not say so.
    #[error("the browser uses https, and no forwarding header says so")]
    HttpsHidden,
    /// The user may not do this.
    #[error("the user is no administrator")]
    NoPermission,
    /// The role that was asked for is not the user's.
    #[error("the user does not have the role")]
    RoleNotFound,
    /// The user has no role at all.
    #[error("the user has no role")]
    NoRoles,
    /// The bridge signs with another secret.
    #[error("the bridge's token is not signed with our secret")]
    SecretMismatch,
    /// The bridge's token is not of this time.
    #[error("the bridge's token is signed with our secret, and is not valid at this time")]
    ClockMismatch,
    /// The request has been here before.
    #[error("the request has passed the sidecar before")]
    Loop,
    /// It was tried too often.
    #[error("too many attempts")]
    TooManyAttempts {
        /// When to try again.
        retry_after_seconds: u64,
    },
    /// Something that cannot happen did.
    #[error("an answer could not be made")]
    Internal,
}

impl RequestError {
    /// Something was tried too often, for so long.
    pub fn too_many(wait: TimeDelta) -> Self {
        let millis = u64::try_from(wait.num_milliseconds()).unwrap_or_default();
        Self::TooManyAttempts {
            retry_after_seconds: millis.div_ceil(1000).max(1),
        }
    }
}

/// What is said of an error outside, and how loud inside.
pub struct Facts {
    /// The HTTP status.
    pub status: StatusCode,
    /// The stable code.
    pub code: &'static str,
    /// The sentence for people, a key of the locales.
    pub key: &'static str,
    /// What its placeholders stand for.
    pub parameters: Vec<(&'static str, String)>,
    /// When it is worth trying again, in seconds.
    pub retry_after: Option<u64>,
    /// The level it is logged at.
    pub level: Level,
}

impl Facts {
    fn new(status: StatusCode, code: &'static str, key: &'static str, level: Level) -> Self {
        Self {
            status,
            code,
            key,
            parameters: Vec::new(),
            retry_after: None,
            level,
        }
    }

    fn after(mut self, seconds: u64) -> Self {
        self.parameters.push(("seconds", seconds.to_string()));
        self.retry_after = Some(seconds);
        self
    }
}

impl ApiError {
    /// Its row in the table.
    pub fn facts(&self) -> Facts {
        match self {
            Self::SignIn(error) => of_sign_in(error),
            Self::Session(error) => of_session(error),
            Self::Store(error) => of_store(error),
            Self::Request(error) => of_request(error),
        }
    }
}

fn of_sign_in(error: &SignInError) -> Facts {
    use SignInError as E;
    let (status, level) = match error {
        E::AuthenticatorNotFound => (StatusCode::NOT_FOUND, Level::Info),
        E::ConfigurationIncomplete(_) => (StatusCode::INTERNAL_SERVER_ERROR, Level::Error),
        E::FlowNotFound
        | E::FlowUsed
        | E::Denied
        | E::NoPhone(_)
        | E::NoMatchingUser
        | E::PhoneAmbiguous
        | E::PhoneAlreadyLinked
        | E::PhoneTaken
        | E::LinkOfOtherSettings
        | E::SettingsChanged
        | E::AdministratorNotLinked
        | E::NotInOrganization
        | E::MigrationNeeded => (StatusCode::UNAUTHORIZED, Level::Info),
        E::DingTalk(error) => return of_dingtalk(error),
        E::Store(error) => return of_store(error),
        E::Session(error) => return of_session(error),
    };
    let code = error.code();
    Facts::new(status, code, key_of(code), level)
}

fn of_dingtalk(error: &DingTalkError) -> Facts {
    use DingTalkError as E;
    let row = |status, code, level| Facts::new(status, code, key_of(code), level);
    match error {
        E::CodeRejected { .. } => row(StatusCode::UNAUTHORIZED, "CODE_REJECTED", Level::Info),
        E::CredentialsRejected { .. } => row(StatusCode::BAD_GATEWAY, "CREDENTIALS_REJECTED", Level::Error),
        E::AppUnavailable { .. } => row(StatusCode::BAD_GATEWAY, "APP_DISABLED", Level::Error),
        E::PermissionMissing { permissions, .. } => {
            let mut facts = row(StatusCode::BAD_GATEWAY, "PERMISSION_MISSING", Level::Error);
            facts.parameters.push(("permission", permissions.join(", ")));
            facts
        }
        E::NotInScope { .. } => row(StatusCode::BAD_GATEWAY, "NOT_IN_SCOPE", Level::Error),
        E::IpNotAllowed { .. } => row(StatusCode::BAD_GATEWAY, "IP_NOT_ALLOWED", Level::Error),
        E::Throttled { retry_after, .. } | E::Busy { retry_after, .. } => {
            row(StatusCode::SERVICE_UNAVAILABLE, "DINGTALK_BUSY", Level::Warn).after(
                retry_after
                    .as_millis()
                    .div_ceil(1000)
                    .try_into()
                    .unwrap_or(u64::MAX)
                    .max(1),
            )
        }
        E::TimedOut { .. } => row(StatusCode::GATEWAY_TIMEOUT, "DINGTALK_TIMEOUT", Level::Error),
        E::QuotaUsedUp { .. } => row(StatusCode::BAD_GATEWAY, "QUOTA_USED_UP", Level::Error),
        E::Refused { .. } if !error.is_passing() => {
            row(StatusCode::BAD_GATEWAY, "DINGTALK_REFUSED", Level::Error)
        }
        E::NotConnected { .. } | E::TokenRejected { .. } | E::Malformed { .. } | E::Refused { .. } => {
            row(StatusCode::BAD_GATEWAY, "DINGTALK_UNAVAILABLE", Level::Error)
        }
        E::Client { .. } => row(StatusCode::INTERNAL_SERVER_ERROR, "INTERNAL_ERROR", Level::Error),
    }
}

/// NocoBase's codes, which its clients know, and its words; ours end as a sentence does, since a reference follows.
fn of_session(error: &SessionError) -> Facts {
    use SessionError as E;
    let over = "Your session has expired. Please sign in again.";
    let (code, key) = match error {
        E::EmptyToken => ("EMPTY_TOKEN", "Unauthenticated. Please sign in to continue."),
        E::InvalidToken => ("INVALID_TOKEN", over),
        E::PasswordChanged => (
            "INVALID_TOKEN",
            "Your password was changed. Please sign in again.",
        ),
        E::ExpiredSession => ("EXPIRED_SESSION", over),
        E::BlockedToken => ("BLOCKED_TOKEN", over),
        E::UserNotFound => (
            "NOT_EXIST_USER",
            "User not found. Please sign in again to continue.",
        ),
        E::RenewFailed => ("TOKEN_RENEW_FAILED", over),
        E::StreamDoesNotRenew => ("SKIP_TOKEN_RENEW", over),
        E::WrongPassword => (
            "WRONG_PASSWORD",
            "The username/email or password is incorrect, please re-enter.",
        ),
        E::AlreadyIssued => ("FLOW_USED", key_of("FLOW_USED")),
        E::PolicyMissing | E::Signing(_) | E::NotHashed => {
            let code = "INTERNAL_ERROR";
            return Facts::new(
                StatusCode::INTERNAL_SERVER_ERROR,
                code,
                key_of(code),
                Level::Error,
            );
        }
        E::Store(error) => return of_store(error),
    };
    Facts::new(StatusCode::UNAUTHORIZED, code, key, Level::Info)
}

fn of_store(error: &StoreError) -> Facts {
    use StoreError as E;
    match error {
        E::LastEnabled => Facts::new(
            StatusCode::BAD_REQUEST,
            "LAST_AUTHENTICATOR",
            "Please keep and enable at least one authenticator.",
            Level::Info,
        ),
        E::Duplicate { .. } => of_request(&RequestError::NameTaken),
        E::Unavailable(_)
        | E::AccessDenied(_)
        | E::ReadOnly
        | E::Full
        | E::StatementPooling
        | E::Busy
        | E::Conflict => {
            let code = "DATABASE_UNAVAILABLE";
            Facts::new(StatusCode::SERVICE_UNAVAILABLE, code, key_of(code), Level::Error)
        }
        E::NoDefaultRole => {
            let code = "DEFAULT_ROLE_MISSING";
            Facts::new(
                StatusCode::INTERNAL_SERVER_ERROR,
                code,
                key_of(code),
                Level::Error,
            )
        }
        E::ValueRequired { column } => {
            let code = "USER_FIELD_REQUIRED";
            let mut facts = Facts::new(
                StatusCode::INTERNAL_SERVER_ERROR,
                code,
                key_of(code),
                Level::Error,
            );
            facts.parameters.push(("field", column.clone()));
            facts
        }
        E::TablesMissing { .. }
        | E::ShapeUnknown { .. }
        | E::BadRow { .. }
        | E::SubjectsNotUnique
        | E::TextRefused
        | E::Unexpected(_) => {
            let code = "INTERNAL_ERROR";
            Facts::new(
                StatusCode::INTERNAL_SERVER_ERROR,
                code,
                key_of(code),
                Level::Error,
            )
        }
    }
}

#[expect(clippy::too_many_lines, reason = "one row a refusal: a table")]
fn of_request(error: &RequestError) -> Facts {
    use RequestError as E;
    let row = |status, code, key| Facts::new(status, code, key, Level::Info);
    match error {
        E::NotFound => row(
            StatusCode::NOT_FOUND,
            "NOT_FOUND",
            "There is nothing at this address.",
        ),
        E::MethodNotAllowed => row(
            StatusCode::METHOD_NOT_ALLOWED,
            "METHOD_NOT_ALLOWED",
            "This address takes another HTTP method.",
        ),
        E::NotServedHere => row(
            StatusCode::FORBIDDEN,
            "NOT_SERVED_HERE",
            "NocoBase answers this itself. Send the request to NocoBase.",
        ),
        E::BodyTooLarge => row(
            StatusCode::PAYLOAD_TOO_LARGE,
            "BODY_TOO_LARGE",
            "The request is too large.",
        ),
        E::BodyIncomplete => row(
            StatusCode::BAD_REQUEST,
            "BODY_INCOMPLETE",
            "The request did not arrive whole. Send it again.",
        ),
        E::InvalidJson => row(
            StatusCode::BAD_REQUEST,
            "INVALID_JSON",
            "The body of the request is not a JSON object.",
        ),
        E::InvalidField(field) => {
            let mut facts = row(
                StatusCode::BAD_REQUEST,
                "INVALID_FIELD",
                "Please check this field: {{field}}.",
            );
            facts.parameters.push(("field", (*field).to_owned()));
            facts
        }
        E::InvalidHeader(name) => {
            let mut facts = row(
                StatusCode::BAD_REQUEST,
                "INVALID_HEADER",
                "The header {{header}} of the request cannot be read. If it is not your browser's, ask your administrator to look at the proxy.",
            );
            facts.parameters.push(("header", (*name).to_owned()));
            facts
        }
        E::RecordNotFound => row(
            StatusCode::NOT_FOUND,
            "RECORD_NOT_FOUND",
            "This record does not exist any more. Reload the page.",
        ),
        E::NameTaken => row(
            StatusCode::BAD_REQUEST,
            "NAME_TAKEN",
            "This name is already used. Choose another one.",
        ),
        E::UnknownType => row(
            StatusCode::BAD_REQUEST,
            "UNKNOWN_TYPE",
            "This type of authenticator is not offered. Enable its plugin first.",
        ),
        E::PasswordTooShort => row(
            StatusCode::BAD_REQUEST,
            "PASSWORD_TOO_SHORT",
            "The new password has fewer than 8 characters. Choose a longer one.",
        ),
        // Not 401: the session is as good as before.
        E::PasswordRefused => row(
            StatusCode::BAD_REQUEST,
            "PASSWORD_REFUSED",
            "The current password is another one. Type it again.",
        ),
        E::UntrustedOrigin => row(
            StatusCode::FORBIDDEN,
            "INVALID_SIGN_IN_ORIGIN",
            "Invalid sign-in origin.",
        ),
        E::HttpsHidden => Facts::new(
            StatusCode::FORBIDDEN,
            "HTTPS_NOT_FORWARDED",
            key_of("HTTPS_NOT_FORWARDED"),
            Level::Error,
        ),
        E::NoPermission => row(StatusCode::FORBIDDEN, "NO_PERMISSION", "No permissions."),
        E::RoleNotFound => row(
            StatusCode::UNAUTHORIZED,
            "ROLE_NOT_FOUND_FOR_USER",
            "The role does not belong to the user. Please sign in again.",
        ),
        E::NoRoles => row(
            StatusCode::UNAUTHORIZED,
            "USER_HAS_NO_ROLES_ERR",
            "The current user has no roles. Please contact the administrator.",
        ),
        E::SecretMismatch => Facts::new(
            StatusCode::FORBIDDEN,
            "SECRET_MISMATCH",
            key_of("SECRET_MISMATCH"),
            Level::Error,
        ),
        E::ClockMismatch => Facts::new(
            StatusCode::FORBIDDEN,
            "CLOCK_MISMATCH",
            key_of("CLOCK_MISMATCH"),
            Level::Error,
        ),
        E::Loop => Facts::new(
            StatusCode::LOOP_DETECTED,
            "LOOP_DETECTED",
            "The address of the sidecar leads back to itself. Correct SIDECAR_URL or DINGTALK_SIDECAR_URL.",
            Level::Error,
        ),
        E::TooManyAttempts { retry_after_seconds } => {
            let code = "TOO_MANY_ATTEMPTS";
            Facts::new(StatusCode::TOO_MANY_REQUESTS, code, key_of(code), Level::Warn)
                .after(*retry_after_seconds)
        }
        E::Internal => {
            let code = "INTERNAL_ERROR";
            Facts::new(
                StatusCode::INTERNAL_SERVER_ERROR,
                code,
                key_of(code),
                Level::Error,
            )
        }
    }
}

/// The sentence of a code that the sign-in page knows too: one list serves both.
fn key_of(code: &str) -> &'static str {
    crate::plugin::sign_in_button()
        .get("errors")
        .and_then(|errors| errors.get(code))
        .and_then(serde_json::Value::as_str)
        .unwrap_or("The sign-in did not work. Start again.")
}
