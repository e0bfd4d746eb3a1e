//! Who writes what is here already: NocoBase, which keeps much of it in memory, or, alone, we.

mod bridge;
mod own;

use serde::{Deserialize, Serialize, Serializer};
use serde_json::Value;

use super::options::LeaversMode;
use super::source::Source;
use crate::error_code::Code;
use crate::nocobase::{StoreError, UserId};

pub use bridge::BridgeWriter;
pub use own::OwnWriter;

/// Writes to a site.
#[derive(Clone)]
pub enum SiteWriter {
    /// Through NocoBase.
    Bridge(BridgeWriter),
    /// On our own tables.
    Own(OwnWriter),
}

/// What is to be written, at most [`SiteWriter::AT_ONCE`] of it.
#[derive(Clone, Serialize)]
#[serde(tag = "operation", rename_all = "camelCase")]
pub enum Operation {
    /// Departments of one level.
    Departments {
        /// Their records.
        records: Vec<Value>,
    },
    /// Users who are here.
    #[serde(rename_all = "camelCase")]
    People {
        /// Whether departments that were given by hand stay.
        keep_departments: bool,
        /// Who.
        people: Vec<UserToWrite>,
    },
    /// People who have left.
    Leavers {
        /// What becomes of them.
        how: How,
        /// Who is left alone whatever happens.
        #[serde(skip_serializing_if = "Option::is_none")]
        except: Option<UserId>,
        /// Who.
        people: Vec<Leaving>,
    },
    /// Departments that are no more, those below before those above.
    RemoveDepartments {
        /// Which.
        departments: Vec<Removed>,
    },
    /// People whom we have made.
    #[serde(rename_all = "camelCase")]
    Arrived {
        /// Who.
        user_ids: Vec<UserId>,
        /// Whether workflows are told.
        announce: bool,
    },
    /// The site's own list of synchronizations begins one, which then watches ours.
    Pull,
}

/// Somebody who is here, and what is to be written.
#[derive(Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct UserToWrite {
    /// Their user.
    pub user_id: UserId,
    /// Their record.
    pub record: Value,
    /// The roles that they get back.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub roles: Option<Vec<String>>,
}

/// Somebody who has left.
#[derive(Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Leaving {
    /// Their id in the source.
    pub uid: String,
    /// Their user.
    pub user_id: UserId,
}

/// A department that is no more.
#[derive(Clone, Serialize)]
pub struct Removed {
    /// Its id in the source.
    pub uid: String,
    /// Its id here.
    pub id: i64,
}

/// What becomes of who has left.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum How {
    /// Their roles are taken, and their sessions ended.
    RemoveRoles,
    /// They are deleted.
    Delete,
}

impl How {
    /// What the settings want; `None` where nothing is to be done.
    pub const fn of(mode: LeaversMode) -> Option<Self> {
        match mode {
            LeaversMode::RemoveRoles => Some(Self::RemoveRoles),
            LeaversMode::Delete => Some(Self::Delete),
            LeaversMode::Report => None,
        }
    }
}

impl Serialize for How {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(match self {
            Self::RemoveRoles => "removeRoles",
            Self::Delete => "delete",
        })
    }
}

/// What came of it.
#[derive(Clone, Debug, Default, Deserialize)]
pub struct OperationOutcome {
    /// What was written.
    #[serde(default)]
    pub done: Vec<Done>,
    /// What was not.
    #[serde(default)]
    pub failed: Vec<NotDone>,
}

/// Somebody or something that was written.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Done {
    /// Its id in the source.
    pub uid: String,
    /// What became of who has left.
    #[serde(default)]
    pub outcome: Option<String>,
    /// The roles that were taken.
    #[serde(default)]
    pub roles: Vec<String>,
    /// How many keys of somebody who has left go on working.
    #[serde(default)]
    pub api_keys: u64,
}

/// Somebody or something that was not written.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
pub struct NotDone {
    /// Its id in the source.
    pub uid: String,
    /// Why.
    pub reason: String,
    /// The field that it is about.
    #[serde(default)]
    pub field: Option<String>,
}

/// Why nothing was written.
#[derive(Debug, thiserror::Error)]
pub enum WriteError {
    /// It is not known where NocoBase is.
    #[error("it is not known where NocoBase is; NOCOBASE_URL says so")]
    NowhereToWrite,
    /// NocoBase could not be reached, or could not do it, for as long as a restart takes.
    #[error("NocoBase took no changes (status {status:?})")]
    Unavailable {
        /// What it answered with, if it did.
        status: Option<u16>,
    },
    /// NocoBase refuses.
    #[error("NocoBase refused the changes with {code} (status {status})")]
    Refused {
        /// Its code.
        code: String,
        /// The HTTP status.
        status: u16,
    },
    /// The request for it could not be made.
    #[error("the request could not be signed")]
    Unsigned,
    /// The database did not do its part.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl WriteError {
    /// What is said of it outside.
    pub fn code(&self) -> Code {
        match self {
            Self::NowhereToWrite | Self::Unavailable { .. } => Code::NocoBaseUnavailable,
            Self::Refused { code, .. } => match code.as_str() {
                "SYNC_PLUGIN_OFF" => Code::SyncPluginOff,
                "DEPARTMENTS_PLUGIN_OFF" => Code::DepartmentsPluginOff,
                "SOURCE_NOT_FOUND" => Code::SourceNotFound,
                _ => Code::NocoBaseRefuses,
            },
            Self::Unsigned => Code::Internal,
            Self::Store(error) => error.code(),
        }
    }
}

impl SiteWriter {
    /// The most that is written at once.
    pub const AT_ONCE: usize = 200;

    /// Writes it.
    pub async fn write(
        &self,
        source: &Source,
        operation: &Operation,
    ) -> Result<OperationOutcome, WriteError> {
        match self {
            Self::Bridge(writer) => writer.write(source, operation).await,
            Self::Own(writer) => writer.write(source, operation).await,
        }
    }
}
