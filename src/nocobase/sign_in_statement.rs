//! The sign-in of a returning person, in one statement.
//!
//! PostgreSQL writes and answers in one statement, and compares text byte for byte, so its unique index over
//! authenticator and subject keeps people apart without a lock. There, one round trip finds who is known and gives them
//! their session. The statement is written by hand.

use std::sync::atomic::Ordering;

use chrono::{DateTime, Utc};
use sea_orm::sea_query::Value as SqlValue;
use sea_orm::{DbBackend, Statement};

use super::by_hand::{SESSION_COLUMNS, SESSION_VALUES, Spelt, Texts};
use super::issued_tokens::IssuedToken;
use super::link_source::{CLIENT_ID, CORP_ID, KIND, LinkSource};
use super::sign_up_statement;
use super::sql::{Column, Row, StoreError, Table};
use super::store::Store;
use super::users::{LinkedUser, PREFERRED_ROLE};

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

    pub(super) fn usable_statements(&self) -> Option<&Texts> {
        let statements = self.statements.as_deref()?;
        let are_usable = statements.has_unique_subjects.load(Ordering::Relaxed);
        are_usable.then(|| {
            statements.texts.get_or_init(|| {
                let spelt = Spelt {
                    dialect: self.sql.dialect,
                    names: &self.sql.names,
                };
                Texts {
                    sign_in: spell(&spelt),
                    sign_up: sign_up_statement::spell(&spelt),
                }
            })
        })
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

/// `$7` is the subject, `$8` its kind, `$9` the app and `$10` the organization that the link notes.
fn spell(spelt: &Spelt<'_>) -> String {
    let (users, links, roles) = (
        spelt.table(Table::Users),
        spelt.table(Table::UsersAuthenticators),
        spelt.table(Table::RolesUsers),
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
    .map(|column| spelt.column(column));
    let person = spelt.user_as("u");
    let session = spelt.insert(Table::IssuedTokens, &SESSION_COLUMNS);
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
