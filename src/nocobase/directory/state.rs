//! The small things that are known of a source, in the database because several processes share them; among them who of
//! these processes has the source in hand.

use std::fmt;

use sea_orm::sea_query::{DeleteStatement, Expr, ExprTrait as _, OnConflict, Order, UpdateStatement};

use super::super::sql::{Column, Database, Row, StoreError, Table};

const TABLE: Table = Table::DingTalkDirectory;
const LEASE: &str = "lease";

/// One of them.
#[derive(Clone, PartialEq, Eq)]
pub struct StateEntry {
    /// What it is.
    pub name: String,
    /// As it was put.
    pub value: String,
    /// Milliseconds; what they mean is the name's to say.
    pub at: i64,
}

impl fmt::Debug for StateEntry {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("StateEntry")
            .field("at", &self.at)
            .finish_non_exhaustive()
    }
}

/// `dingtalk_directory`. Where the table is missing nothing is known, and nothing can be put.
#[derive(Clone, Copy, Debug)]
pub struct DirectoryState<'a> {
    pub(super) sql: &'a Database,
}

impl DirectoryState<'_> {
    /// What is known by this name.
    pub async fn get(self, source: i64, name: &str) -> Result<Option<StateEntry>, StoreError> {
        let mut select = self.sql.select(TABLE, &COLUMNS);
        select
            .and_where(self.sql.col(TABLE, Column::Source).eq(source))
            .and_where(self.sql.col(TABLE, Column::Name).eq(name));
        match self.sql.find_row(TABLE, &select).await {
            Err(StoreError::TablesMissing { .. }) => Ok(None),
            found => found?.map(|row| StateEntry::from_row(&row)).transpose(),
        }
    }

    /// Puts it there, in place of what was there.
    pub async fn put(self, source: i64, name: &str, value: &str, at: i64) -> Result<(), StoreError> {
        let [source_column, name_column, value_column, at_column] =
            [Column::Source, Column::Name, Column::Value, Column::At]
                .map(|column| self.sql.names.iden(column));
        let mut insert = self.row(source, name, value, at);
        let mut conflict = OnConflict::columns([source_column, name_column]);
        conflict.update_columns([value_column, at_column]);
        insert.on_conflict(conflict);
        self.sql.execute(&insert).await.map(drop)
    }

    /// As [`DirectoryState::put`], only where there is nothing of this name; false where there is.
    pub async fn put_new(self, source: i64, name: &str, value: &str, at: i64) -> Result<bool, StoreError> {
        match self.sql.execute(&self.row(source, name, value, at)).await {
            Err(StoreError::Duplicate { .. }) => Ok(false),
            put => put.map(|rows| rows > 0),
        }
    }

    /// Removes it; false when there was nothing.
    pub async fn delete(self, source: i64, name: &str) -> Result<bool, StoreError> {
        let mut delete = self.delete_of(source);
        delete.and_where(Expr::col(self.sql.names.iden(Column::Name)).eq(name));
        Ok(self.sql.execute(&delete).await? > 0)
    }

    /// Everything whose name begins so, by name.
    pub async fn list(self, source: i64, prefix: &str) -> Result<Vec<StateEntry>, StoreError> {
        let mut select = self.sql.select(TABLE, &COLUMNS);
        // Not LIKE: names may hold what it takes for a pattern, and SQLite's knows no case.
        let end = format!("{prefix}\u{10ffff}");
        select
            .and_where(self.sql.col(TABLE, Column::Source).eq(source))
            .order_by_expr(self.sql.col(TABLE, Column::Name), Order::Asc);
        if !prefix.is_empty() {
            select
                .and_where(self.sql.col(TABLE, Column::Name).gte(prefix))
                .and_where(self.sql.col(TABLE, Column::Name).lt(end));
        }
        let rows = match self.sql.find_rows(TABLE, &select).await {
            Err(StoreError::TablesMissing { .. }) => return Ok(Vec::new()),
            rows => rows?,
        };
        let mut entries = Vec::with_capacity(rows.len());
        for row in &rows {
            let entry = StateEntry::from_row(row)?;
            // A collation may order otherwise than bytes do.
            if entry.name.starts_with(prefix) {
                entries.push(entry);
            }
        }
        Ok(entries)
    }

    /// Takes the source in hand until then, or keeps it so; false while another holder has it. One of several who try at
    /// once succeeds.
    pub async fn take_lease(
        self,
        source: i64,
        holder: &str,
        now_ms: i64,
        until_ms: i64,
    ) -> Result<bool, StoreError> {
        let column = |column| Expr::col(self.sql.names.iden(column));
        let mut update = UpdateStatement::new();
        update
            .table(self.sql.names.table_ref(TABLE))
            .value(self.sql.names.iden(Column::Value), holder)
            .value(self.sql.names.iden(Column::At), until_ms)
            .and_where(column(Column::Source).eq(source))
            .and_where(column(Column::Name).eq(LEASE))
            .and_where(
                column(Column::Value)
                    .eq(holder)
                    .or(column(Column::At).lte(now_ms)),
            );
        if self.sql.execute(&update).await? > 0 {
            return Ok(true);
        }
        self.put_new(source, LEASE, holder, until_ms).await
    }

    /// Who has the source in hand, and until when.
    pub async fn lease(self, source: i64) -> Result<Option<(String, i64)>, StoreError> {
        let held = self.get(source, LEASE).await?;
        Ok(held.map(|held| (held.value, held.at)))
    }

    /// Lets go of the source; whoever else has it in hand keeps it.
    pub async fn give_back_lease(self, source: i64, holder: &str) -> Result<(), StoreError> {
        let mut delete = self.delete_of(source);
        delete
            .and_where(Expr::col(self.sql.names.iden(Column::Name)).eq(LEASE))
            .and_where(Expr::col(self.sql.names.iden(Column::Value)).eq(holder));
        self.sql.execute(&delete).await.map(drop)
    }

    fn row(self, source: i64, name: &str, value: &str, at: i64) -> sea_orm::sea_query::InsertStatement {
        self.sql.insert(
            TABLE,
            [
                (Column::Source, source.into()),
                (Column::Name, name.into()),
                (Column::Value, value.into()),
                (Column::At, at.into()),
            ],
        )
    }

    fn delete_of(self, source: i64) -> DeleteStatement {
        let mut delete = DeleteStatement::new();
        delete
            .from_table(self.sql.names.table_ref(TABLE))
            .and_where(Expr::col(self.sql.names.iden(Column::Source)).eq(source));
        delete
    }
}

const COLUMNS: [Column; 3] = [Column::Name, Column::Value, Column::At];

impl StateEntry {
    fn from_row(row: &Row) -> Result<Self, StoreError> {
        Ok(Self {
            name: row.required_text(Column::Name)?,
            value: row.required_text(Column::Value)?,
            at: row.required_number(Column::At)?,
        })
    }
}
