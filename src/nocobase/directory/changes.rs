//! What the latest run of a source does, or would do: its preview and its report.

use std::collections::BTreeMap;
use std::fmt;

use sea_orm::sea_query::{DeleteStatement, Expr, ExprTrait as _, Order, SelectStatement};
use serde_json::Value;

use super::super::new_user::filled;
use super::super::sql::{Column, Database, Page, Paged, Row, StoreError, Table};
use super::super::users::UserId;

const TABLE: Table = Table::DingTalkChanges;
const COUNT: &str = "count";
const COLUMNS: [Column; 6] = [
    Column::Position,
    Column::Kind,
    Column::Uid,
    Column::Name,
    Column::ChangedUser,
    Column::Detail,
];

/// One person or department of it.
#[derive(Clone, PartialEq, Eq)]
pub struct ChangeRow {
    /// What is done.
    pub kind: String,
    /// Whom it is done to, in DingTalk's words.
    pub uid: String,
    /// What they are called.
    pub name: Option<String>,
    /// The user, where there is one.
    pub user: Option<UserId>,
    /// What there is to say.
    pub detail: Value,
}

impl fmt::Debug for ChangeRow {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("ChangeRow")
            .field("kind", &self.kind)
            .field("user", &self.user)
            .finish_non_exhaustive()
    }
}

/// `dingtalk_changes`.
#[derive(Clone, Copy, Debug)]
pub struct DirectoryChanges<'a> {
    pub(super) sql: &'a Database,
}

impl DirectoryChanges<'_> {
    /// Forgets the latest run of a source, for the next one begins.
    pub async fn begin(self, source: i64) -> Result<(), StoreError> {
        let mut delete = DeleteStatement::new();
        delete
            .from_table(self.sql.names.table_ref(TABLE))
            .and_where(Expr::col(self.sql.names.iden(Column::Source)).eq(source));
        self.sql.execute(&delete).await.map(drop)
    }

    /// Adds to the latest run of a source.
    pub async fn append(self, source: i64, rows: &[ChangeRow]) -> Result<(), StoreError> {
        if rows.is_empty() {
            return Ok(());
        }
        let transaction = self.sql.begin().await?;
        let mut last = self.sql.select(TABLE, &[]);
        last.expr_as(
            self.sql.col(TABLE, Column::Position).max(),
            Column::Position.camel(),
        )
        .and_where(self.sql.col(TABLE, Column::Source).eq(source));
        let last = self.sql.find_row_in(&transaction, TABLE, &last).await?;
        let last = last
            .map(|row| row.number(Column::Position))
            .transpose()?
            .flatten();
        let columns = [
            Column::Source,
            Column::Position,
            Column::Kind,
            Column::Uid,
            Column::Name,
            Column::ChangedUser,
            Column::Detail,
        ]
        .map(|column| self.sql.names.iden(column));
        let values = (last.unwrap_or_default() + 1..).zip(rows).map(|(position, row)| {
            vec![
                source.into(),
                position.into(),
                row.kind.as_str().into(),
                row.uid.as_str().into(),
                filled(row.name.as_deref()).into(),
                row.user.map(|user| user.0).into(),
                row.detail.to_string().into(),
            ]
        });
        for insert in self.sql.insert_many(TABLE, &columns, values.collect()) {
            self.sql.execute_in(&transaction, &insert).await?;
        }
        Database::commit(transaction).await
    }

    /// A page of it, of one kind or of all.
    pub async fn page(
        self,
        source: i64,
        kind: Option<&str>,
        page: Page,
    ) -> Result<Paged<ChangeRow>, StoreError> {
        let of = |mut select: SelectStatement| {
            select.and_where(self.sql.col(TABLE, Column::Source).eq(source));
            if let Some(kind) = kind {
                select.and_where(self.sql.col(TABLE, Column::Kind).eq(kind));
            }
            select
        };
        let count = match self.sql.count(TABLE, of(self.sql.select(TABLE, &[]))).await {
            Err(StoreError::TablesMissing { .. }) => 0,
            count => count?,
        };
        if count == 0 {
            return Ok(Paged {
                rows: Vec::new(),
                count,
            });
        }
        let mut select = of(self.sql.select(TABLE, &COLUMNS));
        select
            .order_by_expr(self.sql.col(TABLE, Column::Position), Order::Asc)
            .limit(page.page_size)
            .offset(page.offset());
        let rows = self.sql.find_rows(TABLE, &select).await?;
        Ok(Paged {
            rows: rows.iter().map(ChangeRow::from_row).collect::<Result<_, _>>()?,
            count,
        })
    }

    /// The rows after this position, at most so many, and the position to go on from: `None` after the last.
    pub async fn after(
        self,
        source: i64,
        position: i64,
        limit: u64,
    ) -> Result<(Vec<ChangeRow>, Option<i64>), StoreError> {
        let mut select = self.sql.select(TABLE, &COLUMNS);
        select
            .and_where(self.sql.col(TABLE, Column::Source).eq(source))
            .and_where(self.sql.col(TABLE, Column::Position).gt(position))
            .order_by_expr(self.sql.col(TABLE, Column::Position), Order::Asc)
            .limit(limit);
        let rows = match self.sql.find_rows(TABLE, &select).await {
            Err(StoreError::TablesMissing { .. }) => return Ok((Vec::new(), None)),
            rows => rows?,
        };
        let next = rows.last().map(|row| row.required_number(Column::Position));
        Ok((
            rows.iter().map(ChangeRow::from_row).collect::<Result<_, _>>()?,
            next.transpose()?,
        ))
    }

    /// How many rows there are of each kind.
    pub async fn counts(self, source: i64) -> Result<BTreeMap<String, u64>, StoreError> {
        let mut select = self.sql.select(TABLE, &[Column::Kind]);
        select
            .expr_as(self.sql.col(TABLE, Column::Position).count(), COUNT)
            .and_where(self.sql.col(TABLE, Column::Source).eq(source))
            .add_group_by([self.sql.col(TABLE, Column::Kind)]);
        let rows = match self.sql.find_rows(TABLE, &select).await {
            Err(StoreError::TablesMissing { .. }) => return Ok(BTreeMap::new()),
            rows => rows?,
        };
        rows.iter()
            .map(|row| {
                let count = row.number_as(COUNT)?.unwrap_or_default();
                Ok((
                    row.required_text(Column::Kind)?,
                    u64::try_from(count).unwrap_or_default(),
                ))
            })
            .collect()
    }
}

impl ChangeRow {
    fn from_row(row: &Row) -> Result<Self, StoreError> {
        Ok(Self {
            kind: row.required_text(Column::Kind)?,
            uid: row.required_text(Column::Uid)?,
            name: row.text(Column::Name)?,
            user: row.number(Column::ChangedUser)?.map(UserId),
            detail: row.json(Column::Detail)?.unwrap_or_default(),
        })
    }
}
