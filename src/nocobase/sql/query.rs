//! The few ways in which a statement is run, on a connection of our own or on one that is lent.

use sea_orm::sea_query::{Expr, ExprTrait as _, SelectStatement};
use sea_orm::{ConnectionTrait as _, DbErr, QueryResult, Statement, StatementBuilder, TransactionTrait as _};

use super::connection::POSTGRES_SEARCH;
use super::database::Database;
use super::dialect::Dialect;
use super::error::{StoreError, is_lost_connection};
use super::lent::Purpose;
use super::names::Table;
use super::row::Row;
use super::time_limit::limited;

impl Database {
    pub(in crate::nocobase) async fn find_row(
        &self,
        table: Table,
        select: &SelectStatement,
    ) -> Result<Option<Row>, StoreError> {
        let rows = self.find_rows(table, select).await?;
        Ok(rows.into_iter().next())
    }

    pub(in crate::nocobase) async fn find_rows<S: StatementBuilder>(
        &self,
        table: Table,
        select: &S,
    ) -> Result<Vec<Row>, StoreError> {
        let results = self.rows(self.statement(select)).await?;
        Ok(self.named(results, table))
    }

    /// As [`Database::find_rows`], for what no index finds.
    pub(in crate::nocobase) async fn search_rows(
        &self,
        table: Table,
        select: &SelectStatement,
    ) -> Result<Vec<Row>, StoreError> {
        let statement = self.statement(select);
        let results = match &self.lent {
            Some(lent) => {
                self.read(|| Box::pin(lent.rows(&statement, Purpose::Search)))
                    .await?
            }
            None if self.dialect == Dialect::Postgres => {
                self.read(|| Box::pin(self.search_on_own(statement.clone())))
                    .await?
            }
            None => self.rows(statement).await?,
        };
        Ok(self.named(results, table))
    }

    async fn search_on_own(&self, statement: Statement) -> Result<Vec<QueryResult>, DbErr> {
        let transaction = self.connection.begin().await?;
        transaction.execute_unprepared(POSTGRES_SEARCH).await?;
        let results = transaction.query_all_raw(statement).await?;
        transaction.commit().await?;
        Ok(results)
    }

    fn named(&self, results: Vec<QueryResult>, table: Table) -> Vec<Row> {
        let results = results.into_iter();
        results
            .map(|result| Row::new(result, self.dialect, table))
            .collect()
    }

    /// Rows of a statement that changes nothing, or nothing twice.
    pub(in crate::nocobase) async fn rows(
        &self,
        statement: Statement,
    ) -> Result<Vec<QueryResult>, StoreError> {
        match &self.lent {
            Some(lent) => {
                self.read(|| Box::pin(lent.rows(&statement, Purpose::Lookup)))
                    .await
            }
            None => {
                self.read(|| self.connection.query_all_raw(statement.clone()))
                    .await
            }
        }
    }

    /// Rows of a statement that sea-query cannot express.
    pub(in crate::nocobase) async fn raw_rows(
        &self,
        sql: &str,
        values: Vec<sea_orm::Value>,
    ) -> Result<Vec<QueryResult>, StoreError> {
        let backend = self.connection.get_database_backend();
        self.rows(Statement::from_sql_and_values(backend, sql, values))
            .await
    }

    /// A statement, spelt for this database.
    pub(in crate::nocobase) fn statement<S: StatementBuilder>(&self, statement: &S) -> Statement {
        self.connection.get_database_backend().build(statement)
    }

    /// Runs a statement that sea-query cannot express and that may safely run twice.
    pub(in crate::nocobase) async fn execute_raw(&self, sql: &str) -> Result<(), StoreError> {
        self.read(|| self.connection.execute_unprepared(sql))
            .await
            .map(drop)
    }

    /// How many rows a select without columns finds.
    pub(in crate::nocobase) async fn count(
        &self,
        table: Table,
        mut select: SelectStatement,
    ) -> Result<u64, StoreError> {
        select.expr_as(Expr::col(sea_orm::sea_query::Asterisk).count(), "count");
        let rows = self.search_rows(table, &select).await?;
        let count = rows
            .first()
            .map(|row| row.number_as("count"))
            .transpose()?
            .flatten()
            .unwrap_or_default();
        Ok(u64::try_from(count).unwrap_or_default())
    }

    /// Runs one writing statement outside a transaction and tells how many rows it touched. A conflict means it had
    /// no effect, so it is run once more; a lost connection does not, so it is not.
    pub(in crate::nocobase) async fn execute<S: StatementBuilder + Sync>(
        &self,
        statement: &S,
    ) -> Result<u64, StoreError> {
        let statement = self.statement(statement);
        match self.execute_once(&statement).await {
            Err(StoreError::Conflict) => self.execute_once(&statement).await,
            outcome => outcome,
        }
    }

    async fn execute_once(&self, statement: &Statement) -> Result<u64, StoreError> {
        let outcome = match &self.lent {
            Some(lent) => limited(Box::pin(lent.execute(statement))).await,
            None => limited(self.connection.execute_raw(statement.clone()))
                .await
                .map(|done| done.rows_affected()),
        };
        match outcome {
            Err(error) => Err(self.explained(error).await),
            Ok(rows_affected) => Ok(rows_affected),
        }
    }

    /// An error of the driver in our terms, with address and reason where no connection could be had.
    pub(in crate::nocobase) async fn explained(&self, error: DbErr) -> StoreError {
        match &self.reach {
            // On the heap, as all of the ways that are seldom gone: the driver's futures are large.
            Some(reach) => Box::pin(reach.explain(error)).await,
            None => error.into(),
        }
    }

    /// Runs something that changes nothing, or nothing twice, and again when the connection it got turned out to be
    /// broken: after a restart of the server that may be so for every connection in the pool, one after the other.
    pub(in crate::nocobase) async fn read<T, F, Q>(&self, query: Q) -> Result<T, StoreError>
    where
        Q: Fn() -> F,
        F: Future<Output = Result<T, DbErr>>,
    {
        for _ in 0..self.connections {
            match limited(query()).await {
                Err(error) if is_lost_connection(&error) => {}
                Err(error) => return Err(self.explained(error).await),
                Ok(found) => return Ok(found),
            }
        }
        match limited(query()).await {
            Err(error) => Err(self.explained(error).await),
            Ok(found) => Ok(found),
        }
    }
}
