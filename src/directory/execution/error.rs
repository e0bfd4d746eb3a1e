//! Why a run ends before everything is in step.

use crate::dingtalk::{DingTalkError, ErrorKind};
use crate::directory::reading::ReadError;
use crate::directory::run::{Run, RunState};
use crate::directory::source::SourceError;
use crate::directory::writer::WriteError;
use crate::error_code::Code;
use crate::nocobase::StoreError;

/// Why a run ends before everything is in step.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// NocoBase's plugin for sources is off.
    #[error("NocoBase's plugin for synchronization is off")]
    SyncPluginOff,
    /// The source cannot be used.
    #[error(transparent)]
    Source(#[from] SourceError),
    /// Source or authenticator were removed meanwhile.
    #[error("the source is not there any more")]
    SourceGone,
    /// The organization could not be read.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// DingTalk did not answer another call.
    #[error(transparent)]
    DingTalk(#[from] DingTalkError),
    /// The database did not do its part.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// What is here already could not be written.
    #[error(transparent)]
    Write(#[from] WriteError),
    /// Somebody has to look at what would be done.
    #[error("it is a preview")]
    Preview,
    /// More people would be taken out than is usual.
    #[error("{count} people would be taken out")]
    Held {
        /// How many.
        count: usize,
    },
    /// Less can be read than last time, and people look as if they had left.
    #[error("the scope is narrower than last time, and {count} people are missing")]
    Narrowed {
        /// How many.
        count: usize,
    },
    /// Some of it could not be written.
    #[error("{count} records were not written")]
    Failures {
        /// How many.
        count: usize,
    },
}

impl RunError {
    /// What is said of it outside.
    pub fn code(&self) -> Code {
        match self {
            Self::SyncPluginOff => Code::SyncPluginOff,
            Self::Source(error) => error.code(),
            Self::SourceGone => Code::SourceNotFound,
            Self::Read(ReadError::NothingReadable) => Code::DataScopeEmpty,
            Self::Read(ReadError::DingTalk(error)) | Self::DingTalk(error) => error.code(),
            Self::Store(error) => error.code(),
            Self::Write(error) => error.code(),
            Self::Preview => Code::RunPreview,
            Self::Held { .. } => Code::RunHeld,
            Self::Narrowed { .. } => Code::ScopeNarrowed,
            Self::Failures { .. } => Code::RunFailures,
        }
    }

    /// Notes it as the end of a run.
    pub(super) fn note_in(&self, run: &mut Run) {
        run.state = match self {
            Self::Preview => RunState::Preview,
            Self::Held { .. } | Self::Narrowed { .. } => RunState::Held,
            Self::SyncPluginOff
            | Self::Source(_)
            | Self::SourceGone
            | Self::Read(_)
            | Self::DingTalk(_)
            | Self::Store(_)
            | Self::Write(_)
            | Self::Failures { .. } => RunState::Failed,
        };
        run.code = Some(self.code().name().to_owned());
        run.parameters = self.parameters();
    }

    fn parameters(&self) -> Vec<(String, String)> {
        let parameter = |name: &str, value: String| vec![(name.to_owned(), value)];
        match self {
            Self::Held { count } | Self::Narrowed { count } | Self::Failures { count } => {
                parameter("count", count.to_string())
            }
            Self::Source(error) => error
                .field()
                .map(|field| parameter("field", field.to_owned()))
                .unwrap_or_default(),
            Self::Read(ReadError::DingTalk(error)) | Self::DingTalk(error) => {
                if let ErrorKind::PermissionMissing(permissions) = &error.kind {
                    return parameter("permission", permissions.join(", "));
                }
                let wait = error.retry_after();
                wait.map(|wait| parameter("seconds", wait.as_secs().max(1).to_string()))
                    .unwrap_or_default()
            }
            Self::Store(StoreError::ValueRequired { column }) => parameter("field", column.clone()),
            Self::SyncPluginOff
            | Self::SourceGone
            | Self::Read(ReadError::NothingReadable)
            | Self::Store(_)
            | Self::Write(_)
            | Self::Preview => Vec::new(),
        }
    }
}
