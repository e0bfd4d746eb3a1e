//! The sign-in of a returning person, in one statement.
//!
//! PostgreSQL writes and answers in one statement, and compares text byte for byte, so its unique index over
//! authenticator and subject keeps people apart without a lock. There, one round trip finds who is known and gives them
//! their session. The statement is written by hand, once, when the store is opened.

use std::sync::atomic::{AtomicBool, Ordering};

use chrono::{DateTime, Utc};
use sea_orm::sea_query::Value as SqlValue;
use sea_orm::{DbBackend, Statement};

use super::issued_tokens::IssuedToken;
use super::link_source::{CLIENT_ID, CORP_ID, KIND, LinkSource};
use super::sign_up_statement;
use super::sql::{Column, Dialect, Names, Row, StoreError, Table};
use super::store::Store;
use super::users::{LinkedUser, PREFERRED_ROLE, USER_COLUMNS};

/// The statements that are written by hand, in the names of this database.
pub(super) struct SignInStatements {
    sign_in: String,
    pub(super) sign_up: String,
    /// Whether the index was seen.
    has_unique_subjects: AtomicBool,
}

/// `$1` to `$6` are the session: authenticator, key, `jti`, when it was issued, when the person signed in, now.
pub(super) const SESSION_COLUMNS: [Column; 8] = [
    Column::Authenticator,
    Column::Id,
    Column::Jti,
    Column::IssuedTime,
    Column::SignInTime,
    Column::CreatedAt,
    Column::UpdatedAt,
    Column::UserId,
];
pub(super) const SESSION_VALUES: &str = "$1, $2, $3, $4, $5, $6, $6";

impl SignInStatements {
    /// The statements, where the database can.
    pub(super) fn new(dialect: Dialect, names: &Names) -> Option<Self> {
        (dialect == Dialect::Postgres).then(|| {
            let spelt = Spelt { dialect, names };
            Self {
                sign_in: spelt.sign_in(),
                sign_up: sign_up_statement::spell(&spelt),
                has_unique_subjects: AtomicBool::new(false),
            }
        })
    }
}

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

    /// Takes note of whether the database keeps two links of one subject apart.
    pub(super) fn subjects_are_unique(&self, are: bool) {
        if let Some(statements) = &self.statements {
            statements.has_unique_subjects.store(are, Ordering::Relaxed);
        }
    }

    pub(super) fn usable_statements(&self) -> Option<&SignInStatements> {
        self.statements
            .as_deref()
            .filter(|statements| statements.has_unique_subjects.load(Ordering::Relaxed))
    }

    pub(super) async fn row_of(
        &self,
        statement: &str,
        values: Vec<SqlValue>,
    ) -> Result<Option<LinkedUser>, StoreError> {
        let statement = Statement::from_sql_and_values(DbBackend::Postgres, statement, values);
        // It writes, and may be run again all the same: the key of the session refuses it where it took effect.
        let rows = self.sql.rows(statement).await?;
        rows.into_iter()
            .next()
            .map(|row| LinkedUser::from_row(&Row::new(row, self.sql.dialect, Table::Users)))
            .transpose()
    }

    pub(super) fn session_parameters(&self, session: &IssuedToken, now: DateTime<Utc>) -> Vec<SqlValue> {
        let mut values = Vec::with_capacity(sign_up_statement::PARAMETERS);
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
}

/// Names as they stand in a statement.
pub(super) struct Spelt<'a> {
    dialect: Dialect,
    pub(super) names: &'a Names,
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

    /// What is read of a user, by NocoBase's names.
    pub(super) fn user_as(&self, from: &str) -> String {
        let columns = USER_COLUMNS.into_iter().chain([Column::Sort]);
        let columns = columns.map(|column| {
            let (stored, name) = (self.column(column), column.camel());
            let cast = if column.is_json() { "::text" } else { "" };
            format!("{from}.{stored}{cast} AS \"{name}\"")
        });
        columns.collect::<Vec<_>>().join(", ")
    }

    pub(super) fn insert(&self, table: Table, columns: &[Column]) -> String {
        let columns: Vec<_> = columns.iter().map(|column| self.column(*column)).collect();
        format!("INSERT INTO {} ({})", self.table(table), columns.join(", "))
    }

    pub(super) fn table(&self, table: Table) -> String {
        let name = self.dialect.quoted(&self.names.table(table));
        match &self.names.schema {
            Some(schema) => format!("{}.{name}", self.dialect.quoted(schema)),
            None => name,
        }
    }

    pub(super) fn column(&self, column: Column) -> String {
        self.dialect.quoted(&self.names.column(column))
    }
}
