//! The audit: who signed in with DingTalk, how it ended, and who changed a link.
//!
//! One JSON object a line, in one file a day for each instance, so that processes that share a folder never write
//! into one file. Files are only ever appended to, one write a line; after their retention they are removed whole. An
//! entry holds ids and codes, and never a name, a phone number, a code or a token.
//!
//! An entry is recorded when [`Audit::record`] returns: the line has been handed to the operating system, and outlives
//! this process. It is not forced to the disk; a power cut may take the last seconds.

mod day;
mod entry;
mod export;
mod file;
mod search;

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use chrono::{DateTime, NaiveDate, TimeDelta, Utc};
use log::error;
use thiserror::Error;

use crate::causes::with_causes;
use crate::files::make_private_folder;

pub use entry::{Entry, Event, Matched, NamedEntry};
pub use export::to_csv;
pub use search::{Ended, Filter, FoundEntries};

/// The audit of one instance; clones write through the same file.
#[derive(Clone, Debug)]
pub struct Audit(Arc<AuditFiles>);

#[derive(Debug)]
struct AuditFiles {
    folder: PathBuf,
    retention_days: u32,
    writer: Mutex<file::Writer>,
}

/// What can go wrong with the audit.
#[derive(Debug, Error)]
pub enum AuditError {
    /// The folder cannot be made or used: an operator corrects its path or its owner.
    #[error("the audit folder {} cannot be used", folder.display())]
    Folder {
        /// Where it was looked for.
        folder: PathBuf,
        /// The system's reason.
        #[source]
        source: io::Error,
    },
    /// The entry is not recorded.
    #[error("an audit entry cannot be written into {}", folder.display())]
    Write {
        /// Where it belongs.
        folder: PathBuf,
        /// The system's reason.
        #[source]
        source: io::Error,
    },
    /// The entries cannot be read now.
    #[error("the audit cannot be read")]
    Read(#[source] io::Error),
    /// An entry cannot be put into JSON, or the task that wrote it was stopped with the process.
    #[error("an audit entry was not finished")]
    Unfinished,
}

impl Audit {
    /// Makes the folder if need be, for its owner only, and removes what has outlived `retention_days` (0 keeps all).
    pub fn open(
        folder: &Path,
        instance: &str,
        retention_days: u32,
        now: DateTime<Utc>,
    ) -> Result<Self, AuditError> {
        let unusable = |source| AuditError::Folder {
            folder: folder.to_owned(),
            source,
        };
        make_private_folder(folder).map_err(unusable)?;
        let writer = file::Writer::open(folder, instance, now.date_naive()).map_err(unusable)?;
        let folder = folder.to_owned();
        let audit = Self(Arc::new(AuditFiles {
            folder,
            retention_days,
            writer: Mutex::new(writer),
        }));
        audit.0.prune(now.date_naive())?;
        Ok(audit)
    }

    /// Appends one entry; on `Ok` it is written.
    pub async fn record(&self, entry: &Entry) -> Result<(), AuditError> {
        let mut line = serde_json::to_vec(entry).map_err(|_| AuditError::Unfinished)?;
        line.push(b'\n');
        let (files, day) = (Arc::clone(&self.0), entry.time.date_naive());
        // Once begun, the write ends even when the caller goes away.
        blocking(move || files.append(day, &line)).await
    }

    /// Records an entry beside something else: an audit that cannot be written is reported and keeps nobody out.
    pub async fn note(&self, entry: &Entry) {
        if let Err(failure) = self.record(entry).await {
            error!(
                "the audit could not be written: {} (reference {})",
                with_causes(&failure),
                entry.reference
            );
        }
    }

    /// The entries that pass the filter, newest first, `page` counted from 1.
    ///
    /// All days the filter admits are read, because the count is asked for; no more than one page is kept.
    pub async fn search(
        &self,
        filter: &Filter,
        page: u64,
        page_size: u64,
    ) -> Result<FoundEntries, AuditError> {
        let (files, filter) = (Arc::clone(&self.0), filter.clone());
        blocking(move || search::search(&files.folder, &filter, page, page_size).map_err(AuditError::Read))
            .await
    }

    /// Authenticator and result of the latest sign-ins through DingTalk, newest first.
    pub async fn latest_results(&self) -> Result<Vec<(String, String)>, AuditError> {
        latest_results_in(&self.0.folder).await
    }

    /// Removes the days that have outlived their retention, of every instance.
    pub async fn prune(&self, now: DateTime<Utc>) -> Result<(), AuditError> {
        let files = Arc::clone(&self.0);
        blocking(move || files.prune(now.date_naive())).await
    }
}

/// As [`Audit::latest_results`], for who only looks: a folder that is not there holds nothing.
pub async fn latest_results_in(folder: &Path) -> Result<Vec<(String, String)>, AuditError> {
    const LATEST: u64 = 500;
    let folder = folder.to_owned();
    let found = blocking(
        move || match search::search(&folder, &Filter::default(), 1, LATEST) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Vec::new()),
            found => Ok(found.map_err(AuditError::Read)?.entries),
        },
    );
    let sign_ins = found
        .await?
        .into_iter()
        .filter(|entry| entry.event == Event::SignIn);
    Ok(sign_ins
        .map(|entry| (entry.authenticator, entry.result))
        .collect())
}

impl AuditFiles {
    fn append(&self, day: NaiveDate, line: &[u8]) -> Result<(), AuditError> {
        let mut writer = self.writer.lock().unwrap_or_else(PoisonError::into_inner);
        writer.append(day, line).map_err(|source| self.unwritable(source))
    }

    fn unwritable(&self, source: io::Error) -> AuditError {
        AuditError::Write {
            folder: self.folder.clone(),
            source,
        }
    }

    fn prune(&self, today: NaiveDate) -> Result<(), AuditError> {
        if self.retention_days == 0 {
            return Ok(());
        }
        let Some(oldest) = today.checked_sub_signed(TimeDelta::days(self.retention_days.into())) else {
            return Ok(());
        };
        for day in day::list(&self.folder).map_err(AuditError::Read)? {
            if day.date < oldest {
                match fs::remove_file(&day.path) {
                    // Another instance prunes too.
                    Err(error) if error.kind() != io::ErrorKind::NotFound => {
                        return Err(self.unwritable(error));
                    }
                    Ok(()) | Err(_) => {}
                }
            }
        }
        Ok(())
    }
}

/// File work stands still while the disk does; the runtime's threads must not.
async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, AuditError> + Send + 'static,
) -> Result<T, AuditError> {
    tokio::task::spawn_blocking(work)
        .await
        .map_err(|_| AuditError::Unfinished)?
}

#[cfg(test)]
mod tests;
