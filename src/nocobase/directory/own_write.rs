//! What became of writing people and departments, in the words of the plugin that does it beside NocoBase.

use super::super::sql::StoreError;
use super::super::users::UserId;

/// Why one person or department was not written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WriteRefusal {
    /// Somebody has the phone number.
    PhoneTaken,
    /// Somebody has the e-mail address.
    EmailTaken,
    /// Somebody has the user name.
    UsernameTaken,
    /// Nobody else has the role of whoever owns the site.
    LastRoot,
    /// There is no such user.
    UserGone,
    /// The department above is not here.
    ParentMissing,
    /// The tables do not take it.
    Refused,
}

impl WriteRefusal {
    /// The code on the wire.
    pub const fn code(self) -> &'static str {
        match self {
            Self::PhoneTaken => "PHONE_TAKEN",
            Self::EmailTaken => "EMAIL_TAKEN",
            Self::UsernameTaken => "USERNAME_TAKEN",
            Self::LastRoot => "LAST_ROOT",
            Self::UserGone => "USER_GONE",
            Self::ParentMissing => "PARENT_MISSING",
            Self::Refused => "REFUSED",
        }
    }

    /// What a fault of the tables says of the one that was written; `None` where all others would fail as well.
    pub fn of(error: &StoreError) -> Option<Self> {
        if let StoreError::Duplicate { field } = error {
            return Some(match *field {
                "phone" => Self::PhoneTaken,
                "email" => Self::EmailTaken,
                "username" => Self::UsernameTaken,
                _ => Self::Refused,
            });
        }
        let is_theirs = matches!(error, StoreError::TextRefused | StoreError::ValueRequired { .. });
        is_theirs.then_some(Self::Refused)
    }
}

/// How somebody is taken out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LeaverWay {
    /// Without roles and departments, and signed out: they can come back.
    RemoveRoles,
    /// For good.
    Delete,
}

/// What became of somebody who left.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LeaverOutcome {
    /// They have no roles any more; these were theirs.
    RolesRemoved(Vec<String>),
    /// The user is deleted.
    Deleted,
    /// Nothing: nobody else owns the site.
    LastRoot,
    /// There was no such user.
    Gone,
}

impl LeaverOutcome {
    /// The name on the wire.
    pub const fn name(&self) -> &'static str {
        match self {
            Self::RolesRemoved(_) => "rolesRemoved",
            Self::Deleted => "deleted",
            Self::LastRoot => "lastRoot",
            Self::Gone => "gone",
        }
    }
}

/// What was written, and what was not.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct WriteOutcome {
    /// By their ids in the source, with the key here.
    pub done: Vec<(String, i64)>,
    /// Likewise.
    pub refused: Vec<(String, WriteRefusal)>,
}

impl WriteOutcome {
    /// Takes note of one; a fault that is everybody's ends it.
    pub(super) fn note(&mut self, uid: &str, outcome: Result<i64, WriteFault>) -> Result<(), StoreError> {
        match outcome {
            Ok(id) => self.done.push((uid.to_owned(), id)),
            Err(WriteFault::Refused(refusal)) => self.refused.push((uid.to_owned(), refusal)),
            Err(WriteFault::Store(error)) => match WriteRefusal::of(&error) {
                Some(refusal) => self.refused.push((uid.to_owned(), refusal)),
                None => return Err(error),
            },
        }
        Ok(())
    }
}

/// Why one was not written.
pub(super) enum WriteFault {
    Refused(WriteRefusal),
    Store(StoreError),
}

impl From<StoreError> for WriteFault {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

/// Somebody who is a user, and as what the source knows them now.
#[derive(Clone, Debug)]
pub struct ExistingPerson {
    /// The user.
    pub user: UserId,
    /// Who they are.
    pub person: super::person::SyncedPerson,
    /// Roles to be given back.
    pub roles: Vec<String>,
}
