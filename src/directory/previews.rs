//! Comparisons that run while nobody waits for them: the latest of each authenticator, how far it is and what came of it.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use chrono::{DateTime, Utc};
use log::{info, warn};
use tokio::sync::watch;

use super::comparison::{Comparison, UserSnapshot};
use super::reading::{self, Progress, ReadError};
use crate::authenticator::{LookUpError, Registry};
use crate::causes::with_causes;
use crate::clock::Clock;
use crate::dingtalk::{Credentials, DingTalk, DingTalkError};
use crate::error_code::Code;
use crate::nocobase::{Store, StoreError};

/// Why there is no comparison.
#[derive(Debug, thiserror::Error)]
pub enum PreviewError {
    /// There is no such authenticator, or it cannot be read.
    #[error(transparent)]
    LookUp(#[from] LookUpError),
    /// Client ID or Client Secret is not filled in.
    #[error("the authenticator's credentials are incomplete")]
    Incomplete,
    /// The organization could not be read.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// The database did not do its part.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// A comparison that was begun.
#[derive(Clone)]
pub struct Preview {
    /// When it was begun.
    pub begun: DateTime<Utc>,
    /// Where it is.
    pub state: PreviewState,
}

/// Where a comparison is.
#[derive(Clone)]
pub enum PreviewState {
    /// The organization is being read.
    Reading(watch::Receiver<Progress>),
    /// Done.
    Ready(Arc<Comparison>),
    /// It came to nothing.
    Failed(Arc<PreviewError>),
}

/// The latest comparison of each authenticator, in this process; clones share them.
#[derive(Clone)]
pub struct Previews {
    store: Store,
    dingtalk: DingTalk,
    registry: Registry,
    clock: Clock,
    latest: Arc<Mutex<HashMap<String, Preview>>>,
}

impl Previews {
    /// None yet.
    pub fn new(store: Store, dingtalk: DingTalk, registry: Registry, clock: Clock) -> Self {
        Self {
            store,
            dingtalk,
            registry,
            clock,
            latest: Arc::default(),
        }
    }

    /// The latest of this authenticator.
    pub fn latest(&self, authenticator: &str) -> Option<Preview> {
        self.all().get(authenticator).cloned()
    }

    /// Begins one, unless one is under way.
    pub async fn begin(&self, authenticator: &str) -> Result<Preview, LookUpError> {
        // A name that nobody has would be remembered for ever.
        self.registry.find(authenticator).await?;
        let (progress, seen) = watch::channel(Progress::default());
        let begun = Preview {
            begun: self.clock.now(),
            state: PreviewState::Reading(seen),
        };
        {
            let mut all = self.all();
            if let Some(running) = all.get(authenticator).filter(|preview| preview.is_running()) {
                return Ok(running.clone());
            }
            all.insert(authenticator.to_owned(), begun.clone());
        }
        let (previews, authenticator) = (self.clone(), authenticator.to_owned());
        tokio::spawn(async move {
            let state = match previews.compare(&authenticator, &progress).await {
                Ok(comparison) => {
                    info!(
                        "the organization of {authenticator} was read: {} people",
                        comparison.rows.len()
                    );
                    PreviewState::Ready(Arc::new(comparison))
                }
                Err(error) => {
                    warn!(
                        "the organization of {authenticator} could not be read: {}",
                        with_causes(&error)
                    );
                    PreviewState::Failed(Arc::new(error))
                }
            };
            if let Some(preview) = previews.all().get_mut(&authenticator) {
                preview.state = state;
            }
        });
        Ok(begun)
    }

    async fn compare(
        &self,
        authenticator: &str,
        progress: &watch::Sender<Progress>,
    ) -> Result<Comparison, PreviewError> {
        let configured = self.registry.find(authenticator).await?;
        let options = &configured.options;
        let (Some(client_id), Some(client_secret)) = (&options.client_id, &options.client_secret) else {
            return Err(PreviewError::Incomplete);
        };
        let credentials = Credentials {
            client_id: client_id.clone(),
            client_secret: client_secret.clone(),
        };
        let snapshot = reading::read(&self.dingtalk, &credentials, progress).await?;
        let users = UserSnapshot {
            links: self.store.links().subjects(authenticator).await?,
            phones: self.store.users().phones().await?,
        };
        Ok(Comparison::of(&snapshot, &users, options.subject))
    }

    fn all(&self) -> MutexGuard<'_, HashMap<String, Preview>> {
        self.latest.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl PreviewError {
    /// What is said of it outside.
    pub fn code(&self) -> Code {
        match self {
            Self::LookUp(LookUpError::NotFound) => Code::AuthenticatorNotFound,
            Self::LookUp(LookUpError::Options(_)) | Self::Incomplete => Code::ConfigurationIncomplete,
            Self::LookUp(LookUpError::Store(error)) | Self::Store(error) => error.code(),
            Self::Read(ReadError::DingTalk(error)) => error.code(),
            Self::Read(ReadError::NothingReadable) => Code::DataScopeEmpty,
        }
    }

    /// What DingTalk answered, where that was the reason.
    pub const fn dingtalk(&self) -> Option<&DingTalkError> {
        if let Self::Read(ReadError::DingTalk(error)) = self {
            Some(error)
        } else {
            None
        }
    }
}

impl Preview {
    /// Whether it goes on.
    pub fn is_running(&self) -> bool {
        matches!(self.state, PreviewState::Reading(_))
    }
}
