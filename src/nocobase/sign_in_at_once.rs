//! A sign-in in one statement.
//!
//! PostgreSQL writes and answers in one statement, and compares text byte for byte, so its unique index over
//! authenticator and subject keeps people apart without a lock. There, one round trip finds who is known and gives them
//! their session; a second one makes user, role, link and session of who is not. Whatever stands in the way of that
//! makes the statement do nothing, and a [`LinkTransaction`](super::LinkTransaction) finds out what it is. These two statements are
//! written by hand, once, when the store is opened.

use std::sync::atomic::Ordering;

use chrono::{DateTime, Utc};
use sea_orm::sea_query::{ExprTrait as _, SelectStatement, Value as SqlValue};
use sea_orm::{DbBackend, Statement};
use serde_json::Value;

use super::issued_tokens::IssuedToken;
use super::link_source::LinkSource;
use super::new_user::{NewUser, filled};
use super::sign_in_statements::{SIGN_UP_PARAMETERS, SignInStatements};
use super::sql::{Column, Newest, Row, StoreError, Table};
use super::store::Store;
use super::users::LinkedUser;

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
