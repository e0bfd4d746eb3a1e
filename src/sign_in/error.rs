//! Why a sign-in was refused.

use crate::authenticator::{LookUpError, OptionsError};
use crate::dingtalk::DingTalkError;
use crate::error_code::Code;
use crate::nocobase::{StoreError, UserId};
use crate::phone::NoPhone;
use crate::session::SessionError;

/// One variant for each thing a person or an administrator can do about it.
#[derive(Debug, thiserror::Error)]
pub enum SignInError {
    /// No enabled DingTalk authenticator has this name.
    #[error("no enabled DingTalk authenticator has this name")]
    AuthenticatorNotFound,
    /// Client ID or Client Secret is missing or cannot be read.
    #[error("the authenticator's settings are incomplete")]
    ConfigurationIncomplete(#[source] Option<OptionsError>),
    /// This browser holds no such flow, or its ten minutes are over.
    #[error("the flow is unknown in this browser or has expired")]
    FlowNotFound,
    /// The flow was used before.
    #[error("the flow was used before")]
    FlowUsed,
    /// The person or DingTalk said no.
    #[error("the authorization was refused at DingTalk")]
    Denied,
    /// The person has to be found by phone, and DingTalk gave no usable number.
    #[error("DingTalk gave no phone number: {0:?}")]
    NoPhone(NoPhone),
    /// Nobody has this number, and automatic sign-up is off.
    #[error("no user has this phone number and sign-up is off")]
    NoMatchingUser,
    /// Several users have this number.
    #[error("more than one user has this phone number")]
    PhoneAmbiguous,
    /// The database takes the number for another user's, whose spelling of it nobody can read.
    #[error("the phone number cannot be stored beside another user's")]
    PhoneTaken,
    /// The link of this subject was made under other settings, and may be another person's.
    #[error("the link of this subject is of another kind of id, or of another organization")]
    LinkOfOtherSettings,
    /// Somebody changed the settings while DingTalk was asked.
    #[error("the authenticator's settings were changed meanwhile")]
    SettingsChanged,
    /// The user with this number belongs to another DingTalk person.
    #[error("the user with this phone number is linked to another subject")]
    PhoneAlreadyLinked,
    /// The user with this number is an administrator, and those are not linked by phone.
    #[error("the user with this phone number is an administrator")]
    AdministratorNotLinked,
    /// The subject that is to be linked has a link, to somebody else.
    #[error("the subject is linked to another user")]
    SubjectAlreadyLinked,
    /// The user who is to be linked has a link.
    #[error("the user is linked already")]
    UserAlreadyLinked,
    /// Whoever began to link themselves is not who is signed in now.
    #[error("the session is of another user than the flow")]
    SessionChanged,
    /// The flow would come back to another address of this site, where nobody is signed in.
    #[error("the authenticator's flows come back to {0}")]
    OpenedElsewhere(String),
    /// What an administrator typed is no subject of the kind by which people are recognized.
    #[error("the subject cannot be read")]
    SubjectUnreadable,
    /// Without the link nobody could sign in as this user.
    #[error("the link is the user's last way in")]
    LastWayIn,
    /// The user has no password, by which they could prove who they are.
    #[error("the user has no password")]
    PasswordNotSet,
    /// The person is not of the organization that may sign in.
    #[error("the person is not a member of the organization")]
    NotInOrganization,
    /// The person was of that organization, and is no more.
    #[error("user {0} has left the organization")]
    LeftOrganization(UserId),
    /// The person belongs to no department that may sign in, or to one that may not.
    #[error("the person's departments may not sign in")]
    DepartmentNotAllowed,
    /// The authenticator takes no codes of DingTalk's client.
    #[error("the authenticator does not sign people in inside DingTalk")]
    InClientOff,
    /// The settings come from another plugin, whose way of finding people does not carry over.
    #[error("the authenticator still has another plugin's settings")]
    MigrationNeeded,
    /// DingTalk did not do its part.
    #[error("DingTalk could not be asked")]
    DingTalk(#[from] DingTalkError),
    /// The database did not do its part.
    #[error("the users could not be looked up")]
    Store(#[from] StoreError),
    /// The user was found and the session could not be issued.
    #[error("the session could not be issued")]
    Session(#[source] SessionError),
}

impl From<LookUpError> for SignInError {
    fn from(error: LookUpError) -> Self {
        match error {
            LookUpError::NotFound => Self::AuthenticatorNotFound,
            LookUpError::Options(error) => Self::ConfigurationIncomplete(Some(error)),
            LookUpError::Store(error) => Self::Store(error),
        }
    }
}

impl From<SessionError> for SignInError {
    fn from(error: SessionError) -> Self {
        if matches!(error, SessionError::AlreadyIssued) {
            Self::FlowUsed
        } else {
            Self::Session(error)
        }
    }
}

impl SignInError {
    /// What is said of it outside.
    pub fn code(&self) -> Code {
        match self {
            Self::AuthenticatorNotFound => Code::AuthenticatorNotFound,
            Self::ConfigurationIncomplete(_) => Code::ConfigurationIncomplete,
            Self::FlowNotFound => Code::FlowNotFound,
            Self::FlowUsed => Code::FlowUsed,
            Self::Denied => Code::Denied,
            Self::NoPhone(NoPhone::Withheld) => Code::PhoneUnavailable,
            Self::NoPhone(NoPhone::Missing) => Code::PhoneMissing,
            Self::NoPhone(NoPhone::NotShown) => Code::PhoneNotShown,
            Self::InClientOff => Code::InClientOff,
            Self::NoMatchingUser => Code::NoMatchingUser,
            Self::PhoneAmbiguous => Code::PhoneAmbiguous,
            Self::PhoneTaken => Code::PhoneTaken,
            Self::LinkOfOtherSettings => Code::LinkOfOtherSettings,
            Self::SettingsChanged => Code::SettingsChanged,
            Self::PhoneAlreadyLinked => Code::PhoneAlreadyLinked,
            Self::AdministratorNotLinked => Code::AdministratorNotLinked,
            Self::NotInOrganization => Code::NotInOrganization,
            Self::LeftOrganization(_) => Code::LeftOrganization,
            Self::DepartmentNotAllowed => Code::DepartmentNotAllowed,
            Self::SubjectAlreadyLinked => Code::SubjectAlreadyLinked,
            Self::UserAlreadyLinked => Code::UserAlreadyLinked,
            Self::SessionChanged => Code::SessionChanged,
            Self::OpenedElsewhere(_) => Code::OpenedElsewhere,
            Self::SubjectUnreadable => Code::InvalidField,
            Self::LastWayIn => Code::LastWayIn,
            Self::PasswordNotSet => Code::PasswordNotSet,
            Self::MigrationNeeded => Code::MigrationNeeded,
            Self::DingTalk(error) => error.code(),
            // A rival was faster twice. It is no name that the person has chosen.
            Self::Store(StoreError::Duplicate { .. }) => Code::DatabaseUnavailable,
            Self::Store(error) => error.code(),
            Self::Session(error) => error.code(),
        }
    }

    /// Whether the same flow may be tried again: DingTalk certainly did not process the call that failed.
    pub fn keeps_flow(&self) -> bool {
        matches!(self, Self::DingTalk(error) if error.was_not_processed())
    }

    /// Whether the next code of the same person will be refused, too.
    pub fn will_not_pass(&self) -> bool {
        let is_ours = matches!(self, Self::Store(_) | Self::Session(_));
        let is_passing = |error: &DingTalkError| error.is_passing() || error.was_not_processed();
        !is_ours && !self.dingtalk().is_some_and(is_passing)
    }

    /// Whom it is about, where that is known.
    pub const fn user(&self) -> Option<UserId> {
        if let Self::LeftOrganization(user) = self {
            Some(*user)
        } else {
            None
        }
    }

    /// What DingTalk answered, where that was the reason.
    pub fn dingtalk(&self) -> Option<&DingTalkError> {
        if let Self::DingTalk(error) = self {
            Some(error)
        } else {
            None
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rival_who_was_faster_twice_is_not_told_as_a_name_that_is_taken() {
        let error = SignInError::from(StoreError::Duplicate { field: "uuid" });
        assert_eq!(error.code(), Code::DatabaseUnavailable);

        let error = SignInError::from(StoreError::NoDefaultRole);
        assert_eq!(error.code(), Code::DefaultRoleMissing);
    }
}
