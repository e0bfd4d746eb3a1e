//! Where people and departments come from: NocoBase's list of sources, of which those of our type are ours.

use std::fmt;

use chrono::{DateTime, Utc};
use sea_orm::sea_query::{DeleteStatement, Expr, ExprTrait as _, Order, SelectStatement, UpdateStatement};
use serde::Serialize;
use serde_json::{Value, json};

use super::super::kept_secrets::{KeptSecrets, SecretChange};
use super::super::sql::{Column, Database, Newest, Page, Paged, Row, StoreError, Table, Transaction};
use super::super::wire_time;
use crate::product::AUTH_TYPE;

const TABLE: Table = Table::UserDataSyncSources;
const COLUMNS: [Column; 8] = [
    Column::Id,
    Column::Name,
    Column::SourceType,
    Column::DisplayName,
    Column::Enabled,
    Column::Options,
    Column::CreatedAt,
    Column::UpdatedAt,
];

/// A row of `userDataSyncSources`; serialises to NocoBase's wire form, options as stored: mask them before they leave.
#[derive(Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct SyncSource {
    /// The key in the tables.
    pub id: i64,
    /// The key everywhere else.
    pub name: String,
    /// The type that handles it: here always ours.
    pub source_type: String,
    /// What administrators call it.
    pub display_name: Option<String>,
    /// Whether it is in use.
    pub enabled: bool,
    /// As stored, templates not rendered.
    pub options: Value,
    /// When it was made.
    #[serde(with = "wire_time::option")]
    pub created_at: Option<DateTime<Utc>>,
    /// When it was last changed.
    #[serde(with = "wire_time::option")]
    pub updated_at: Option<DateTime<Utc>>,
}

impl fmt::Debug for SyncSource {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("SyncSource")
            .field("id", &self.id)
            .field("name", &self.name)
            .field("enabled", &self.enabled)
            .finish_non_exhaustive()
    }
}

/// What is needed to make a source. No `Debug`: options may hold secrets.
#[derive(Clone)]
pub struct NewSyncSource {
    /// Must be free.
    pub name: String,
    /// What administrators call it.
    pub display_name: Option<String>,
    /// Whether it is in use at once.
    pub enabled: bool,
    /// As they are to be stored.
    pub options: Value,
    /// What is kept apart from them.
    pub secrets: Vec<SecretChange>,
}

/// What to change of a source; `None` leaves a field alone. The name stays: records go by it.
#[derive(Clone, Default)]
pub struct SyncSourceChanges {
    /// `Some(None)` removes it.
    pub display_name: Option<Option<String>>,
    /// Whether it is in use.
    pub enabled: Option<bool>,
    /// Replaced as a whole.
    pub options: Option<Value>,
    /// What changes of that which is kept apart from them.
    pub secrets: Vec<SecretChange>,
}

/// `userDataSyncSources`, those of our type. Where NocoBase's plugin for them never ran there are none.
#[derive(Clone, Copy, Debug)]
pub struct SyncSources<'a> {
    pub(super) sql: &'a Database,
}

impl<'a> SyncSources<'a> {
    /// Those in use, in order.
    pub async fn enabled(self) -> Result<Vec<SyncSource>, StoreError> {
        let mut select = self.in_order();
        select.and_where(self.sql.col(TABLE, Column::Enabled).eq(true));
        self.rows(&select).await
    }

    /// All of them, in order.
    pub async fn all(self) -> Result<Vec<SyncSource>, StoreError> {
        self.rows(&self.in_order()).await
    }

    /// A page of them.
    pub async fn page(self, page: Page) -> Result<Paged<SyncSource>, StoreError> {
        let all = self.ours(&[]);
        let count = match self.sql.count(TABLE, all).await {
            Err(StoreError::TablesMissing { .. }) => 0,
            count => count?,
        };
        let mut select = self.in_order();
        select.limit(page.page_size).offset(page.offset());
        Ok(Paged {
            rows: self.rows(&select).await?,
            count,
        })
    }

    /// The source of exactly this name, in use or not.
    pub async fn named(self, name: &str) -> Result<Option<SyncSource>, StoreError> {
        let mut select = self.ours(&COLUMNS);
        select.and_where(
            self.sql
                .dialect
                .same_bytes(self.sql.col(TABLE, Column::Name), name),
        );
        Ok(self.rows(&select).await?.into_iter().next())
    }

    /// The source with this id, in use or not.
    pub async fn by_id(self, id: i64) -> Result<Option<SyncSource>, StoreError> {
        Ok(self.rows(&self.one(id)).await?.into_iter().next())
    }

    /// Makes a source at the end of the list; `Duplicate` when the name is taken.
    pub async fn create(self, new: NewSyncSource, now: DateTime<Utc>) -> Result<SyncSource, StoreError> {
        let transaction = self.sql.begin().await?;
        let now = self.sql.dialect.time(TABLE, now);
        let insert = self.sql.insert(
            TABLE,
            [
                (Column::Name, new.name.into()),
                (Column::SourceType, AUTH_TYPE.into()),
                (Column::DisplayName, new.display_name.into()),
                (Column::Enabled, new.enabled.into()),
                (Column::Options, self.sql.dialect.json(&new.options)),
                (Column::Sort, self.sql.next_sort(TABLE, Newest::default())),
                (Column::CreatedAt, now.clone().into()),
                (Column::UpdatedAt, now.into()),
            ],
        );
        let id = self.sql.insert_in(&transaction, TABLE, insert).await?;
        self.secrets().change_in(&transaction, id, &new.secrets).await?;
        let created = self.find_in(&transaction, id).await?;
        Database::commit(transaction).await?;
        created.ok_or(StoreError::BadRow {
            table: TABLE.camel(),
            column: Column::Id.camel(),
        })
    }

    /// Changes a source; `None` when there is none.
    pub async fn update(
        self,
        id: i64,
        changes: SyncSourceChanges,
        now: DateTime<Utc>,
    ) -> Result<Option<SyncSource>, StoreError> {
        let transaction = self.sql.begin().await?;
        let mut update = UpdateStatement::new();
        update
            .table(self.sql.names.table_ref(TABLE))
            .value(
                self.sql.names.iden(Column::UpdatedAt),
                self.sql.dialect.time(TABLE, now),
            )
            .and_where(Expr::col(self.sql.names.iden(Column::Id)).eq(id))
            .and_where(Expr::col(self.sql.names.iden(Column::SourceType)).eq(AUTH_TYPE));
        if let Some(display_name) = changes.display_name {
            update.value(self.sql.names.iden(Column::DisplayName), display_name);
        }
        if let Some(enabled) = changes.enabled {
            update.value(self.sql.names.iden(Column::Enabled), enabled);
        }
        if let Some(options) = changes.options {
            update.value(
                self.sql.names.iden(Column::Options),
                self.sql.dialect.json(&options),
            );
        }
        if self.sql.execute_in(&transaction, &update).await? == 0 {
            return Ok(None);
        }
        self.secrets()
            .change_in(&transaction, id, &changes.secrets)
            .await?;
        let updated = self.find_in(&transaction, id).await?;
        Database::commit(transaction).await?;
        Ok(updated)
    }

    /// Removes sources with what is kept and known of them, and tells how many there were. The people and departments that
    /// came from them stay, and so does the note of where they came from.
    pub async fn destroy(self, ids: &[i64]) -> Result<u64, StoreError> {
        let among = |column| Expr::col(self.sql.names.iden(column)).is_in(ids.iter().copied());
        let mut delete = DeleteStatement::new();
        delete
            .from_table(self.sql.names.table_ref(TABLE))
            .and_where(Expr::col(self.sql.names.iden(Column::SourceType)).eq(AUTH_TYPE))
            .and_where(among(Column::Id));
        let destroyed = self.sql.execute(&delete).await?;
        self.secrets().forget_sources(ids).await?;
        for table in [
            Table::DingTalkDirectory,
            Table::DingTalkEvents,
            Table::DingTalkChanges,
        ] {
            let mut delete = DeleteStatement::new();
            delete
                .from_table(self.sql.names.table_ref(table))
                .and_where(among(Column::Source));
            match self.sql.execute(&delete).await {
                Err(StoreError::TablesMissing { .. }) => {}
                deleted => deleted.map(drop)?,
            }
        }
        Ok(destroyed)
    }

    const fn secrets(self) -> KeptSecrets<'a> {
        KeptSecrets { sql: self.sql }
    }

    async fn find_in(self, transaction: &Transaction, id: i64) -> Result<Option<SyncSource>, StoreError> {
        let row = self.sql.find_row_in(transaction, TABLE, &self.one(id)).await?;
        row.map(|row| SyncSource::from_row(&row)).transpose()
    }

    async fn rows(self, select: &SelectStatement) -> Result<Vec<SyncSource>, StoreError> {
        match self.sql.find_rows(TABLE, select).await {
            Err(StoreError::TablesMissing { .. }) => Ok(Vec::new()),
            rows => rows?.iter().map(SyncSource::from_row).collect(),
        }
    }

    fn one(self, id: i64) -> SelectStatement {
        let mut select = self.ours(&COLUMNS);
        select.and_where(self.sql.col(TABLE, Column::Id).eq(id));
        select
    }

    fn in_order(self) -> SelectStatement {
        let mut select = self.ours(&COLUMNS);
        select
            .order_by_expr(self.sql.col(TABLE, Column::Sort), Order::Asc)
            .order_by_expr(self.sql.col(TABLE, Column::Id), Order::Asc);
        select
    }

    fn ours(self, columns: &[Column]) -> SelectStatement {
        let mut select = self.sql.select(TABLE, columns);
        select.and_where(self.sql.col(TABLE, Column::SourceType).eq(AUTH_TYPE));
        select
    }
}

impl SyncSource {
    fn from_row(row: &Row) -> Result<Self, StoreError> {
        Ok(Self {
            id: row.required_number(Column::Id)?,
            name: row.required_text(Column::Name)?,
            source_type: row.required_text(Column::SourceType)?,
            display_name: row.text(Column::DisplayName)?,
            enabled: row.flag(Column::Enabled)?.unwrap_or_default(),
            options: row.json(Column::Options)?.unwrap_or_else(|| json!({})),
            created_at: row.time(Column::CreatedAt)?,
            updated_at: row.time(Column::UpdatedAt)?,
        })
    }
}
