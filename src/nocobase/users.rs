//! NocoBase's users, as they are looked up and as they are shown.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use chrono::{DateTime, Utc};
use sea_orm::sea_query::{Expr, ExprTrait as _, Func, LikeExpr, Order, UpdateStatement};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::sql::{Column, Database, Row, StoreError, Table};
use super::wire_time;

/// The id of a NocoBase user; DingTalk's own user id is another thing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct UserId(pub i64);

impl fmt::Display for UserId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(formatter)
    }
}

/// A row of `users` without the fields that NocoBase hides; serialises to NocoBase's wire form.
#[derive(Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct User {
    /// The key.
    pub id: UserId,
    /// The name that is shown.
    pub nickname: Option<String>,
    /// The name to sign in with.
    pub username: Option<String>,
    /// The other name to sign in with.
    pub email: Option<String>,
    /// As typed by a person or an import, in any spelling.
    pub phone: Option<String>,
    /// The user's own choice of language.
    pub app_lang: Option<String>,
    /// When the password was last changed, in milliseconds; earlier tokens are void.
    pub password_change_tz: Option<i64>,
    /// The user's own settings of the client.
    pub system_settings: Value,
    /// The user who made this one; NULL for those who signed up.
    pub created_by_id: Option<i64>,
    /// The user who last changed this one.
    pub updated_by_id: Option<i64>,
    /// NULL is possible, since NocoBase declares it as a plain date.
    #[serde(with = "wire_time::option")]
    pub created_at: Option<DateTime<Utc>>,
    /// See [`User::created_at`].
    #[serde(with = "wire_time::option")]
    pub updated_at: Option<DateTime<Utc>>,
}

impl fmt::Debug for User {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("User")
            .field("id", &self.id)
            .finish_non_exhaustive()
    }
}

/// NocoBase's scrypt hash of a password (salt and digest in hexadecimal).
#[derive(Clone, PartialEq, Eq)]
pub struct PasswordHash(pub String);

impl fmt::Debug for PasswordHash {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("PasswordHash([REDACTED])")
    }
}

/// A user whom a subject leads to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LinkedUser {
    /// The user.
    pub user: User,
    /// The role they prefer, else their first by name; `None` when they have none.
    pub role: Option<String>,
    /// What the link notes of itself.
    pub meta: Value,
    /// Their place among the users; 0 where NocoBase gave them none.
    pub(super) sort: i64,
}

/// Where a subject leads.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Link {
    /// To this user.
    To(Box<LinkedUser>),
    /// To somebody who is gone: a user deleted behind NocoBase's back, or half a restore.
    Dead,
}

pub(super) const PREFERRED_ROLE: &str = "preferredRole";
/// Databases take only so many values in one statement.
const IDS_AT_ONCE: usize = 500;
const LIKE_ESCAPE: char = '!';

/// What is read of a user.
pub(super) const USER_COLUMNS: [Column; 12] = [
    Column::Id,
    Column::Nickname,
    Column::Username,
    Column::Email,
    Column::Phone,
    Column::AppLang,
    Column::PasswordChangeTz,
    Column::SystemSettings,
    Column::CreatedById,
    Column::UpdatedById,
    Column::CreatedAt,
    Column::UpdatedAt,
];

impl User {
    pub(super) fn from_row(row: &Row) -> Result<Self, StoreError> {
        Ok(Self {
            id: UserId(row.required_number(Column::Id)?),
            nickname: row.text(Column::Nickname)?,
            username: row.text(Column::Username)?,
            email: row.text(Column::Email)?,
            phone: row.text(Column::Phone)?,
            app_lang: row.text(Column::AppLang)?,
            password_change_tz: row.number(Column::PasswordChangeTz)?,
            system_settings: row.json(Column::SystemSettings)?.unwrap_or_else(|| json!({})),
            created_by_id: row.number(Column::CreatedById)?,
            updated_by_id: row.number(Column::UpdatedById)?,
            created_at: row.time(Column::CreatedAt)?,
            updated_at: row.time(Column::UpdatedAt)?,
        })
    }
}

impl LinkedUser {
    /// NocoBase has no unique index on the subject: should two users ever share one, the older wins every time. Not
    /// sorted by the statement, for which PostgreSQL may read all users in that order.
    pub(super) fn oldest_of(rows: &[Row]) -> Result<Option<Self>, StoreError> {
        let mut linked = rows.iter().map(Self::from_row).collect::<Result<Vec<_>, _>>()?;
        linked.sort_by_key(|linked| linked.user.id);
        Ok(linked.into_iter().next())
    }

    pub(super) fn from_row(row: &Row) -> Result<Self, StoreError> {
        Ok(Self {
            user: User::from_row(row)?,
            role: row.text_as(PREFERRED_ROLE)?,
            // A note that cannot be read is none, and keeps nobody out.
            meta: row.json(Column::Meta).ok().flatten().unwrap_or_default(),
            sort: row.number(Column::Sort)?.unwrap_or_default(),
        })
    }
}

/// What we fill of a new user.
const NEW_USER_COLUMNS: [Column; 7] = [
    Column::Id,
    Column::Nickname,
    Column::Phone,
    Column::SystemSettings,
    Column::Sort,
    Column::CreatedAt,
    Column::UpdatedAt,
];

/// `users`.
#[derive(Clone, Copy, Debug)]
pub struct Users<'a> {
    pub(super) sql: &'a Database,
}

impl Users<'_> {
    /// What these users are called: by their nickname, else their user name. Who is gone is called nothing.
    pub async fn names_of(self, users: &BTreeSet<UserId>) -> Result<BTreeMap<UserId, String>, StoreError> {
        let mut names = BTreeMap::new();
        let ids: Vec<i64> = users.iter().map(|user| user.0).collect();
        for part in ids.chunks(IDS_AT_ONCE) {
            let mut select = self
                .sql
                .select(Table::Users, &[Column::Id, Column::Nickname, Column::Username]);
            select.and_where(self.sql.col(Table::Users, Column::Id).is_in(part.iter().copied()));
            for row in self.sql.find_rows(Table::Users, &select).await? {
                let written = [row.text(Column::Nickname)?, row.text(Column::Username)?];
                if let Some(name) = written.into_iter().flatten().find(|name| !name.trim().is_empty()) {
                    names.insert(UserId(row.required_number(Column::Id)?), name);
                }
            }
        }
        Ok(names)
    }

    /// The users whom this text finds, as it finds their links.
    pub async fn like(self, search: &str) -> Result<BTreeSet<UserId>, StoreError> {
        let mut select = self.sql.select(Table::Users, &[Column::Id]);
        select.and_where(self.is_like(search));
        let rows = self.sql.search_rows(Table::Users, &select).await?;
        rows.iter()
            .map(|row| row.required_number(Column::Id).map(UserId))
            .collect()
    }

    /// Whether a text is in the nickname, user name, e-mail address or phone number of a user.
    pub(super) fn is_like(self, search: &str) -> Expr {
        let pattern = like_pattern(search);
        let is_in = |column| {
            let text = Expr::from(Func::lower(self.sql.col(Table::Users, column)));
            text.like(LikeExpr::new(pattern.as_str()).escape(LIKE_ESCAPE))
        };
        is_in(Column::Nickname)
            .or(is_in(Column::Username))
            .or(is_in(Column::Email))
            .or(is_in(Column::Phone))
    }

    /// The user with this id.
    pub async fn find(self, id: UserId) -> Result<Option<User>, StoreError> {
        let mut select = self.sql.select(Table::Users, &USER_COLUMNS);
        select.and_where(self.sql.col(Table::Users, Column::Id).eq(id.0));
        self.sql
            .find_row(Table::Users, &select)
            .await?
            .map(|row| User::from_row(&row))
            .transpose()
    }

    /// The user who signs in with this user name or e-mail address, and their password when they have one.
    pub async fn find_by_account(
        self,
        account: &str,
    ) -> Result<Option<(User, Option<PasswordHash>)>, StoreError> {
        let mut select = self.sql.select(Table::Users, &USER_COLUMNS);
        self.sql
            .add_columns(&mut select, Table::Users, &[Column::Password]);
        let username = self.sql.col(Table::Users, Column::Username).eq(account);
        let email = self.sql.col(Table::Users, Column::Email).eq(account);
        select
            .and_where(username.or(email))
            .order_by_expr(self.sql.col(Table::Users, Column::Id), Order::Asc)
            .limit(1);
        let Some(row) = self.sql.find_row(Table::Users, &select).await? else {
            return Ok(None);
        };
        Ok(Some((
            User::from_row(&row)?,
            row.text(Column::Password)?.map(PasswordHash),
        )))
    }

    /// The password of a user, when they have one.
    pub async fn password_hash(self, user: UserId) -> Result<Option<PasswordHash>, StoreError> {
        let table = Table::Users;
        let mut select = self.sql.select(table, &[Column::Password]);
        select.and_where(self.sql.col(table, Column::Id).eq(user.0));
        let row = self.sql.find_row(table, &select).await?;
        Ok(row
            .map(|row| row.text(Column::Password))
            .transpose()?
            .flatten()
            .map(PasswordHash))
    }

    /// Gives a user another password; tokens from before are void from now on.
    pub async fn change_password(
        self,
        user: UserId,
        hash: &PasswordHash,
        now: DateTime<Utc>,
    ) -> Result<(), StoreError> {
        let table = Table::Users;
        let mut update = UpdateStatement::new();
        update
            .table(self.sql.names.table_ref(table))
            .value(self.sql.names.iden(Column::Password), hash.0.as_str())
            .value(
                self.sql.names.iden(Column::PasswordChangeTz),
                now.timestamp_millis(),
            )
            .value(
                self.sql.names.iden(Column::UpdatedAt),
                self.sql.dialect.time(table, now),
            )
            .and_where(Expr::col(self.sql.names.iden(Column::Id)).eq(user.0));
        self.sql.execute(&update).await.map(drop)
    }

    /// Makes the tokens of a user void that were issued before this second.
    pub async fn end_sessions(self, user: UserId, now: DateTime<Utc>) -> Result<(), StoreError> {
        let table = Table::Users;
        let mut update = UpdateStatement::new();
        update
            .table(self.sql.names.table_ref(table))
            .value(
                self.sql.names.iden(Column::PasswordChangeTz),
                now.timestamp() * 1000,
            )
            .value(
                self.sql.names.iden(Column::UpdatedAt),
                self.sql.dialect.time(table, now),
            )
            .and_where(Expr::col(self.sql.names.iden(Column::Id)).eq(user.0));
        self.sql.execute(&update).await.map(drop)
    }

    /// The columns that must be filled, have nothing to fill them by themselves, and are none that we fill: the site's
    /// own.
    pub async fn required_columns(self) -> Result<Vec<String>, StoreError> {
        let mut required = self.sql.required_columns(Table::Users).await?;
        required.retain(|column| {
            NEW_USER_COLUMNS
                .iter()
                .all(|ours| self.sql.names.column(*ours) != *column)
        });
        Ok(required)
    }
}

fn like_pattern(search: &str) -> String {
    let mut pattern = String::from("%");
    for character in search.to_lowercase().chars() {
        if matches!(character, '%' | '_' | LIKE_ESCAPE) {
            pattern.push(LIKE_ESCAPE);
        }
        pattern.push(character);
    }
    pattern.push('%');
    pattern
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_search_text_is_not_a_pattern() {
        assert_eq!(like_pattern("50%_A!"), "%50!%!_a!!%");
    }
}
