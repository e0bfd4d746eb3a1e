//! The open store: one pool of connections, and the few ways in which a statement is run on it.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use sea_orm::sea_query::{Expr, ExprTrait as _, SelectStatement};
use sea_orm::{
    ConnectionTrait as _, DatabaseConnection, DbErr, QueryResult, RuntimeErr, Statement, StatementBuilder,
};
use tokio::sync::Mutex;

use super::at_once::AtOnce;
use super::connection;
use super::dialect::Dialect;
use super::error::{StoreError, is_lost_connection};
use super::names::{Names, Table};
use super::row::Row;
use super::settings::DatabaseSettings;
use super::statements::Newest;

/// How long one statement may take, so that a database which accepts and never answers cannot hold a sign-in.
const STATEMENT_LIMIT: Duration = Duration::from_secs(10);

/// One SQL statement that has been run.
#[derive(Clone, Copy, Debug)]
pub struct StatementReport {
    /// From sending it to its last row.
    pub elapsed: Duration,
    /// True when the database refused it or went away.
    pub failed: bool,
}

/// Told about every SQL statement; never given its text or its values.
pub type StatementObserver = Arc<dyn Fn(&StatementReport) + Send + Sync>;

/// A part of a list, as NocoBase's clients ask for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Page {
    /// The first page is 1.
    pub page: u64,
    /// Rows on a page, at least 1.
    pub page_size: u64,
}

impl Page {
    /// One page that holds any list of ours.
    pub const ALL: Self = Self {
        page: 1,
        page_size: 10_000,
    };

    pub(super) fn offset(self) -> u64 {
        // Databases count rows with a sign.
        let before = self.page.saturating_sub(1).saturating_mul(self.page_size);
        Ord::min(before, i64::MAX.unsigned_abs())
    }
}

/// The rows of a [`Page`], and how many there are on all pages.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Paged<T> {
    /// The rows of the page.
    pub rows: Vec<T>,
    /// The rows of all pages together.
    pub count: u64,
}

/// NocoBase's tables, opened; clones share one pool.
#[derive(Clone)]
pub struct Store {
    pub(super) connection: DatabaseConnection,
    pub(super) dialect: Dialect,
    pub(super) names: Arc<Names>,
    /// The most connections in the pool.
    connections: u32,
    /// First sign-ins queue here, fairly, before they take a connection: the rows they lock would otherwise keep
    /// the whole pool waiting. Whose turn it is knows the newest user.
    pub(super) turns: Arc<Mutex<Newest>>,
    /// Where the database signs people in with one statement.
    pub(super) at_once: Option<Arc<AtOnce>>,
}

impl fmt::Debug for Store {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Store")
            .field("dialect", &self.dialect)
            .field("names", &self.names)
            .finish_non_exhaustive()
    }
}

impl Store {
    /// Opens the database. A server is first reached at the first statement, so that the sidecar starts before its
    /// database does; ask [`Store::ping`].
    pub async fn connect(
        settings: &DatabaseSettings,
        observer: StatementObserver,
    ) -> Result<Self, StoreError> {
        let mut connection = connection::open(settings).await?;
        connection.set_metric_callback(move |info| {
            observer(&StatementReport {
                elapsed: info.elapsed,
                failed: info.failed,
            });
        });
        let (dialect, names) = match settings {
            DatabaseSettings::Sqlite { .. } => (Dialect::Sqlite, Names::default()),
            DatabaseSettings::Server(server) => (connection::dialect(server), connection::names(server)),
        };
        let connections = connection::pool_size(settings);
        Ok(Self {
            connection,
            dialect,
            at_once: AtOnce::new(dialect, &names).map(Arc::new),
            names: Arc::new(names),
            connections,
            turns: Arc::default(),
        })
    }

    /// Asks the database for a sign of life.
    pub async fn ping(&self) -> Result<(), StoreError> {
        limited(self.connection.ping()).await.map_err(StoreError::from)
    }

    pub(super) async fn find_row(
        &self,
        table: Table,
        select: &SelectStatement,
    ) -> Result<Option<Row>, StoreError> {
        let result = self.read(|| self.connection.query_one(select)).await?;
        Ok(result.map(|result| Row::new(result, self.dialect, table)))
    }

    pub(super) async fn find_rows(
        &self,
        table: Table,
        select: &SelectStatement,
    ) -> Result<Vec<Row>, StoreError> {
        let results = self.read(|| self.connection.query_all(select)).await?;
        Ok(results
            .into_iter()
            .map(|result| Row::new(result, self.dialect, table))
            .collect())
    }

    /// Rows of a statement that sea-query cannot express.
    pub(super) async fn raw_rows(
        &self,
        sql: &str,
        values: Vec<sea_orm::Value>,
    ) -> Result<Vec<QueryResult>, StoreError> {
        let backend = self.connection.get_database_backend();
        self.read(|| {
            self.connection
                .query_all_raw(Statement::from_sql_and_values(backend, sql, values.clone()))
        })
        .await
    }

    /// Runs a statement that sea-query cannot express and that may safely run twice.
    pub(super) async fn execute_raw(&self, sql: &str) -> Result<(), StoreError> {
        self.read(|| self.connection.execute_unprepared(sql))
            .await
            .map(drop)
    }

    /// How many rows a select without columns finds.
    pub(super) async fn count(&self, table: Table, mut select: SelectStatement) -> Result<u64, StoreError> {
        select.expr_as(Expr::col(sea_orm::sea_query::Asterisk).count(), "count");
        let row = self.find_row(table, &select).await?;
        let count = row
            .map(|row| row.number_as("count"))
            .transpose()?
            .flatten()
            .unwrap_or_default();
        Ok(u64::try_from(count).unwrap_or_default())
    }

    /// Runs one writing statement outside a transaction and tells how many rows it touched. A conflict means it had
    /// no effect, so it is run once more; a lost connection does not, so it is not.
    pub(super) async fn execute<S: StatementBuilder + Sync>(&self, statement: &S) -> Result<u64, StoreError> {
        let mut result = limited(self.connection.execute(statement)).await;
        if let Err(error) = result {
            let error = StoreError::from(error);
            if !matches!(error, StoreError::Conflict) {
                return Err(error);
            }
            result = limited(self.connection.execute(statement)).await;
        }
        Ok(result?.rows_affected())
    }

    /// Runs something that changes nothing, or nothing twice, and again when the connection it got turned out to be
    /// broken: after a restart of the server that may be so for every connection in the pool, one after the other.
    pub(super) async fn read<T, F, Q>(&self, query: Q) -> Result<T, StoreError>
    where
        Q: Fn() -> F,
        F: Future<Output = Result<T, DbErr>>,
    {
        for _ in 0..self.connections {
            match limited(query()).await {
                Err(error) if is_lost_connection(&error) => {}
                result => return Ok(result?),
            }
        }
        Ok(limited(query()).await?)
    }
}

/// Gives a statement its time limit.
pub(super) async fn limited<T>(statement: impl Future<Output = Result<T, DbErr>>) -> Result<T, DbErr> {
    match tokio::time::timeout(STATEMENT_LIMIT, statement).await {
        Ok(result) => result,
        Err(_) => Err(DbErr::Conn(RuntimeErr::Internal(
            "no answer within the time limit".to_owned(),
        ))),
    }
}
