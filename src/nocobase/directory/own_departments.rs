//! Departments, where there is no NocoBase to write them.

use std::collections::BTreeSet;

use chrono::{DateTime, Utc};
use sea_orm::sea_query::{DeleteStatement, Expr, ExprTrait as _, UpdateStatement};
use serde_json::Value;

use super::super::new_user::filled;
use super::super::sql::{Column, Database, StoreError, Table};
use super::super::store::Store;
use super::own_write::{WriteFault, WriteOutcome, WriteRefusal};
use super::records::{RecordKind, SyncRecords, read_resources};

const TABLE: Table = Table::Departments;
/// Databases take only so many values in one statement.
const IDS_AT_ONCE: usize = 500;

/// The tables alone, where nobody but us keeps anything of them in memory.
#[derive(Clone, Copy, Debug)]
pub struct OwnDirectory<'a> {
    pub(super) store: &'a Store,
}

impl<'a> OwnDirectory<'a> {
    /// Makes, renames and moves departments, those above before those below.
    pub async fn write_departments(
        self,
        source: &str,
        records: &[Value],
        now: DateTime<Utc>,
    ) -> Result<WriteOutcome, StoreError> {
        let mut written = WriteOutcome::default();
        for record in records {
            let uid = record.get("uid").and_then(Value::as_str).unwrap_or_default();
            let outcome = self.write_department(source, uid, record, now).await;
            written.note(uid, outcome)?;
        }
        Ok(written)
    }

    async fn write_department(
        self,
        source: &str,
        uid: &str,
        record: &Value,
        now: DateTime<Utc>,
    ) -> Result<i64, WriteFault> {
        let parent = match record.get("parentUid").and_then(Value::as_str) {
            None => None,
            Some(parent) => {
                let parent = self.department_of(source, parent).await?;
                Some(parent.ok_or(WriteFault::Refused(WriteRefusal::ParentMissing))?)
            }
        };
        let found = self.department_of(source, uid).await?;
        let sql = &self.store.sql;
        let transaction = sql.begin().await?;
        let title = filled(record.get("title").and_then(Value::as_str));
        let time = sql.dialect.time(TABLE, now);
        let id = if let Some(id) = found {
            let mut update = UpdateStatement::new();
            update
                .table(sql.names.table_ref(TABLE))
                .value(sql.names.iden(Column::Title), title)
                .value(sql.names.iden(Column::ParentId), parent)
                .value(sql.names.iden(Column::UpdatedAt), time)
                .and_where(Expr::col(sql.names.iden(Column::Id)).eq(id));
            sql.execute_in(&transaction, &update).await?;
            id
        } else {
            let insert = sql.insert(
                TABLE,
                [
                    (Column::Title, title.into()),
                    (Column::ParentId, parent.into()),
                    (Column::CreatedAt, time.clone().into()),
                    (Column::UpdatedAt, time.into()),
                ],
            );
            sql.insert_in(&transaction, TABLE, insert).await?
        };
        self.records()
            .tie_in(
                &transaction,
                source,
                RecordKind::Department,
                (uid, record, id),
                now,
            )
            .await?;
        Database::commit(transaction).await?;
        Ok(id)
    }

    /// Removes departments, those below before those above, with the memberships in them. What of another's is below one
    /// is without a parent then.
    pub async fn remove_departments(
        self,
        source: &str,
        departments: &[(String, i64)],
    ) -> Result<(), StoreError> {
        let sql = &self.store.sql;
        for part in departments.chunks(IDS_AT_ONCE) {
            let ids: Vec<i64> = part.iter().map(|(_, id)| *id).collect();
            let among = |column| Expr::col(sql.names.iden(column)).is_in(ids.iter().copied());
            let transaction = sql.begin().await?;
            for (table, column) in [
                (Table::Departments, Column::ParentId),
                (Table::Users, Column::MainDepartmentId),
            ] {
                let mut update = UpdateStatement::new();
                update
                    .table(sql.names.table_ref(table))
                    .value(sql.names.iden(column), None::<i64>)
                    .and_where(among(column));
                sql.execute_in(&transaction, &update).await?;
            }
            for (table, column) in [
                (Table::DepartmentsUsers, Column::DepartmentId),
                (Table::DepartmentsRoles, Column::DepartmentId),
                (Table::Departments, Column::Id),
            ] {
                let mut delete = DeleteStatement::new();
                delete
                    .from_table(sql.names.table_ref(table))
                    .and_where(among(column));
                sql.execute_in(&transaction, &delete).await?;
            }
            Database::commit(transaction).await?;
            let uids: Vec<String> = part.iter().map(|(uid, _)| uid.clone()).collect();
            self.records()
                .forget(source, RecordKind::Department, &uids)
                .await?;
        }
        Ok(())
    }

    /// The department that this one of the source is here, if it still is.
    async fn department_of(self, source: &str, uid: &str) -> Result<Option<i64>, StoreError> {
        let (sql, records) = (&self.store.sql, self.records());
        let mut select = records.of(source, RecordKind::Department, &[Column::Id]);
        let table = Table::UserDataSyncRecords;
        select.and_where(sql.col(table, Column::SourceUk).eq(uid));
        let Some(row) = sql.find_row(table, &select).await? else {
            return Ok(None);
        };
        let select = records.select_resources(RecordKind::Department, [row.required_number(Column::Id)?]);
        let rows = sql
            .find_rows(Table::UserDataSyncRecordsResources, &select)
            .await?;
        let Some(id) = read_resources(&rows)?.into_values().next() else {
            return Ok(None);
        };
        let mut select = sql.select(TABLE, &[Column::Id]);
        select.and_where(sql.col(TABLE, Column::Id).eq(id));
        Ok(sql.find_row(TABLE, &select).await?.map(|_| id))
    }

    /// All departments that came from a source.
    pub(super) async fn departments_of(self, source: &str) -> Result<BTreeSet<i64>, StoreError> {
        let records = self.records().all(source, RecordKind::Department).await?;
        Ok(records.iter().filter_map(|record| record.resource).collect())
    }

    pub(super) const fn records(self) -> SyncRecords<'a> {
        SyncRecords { sql: &self.store.sql }
    }
}
