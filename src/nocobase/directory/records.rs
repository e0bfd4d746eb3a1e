//! Which person or department of a source is which user or department here, as NocoBase's own engine notes it.

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::fmt;

use chrono::{DateTime, Utc};
use sea_orm::sea_query::{DeleteStatement, Expr, ExprTrait as _, Order, SelectStatement, UpdateStatement};
use serde_json::Value;
use sha2::{Digest as _, Sha256};

use super::super::sql::{Column, Database, Row, StoreError, Table, Transaction};

const RECORDS: Table = Table::UserDataSyncRecords;
const RESOURCES: Table = Table::UserDataSyncRecordsResources;
/// So many records at once have their JSON in memory.
const AT_ONCE: usize = 500;

/// What a record is of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum RecordKind {
    /// A person, who is a user here.
    Person,
    /// A department.
    Department,
}

impl RecordKind {
    /// NocoBase's `dataType`.
    pub const fn data_type(self) -> &'static str {
        match self {
            Self::Person => "user",
            Self::Department => "department",
        }
    }

    /// NocoBase's name of the table that a record leads to.
    pub const fn resource(self) -> &'static str {
        self.table().camel()
    }

    pub(super) const fn table(self) -> Table {
        match self {
            Self::Person => Table::Users,
            Self::Department => Table::Departments,
        }
    }
}

/// A record without its JSON, of which an organization has as many as it has people.
#[derive(Clone, PartialEq, Eq)]
pub struct SyncRecord {
    /// The key.
    pub id: i64,
    /// The person's or department's id in the source.
    pub uid: String,
    /// [`record_hash`] of what was written last.
    pub hash: [u8; 32],
    /// The user or department it leads to.
    pub resource: Option<i64>,
    /// Whether that one is still there.
    pub exists: bool,
}

impl fmt::Debug for SyncRecord {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("SyncRecord")
            .field("id", &self.id)
            .field("resource", &self.resource)
            .field("exists", &self.exists)
            .finish_non_exhaustive()
    }
}

/// By what an unchanged record is recognised, however a database spells its JSON.
pub fn record_hash(record: &Value) -> [u8; 32] {
    // The keys of an object are sorted, and nothing stands between them.
    Sha256::digest(record.to_string()).into()
}

/// `userDataSyncRecords` and `userDataSyncRecordsResources`. Where NocoBase's plugin for them never ran there are none.
#[derive(Clone, Copy, Debug)]
pub struct SyncRecords<'a> {
    pub(super) sql: &'a Database,
}

impl SyncRecords<'_> {
    /// All records of a source, by uid. Should NocoBase ever have made two for one id, the older one is the one.
    pub async fn all(self, source: &str, kind: RecordKind) -> Result<Vec<SyncRecord>, StoreError> {
        let mut records: Vec<SyncRecord> = Vec::new();
        loop {
            let last = records.last().map_or(0, |record| record.id);
            let part = match self.part(source, kind, last).await {
                Err(StoreError::TablesMissing { .. }) => break,
                part => part?,
            };
            if part.is_empty() {
                break;
            }
            records.extend(part);
        }
        records.sort_by(|a, b| (&a.uid, a.id).cmp(&(&b.uid, b.id)));
        records.dedup_by(|later, earlier| later.uid == earlier.uid);
        Ok(records)
    }

    /// As [`SyncRecords::all`], of these ids only.
    pub async fn some(
        self,
        source: &str,
        kind: RecordKind,
        uids: &[String],
    ) -> Result<Vec<SyncRecord>, StoreError> {
        let mut records = Vec::new();
        for part in uids.chunks(AT_ONCE) {
            let mut select = self.of(source, kind, &[Column::Id, Column::SourceUk, Column::MetaData]);
            select.and_where(
                self.sql
                    .dialect
                    .any_of_bytes(self.sql.col(RECORDS, Column::SourceUk), part),
            );
            match self.with_resources(kind, &select).await {
                Err(StoreError::TablesMissing { .. }) => break,
                found => records.extend(found?),
            }
        }
        records.sort_by(|a, b| (&a.uid, a.id).cmp(&(&b.uid, b.id)));
        records.dedup_by(|later, earlier| later.uid == earlier.uid);
        Ok(records)
    }

    /// The next records after this one, by id.
    async fn part(self, source: &str, kind: RecordKind, last: i64) -> Result<Vec<SyncRecord>, StoreError> {
        let mut select = self.of(source, kind, &[Column::Id, Column::SourceUk, Column::MetaData]);
        select
            .and_where(self.sql.col(RECORDS, Column::Id).gt(last))
            .order_by_expr(self.sql.col(RECORDS, Column::Id), Order::Asc)
            .limit(AT_ONCE as u64);
        self.with_resources(kind, &select).await
    }

    async fn with_resources(
        self,
        kind: RecordKind,
        select: &SelectStatement,
    ) -> Result<Vec<SyncRecord>, StoreError> {
        let rows = self.sql.search_rows(RECORDS, select).await?;
        let mut records = Vec::with_capacity(rows.len());
        for row in &rows {
            records.push(SyncRecord {
                id: row.required_number(Column::Id)?,
                uid: row.required_text(Column::SourceUk)?,
                hash: record_hash(&row.json(Column::MetaData)?.unwrap_or_default()),
                resource: None,
                exists: false,
            });
        }
        if records.is_empty() {
            return Ok(records);
        }
        let resources = self
            .resources(kind, records.iter().map(|record| record.id))
            .await?;
        let present = self.present(kind, resources.values().copied()).await?;
        for record in &mut records {
            record.resource = resources.get(&record.id).copied();
            record.exists = record.resource.is_some_and(|id| present.contains(&id));
        }
        Ok(records)
    }

    async fn resources(
        self,
        kind: RecordKind,
        records: impl IntoIterator<Item = i64>,
    ) -> Result<BTreeMap<i64, i64>, StoreError> {
        let select = self.select_resources(kind, records);
        let rows = self.sql.search_rows(RESOURCES, &select).await?;
        read_resources(&rows)
    }

    pub(super) fn select_resources(
        self,
        kind: RecordKind,
        records: impl IntoIterator<Item = i64>,
    ) -> SelectStatement {
        let mut select = self
            .sql
            .select(RESOURCES, &[Column::RecordId, Column::ResourcePk]);
        select
            .and_where(self.sql.col(RESOURCES, Column::RecordId).is_in(records))
            .and_where(self.sql.col(RESOURCES, Column::Resource).eq(kind.resource()))
            .order_by_expr(self.sql.col(RESOURCES, Column::Id), Order::Desc);
        select
    }

    async fn present(
        self,
        kind: RecordKind,
        ids: impl IntoIterator<Item = i64>,
    ) -> Result<BTreeSet<i64>, StoreError> {
        let table = kind.table();
        let mut select = self.sql.select(table, &[Column::Id]);
        select.and_where(self.sql.col(table, Column::Id).is_in(ids));
        let rows = match self.sql.find_rows(table, &select).await {
            Err(StoreError::TablesMissing { .. }) => return Ok(BTreeSet::new()),
            rows => rows?,
        };
        rows.iter().map(|row| row.required_number(Column::Id)).collect()
    }

    /// The whole of these records.
    pub async fn bodies(
        self,
        source: &str,
        kind: RecordKind,
        uids: &[String],
    ) -> Result<BTreeMap<String, Value>, StoreError> {
        let mut bodies = BTreeMap::new();
        for part in uids.chunks(AT_ONCE) {
            let mut select = self.of(source, kind, &[Column::SourceUk, Column::MetaData]);
            select
                .and_where(
                    self.sql
                        .col(RECORDS, Column::SourceUk)
                        .is_in(part.iter().cloned()),
                )
                .order_by_expr(self.sql.col(RECORDS, Column::Id), Order::Desc);
            let rows = match self.sql.search_rows(RECORDS, &select).await {
                Err(StoreError::TablesMissing { .. }) => return Ok(bodies),
                rows => rows?,
            };
            for row in &rows {
                bodies.insert(
                    row.required_text(Column::SourceUk)?,
                    row.json(Column::MetaData)?.unwrap_or_default(),
                );
            }
        }
        let asked: HashSet<&String> = uids.iter().collect();
        bodies.retain(|uid, _| asked.contains(uid));
        Ok(bodies)
    }

    pub(super) fn of(self, source: &str, kind: RecordKind, columns: &[Column]) -> SelectStatement {
        let mut select = self.sql.select(RECORDS, columns);
        select
            .and_where(
                self.sql
                    .dialect
                    .same_bytes(self.sql.col(RECORDS, Column::SourceName), source),
            )
            .and_where(self.sql.col(RECORDS, Column::DataType).eq(kind.data_type()));
        select
    }

    /// Notes what was written of somebody or something, and whom it leads to, as NocoBase's engine does.
    pub async fn tie(
        self,
        source: &str,
        kind: RecordKind,
        (uid, record, resource): (&str, &Value, i64),
        now: DateTime<Utc>,
    ) -> Result<(), StoreError> {
        let transaction = self.sql.begin().await?;
        self.tie_in(&transaction, source, kind, (uid, record, resource), now)
            .await?;
        Database::commit(transaction).await
    }

    /// As [`SyncRecords::tie`], with what else is done.
    pub(super) async fn tie_in(
        self,
        transaction: &Transaction,
        source: &str,
        kind: RecordKind,
        (uid, record, resource): (&str, &Value, i64),
        now: DateTime<Utc>,
    ) -> Result<(), StoreError> {
        let time = self.sql.dialect.time(RECORDS, now);
        let mut select = self.of(source, kind, &[Column::Id]);
        select
            .and_where(
                self.sql
                    .dialect
                    .same_bytes(self.sql.col(RECORDS, Column::SourceUk), uid),
            )
            .order_by_expr(self.sql.col(RECORDS, Column::Id), Order::Asc)
            .limit(1);
        let found = self.sql.find_row_in(transaction, RECORDS, &select).await?;
        let id = if let Some(row) = found {
            let id = row.required_number(Column::Id)?;
            let body = Expr::col(self.sql.names.iden(Column::MetaData));
            let mut keep = UpdateStatement::new();
            keep.table(self.sql.names.table_ref(RECORDS))
                .value(self.sql.names.iden(Column::LastMetaData), body)
                .and_where(Expr::col(self.sql.names.iden(Column::Id)).eq(id));
            self.sql.execute_in(transaction, &keep).await?;
            let mut update = UpdateStatement::new();
            update
                .table(self.sql.names.table_ref(RECORDS))
                .value(
                    self.sql.names.iden(Column::MetaData),
                    self.sql.dialect.json(record),
                )
                .value(self.sql.names.iden(Column::UpdatedAt), time)
                .and_where(Expr::col(self.sql.names.iden(Column::Id)).eq(id));
            self.sql.execute_in(transaction, &update).await?;
            self.sql
                .execute_in(transaction, &self.delete_resources([id]))
                .await?;
            id
        } else {
            let insert = self.sql.insert(
                RECORDS,
                [
                    (Column::SourceName, source.into()),
                    (Column::SourceUk, uid.into()),
                    (Column::DataType, kind.data_type().into()),
                    (Column::MetaData, self.sql.dialect.json(record)),
                    (Column::CreatedAt, time.clone().into()),
                    (Column::UpdatedAt, time.into()),
                ],
            );
            self.sql.insert_in(transaction, RECORDS, insert).await?
        };
        let resource = self.resource_row(id, kind, resource, now);
        let columns = RESOURCE_COLUMNS.map(|column| self.sql.names.iden(column));
        for insert in self.sql.insert_many(RESOURCES, &columns, vec![resource]) {
            self.sql.execute_in(transaction, &insert).await?;
        }
        Ok(())
    }

    /// Forgets where these came from.
    pub async fn forget(self, source: &str, kind: RecordKind, uids: &[String]) -> Result<(), StoreError> {
        let transaction = self.sql.begin().await?;
        for part in uids.chunks(AT_ONCE) {
            let mut select = self.of(source, kind, &[Column::Id]);
            select.and_where(
                self.sql
                    .dialect
                    .any_of_bytes(self.sql.col(RECORDS, Column::SourceUk), part),
            );
            let rows = self.sql.find_rows_in(&transaction, RECORDS, &select).await?;
            let ids = rows.iter().map(|row| row.required_number(Column::Id));
            self.forget_in(&transaction, &ids.collect::<Result<Vec<_>, _>>()?)
                .await?;
        }
        Database::commit(transaction).await
    }

    pub(super) async fn forget_in(self, transaction: &Transaction, ids: &[i64]) -> Result<(), StoreError> {
        if ids.is_empty() {
            return Ok(());
        }
        let resources = self.delete_resources(ids.iter().copied());
        self.sql.execute_in(transaction, &resources).await?;
        let mut delete = DeleteStatement::new();
        delete
            .from_table(self.sql.names.table_ref(RECORDS))
            .and_where(Expr::col(self.sql.names.iden(Column::Id)).is_in(ids.iter().copied()));
        self.sql.execute_in(transaction, &delete).await.map(drop)
    }

    fn delete_resources(self, records: impl IntoIterator<Item = i64>) -> DeleteStatement {
        let mut delete = DeleteStatement::new();
        delete
            .from_table(self.sql.names.table_ref(RESOURCES))
            .and_where(Expr::col(self.sql.names.iden(Column::RecordId)).is_in(records));
        delete
    }

    /// The values of [`RESOURCE_COLUMNS`].
    pub(super) fn resource_row(
        self,
        record: i64,
        kind: RecordKind,
        resource: i64,
        now: DateTime<Utc>,
    ) -> Vec<Expr> {
        let time = self.sql.dialect.time(RESOURCES, now);
        vec![
            record.into(),
            kind.resource().into(),
            // NocoBase keeps the key as text.
            resource.to_string().into(),
            time.clone().into(),
            time.into(),
        ]
    }
}

pub(super) const RESOURCE_COLUMNS: [Column; 5] = [
    Column::RecordId,
    Column::Resource,
    Column::ResourcePk,
    Column::CreatedAt,
    Column::UpdatedAt,
];

/// To what each record leads; a row that is no number leads nowhere.
pub(super) fn read_resources(rows: &[Row]) -> Result<BTreeMap<i64, i64>, StoreError> {
    let mut resources = BTreeMap::new();
    for row in rows {
        let key = row.text(Column::ResourcePk)?.and_then(|key| key.parse().ok());
        if let (Some(record), Some(key)) = (row.number(Column::RecordId)?, key) {
            resources.insert(record, key);
        }
    }
    Ok(resources)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn the_order_of_keys_does_not_change_a_record() {
        let one: Value = serde_json::from_str(r#"{"uid": "1", "a": {"y": 1, "x": "ä"}}"#).unwrap();

        assert_eq!(
            record_hash(&one),
            record_hash(&json!({"a": {"x": "ä", "y": 1}, "uid": "1"}))
        );
        assert_ne!(
            record_hash(&one),
            record_hash(&json!({"a": {"x": "a", "y": 1}, "uid": "1"}))
        );
    }
}
