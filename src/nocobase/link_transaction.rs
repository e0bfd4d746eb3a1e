//! LinkTransaction a DingTalk person to a NocoBase user, in one transaction.
//!
//! NocoBase has no unique index on (`authenticator`, `uuid`), so two first sign-ins of one person could make two
//! users. Every linking therefore first locks the row of its authenticator (SQLite: the whole database), and only
//! then looks who is there; it reads committed rows, so it sees what the one before it wrote. Where a database signs people
//! in at once, this is for those in whose way something stands.

use std::fmt;
use std::time::Duration;

use chrono::{DateTime, Utc};
use sea_orm::sea_query::{DeleteStatement, Expr, ExprTrait as _, InsertStatement, JoinType, SelectStatement};
use serde_json::Value;
use tokio::sync::OwnedMutexGuard;

use super::new_user::{NewUser, filled};
use super::sql::{Column, Database, Newest, StoreError, Table, Transaction};
use super::store::Store;
use super::users::{Link, LinkedUser, USER_COLUMNS, User, UserId};

/// How long a first sign-in waits for those before it in this process.
const TURN_LIMIT: Duration = Duration::from_secs(10);
/// One match is an answer, two are a refusal; the third only shows that there are more.
const PHONE_MATCHES: usize = 3;
pub(super) const DEPARTMENTS: &str = "departmentTables";

/// A user found by phone number, with what decides whether they may be linked.
#[derive(Clone, PartialEq, Eq)]
pub struct PhoneMatch {
    /// Who has the number.
    pub user: User,
    /// The subject this authenticator has linked them to already.
    pub linked_subject: Option<String>,
    /// What that link notes.
    pub linked_meta: Value,
    /// Whether roles may come from departments here; see [`LinkTransaction::is_administrator`].
    pub(super) may_have_departments: bool,
}

impl fmt::Debug for PhoneMatch {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("PhoneMatch")
            .field("user", &self.user)
            .field("is_linked", &self.linked_subject.is_some())
            .finish_non_exhaustive()
    }
}

/// A linking under way; without [`LinkTransaction::commit`] nothing of it stays. It holds a lock and a turn: whatever takes
/// long (a call to DingTalk) is done before.
pub struct LinkTransaction {
    pub(super) store: Store,
    authenticator: String,
    options: Value,
    pub(super) transaction: Transaction,
    created: Option<UserId>,
    /// Held until the transaction has ended; dropped after it.
    turn: OwnedMutexGuard<Newest>,
}

impl fmt::Debug for LinkTransaction {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("LinkTransaction")
            .field("authenticator", &self.authenticator)
            .finish_non_exhaustive()
    }
}

impl Store {
    /// Begins a linking once all earlier ones of this authenticator have ended, in every process; `None` when the
    /// authenticator is gone or disabled by then.
    pub async fn begin_link(&self, authenticator: &str) -> Result<Option<LinkTransaction>, StoreError> {
        let turn = self.turn().await?;
        let transaction = self.sql.begin().await?;
        let table = Table::Authenticators;
        let mut lock = self.sql.select(table, &[Column::Name, Column::Options]);
        lock.and_where(
            self.sql
                .dialect
                .same_bytes(self.sql.col(table, Column::Name), authenticator),
        )
        .and_where(self.sql.col(table, Column::Enabled).eq(true))
        .lock_exclusive();
        let Some(row) = self.sql.find_row_in(&transaction, table, &lock).await? else {
            return Ok(None);
        };
        let authenticator = row.required_text(Column::Name)?;
        Ok(Some(LinkTransaction {
            store: self.clone(),
            authenticator,
            options: row.json(Column::Options)?.unwrap_or_default(),
            transaction,
            created: None,
            turn,
        }))
    }

    /// Waits for the linkings before this one.
    pub(super) async fn turn(&self) -> Result<OwnedMutexGuard<Newest>, StoreError> {
        tokio::time::timeout(TURN_LIMIT, self.turns.clone().lock_owned())
            .await
            .map_err(|_| StoreError::Busy)
    }
}

impl LinkTransaction {
    /// The settings of the authenticator as they are stored now: waiting for a turn takes its time.
    pub const fn options(&self) -> &Value {
        &self.options
    }

    /// Whose links are made.
    pub(super) fn authenticator(&self) -> &str {
        &self.authenticator
    }

    /// Where this subject leads by now.
    pub async fn find_link(&mut self, subject: &str) -> Result<Option<Link>, StoreError> {
        let select = self
            .store
            .links()
            .select_linked(JoinType::LeftJoin, &self.authenticator, subject);
        let mut rows = self
            .store
            .sql
            .find_rows_in(&self.transaction, Table::Users, &select)
            .await?;
        if rows.is_empty() {
            return Ok(None);
        }
        rows.retain(|row| !matches!(row.number(Column::Id), Ok(None)));
        let Some(linked) = LinkedUser::oldest_of(&rows)? else {
            return Ok(Some(Link::Dead));
        };
        // Of all others, somebody may have moved those before them further than them.
        if Some(linked.user.id) == self.created {
            self.turn.see(linked.user.id.0, linked.sort);
        }
        Ok(Some(Link::To(Box::new(linked))))
    }

    /// Removes the links of this subject that lead to nobody.
    pub async fn remove_dead(&mut self, subject: &str) -> Result<(), StoreError> {
        let store = &self.store;
        let mut users = SelectStatement::new();
        users
            .from(store.sql.names.table_ref(Table::Users))
            .expr(store.sql.col(Table::Users, Column::Id));
        let user_id = Expr::col(store.sql.names.iden(Column::UserId));
        let mut delete = self.delete_links(subject);
        delete.and_where(user_id.not_in_subquery(users));
        store.sql.execute_in(&self.transaction, &delete).await.map(drop)
    }

    /// Removes the link of a user to this subject.
    pub async fn remove(&mut self, user: UserId, subject: &str) -> Result<(), StoreError> {
        let sql = &self.store.sql;
        let mut delete = self.delete_links(subject);
        delete.and_where(Expr::col(sql.names.iden(Column::UserId)).eq(user.0));
        sql.execute_in(&self.transaction, &delete).await.map(drop)
    }

    fn delete_links(&self, subject: &str) -> DeleteStatement {
        let sql = &self.store.sql;
        let column = |column| Expr::col(sql.names.iden(column));
        let mut delete = DeleteStatement::new();
        delete
            .from_table(sql.names.table_ref(Table::UsersAuthenticators))
            .and_where(
                sql.dialect
                    .same_bytes(column(Column::Authenticator), &self.authenticator),
            )
            .and_where(sql.dialect.same_bytes(column(Column::Uuid), subject));
        delete
    }

    /// The users who have this phone number in any of the spellings, at most three.
    pub async fn find_by_phone(&mut self, spellings: &[String]) -> Result<Vec<PhoneMatch>, StoreError> {
        if spellings.is_empty() {
            return Ok(Vec::new());
        }
        let select = self.select_by_phone(spellings);
        let rows = self
            .store
            .sql
            .find_rows_in(&self.transaction, Table::Users, &select)
            .await?;
        let mut matches = rows
            .iter()
            .map(|row| {
                Ok(PhoneMatch {
                    user: User::from_row(row)?,
                    linked_subject: row.text(Column::Uuid)?,
                    linked_meta: row.json(Column::Meta)?.unwrap_or_default(),
                    may_have_departments: row.number_as(DEPARTMENTS)?.unwrap_or_default() > 0,
                })
            })
            .collect::<Result<Vec<_>, StoreError>>()?;
        // Not in the statement: asked for the first few by id, PostgreSQL may read all users in that order.
        matches.sort_by_key(|found| found.user.id);
        matches.truncate(PHONE_MATCHES);
        Ok(matches)
    }

    /// Makes a user who has no role yet, and so may do nothing.
    pub(super) async fn insert_user(
        &mut self,
        new: NewUser,
        now: DateTime<Utc>,
    ) -> Result<UserId, StoreError> {
        let newest = self.turn.at(now);
        let store = &self.store;
        let time = store.sql.dialect.time(Table::Users, now);
        let insert = store.sql.insert(
            Table::Users,
            [
                (Column::Nickname, filled(new.nickname.as_deref()).into()),
                (Column::Phone, filled(new.phone.as_deref()).into()),
                (
                    Column::SystemSettings,
                    store.sql.dialect.json(&serde_json::json!({})),
                ),
                (Column::Sort, store.sql.next_sort(Table::Users, newest)),
                (Column::CreatedAt, time.clone().into()),
                (Column::UpdatedAt, time.into()),
            ],
        );
        let id = UserId(
            store
                .sql
                .insert_in(&self.transaction, Table::Users, insert)
                .await?,
        );
        self.created = Some(id);
        Ok(id)
    }

    /// Links a user to a subject; `Duplicate` when the user is linked by this authenticator already.
    pub async fn link(
        &mut self,
        user: UserId,
        subject: &str,
        meta: Value,
        nickname: Option<&str>,
        now: DateTime<Utc>,
    ) -> Result<(), StoreError> {
        let store = &self.store;
        let table = Table::UsersAuthenticators;
        let time = store.sql.dialect.time(table, now);
        let insert = store.sql.insert(
            table,
            [
                (Column::Authenticator, self.authenticator.as_str().into()),
                (Column::UserId, user.0.into()),
                (Column::Uuid, subject.into()),
                (Column::Nickname, filled(nickname).unwrap_or_default().into()),
                (Column::Avatar, "".into()),
                (Column::Meta, store.sql.dialect.json(&meta)),
                (Column::CreatedAt, time.clone().into()),
                (Column::UpdatedAt, time.into()),
            ],
        );
        store.sql.execute_in(&self.transaction, &insert).await.map(drop)
    }

    /// Makes it so, for everyone to see.
    pub async fn commit(self) -> Result<(), StoreError> {
        Database::commit(self.transaction).await
    }

    /// A user without a role is refused by NocoBase at every request, so a site without a default role is an error.
    pub(super) async fn give_default_role(&self, user: UserId, now: DateTime<Utc>) -> Result<(), StoreError> {
        let store = &self.store;
        let time = store.sql.dialect.time(Table::RolesUsers, now);
        let mut default_role = SelectStatement::new();
        default_role
            .from(store.sql.names.table_ref(Table::Roles))
            .expr(store.sql.col(Table::Roles, Column::Name))
            .expr(Expr::value(user.0))
            .expr(time.clone())
            .expr(time)
            .and_where(store.sql.col(Table::Roles, Column::Default).eq(true))
            .limit(1);
        let mut insert = InsertStatement::new();
        insert
            .into_table(store.sql.names.table_ref(Table::RolesUsers))
            .columns(
                [
                    Column::RoleName,
                    Column::UserId,
                    Column::CreatedAt,
                    Column::UpdatedAt,
                ]
                .map(|column| store.sql.names.iden(column)),
            );
        insert
            .select_from(default_role)
            .map_err(|_| StoreError::NoDefaultRole)?;
        match store.sql.execute_in(&self.transaction, &insert).await? {
            0 => Err(StoreError::NoDefaultRole),
            _ => Ok(()),
        }
    }

    fn select_by_phone(&self, spellings: &[String]) -> SelectStatement {
        let store = &self.store;
        let links = Table::UsersAuthenticators;
        let user_id = || store.sql.col(Table::Users, Column::Id);
        let mut select = store.sql.select(Table::Users, &USER_COLUMNS);
        store
            .sql
            .add_columns(&mut select, links, &[Column::Uuid, Column::Meta]);
        select
            .expr_as(store.roles().departments_exist(), DEPARTMENTS)
            .left_join(
                store.sql.names.table_ref(links),
                store.sql.col(links, Column::UserId).eq(user_id()).and(
                    store
                        .sql
                        .dialect
                        .same_bytes(store.sql.col(links, Column::Authenticator), &self.authenticator),
                ),
            )
            .and_where(
                store
                    .sql
                    .dialect
                    .any_of_bytes(store.sql.col(Table::Users, Column::Phone), spellings),
            );
        select
    }
}
