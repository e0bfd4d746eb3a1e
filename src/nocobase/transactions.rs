//! What is done in one transaction, or not at all.

use sea_orm::sea_query::{InsertStatement, SelectStatement};
use sea_orm::{
    ConnectionTrait as _, DatabaseTransaction, SqliteTransactionMode, StatementBuilder, TransactionOptions,
    TransactionTrait as _,
};

use super::dialect::Dialect;
use super::error::StoreError;
use super::names::{Column, Table};
use super::row::Row;
use super::store::{Store, limited};

impl Store {
    /// Begins a transaction that sees what others commit while it waits for locks (connections are opened for that).
    pub(super) async fn begin(&self) -> Result<DatabaseTransaction, StoreError> {
        let options = TransactionOptions {
            // Ignored by the other databases.
            sqlite_transaction_mode: Some(SqliteTransactionMode::Immediate),
            ..TransactionOptions::default()
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

    pub(super) async fn find_rows_in<S: StatementBuilder + Sync>(
        &self,
        transaction: &DatabaseTransaction,
        table: Table,
        select: &S,
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
}
