//! People who are users already, where there is no NocoBase to write them.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use sea_orm::sea_query::{Alias, DeleteStatement, Expr, ExprTrait as _, SelectStatement, UpdateStatement};

use super::super::new_user::filled;
use super::super::sql::{Column, Database, StoreError, Table, Transaction};
use super::super::users::UserId;
use super::own_departments::OwnDirectory;
use super::own_write::{ExistingPerson, LeaverOutcome, LeaverWay, WriteFault, WriteOutcome, WriteRefusal};
use super::records::RecordKind;
use crate::product::ROOT_ROLE;

const USERS: Table = Table::Users;
const MEMBERS: Table = Table::DepartmentsUsers;
const HOLDERS: Table = Table::RolesUsers;

impl OwnDirectory<'_> {
    /// Writes what has changed of these people; fields that a record does not have stay. `keep` leaves them in departments
    /// that did not come from the source.
    pub async fn write_people(
        self,
        source: &str,
        keep: bool,
        people: &[ExistingPerson],
        now: DateTime<Utc>,
    ) -> Result<WriteOutcome, StoreError> {
        let ours = if keep {
            Some(self.departments_of(source).await?)
        } else {
            None
        };
        let is_ours = |department: &i64| ours.as_ref().is_none_or(|ours| ours.contains(department));
        let mut written = WriteOutcome::default();
        for existing in people {
            let outcome = self.write_person(source, existing, &is_ours, now).await;
            written.note(&existing.person.uid, outcome)?;
        }
        Ok(written)
    }

    async fn write_person(
        self,
        source: &str,
        existing: &ExistingPerson,
        is_ours: &(dyn Fn(&i64) -> bool + Sync),
        now: DateTime<Utc>,
    ) -> Result<i64, WriteFault> {
        let (user, person) = (existing.user, &existing.person);
        let sql = &self.store.sql;
        let transaction = sql.begin().await?;
        let main = self
            .move_between_departments(&transaction, existing, is_ours, now)
            .await?;
        let mut update = UpdateStatement::new();
        update.table(sql.names.table_ref(USERS));
        for (column, value) in [
            (Column::Nickname, &person.nickname),
            (Column::Phone, &person.phone),
            (Column::Email, &person.email),
        ] {
            if let Some(value) = filled(value.as_deref()) {
                update.value(sql.names.iden(column), value);
            }
        }
        for (column, value) in &person.columns {
            update.value(Alias::new(column.as_str()), filled(Some(value)));
        }
        update
            .value(sql.names.iden(Column::MainDepartmentId), main)
            .value(sql.names.iden(Column::UpdatedAt), sql.dialect.time(USERS, now))
            .and_where(Expr::col(sql.names.iden(Column::Id)).eq(user.0));
        if sql.execute_in(&transaction, &update).await? == 0 {
            return Err(WriteFault::Refused(WriteRefusal::UserGone));
        }
        self.give_back(&transaction, user, &existing.roles, now).await?;
        self.records()
            .tie_in(
                &transaction,
                source,
                RecordKind::Person,
                (&person.uid, &person.record, user.0),
                now,
            )
            .await?;
        Database::commit(transaction).await?;
        Ok(user.0)
    }

    /// Tells which department is the main one after that.
    async fn move_between_departments(
        self,
        transaction: &Transaction,
        existing: &ExistingPerson,
        is_ours: &(dyn Fn(&i64) -> bool + Sync),
        now: DateTime<Utc>,
    ) -> Result<Option<i64>, StoreError> {
        let (user, wanted) = (existing.user, &existing.person.departments);
        let sql = &self.store.sql;
        let mut select = sql.select(MEMBERS, &[Column::DepartmentId, Column::IsOwner]);
        select.and_where(sql.col(MEMBERS, Column::UserId).eq(user.0));
        let mut held = BTreeMap::new();
        for row in sql.find_rows_in(transaction, MEMBERS, &select).await? {
            let is_owner = row.flag(Column::IsOwner)?.unwrap_or_default();
            held.insert(row.required_number(Column::DepartmentId)?, is_owner);
        }
        let leaves = |(department, is_owner): (&i64, &bool)| {
            let stays = wanted.get(department) == Some(is_owner)
                || !wanted.contains_key(department) && !is_ours(department);
            (!stays).then_some(*department)
        };
        let left: Vec<i64> = held.iter().filter_map(leaves).collect();
        if !left.is_empty() {
            let mut delete = DeleteStatement::new();
            delete
                .from_table(sql.names.table_ref(MEMBERS))
                .and_where(Expr::col(sql.names.iden(Column::UserId)).eq(user.0))
                .and_where(Expr::col(sql.names.iden(Column::DepartmentId)).is_in(left.iter().copied()));
            sql.execute_in(transaction, &delete).await?;
        }
        let time = sql.dialect.time(MEMBERS, now);
        for (department, is_owner) in wanted {
            if held.get(department) == Some(is_owner) {
                continue;
            }
            let insert = sql.insert(
                MEMBERS,
                [
                    (Column::DepartmentId, (*department).into()),
                    (Column::UserId, user.0.into()),
                    (Column::IsOwner, (*is_owner).into()),
                    (Column::IsMain, false.into()),
                    (Column::CreatedAt, time.clone().into()),
                    (Column::UpdatedAt, time.clone().into()),
                ],
            );
            sql.execute_in(transaction, &insert).await?;
        }
        let mut select = sql.select(USERS, &[Column::MainDepartmentId]);
        select.and_where(sql.col(USERS, Column::Id).eq(user.0));
        let row = sql.find_row_in(transaction, USERS, &select).await?;
        let main = row.map(|row| row.number(Column::MainDepartmentId)).transpose()?;
        // One that was given by hand stays the main one.
        let by_hand = main
            .flatten()
            .filter(|main| held.contains_key(main) && !is_ours(main) && !wanted.contains_key(main));
        Ok(by_hand.or(existing.person.main_department))
    }

    async fn give_back(
        self,
        transaction: &Transaction,
        user: UserId,
        roles: &[String],
        now: DateTime<Utc>,
    ) -> Result<(), StoreError> {
        if roles.is_empty() {
            return Ok(());
        }
        let (sql, table) = (&self.store.sql, Table::Roles);
        let held = self.roles_in(transaction, user).await?;
        let mut select = sql.select(table, &[Column::Name]);
        select.and_where(sql.col(table, Column::Name).is_in(roles.iter().cloned()));
        let time = sql.dialect.time(HOLDERS, now);
        for row in sql.find_rows_in(transaction, table, &select).await? {
            let role = row.required_text(Column::Name)?;
            if held.contains(&role) {
                continue;
            }
            let insert = sql.insert(
                HOLDERS,
                [
                    (Column::RoleName, role.into()),
                    (Column::UserId, user.0.into()),
                    (Column::CreatedAt, time.clone().into()),
                    (Column::UpdatedAt, time.clone().into()),
                ],
            );
            sql.execute_in(transaction, &insert).await?;
        }
        Ok(())
    }

    /// Takes out somebody who has left.
    pub async fn take_out(
        self,
        source: &str,
        (uid, user): (&str, UserId),
        way: LeaverWay,
        now: DateTime<Utc>,
    ) -> Result<LeaverOutcome, StoreError> {
        let sql = &self.store.sql;
        let transaction = sql.begin().await?;
        let mut select = sql.select(USERS, &[Column::Id]);
        select.and_where(sql.col(USERS, Column::Id).eq(user.0));
        if sql.find_row_in(&transaction, USERS, &select).await?.is_none() {
            return Ok(LeaverOutcome::Gone);
        }
        let roles = self.roles_in(&transaction, user).await?;
        if roles.iter().any(|role| role == ROOT_ROLE) && self.is_last_root(&transaction, user).await? {
            return Ok(LeaverOutcome::LastRoot);
        }
        let mut tables = vec![HOLDERS, MEMBERS];
        if way == LeaverWay::Delete {
            tables.extend([Table::UsersAuthenticators, Table::IssuedTokens]);
        }
        for table in tables {
            let mut delete = DeleteStatement::new();
            delete
                .from_table(sql.names.table_ref(table))
                .and_where(Expr::col(sql.names.iden(Column::UserId)).eq(user.0));
            sql.execute_in(&transaction, &delete).await?;
        }
        if way == LeaverWay::Delete {
            let mut delete = DeleteStatement::new();
            delete
                .from_table(sql.names.table_ref(USERS))
                .and_where(Expr::col(sql.names.iden(Column::Id)).eq(user.0));
            sql.execute_in(&transaction, &delete).await?;
            Database::commit(transaction).await?;
            self.records()
                .forget(source, RecordKind::Person, &[uid.to_owned()])
                .await?;
            return Ok(LeaverOutcome::Deleted);
        }
        let mut update = UpdateStatement::new();
        update
            .table(sql.names.table_ref(USERS))
            // Whoever signs in again within this second is not signed out for it.
            .value(sql.names.iden(Column::PasswordChangeTz), now.timestamp() * 1000)
            .value(sql.names.iden(Column::MainDepartmentId), None::<i64>)
            .value(sql.names.iden(Column::UpdatedAt), sql.dialect.time(USERS, now))
            .and_where(Expr::col(sql.names.iden(Column::Id)).eq(user.0));
        sql.execute_in(&transaction, &update).await?;
        Database::commit(transaction).await?;
        Ok(LeaverOutcome::RolesRemoved(roles))
    }

    async fn roles_in(self, transaction: &Transaction, user: UserId) -> Result<Vec<String>, StoreError> {
        let sql = &self.store.sql;
        let mut select = sql.select(HOLDERS, &[Column::RoleName]);
        select.and_where(sql.col(HOLDERS, Column::UserId).eq(user.0));
        let rows = sql.find_rows_in(transaction, HOLDERS, &select).await?;
        rows.iter()
            .map(|row| row.required_text(Column::RoleName))
            .collect()
    }

    async fn is_last_root(self, transaction: &Transaction, user: UserId) -> Result<bool, StoreError> {
        let sql = &self.store.sql;
        let mut others = SelectStatement::new();
        others
            .from(sql.names.table_ref(HOLDERS))
            .expr_as(sql.col(HOLDERS, Column::UserId), Column::UserId.camel())
            .inner_join(
                sql.names.table_ref(USERS),
                sql.col(USERS, Column::Id).eq(sql.col(HOLDERS, Column::UserId)),
            )
            .and_where(sql.col(HOLDERS, Column::RoleName).eq(ROOT_ROLE))
            .and_where(sql.col(HOLDERS, Column::UserId).ne(user.0))
            .limit(1);
        Ok(sql.find_row_in(transaction, HOLDERS, &others).await?.is_none())
    }
}
