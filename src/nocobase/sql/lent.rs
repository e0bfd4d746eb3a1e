//! Statements over connections that a pooler lends: each in a transaction, so that it stays on one connection from its
//! first message to its last, and without a name, so that nothing of it is left behind.
//!
//! It costs three round trips more than a connection of our own.

use std::fmt;
use std::time::Instant;

use sea_orm::sqlx::error::Error as SqlxError;
use sea_orm::sqlx::postgres::{PgConnection, PgQueryResult, PgRow, Postgres};
use sea_orm::sqlx::query::Query;
use sea_orm::sqlx::{AssertSqlSafe, PgPool, Transaction, query_with};
use sea_orm::{ConnAcquireErr, DbErr, QueryResult, RuntimeErr, Statement};
use sea_query_sqlx::SqlxValues;
use tokio::sync::Mutex;

use super::observer::{StatementObserver, StatementReport};

/// What a statement is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::nocobase) enum Purpose {
    /// Single rows, by an index that must be used however small a table once was.
    Lookup,
    /// What no index finds: the server plans it as it likes.
    Search,
}

/// A pool of such connections; clones share it.
#[derive(Clone)]
pub(in crate::nocobase) struct Lent {
    pool: PgPool,
    observer: StatementObserver,
    has_jit: bool,
}

/// A transaction on one of them.
pub(in crate::nocobase) struct LentTransaction {
    transaction: Mutex<Transaction<'static, Postgres>>,
    observer: StatementObserver,
}

impl fmt::Debug for LentTransaction {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("LentTransaction")
    }
}

impl Lent {
    pub(in crate::nocobase) fn new(pool: &PgPool, observer: StatementObserver, has_jit: bool) -> Self {
        Self {
            pool: pool.clone(),
            observer,
            has_jit,
        }
    }

    /// Begins a transaction with all that a session of our own would be told at its start.
    pub(in crate::nocobase) async fn begin(&self, purpose: Purpose) -> Result<LentTransaction, DbErr> {
        let begin = match (purpose, self.has_jit) {
            (Purpose::Search, _) => "BEGIN ISOLATION LEVEL READ COMMITTED",
            (Purpose::Lookup, false) => {
                "BEGIN ISOLATION LEVEL READ COMMITTED; SET LOCAL enable_seqscan = off"
            }
            (Purpose::Lookup, true) => {
                "BEGIN ISOLATION LEVEL READ COMMITTED; SET LOCAL enable_seqscan = off; SET LOCAL jit = off"
            }
        };
        let transaction = self.pool.begin_with(begin).await.map_err(not_begun)?;
        Ok(LentTransaction {
            transaction: Mutex::new(transaction),
            observer: self.observer.clone(),
        })
    }

    pub(in crate::nocobase) async fn rows(
        &self,
        statement: &Statement,
        purpose: Purpose,
    ) -> Result<Vec<QueryResult>, DbErr> {
        let transaction = self.begin(purpose).await?;
        let rows = transaction.rows(statement).await?;
        transaction.commit().await?;
        Ok(rows)
    }

    pub(in crate::nocobase) async fn execute(&self, statement: &Statement) -> Result<u64, DbErr> {
        let transaction = self.begin(Purpose::Lookup).await?;
        let affected = transaction.execute(statement).await?;
        transaction.commit().await?;
        Ok(affected)
    }
}

impl LentTransaction {
    pub(in crate::nocobase) async fn rows(&self, statement: &Statement) -> Result<Vec<QueryResult>, DbErr> {
        let mut transaction = self.transaction.lock().await;
        let connection: &mut PgConnection = &mut transaction;
        let rows = self.watched(unnamed(statement).fetch_all(connection)).await;
        let rows: Vec<PgRow> = rows.map_err(|error| DbErr::Query(RuntimeErr::SqlxError(error.into())))?;
        Ok(rows.into_iter().map(QueryResult::from).collect())
    }

    pub(in crate::nocobase) async fn execute(&self, statement: &Statement) -> Result<u64, DbErr> {
        let mut transaction = self.transaction.lock().await;
        let connection: &mut PgConnection = &mut transaction;
        let done = self.watched(unnamed(statement).execute(connection)).await;
        let done: PgQueryResult = done.map_err(|error| DbErr::Exec(RuntimeErr::SqlxError(error.into())))?;
        Ok(done.rows_affected())
    }

    pub(in crate::nocobase) async fn commit(self) -> Result<(), DbErr> {
        let committed = self.transaction.into_inner().commit().await;
        committed.map_err(|error| DbErr::Exec(RuntimeErr::SqlxError(error.into())))
    }

    async fn watched<T>(
        &self,
        statement: impl Future<Output = Result<T, SqlxError>>,
    ) -> Result<T, SqlxError> {
        let started = Instant::now();
        let outcome = statement.await;
        (self.observer)(&StatementReport {
            elapsed: started.elapsed(),
            failed: outcome.is_err(),
        });
        outcome
    }
}

fn unnamed(statement: &Statement) -> Query<'static, Postgres, SqlxValues> {
    let values = SqlxValues(statement.values.clone().unwrap_or(sea_orm::Values(Vec::new())));
    query_with(AssertSqlSafe(statement.sql.clone()), values).persistent(false)
}

/// No connection could be had; or one could, and was broken.
fn not_begun(error: SqlxError) -> DbErr {
    if let SqlxError::PoolTimedOut = error {
        DbErr::ConnectionAcquire(ConnAcquireErr::Timeout)
    } else if let SqlxError::PoolClosed = error {
        DbErr::ConnectionAcquire(ConnAcquireErr::ConnectionClosed)
    } else {
        DbErr::Query(RuntimeErr::SqlxError(error.into()))
    }
}
