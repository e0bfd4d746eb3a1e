//! The way to a PostgreSQL server: its own connection, or one that a pooler (PgBouncer) lends.
//!
//! A pooler gives each transaction, or each statement outside of one, whatever connection is free. What is said on it is
//! said to somebody else's: a prepared statement, a setting of the session. So it is found out before anything is: a
//! connection is opened with a setting that means nothing to anybody. The server itself keeps it; a pooler refuses it, or
//! lets it drop.

use std::time::Duration;

use sea_orm::sqlx::error::Error as SqlxError;
use sea_orm::sqlx::postgres::{PgConnectOptions, PgConnection, PgDatabaseError};
use sea_orm::sqlx::{ConnectOptions as _, Connection as _, Executor as _, Row as _};

use super::error::StoreError;

/// How long finding out may take. A server that is away is found out about later, by who needs it.
const FOUND_WITHIN: Duration = Duration::from_secs(3);
/// PostgreSQL 11 brought `jit`.
const FIRST_WITH_JIT: i64 = 110_000;
/// The setting that means nothing, and what tells whether it arrived.
pub(in crate::nocobase) const MARK: (&str, &str) = ("nocobase_dingtalk.direct", "on");
pub(in crate::nocobase) const ASK_MARK: &str = "SELECT current_setting('nocobase_dingtalk.direct', true) = 'on' AS direct, \
    current_setting('server_version_num')::bigint AS version";

/// Whose the connections are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::nocobase) enum ConnectionOwner {
    /// Ours, as long as they last.
    Own,
    /// A pooler's.
    Lent {
        /// Whether the server behind it knows `jit`.
        has_jit: bool,
    },
}

/// What is right for every server, if not the fastest: nobody answered, so nobody knows.
const UNKNOWN: ConnectionOwner = ConnectionOwner::Lent { has_jit: false };

/// Finds out. Connections that turn out to be our own are asked again, each when it is opened.
pub(in crate::nocobase) async fn find(options: &PgConnectOptions) -> Result<ConnectionOwner, StoreError> {
    match tokio::time::timeout(FOUND_WITHIN, ask(options)).await {
        Ok(found) => found,
        Err(_) => Ok(UNKNOWN),
    }
}

async fn ask(options: &PgConnectOptions) -> Result<ConnectionOwner, StoreError> {
    let mut connection = match marked(options).connect().await {
        Ok(connection) => connection,
        Err(error) if is_refused_mark(&error) => match options.connect().await {
            Ok(connection) => connection,
            Err(_) => return Ok(UNKNOWN),
        },
        Err(_) => return Ok(UNKNOWN),
    };
    let Ok(answer) = connection.fetch_one(ASK_MARK).await else {
        return Ok(UNKNOWN);
    };
    let is_direct = answer.try_get::<Option<bool>, _>("direct").ok().flatten();
    if is_direct == Some(true) {
        let _ = connection.close().await;
        return Ok(ConnectionOwner::Own);
    }
    if connection.execute("BEGIN; COMMIT").await.is_err() {
        return Err(StoreError::StatementPooling);
    }
    let version = answer.try_get::<i64, _>("version").unwrap_or_default();
    let _ = connection.close().await;
    Ok(ConnectionOwner::Lent {
        has_jit: version >= FIRST_WITH_JIT,
    })
}

/// Options that carry the mark.
pub(in crate::nocobase) fn marked(options: &PgConnectOptions) -> PgConnectOptions {
    options.clone().options([MARK])
}

/// Whether a new connection is what its options say: the server may have been away when it was found out.
pub(in crate::nocobase) async fn require_own(connection: &mut PgConnection) -> Result<(), SqlxError> {
    let answer = connection.fetch_one(ASK_MARK).await?;
    let is_direct = answer.try_get::<Option<bool>, _>("direct")?;
    if is_direct == Some(true) {
        Ok(())
    } else {
        Err(SqlxError::Configuration(
            "a connection pooler stands before the database now; start the sidecar anew".into(),
        ))
    }
}

/// A pooler names the parameter of the startup packet that it does not know.
fn is_refused_mark(error: &SqlxError) -> bool {
    let refusal = error.as_database_error();
    let refusal = refusal.and_then(|refusal| refusal.try_downcast_ref::<PgDatabaseError>());
    refusal
        .is_some_and(|refusal| refusal.code() == "08P01" && refusal.message().contains("startup parameter"))
}
