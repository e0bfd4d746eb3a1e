//! Why a session was refused.

use super::token::TokenError;
use crate::error_code::Code;
use crate::nocobase::StoreError;

/// Why a session was not given, or not accepted. The codes are NocoBase's.
#[derive(Debug, thiserror::Error)]
pub enum SessionError {
    /// The request carries no token.
    #[error("no session token was sent")]
    EmptyToken,
    /// The token is none of ours.
    #[error("the session token is not valid")]
    InvalidToken,
    /// The password was changed after this token was issued.
    #[error("the password was changed after the session began")]
    PasswordChanged,
    /// The session, or the time in which its token could be renewed, is over.
    #[error("the session is over")]
    ExpiredSession,
    /// The user signed out.
    #[error("the session was ended")]
    BlockedToken,
    /// The user of the token is gone.
    #[error("the user of the session does not exist")]
    UserNotFound,
    /// The row by which the token is renewed is gone.
    #[error("the session token could not be renewed")]
    RenewFailed,
    /// NocoBase renews no token in answer to an event stream.
    #[error("an event stream does not renew the session token")]
    StreamDoesNotRenew,
    /// No account has this name, or the password is another one.
    #[error("the account or the password is wrong")]
    WrongPassword,
    /// The flow this session would come from has already given one.
    #[error("the sign-in flow already gave a session")]
    AlreadyIssued,
    /// The table of token policies has no usable row.
    #[error("the token policy is missing or unreadable")]
    PolicyMissing,
    /// The token could not be signed.
    #[error("the session token could not be signed")]
    Signing(#[source] TokenError),
    /// The process stops while a password is hashed.
    #[error("the password could not be hashed")]
    NotHashed,
    /// The database did not answer the question.
    #[error("the session could not be looked up")]
    Store(#[from] StoreError),
}

impl SessionError {
    /// What is said of it outside.
    pub const fn code(&self) -> Code {
        match self {
            Self::EmptyToken => Code::EmptyToken,
            Self::InvalidToken => Code::InvalidToken,
            Self::PasswordChanged => Code::PasswordChanged,
            Self::ExpiredSession => Code::ExpiredSession,
            Self::BlockedToken => Code::BlockedToken,
            Self::UserNotFound => Code::UserNotFound,
            Self::RenewFailed => Code::RenewFailed,
            Self::StreamDoesNotRenew => Code::StreamDoesNotRenew,
            Self::WrongPassword => Code::WrongPassword,
            Self::AlreadyIssued => Code::FlowUsed,
            Self::PolicyMissing | Self::Signing(_) | Self::NotHashed => Code::Internal,
            Self::Store(error) => error.code(),
        }
    }
}
