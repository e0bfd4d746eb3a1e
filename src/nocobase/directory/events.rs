//! What DingTalk said has happened, kept until it is applied.

use std::fmt;

use sea_orm::sea_query::{DeleteStatement, Expr, ExprTrait as _, Order, UpdateStatement};

use super::super::sql::{Column, Database, Row, StoreError, Table};

const TABLE: Table = Table::DingTalkEvents;
/// Databases take only so many values in one statement.
const IDS_AT_ONCE: usize = 500;

/// An event as it arrives.
#[derive(Clone, PartialEq, Eq)]
pub struct NewEvent {
    /// DingTalk's id of it: the same when it is delivered again.
    pub id: String,
    /// What has happened.
    pub event_type: String,
    /// To whom, or to which departments.
    pub subjects: Vec<String>,
    /// Milliseconds.
    pub received: i64,
}

impl fmt::Debug for NewEvent {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("NewEvent")
            .field("event_type", &self.event_type)
            .field("subjects", &self.subjects.len())
            .finish_non_exhaustive()
    }
}

/// `dingtalk_events`.
#[derive(Clone, Copy, Debug)]
pub struct DirectoryEvents<'a> {
    pub(super) sql: &'a Database,
}

impl DirectoryEvents<'_> {
    /// Keeps those that are not known yet, and tells how many these were. Each is there for good when this returns.
    pub async fn add(self, source: i64, events: &[NewEvent]) -> Result<usize, StoreError> {
        let mut added = 0;
        for event in events {
            let insert = self.sql.insert(
                TABLE,
                [
                    (Column::Source, source.into()),
                    (Column::Id, event.id.as_str().into()),
                    (Column::Type, event.event_type.as_str().into()),
                    (
                        Column::Subjects,
                        serde_json::Value::from(event.subjects.clone()).to_string().into(),
                    ),
                    (Column::Received, event.received.into()),
                ],
            );
            match self.sql.execute(&insert).await {
                Err(StoreError::Duplicate { .. }) => {}
                Ok(_) => added += 1,
                Err(error) => return Err(error),
            }
        }
        Ok(added)
    }

    /// Those that wait, the oldest first.
    pub async fn pending(self, source: i64, limit: u64) -> Result<Vec<NewEvent>, StoreError> {
        let columns = [Column::Id, Column::Type, Column::Subjects, Column::Received];
        let mut select = self.sql.select(TABLE, &columns);
        select
            .and_where(self.sql.col(TABLE, Column::Source).eq(source))
            .and_where(self.sql.col(TABLE, Column::Done).is_null())
            .order_by_expr(self.sql.col(TABLE, Column::Received), Order::Asc)
            .order_by_expr(self.sql.col(TABLE, Column::Id), Order::Asc)
            .limit(limit);
        let rows = match self.sql.search_rows(TABLE, &select).await {
            Err(StoreError::TablesMissing { .. }) => return Ok(Vec::new()),
            rows => rows?,
        };
        rows.iter().map(NewEvent::from_row).collect()
    }

    /// When the oldest that waits was received, and how many wait.
    pub async fn oldest_pending(self, source: i64) -> Result<Option<(i64, u64)>, StoreError> {
        let mut select = self.sql.select(TABLE, &[]);
        select
            .expr_as(
                self.sql.col(TABLE, Column::Received).min(),
                Column::Received.camel(),
            )
            .expr_as(self.sql.col(TABLE, Column::Id).count(), COUNT)
            .and_where(self.sql.col(TABLE, Column::Source).eq(source))
            .and_where(self.sql.col(TABLE, Column::Done).is_null());
        let row = match self.sql.find_row(TABLE, &select).await {
            Err(StoreError::TablesMissing { .. }) => return Ok(None),
            row => row?,
        };
        let Some(row) = row else { return Ok(None) };
        let count = u64::try_from(row.number_as(COUNT)?.unwrap_or_default()).unwrap_or_default();
        Ok(row.number(Column::Received)?.map(|oldest| (oldest, count)))
    }

    /// Takes note that these were applied.
    pub async fn done(self, source: i64, ids: &[String], now_ms: i64) -> Result<(), StoreError> {
        for part in ids.chunks(IDS_AT_ONCE) {
            let mut update = UpdateStatement::new();
            update
                .table(self.sql.names.table_ref(TABLE))
                .value(self.sql.names.iden(Column::Done), now_ms)
                .and_where(Expr::col(self.sql.names.iden(Column::Source)).eq(source))
                .and_where(Expr::col(self.sql.names.iden(Column::Id)).is_in(part.iter().cloned()));
            self.sql.execute(&update).await?;
        }
        Ok(())
    }

    /// Takes note that everything received before then is settled, as after a full run.
    pub async fn done_before(self, source: i64, received_ms: i64, now_ms: i64) -> Result<u64, StoreError> {
        let mut update = UpdateStatement::new();
        update
            .table(self.sql.names.table_ref(TABLE))
            .value(self.sql.names.iden(Column::Done), now_ms)
            .and_where(Expr::col(self.sql.names.iden(Column::Source)).eq(source))
            .and_where(Expr::col(self.sql.names.iden(Column::Done)).is_null())
            .and_where(Expr::col(self.sql.names.iden(Column::Received)).lt(received_ms));
        self.sql.execute(&update).await
    }

    /// Forgets what was applied before then: as long as DingTalk may deliver it again it must be known.
    pub async fn prune(self, source: i64, before_ms: i64) -> Result<u64, StoreError> {
        let mut delete = DeleteStatement::new();
        delete
            .from_table(self.sql.names.table_ref(TABLE))
            .and_where(Expr::col(self.sql.names.iden(Column::Source)).eq(source))
            .and_where(Expr::col(self.sql.names.iden(Column::Done)).lt(before_ms));
        self.sql.execute(&delete).await
    }
}

const COUNT: &str = "count";

impl NewEvent {
    fn from_row(row: &Row) -> Result<Self, StoreError> {
        Ok(Self {
            id: row.required_text(Column::Id)?,
            event_type: row.required_text(Column::Type)?,
            subjects: row
                .json(Column::Subjects)?
                .and_then(|subjects| serde_json::from_value(subjects).ok())
                .unwrap_or_default(),
            received: row.required_number(Column::Received)?,
        })
    }
}
