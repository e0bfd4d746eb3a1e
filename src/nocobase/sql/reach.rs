//! Why no connection could be had: the pool only says that time ran out.

use std::fmt;
use std::sync::Arc;
use std::time::{Duration, Instant};

use sea_orm::sqlx::error::Error as SqlxError;
use sea_orm::sqlx::{ConnectOptions as _, Connection as _};
use sea_orm::{DbErr, RuntimeErr};
use tokio::sync::Mutex;

use super::connection::{mysql_options, postgres_options};
use super::error::StoreError;
use super::settings::{ServerDatabase, ServerDialect};
use crate::causes::innermost;

const ANSWER_WITHIN: Duration = Duration::from_secs(1);
/// What was found out holds so long: who is kept waiting asks only once.
const REMEMBERED_FOR: Duration = Duration::from_secs(2);

/// A server, asked once more by who could not reach it; clones share the answer.
#[derive(Clone)]
pub(in crate::nocobase) struct Reach {
    server: Arc<ServerDatabase>,
    latest: Arc<Mutex<Option<(Instant, String)>>>,
}

/// Who was not reached, and why.
#[derive(Debug, thiserror::Error)]
#[error("{address}: {reason}")]
struct NotReached {
    address: String,
    reason: String,
}

impl fmt::Debug for Reach {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Reach")
    }
}

impl Reach {
    pub(in crate::nocobase) fn new(server: &ServerDatabase) -> Self {
        Self {
            server: Arc::new(server.clone()),
            latest: Arc::default(),
        }
    }

    /// An error of the driver in our terms, with address and reason where no connection could be had.
    pub(in crate::nocobase) async fn explain(&self, error: DbErr) -> StoreError {
        let reason = if let DbErr::ConnectionAcquire(_) = &error {
            self.reason().await
        } else if let DbErr::Conn(RuntimeErr::SqlxError(cause)) = &error {
            innermost(cause)
        } else if let DbErr::Conn(RuntimeErr::Internal(text)) = &error {
            text.clone()
        } else {
            return error.into();
        };
        let error = StoreError::from(error);
        if !matches!(error, StoreError::Unavailable(_)) {
            return error;
        }
        let address = format!("{}:{}", self.server.host, self.server.port);
        StoreError::Unavailable(Box::new(NotReached { address, reason }))
    }

    async fn reason(&self) -> String {
        let mut latest = self.latest.lock().await;
        if let Some((_, reason)) = latest.as_ref().filter(|(at, _)| at.elapsed() < REMEMBERED_FOR) {
            return reason.clone();
        }
        let reason = match tokio::time::timeout(ANSWER_WITHIN, self.connect()).await {
            Err(_) => "it does not answer".to_owned(),
            Ok(Err(error)) => innermost(&error),
            Ok(Ok(())) => format!(
                "all {} connections are in use, or it takes none of them for ours; see SIDECAR_DB_POOL",
                self.server.pool_max
            ),
        };
        *latest = Some((Instant::now(), reason.clone()));
        reason
    }

    async fn connect(&self) -> Result<(), SqlxError> {
        match self.server.dialect {
            ServerDialect::Postgres => postgres_options(&self.server).connect().await?.close().await,
            ServerDialect::MySql | ServerDialect::MariaDb => {
                mysql_options(&self.server).connect().await?.close().await
            }
        }
    }
}
