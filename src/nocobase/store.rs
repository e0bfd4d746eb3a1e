//! The open store: one pool of connections, and the few ways in which a statement is run on it.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use sea_orm::sea_query::{Expr, ExprTrait as _, InsertStatement, SelectStatement};
use sea_orm::{
    ConnectionTrait, DatabaseConnection, DatabaseTransaction, DbErr, IsolationLevel, QueryResult, RuntimeErr,
    SqliteTransactionMode, Statement, StatementBuilder, TransactionOptions, TransactionTrait as _,
};
use tokio::sync::Mutex;

use super::connection;
use super::dialect::Dialect;
use super::error::{StoreError, is_lost_connection};
use super::names::{Column, Names, Table};
use super::row::Row;
use super::settings::DatabaseSettings;

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

    pub(super) const fn offset(self) -> u64 {
        self.page.saturating_sub(1).saturating_mul(self.page_size)
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
    connection: DatabaseConnection,
    pub(super) dialect: Dialect,
    pub(super) names: Arc<Names>,
    /// The most connections in the pool.
    connections: u32,
    /// First sign-ins queue here, fairly, before they take a connection: the rows they lock would otherwise keep
    /// the whole pool waiting.
    pub(super) turns: Arc<Mutex<()>>,
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
            names: Arc::new(names),
            connections,
            turns: Arc::new(Mutex::new(())),
        })
    }

    /// Asks the database for a sign of life.
    pub async fn ping(&self) -> Result<(), StoreError> {
        limited(self.connection.ping()).await.map_err(StoreError::from)
    }

    /// A select over one table with NocoBase's names for the columns of the answer.
    pub(super) fn select(&self, table: Table, columns: &[Column]) -> SelectStatement {
        let mut select = SelectStatement::new();
        select.from(self.names.table_ref(table));
        self.add_columns(&mut select, table, columns);
        select
    }

    /// Adds columns of a joined table to a select.
    pub(super) fn add_columns(&self, select: &mut SelectStatement, table: Table, columns: &[Column]) {
        for column in columns {
            let expr = self.col(table, *column);
            let expr = if column.is_json() {
                self.dialect.json_as_text(expr)
            } else {
                expr
            };
            select.expr_as(expr, column.camel());
        }
    }

    /// A column, qualified by its table.
    pub(super) fn col(&self, table: Table, column: Column) -> Expr {
        Expr::col((
            sea_orm::sea_query::Alias::new(self.names.table(table)),
            sea_orm::sea_query::Alias::new(self.names.column(column)),
        ))
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

    /// Begins a transaction that sees what others commit while it waits for locks.
    pub(super) async fn begin(&self) -> Result<DatabaseTransaction, StoreError> {
        let options = if self.dialect.is_sqlite() {
            TransactionOptions {
                sqlite_transaction_mode: Some(SqliteTransactionMode::Immediate),
                ..TransactionOptions::default()
            }
        } else {
            TransactionOptions {
                isolation_level: Some(IsolationLevel::ReadCommitted),
                ..TransactionOptions::default()
            }
        };
        self.read(|| self.connection.begin_with_options(options)).await
    }

    pub(super) async fn find_row_in(
        &self,
        transaction: &DatabaseTransaction,
        table: Table,
        select: &SelectStatement,
    ) -> Result<Option<Row>, StoreError> {
        let result = limited(transaction.query_one(select)).await?;
        Ok(result.map(|result| Row::new(result, self.dialect, table)))
    }

    pub(super) async fn find_rows_in(
        &self,
        transaction: &DatabaseTransaction,
        table: Table,
        select: &SelectStatement,
    ) -> Result<Vec<Row>, StoreError> {
        let results = limited(transaction.query_all(select)).await?;
        Ok(results
            .into_iter()
            .map(|result| Row::new(result, self.dialect, table))
            .collect())
    }

    pub(super) async fn execute_in<S: StatementBuilder + Sync>(
        &self,
        transaction: &DatabaseTransaction,
        statement: &S,
    ) -> Result<u64, StoreError> {
        Ok(limited(transaction.execute(statement)).await?.rows_affected())
    }

    /// Inserts a row whose `id` the database gives, and tells that id.
    pub(super) async fn insert_in(
        &self,
        transaction: &DatabaseTransaction,
        table: Table,
        mut insert: InsertStatement,
    ) -> Result<i64, StoreError> {
        if self.dialect == Dialect::Postgres {
            insert.returning_col(self.names.iden(Column::Id));
            let row = limited(transaction.query_one(&insert)).await?;
            return row
                .and_then(|row| row.try_get_by_index(0).ok())
                .ok_or(StoreError::BadRow {
                    table: table.camel(),
                    column: Column::Id.camel(),
                });
        }
        let id = limited(transaction.execute(&insert)).await?.last_insert_id();
        i64::try_from(id).map_err(|_| StoreError::BadRow {
            table: table.camel(),
            column: Column::Id.camel(),
        })
    }

    pub(super) async fn commit(transaction: DatabaseTransaction) -> Result<(), StoreError> {
        limited(transaction.commit()).await.map_err(StoreError::from)
    }

    /// The largest `sort` of a table plus one, as NocoBase places new rows.
    pub(super) async fn next_sort(
        &self,
        transaction: &DatabaseTransaction,
        table: Table,
    ) -> Result<i64, StoreError> {
        let mut select = SelectStatement::new();
        select
            .from(self.names.table_ref(table))
            .expr_as(self.col(table, Column::Sort).max(), Column::Sort.camel());
        let row = self.find_row_in(transaction, table, &select).await?;
        Ok(row
            .map(|row| row.number(Column::Sort))
            .transpose()?
            .flatten()
            .unwrap_or_default()
            + 1)
    }

    /// Runs something that changes nothing, and again when the connection it got turned out to be broken: after a
    /// restart of the server that may be so for every connection in the pool, one after the other.
    async fn read<T, F, Q>(&self, query: Q) -> Result<T, StoreError>
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
async fn limited<T>(statement: impl Future<Output = Result<T, DbErr>>) -> Result<T, DbErr> {
    match tokio::time::timeout(STATEMENT_LIMIT, statement).await {
        Ok(result) => result,
        Err(_) => Err(DbErr::Conn(RuntimeErr::Internal(
            "no answer within the time limit".to_owned(),
        ))),
    }
}
