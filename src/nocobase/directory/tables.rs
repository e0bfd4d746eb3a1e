//! The tables of our own that a kept directory needs, made when there is a first source.

use super::super::by_hand::Spelt;
use super::super::sql::{Column, Database, Dialect, StoreError, Table};
use super::super::store::Store;

/// What NocoBase's own plugins make beside it.
const EMBEDDED: &str = include_str!("embedded.sql");

/// As many processes as there are may be between looking and making.
const TRIES: usize = 5;

/// A column of a table to be made, and whether it is part of the key.
type Definition = (Column, &'static str, bool);

const TABLES: [(Table, &[Definition]); 3] = [
    (
        Table::DingTalkDirectory,
        &[
            (Column::Source, NUMBER, true),
            (Column::Name, NAME, true),
            (Column::Value, LONG_TEXT, false),
            (Column::At, NUMBER, false),
        ],
    ),
    (
        Table::DingTalkEvents,
        &[
            (Column::Source, NUMBER, true),
            (Column::Id, NAME, true),
            (Column::Type, "VARCHAR(64) NOT NULL", false),
            (Column::Subjects, LONG_TEXT, false),
            (Column::Received, NUMBER, false),
            (Column::Done, OPTIONAL_NUMBER, false),
        ],
    ),
    (
        Table::DingTalkChanges,
        &[
            (Column::Source, NUMBER, true),
            (Column::Position, NUMBER, true),
            (Column::Kind, "VARCHAR(32) NOT NULL", false),
            (Column::Uid, NAME, false),
            (Column::Name, "VARCHAR(255)", false),
            (Column::ChangedUser, OPTIONAL_NUMBER, false),
            (Column::Detail, LONG_TEXT, false),
        ],
    ),
];

const NUMBER: &str = "BIGINT NOT NULL";
const OPTIONAL_NUMBER: &str = "BIGINT";
/// As long as any key of MySQL may be.
const NAME: &str = "VARCHAR(191) NOT NULL";
const LONG_TEXT: &str = "TEXT NOT NULL";

impl Store {
    /// Makes the tables that are missing; several processes may do so at once.
    pub async fn ensure_directory_tables(&self) -> Result<(), StoreError> {
        if self.sql.dialect == Dialect::Sqlite {
            return self.create_embedded_directory().await;
        }
        for (table, columns) in TABLES {
            self.create(&self.create_table(table, columns)).await?;
        }
        self.ensure_record_index().await
    }

    /// NocoBase finds a record by reading all of them, and so would we for each new person. Who may not make the index does
    /// without.
    async fn ensure_record_index(&self) -> Result<(), StoreError> {
        if !self.may_index {
            return Ok(());
        }
        let spelt = Spelt {
            dialect: self.sql.dialect,
            names: &self.sql.names,
        };
        let (table, column) = (Table::UserDataSyncRecords, Column::SourceUk);
        let index = format!(
            "{}_{}",
            self.sql.names.table(table),
            self.sql.names.column(column)
        );
        if self.sql.has_index(&index).await? {
            return Ok(());
        }
        let create = format!(
            "CREATE INDEX {} ON {} ({})",
            self.sql.dialect.quoted(&index),
            spelt.table(table),
            spelt.column(column)
        );
        if let Err(error) = self.sql.execute_raw(&create).await
            && !matches!(error, StoreError::TablesMissing { .. })
            && !self.sql.has_index(&index).await?
        {
            log::warn!("records of people are found slowly, for they have no index: {error}");
        }
        Ok(())
    }

    /// PostgreSQL looks and makes in several steps, and says so in several ways when another process was between them.
    async fn create(&self, statement: &str) -> Result<(), StoreError> {
        for _ in 1..TRIES {
            match self.sql.execute_raw(statement).await {
                Err(StoreError::Duplicate { .. } | StoreError::Conflict | StoreError::Unexpected(_)) => {}
                made => return made,
            }
        }
        self.sql.execute_raw(statement).await
    }

    async fn create_embedded_directory(&self) -> Result<(), StoreError> {
        let main_department = self.sql.names.column(Column::MainDepartmentId);
        let transaction = self.sql.begin().await?;
        for statement in EMBEDDED
            .split(';')
            .map(str::trim)
            .filter(|statement| !statement.is_empty())
        {
            transaction.execute_unprepared(statement).await?;
        }
        Database::commit(transaction).await?;
        if self.have_users(&main_department).await? {
            return Ok(());
        }
        let users = self.sql.dialect.quoted(&self.sql.names.table(Table::Users));
        let column = self.sql.dialect.quoted(&main_department);
        let add = format!("ALTER TABLE {users} ADD COLUMN {column} BIGINT");
        match self.sql.execute_raw(&add).await {
            // Somebody else was faster.
            Err(_) if self.have_users(&main_department).await? => Ok(()),
            added => added,
        }
    }

    async fn have_users(&self, wanted: &str) -> Result<bool, StoreError> {
        let columns = self.sql.column_kinds(Table::Users).await?;
        Ok(columns.iter().any(|(column, _)| column == wanted))
    }

    fn create_table(&self, table: Table, columns: &[Definition]) -> String {
        let spelt = Spelt {
            dialect: self.sql.dialect,
            names: &self.sql.names,
        };
        let is_mysql = matches!(self.sql.dialect, Dialect::MySql { .. });
        let defined = columns.iter().map(|(column, kind, _)| {
            let kind = if is_mysql && *kind == LONG_TEXT {
                "LONGTEXT NOT NULL"
            } else {
                kind
            };
            format!("{} {kind}", spelt.column(*column))
        });
        let key = columns.iter().filter(|(.., is_key)| *is_key);
        let key: Vec<_> = key.map(|(column, ..)| spelt.column(*column)).collect();
        let defined: Vec<_> = defined.collect();
        // Ids that differ in case only are different ids.
        let collation = if is_mysql {
            " CHARACTER SET utf8mb4 COLLATE utf8mb4_bin"
        } else {
            ""
        };
        format!(
            "CREATE TABLE IF NOT EXISTS {} ({}, PRIMARY KEY ({})){collation}",
            spelt.table(table),
            defined.join(", "),
            key.join(", ")
        )
    }
}
