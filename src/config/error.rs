//! Why a setting cannot be used.

use std::path::PathBuf;

use super::handover::HandoverError;
use super::secret::NotShared;

/// A setting that cannot be used. Its text is shown to the person who starts the process.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// The value is not of the form the setting takes.
    #[error("{name} cannot be used: {expected}")]
    Invalid {
        /// The variable.
        name: &'static str,
        /// What it takes.
        expected: &'static str,
    },
    /// A setting that this mode needs is not there.
    #[error("{name} is not set: {needed_for}")]
    Missing {
        /// The variable.
        name: &'static str,
        /// What it is needed for.
        needed_for: &'static str,
    },
    /// The named env file cannot be read.
    #[error("the env file {} cannot be read", path.display())]
    EnvFile {
        /// Its path.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// A setting that the env file gives cannot be used.
    #[error("the env file {}, line {line}", path.display())]
    EnvFileLine {
        /// Its path.
        path: PathBuf,
        /// The line that counts.
        line: usize,
        /// What is wrong with it.
        #[source]
        error: Box<ConfigError>,
    },
    /// A named env file does not say which database NocoBase uses.
    #[error("DB_DIALECT is not set in the env file {}, so NocoBase's database is not known; set there what NocoBase runs with, or leave out --env-file to run alone, without NocoBase", path.display())]
    NoDialect {
        /// Its path.
        path: PathBuf,
    },
    /// A key file cannot be read or made.
    #[error("the key file {} cannot be used", path.display())]
    KeyFile {
        /// Its path.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// Others can read our key.
    #[error("the key file {} can be read by others than its owner; see that nobody has, make its mode 0600, or remove it and let a new one be made", path.display())]
    KeyMode {
        /// Its path.
        path: PathBuf,
    },
    /// A key file does not hold exactly 32 bytes.
    #[error("the key file {} must hold exactly 32 bytes", path.display())]
    KeyLength {
        /// Its path.
        path: PathBuf,
    },
    /// The secret is one that others know.
    #[error("the session secret cannot be used")]
    Secret(#[from] NotShared),
    /// What the plugin handed over cannot be used.
    #[error(transparent)]
    Handover(#[from] HandoverError),
}

impl ConfigError {
    /// The variable that it is about.
    pub(super) fn variable(&self) -> Option<&'static str> {
        match self {
            Self::Invalid { name, .. } | Self::Missing { name, .. } => Some(name),
            Self::Secret(_) => Some("APP_KEY"),
            Self::EnvFile { .. }
            | Self::EnvFileLine { .. }
            | Self::NoDialect { .. }
            | Self::KeyFile { .. }
            | Self::KeyMode { .. }
            | Self::KeyLength { .. }
            | Self::Handover(_) => None,
        }
    }
}
