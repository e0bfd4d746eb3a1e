//! What a request can be refused for, and the HTTP status of every code.

use actix_web::http::StatusCode;
use chrono::TimeDelta;

use crate::dingtalk::{DingTalkError, ErrorKind};
use crate::directory::DirectoryError;
use crate::error_code::Code;
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
    /// A synchronization cannot be asked for so.
    #[error(transparent)]
    Directory(#[from] DirectoryError),
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
    /// A line of a field is not of its form.
    #[error("line {line} of the field {field} is not of its form")]
    InvalidLine {
        /// The field.
        field: &'static str,
        /// Counted from one.
        line: usize,
    },
    /// No role has this name.
    #[error("there is no role {0}")]
    RoleUnknown(String),
    /// New users do not get this role.
    #[error("the role {0} is not given to new users")]
    RoleNotGivable(String),
    /// A header or the host cannot be read.
    #[error("the header {0} cannot be read")]
    InvalidHeader(&'static str),
    /// The record the request speaks of does not exist.
    #[error("there is no such record")]
    RecordNotFound,
    /// The name is taken.
    #[error("the name is taken")]
    NameTaken,
    /// Another enabled authenticator has automatic login.
    #[error("the authenticator {0} has automatic login already")]
    AutoLoginTaken(String),
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

    fn code(&self) -> Code {
        match self {
            Self::NotFound => Code::NotFound,
            Self::MethodNotAllowed => Code::MethodNotAllowed,
            Self::NotServedHere => Code::NotServedHere,
            Self::BodyTooLarge => Code::BodyTooLarge,
            Self::BodyIncomplete => Code::BodyIncomplete,
            Self::InvalidJson => Code::InvalidJson,
            Self::InvalidField(_) => Code::InvalidField,
            Self::InvalidLine { .. } => Code::InvalidLine,
            Self::RoleUnknown(_) => Code::RoleUnknown,
            Self::RoleNotGivable(_) => Code::RoleNotGivable,
            Self::InvalidHeader(_) => Code::InvalidHeader,
            Self::RecordNotFound => Code::RecordNotFound,
            Self::NameTaken => Code::NameTaken,
            Self::AutoLoginTaken(_) => Code::AutoLoginTaken,
            Self::UnknownType => Code::UnknownType,
            Self::PasswordTooShort => Code::PasswordTooShort,
            Self::PasswordRefused => Code::PasswordRefused,
            Self::UntrustedOrigin => Code::UntrustedOrigin,
            Self::HttpsHidden => Code::HttpsNotForwarded,
            Self::NoPermission => Code::NoPermission,
            Self::RoleNotFound => Code::RoleNotFound,
            Self::NoRoles => Code::NoRoles,
            Self::SecretMismatch => Code::SecretMismatch,
            Self::ClockMismatch => Code::ClockMismatch,
            Self::Loop => Code::Loop,
            Self::TooManyAttempts { .. } => Code::TooManyAttempts,
            Self::Internal => Code::Internal,
        }
    }
}

impl ApiError {
    /// What is said of it outside.
    pub fn code(&self) -> Code {
        match self {
            Self::SignIn(error) => error.code(),
            Self::Session(error) => error.code(),
            Self::Store(error) => error.code(),
            Self::Directory(error) => error.code(),
            Self::Request(error) => error.code(),
        }
    }

    /// The HTTP status.
    pub fn status(&self) -> StatusCode {
        status_of(self.code())
    }

    /// What the placeholders of its sentence stand for.
    pub fn parameters(&self) -> Vec<(&'static str, String)> {
        let field = if let Some(error) = self.dingtalk()
            && let ErrorKind::PermissionMissing(permissions) = &error.kind
        {
            Some(("permission", permissions.join(", ")))
        } else if let Self::SignIn(SignInError::OpenedElsewhere(origin)) = self {
            Some(("origin", origin.clone()))
        } else if let Self::SignIn(SignInError::SubjectUnreadable) = self {
            Some(("field", "subject".to_owned()))
        } else if let Self::Request(RequestError::InvalidField(field)) = self {
            Some(("field", (*field).to_owned()))
        } else if let Self::Request(RequestError::RoleUnknown(role) | RequestError::RoleNotGivable(role)) =
            self
        {
            Some(("role", role.clone()))
        } else if let Self::Request(RequestError::InvalidLine { field, line }) = self {
            return vec![("field", (*field).to_owned()), ("line", line.to_string())];
        } else if let Self::Request(RequestError::AutoLoginTaken(name)) = self {
            Some(("name", name.clone()))
        } else if let Self::Request(RequestError::InvalidHeader(name)) = self {
            Some(("header", (*name).to_owned()))
        } else if let Some(StoreError::ValueRequired { column }) = self.store() {
            Some(("field", column.clone()))
        } else {
            None
        };
        let seconds = self.retry_after().map(|seconds| ("seconds", seconds.to_string()));
        field.into_iter().chain(seconds).collect()
    }

    /// When it is worth trying again, in seconds.
    pub fn retry_after(&self) -> Option<u64> {
        if let Some(error) = self.dingtalk() {
            return error.retry_after().map(|wait| {
                let seconds = wait.as_millis().div_ceil(1000);
                seconds.try_into().unwrap_or(u64::MAX).max(1)
            });
        }
        if let Self::Request(RequestError::TooManyAttempts { retry_after_seconds }) = self {
            return Some(*retry_after_seconds);
        }
        None
    }

    fn dingtalk(&self) -> Option<&DingTalkError> {
        match self {
            Self::SignIn(error) => error.dingtalk(),
            Self::Session(_) | Self::Store(_) | Self::Directory(_) | Self::Request(_) => None,
        }
    }

    fn store(&self) -> Option<&StoreError> {
        if let Self::Store(error)
        | Self::Directory(DirectoryError::Store(error))
        | Self::SignIn(SignInError::Store(error) | SignInError::Session(SessionError::Store(error)))
        | Self::Session(SessionError::Store(error)) = self
        {
            Some(error)
        } else {
            None
        }
    }
}

/// The HTTP status of a code.
fn status_of(code: Code) -> StatusCode {
    match code {
        Code::BodyIncomplete
        | Code::InvalidJson
        | Code::InvalidField
        | Code::InvalidLine
        | Code::RoleUnknown
        | Code::RoleNotGivable
        | Code::InvalidHeader
        | Code::NameTaken
        | Code::AutoLoginTaken
        | Code::UnknownType
        | Code::LastAuthenticator
        | Code::PasswordTooShort => StatusCode::BAD_REQUEST,
        Code::FlowNotFound
        | Code::FlowUsed
        | Code::Denied
        | Code::CodeRejected
        | Code::SettingsChanged
        | Code::PhoneUnavailable
        | Code::PhoneMissing
        | Code::PhoneNotShown
        | Code::NoMatchingUser
        | Code::PhoneAmbiguous
        | Code::PhoneAlreadyLinked
        | Code::PhoneTaken
        | Code::LinkOfOtherSettings
        | Code::AdministratorNotLinked
        | Code::NotInOrganization
        | Code::LeftOrganization
        | Code::DepartmentNotAllowed
        | Code::MigrationNeeded
        | Code::EmptyToken
        | Code::InvalidToken
        | Code::PasswordChanged
        | Code::ExpiredSession
        | Code::BlockedToken
        | Code::UserNotFound
        | Code::RenewFailed
        | Code::StreamDoesNotRenew
        | Code::WrongPassword
        | Code::RoleNotFound
        | Code::NoRoles => StatusCode::UNAUTHORIZED,
        Code::NotServedHere
        | Code::InClientOff
        | Code::UntrustedOrigin
        | Code::HttpsNotForwarded
        | Code::NoPermission
        // Not 401: the session is as good as before.
        | Code::PasswordRefused
        | Code::SecretMismatch
        | Code::ClockMismatch => StatusCode::FORBIDDEN,
        Code::AuthenticatorNotFound | Code::SourceNotFound | Code::NotFound | Code::RecordNotFound => StatusCode::NOT_FOUND,
        Code::MethodNotAllowed => StatusCode::METHOD_NOT_ALLOWED,
        Code::SubjectAlreadyLinked
        | Code::UserAlreadyLinked
        | Code::SessionChanged
        | Code::OpenedElsewhere
        | Code::LastWayIn
        | Code::LastRoot
        | Code::PasswordNotSet
        | Code::DataScopeEmpty
        | Code::SourceUnusable
        | Code::SyncPluginOff
        | Code::DepartmentsPluginOff
        | Code::RunPreview
        | Code::RunHeld
        | Code::ScopeNarrowed
        | Code::RunFailures
        | Code::RunOutdated
        | Code::RunUnderWay => StatusCode::CONFLICT,
        Code::BodyTooLarge => StatusCode::PAYLOAD_TOO_LARGE,
        Code::TooManyAttempts => StatusCode::TOO_MANY_REQUESTS,
        Code::ConfigurationIncomplete
        | Code::DefaultRoleMissing
        | Code::NewUserRoleUnusable
        | Code::UserFieldRequired
        | Code::Internal => StatusCode::INTERNAL_SERVER_ERROR,
        Code::CredentialsRejected
        | Code::AppNotVisible
        | Code::AppDisabled
        | Code::PermissionMissing
        | Code::NotInScope
        | Code::IpNotAllowed
        | Code::QuotaUsedUp
        | Code::DingTalkRefused
        | Code::NocoBaseRefuses
        | Code::StreamUnreachable
        | Code::DingTalkUnavailable => StatusCode::BAD_GATEWAY,
        Code::DingTalkBusy
        | Code::DatabaseUnavailable
        | Code::NocoBaseUnavailable
        | Code::SidecarUnavailable => StatusCode::SERVICE_UNAVAILABLE,
        Code::DingTalkTimeout => StatusCode::GATEWAY_TIMEOUT,
        Code::Loop => StatusCode::LOOP_DETECTED,
    }
}
