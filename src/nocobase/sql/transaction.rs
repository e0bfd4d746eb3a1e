//! What is done in one transaction, or not at all.

use sea_orm::sea_query::{InsertStatement, SelectStatement};
use sea_orm::{
    ConnectionTrait as _, DatabaseTransaction, DbErr, QueryResult, SqliteTransactionMode, Statement,
    StatementBuilder, TransactionOptions, TransactionTrait as _,
};

use super::database::Database;
use super::dialect::Dialect;
use super::error::StoreError;
use super::lent::{LentTransaction, Purpose};
use super::names::{Column, Table};
use super::row::Row;
use super::time_limit::limited;

/// A transaction, on a connection of our own or on one that is lent to us.
#[derive(Debug)]
pub(in crate::nocobase) enum Transaction {
    Own(DatabaseTransaction),
    Lent(LentTransaction),
}

impl Transaction {
    async fn rows(&self, statement: Statement) -> Result<Vec<QueryResult>, DbErr> {
        match self {
            Self::Own(transaction) => limited(transaction.query_all_raw(statement)).await,
            Self::Lent(transaction) => limited(Box::pin(transaction.rows(&statement))).await,
        }
    }

    async fn execute(&self, statement: Statement) -> Result<Executed, DbErr> {
        match self {
            Self::Own(transaction) => {
                let done = limited(transaction.execute_raw(statement)).await?;
                Ok(Executed {
                    rows_affected: done.rows_affected(),
                    last_insert_id: Some(&done)
                        // PostgreSQL has none, and sea-orm panics when it is asked for.
                        .filter(|_| transaction.get_database_backend() != sea_orm::DbBackend::Postgres)
                        .map(sea_orm::ExecResult::last_insert_id),
                })
            }
            Self::Lent(transaction) => Ok(Executed {
                rows_affected: limited(Box::pin(transaction.execute(&statement))).await?,
                last_insert_id: None,
            }),
        }
    }

    /// Runs a statement that has no values, on a connection of our own.
    pub(in crate::nocobase) async fn execute_unprepared(&self, sql: &str) -> Result<(), DbErr> {
        match self {
            Self::Own(transaction) => transaction.execute_unprepared(sql).await.map(drop),
            Self::Lent(transaction) => {
                let statement = Statement::from_string(sea_orm::DbBackend::Postgres, sql);
                transaction.execute(&statement).await.map(drop)
            }
        }
    }
}

struct Executed {
    rows_affected: u64,
    last_insert_id: Option<u64>,
}

impl Database {
    /// Begins a transaction that sees what others commit while it waits for locks (connections are opened for that).
    pub(in crate::nocobase) async fn begin(&self) -> Result<Transaction, StoreError> {
        if let Some(lent) = &self.lent {
            let begun = self.read(|| Box::pin(lent.begin(Purpose::Lookup))).await?;
            return Ok(Transaction::Lent(begun));
        }
        let options = TransactionOptions {
            // Ignored by the other databases.
            sqlite_transaction_mode: Some(SqliteTransactionMode::Immediate),
            ..TransactionOptions::default()
        };
        let begun = self.read(|| self.connection.begin_with_options(options)).await?;
        Ok(Transaction::Own(begun))
    }

    pub(in crate::nocobase) async fn find_row_in(
        &self,
        transaction: &Transaction,
        table: Table,
        select: &SelectStatement,
    ) -> Result<Option<Row>, StoreError> {
        let rows = self.find_rows_in(transaction, table, select).await?;
        Ok(rows.into_iter().next())
    }

    pub(in crate::nocobase) async fn find_rows_in<S: StatementBuilder + Sync>(
        &self,
        transaction: &Transaction,
        table: Table,
        select: &S,
    ) -> Result<Vec<Row>, StoreError> {
        let results = transaction.rows(self.statement(select)).await?;
        Ok(results
            .into_iter()
            .map(|result| Row::new(result, self.dialect, table))
            .collect())
    }

    pub(in crate::nocobase) async fn execute_in<S: StatementBuilder + Sync>(
        &self,
        transaction: &Transaction,
        statement: &S,
    ) -> Result<u64, StoreError> {
        let done = transaction.execute(self.statement(statement)).await?;
        Ok(done.rows_affected)
    }

    /// Inserts a row whose `id` the database gives, and tells that id.
    pub(in crate::nocobase) async fn insert_in(
        &self,
        transaction: &Transaction,
        table: Table,
        mut insert: InsertStatement,
    ) -> Result<i64, StoreError> {
        let id = if self.dialect == Dialect::Postgres {
            insert.returning_col(self.names.iden(Column::Id));
            let rows = transaction.rows(self.statement(&insert)).await?;
            rows.first().and_then(|row| row.try_get_by_index(0).ok())
        } else {
            let done = transaction.execute(self.statement(&insert)).await?;
            done.last_insert_id.and_then(|id| i64::try_from(id).ok())
        };
        id.ok_or(StoreError::BadRow {
            table: table.camel(),
            column: Column::Id.camel(),
        })
    }

    pub(in crate::nocobase) async fn commit(transaction: Transaction) -> Result<(), StoreError> {
        let committed = match transaction {
            Transaction::Own(transaction) => limited(transaction.commit()).await,
            Transaction::Lent(transaction) => limited(Box::pin(transaction.commit())).await,
        };
        committed.map_err(StoreError::from)
    }
}
