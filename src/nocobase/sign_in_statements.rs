//! A sign-in in one statement.
//!
//! PostgreSQL writes and answers in one statement, and compares text byte for byte, so its unique index over
//! authenticator and subject keeps people apart without a lock. There, one round trip finds who is known and gives them
//! their session; a second one makes user, role, link and session of who is not. Whatever stands in the way of that
//! makes the statement do nothing, and a [`LinkTransaction`](super::LinkTransaction) finds out what it is. These two statements are
//! written by hand, once, when the store is opened.

use std::sync::atomic::{AtomicBool, Ordering};

use chrono::{DateTime, Utc};
use sea_orm::sea_query::{ExprTrait as _, SelectStatement, Value as SqlValue};
use sea_orm::{DbBackend, Statement};
use serde_json::{Value, json};

use super::issued_tokens::IssuedToken;
use super::link_source::{CLIENT_ID, CORP_ID, KIND, LinkSource};
use super::links::LINK_COLUMNS;
use super::new_user::{NewUser, filled};
use super::sql::{Column, Dialect, Names, Newest, Row, StoreError, Table};
use super::store::Store;
use super::users::{LinkedUser, PREFERRED_ROLE, USER_COLUMNS};

/// A person who signs in for the first time. No `Debug`: subject and numbers are in no log.
pub struct SignUp<'a> {
    /// The subject to link.
    pub subject: &'a str,
    /// The user to make.
    pub user: NewUser,
    /// Every spelling in which a user of today may have the phone number.
    pub phone_spellings: &'a [String],
    /// What is noted with the link.
    pub meta: Value,
}

/// The statements, in the names of this database.
pub(super) struct SignInStatements {
    sign_in: String,
    sign_up: String,
    /// Whether the index was seen.
    has_unique_subjects: AtomicBool,
}

/// The statement has a place for so many; a number has no more.
const PHONE_SPELLINGS: usize = 4;

impl Store {
    /// Whether [`Store::sign_in`] and [`Store::sign_up`] do anything here.
    pub fn signs_in_at_once(&self) -> bool {
        self.usable_statements().is_some()
    }

    /// Finds the user whom the authenticator of this session has linked to this subject of this source, and records the
    /// session of who was found; `Duplicate` when it is recorded already. A link that notes something else is not found.
    pub async fn sign_in(
        &self,
        subject: &str,
        source: &LinkSource,
        session: &IssuedToken,
        now: DateTime<Utc>,
    ) -> Result<Option<LinkedUser>, StoreError> {
        let Some(statements) = self.usable_statements() else {
            return Ok(None);
        };
        let mut values = self.session_parameters(session, now);
        values.extend([
            subject.into(),
            source.kind.label().into(),
            source.client_id.as_str().into(),
            source.corp_id.as_deref().into(),
        ]);
        self.row_of(&statements.sign_in, values).await
    }

    /// Makes a user with the default role, links them and records their session; `None` when nothing was done: somebody
    /// has the phone number, the subject is linked, authenticator or default role are missing.
    pub async fn sign_up(
        &self,
        newcomer: &SignUp<'_>,
        session: &IssuedToken,
        now: DateTime<Utc>,
    ) -> Result<Option<LinkedUser>, StoreError> {
        let Some(statements) = self.usable_statements() else {
            return Ok(None);
        };
        let spellings = newcomer.phone_spellings;
        if spellings.len() > PHONE_SPELLINGS {
            return Ok(None);
        }
        let mut values = self.session_parameters(session, now);
        let user = &newcomer.user;
        values.extend([
            newcomer.subject.into(),
            filled(user.nickname.as_deref()).into(),
            filled(user.phone.as_deref()).into(),
            self.newest_user(now).await?.distance().into(),
            newcomer.meta.to_string().into(),
        ]);
        values.extend(spellings.iter().map(|spelling| spelling.as_str().into()));
        // No number equals NULL.
        values.resize(SIGN_UP_PARAMETERS, SqlValue::String(None));
        match self.row_of(&statements.sign_up, values).await {
            // Somebody was faster, or the index is gone by now: nothing was done, and a linking sees why.
            Err(
                StoreError::Duplicate { .. }
                | StoreError::Conflict
                | StoreError::ValueRequired { .. }
                | StoreError::TextRefused
                | StoreError::Unexpected(_),
            ) => Ok(None),
            outcome => outcome,
        }
    }

    /// Takes note of whether the database keeps two links of one subject apart.
    pub(super) fn subjects_are_unique(&self, are: bool) {
        if let Some(statements) = &self.statements {
            statements.has_unique_subjects.store(are, Ordering::Relaxed);
        }
    }

    fn usable_statements(&self) -> Option<&SignInStatements> {
        self.statements
            .as_deref()
            .filter(|statements| statements.has_unique_subjects.load(Ordering::Relaxed))
    }

    async fn row_of(&self, statement: &str, values: Vec<SqlValue>) -> Result<Option<LinkedUser>, StoreError> {
        let statement = Statement::from_sql_and_values(DbBackend::Postgres, statement, values);
        // It writes, and may be run again all the same: the key of the session refuses it where it took effect.
        let rows = self.sql.rows(statement).await?;
        rows.into_iter()
            .next()
            .map(|row| LinkedUser::from_row(&Row::new(row, self.sql.dialect, Table::Users)))
            .transpose()
    }

    fn session_parameters(&self, session: &IssuedToken, now: DateTime<Utc>) -> Vec<SqlValue> {
        let mut values = Vec::with_capacity(SIGN_UP_PARAMETERS);
        values.extend([
            session.authenticator.as_str().into(),
            self.sql.dialect.uuid(session.id),
            self.sql.dialect.uuid(session.jti),
            session.issued_at_ms.into(),
            session.signed_in_at_ms.into(),
            self.sql.dialect.time(Table::Users, now),
        ]);
        values
    }

    async fn newest_user(&self, now: DateTime<Utc>) -> Result<Newest, StoreError> {
        let mut known = self.turn().await?;
        if known.is_old(now) {
            let mut select = SelectStatement::new();
            let largest = |column| self.sql.col(Table::Users, column).max();
            select
                .from(self.sql.names.table_ref(Table::Users))
                .expr_as(largest(Column::Id), Column::Id.camel())
                .expr_as(largest(Column::Sort), Column::Sort.camel());
            if let Some(row) = self.sql.find_row(Table::Users, &select).await? {
                let largest = |column| row.number(column).map(Option::unwrap_or_default);
                *known = Newest::read(largest(Column::Id)?, largest(Column::Sort)?, now);
            }
        }
        Ok(*known)
    }
}

/// `$1` to `$6` are the session: authenticator, key, `jti`, when it was issued, when the person signed in, now.
const SESSION_COLUMNS: [Column; 8] = [
    Column::Authenticator,
    Column::Id,
    Column::Jti,
    Column::IssuedTime,
    Column::SignInTime,
    Column::CreatedAt,
    Column::UpdatedAt,
    Column::UserId,
];
const SESSION_VALUES: &str = "$1, $2, $3, $4, $5, $6, $6";
const SIGN_UP_PARAMETERS: usize = 15;

impl SignInStatements {
    /// The statements, where the database can.
    pub(super) fn new(dialect: Dialect, names: &Names) -> Option<Self> {
        (dialect == Dialect::Postgres).then(|| {
            let spelt = Spelt { dialect, names };
            Self {
                sign_in: spelt.sign_in(),
                sign_up: spelt.sign_up(),
                has_unique_subjects: AtomicBool::new(false),
            }
        })
    }
}

struct Spelt<'a> {
    dialect: Dialect,
    names: &'a Names,
}

impl Spelt<'_> {
    /// `$7` is the subject, `$8` its kind, `$9` the app and `$10` the organization that the link notes.
    fn sign_in(&self) -> String {
        let (users, links, roles) = (
            self.table(Table::Users),
            self.table(Table::UsersAuthenticators),
            self.table(Table::RolesUsers),
        );
        let [id, user_id, role, default, authenticator, uuid, meta] = [
            Column::Id,
            Column::UserId,
            Column::RoleName,
            Column::Default,
            Column::Authenticator,
            Column::Uuid,
            Column::Meta,
        ]
        .map(|column| self.column(column));
        let person = self.user_as("u");
        let session = self.insert(Table::IssuedTokens, &SESSION_COLUMNS);
        format!(
            "WITH person AS (\
               SELECT {person}, l.{meta}::text AS \"meta\", (\
                 SELECT r.{role} FROM {roles} r WHERE r.{user_id} = u.{id} \
                 ORDER BY CASE WHEN r.{default} THEN 0 ELSE 1 END, r.{role} LIMIT 1\
               ) AS \"{PREFERRED_ROLE}\" \
               FROM {links} l JOIN {users} u ON u.{id} = l.{user_id} \
               WHERE l.{authenticator} = $1 AND l.{uuid} = $7 AND l.{meta}->>'{KIND}' = $8 \
               AND l.{meta}->>'{CLIENT_ID}' = $9 AND l.{meta}->>'{CORP_ID}' IS NOT DISTINCT FROM $10\
             ), session AS (\
               {session} SELECT {SESSION_VALUES}, person.\"id\" FROM person\
             ) SELECT * FROM person"
        )
    }

    /// `$7` is the subject, `$8` the nickname, `$9` the phone number, `$10` how far `sort` is from `id`, `$11` what is
    /// noted with the link, `$12` to `$15` are the spellings of the number.
    fn sign_up(&self) -> String {
        let (users, authenticators, roles) = (
            self.table(Table::Users),
            self.table(Table::Authenticators),
            self.table(Table::Roles),
        );
        let [id, name, default, phone, authenticator, uuid, user_id] = [
            Column::Id,
            Column::Name,
            Column::Default,
            Column::Phone,
            Column::Authenticator,
            Column::Uuid,
            Column::UserId,
        ]
        .map(|column| self.column(column));
        let user = self.insert(
            Table::Users,
            &[
                Column::Id,
                Column::Sort,
                Column::Nickname,
                Column::Phone,
                Column::SystemSettings,
                Column::CreatedAt,
                Column::UpdatedAt,
            ],
        );
        let role = self.insert(
            Table::RolesUsers,
            &[
                Column::RoleName,
                Column::UserId,
                Column::CreatedAt,
                Column::UpdatedAt,
            ],
        );
        let link = self.insert(Table::UsersAuthenticators, &LINK_COLUMNS);
        let session = self.insert(Table::IssuedTokens, &SESSION_COLUMNS);
        let settings = json!({});
        let columns = USER_COLUMNS.into_iter().chain([Column::Sort]);
        let made = columns
            .map(|column| self.column(column))
            .collect::<Vec<_>>()
            .join(", ");
        let answer = self.user_as("made");
        let sequence = format!(
            "pg_get_serial_sequence({}, {})",
            text(&users),
            text(&self.names.column(Column::Id))
        );
        // Everybody adds one to `sort` for each `id`, so its distance holds for all who come at this moment, and no two
        // of them get one place.
        //
        // ON CONFLICT: without a unique index over these columns PostgreSQL refuses the statement; and whom the index
        // knows already makes it fail, since no link is without a user.
        format!(
            "WITH authenticator AS (\
               SELECT a.{name} AS name FROM {authenticators} a WHERE a.{name} = $1\
             ), role AS (\
               SELECT r.{name} AS name FROM {roles} r WHERE r.{default} LIMIT 1\
             ), next AS (\
               SELECT nextval({sequence}) AS id FROM authenticator, role \
               WHERE NOT EXISTS (SELECT 1 FROM {users} u WHERE u.{phone} IN ($12, $13, $14, $15))\
             ), made AS (\
               {user} SELECT next.id, next.id + $10, $8, $9, CAST('{settings}' AS json), $6, $6 FROM next \
               RETURNING {made}\
             ), given AS (\
               {role} SELECT role.name, made.{id}, $6, $6 FROM role, made\
             ), linked AS (\
               {link} SELECT authenticator.name, made.{id}, $7, COALESCE($8, ''), '', CAST($11 AS json), $6, $6 \
               FROM authenticator, made \
               ON CONFLICT ({authenticator}, {uuid}) DO UPDATE SET {user_id} = NULL\
             ), session AS (\
               {session} SELECT {SESSION_VALUES}, made.{id} FROM made\
             ) SELECT {answer}, $11 AS \"meta\", role.name AS \"{PREFERRED_ROLE}\" FROM made, role"
        )
    }

    /// What is read of a user, by NocoBase's names.
    fn user_as(&self, from: &str) -> String {
        let columns = USER_COLUMNS.into_iter().chain([Column::Sort]);
        let columns = columns.map(|column| {
            let (stored, name) = (self.column(column), column.camel());
            let cast = if column.is_json() { "::text" } else { "" };
            format!("{from}.{stored}{cast} AS \"{name}\"")
        });
        columns.collect::<Vec<_>>().join(", ")
    }

    fn insert(&self, table: Table, columns: &[Column]) -> String {
        let columns: Vec<_> = columns.iter().map(|column| self.column(*column)).collect();
        format!("INSERT INTO {} ({})", self.table(table), columns.join(", "))
    }

    fn table(&self, table: Table) -> String {
        let name = self.dialect.quoted(&self.names.table(table));
        match &self.names.schema {
            Some(schema) => format!("{}.{name}", self.dialect.quoted(schema)),
            None => name,
        }
    }

    fn column(&self, column: Column) -> String {
        self.dialect.quoted(&self.names.column(column))
    }
}

fn text(value: &str) -> String {
    format!("'{}'", value.replace('\'', "''"))
}
