//! NocoBase's tables, opened: one accessor a table, so that a signature tells what a function may touch.

use std::fmt;
use std::sync::Arc;

use tokio::sync::Mutex;

use super::authenticator::AUTHENTICATOR_COLUMNS;
use super::authenticators::Authenticators;
use super::by_hand::ByHand;
use super::issued_tokens::IssuedTokens;
use super::kept_secrets::KeptSecrets;
use super::links::{LINK_COLUMNS, Links};
use super::roles::{ROLE_COLUMNS, Roles};
use super::sql::{Column, Database, DatabaseSettings, Dialect, Newest, StatementObserver, StoreError, Table};
use super::system::System;
use super::users::{USER_COLUMNS, Users};

/// Every table and column that sign-in uses.
const USED: [(Table, &[Column]); 10] = [
    (Table::Users, &USER_COLUMNS),
    (Table::Users, &[Column::Password, Column::Sort]),
    (Table::Authenticators, &AUTHENTICATOR_COLUMNS),
    (Table::UsersAuthenticators, &LINK_COLUMNS),
    (Table::Roles, &ROLE_COLUMNS),
    (
        Table::RolesUsers,
        &[
            Column::RoleName,
            Column::UserId,
            Column::CreatedAt,
            Column::UpdatedAt,
        ],
    ),
    (
        Table::IssuedTokens,
        &[
            Column::Id,
            Column::Jti,
            Column::SignInTime,
            Column::IssuedTime,
            Column::UserId,
            Column::Authenticator,
            Column::CreatedAt,
            Column::UpdatedAt,
        ],
    ),
    (Table::TokenBlacklist, &[Column::Token, Column::Expiration]),
    (Table::TokenControlConfig, &[Column::Key, Column::Config]),
    (
        Table::SystemSettings,
        &[Column::Id, Column::EnabledLanguages, Column::AppLang],
    ),
];

/// NocoBase's tables; clones share one pool of connections.
#[derive(Clone)]
pub struct Store {
    pub(super) sql: Database,
    /// First sign-ins queue here, fairly, before they take a connection: the rows they lock would otherwise keep
    /// the whole pool waiting. Whose turn it is knows the newest user.
    pub(super) turns: Arc<Mutex<Newest>>,
    /// Where the database signs people in with one statement.
    pub(super) statements: Option<Arc<ByHand>>,
    /// Whether NocoBase's tables may get indexes of ours.
    pub(super) may_index: bool,
}

impl fmt::Debug for Store {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_tuple("Store").field(&self.sql).finish()
    }
}

impl Store {
    /// Opens the database. A server is first reached at the first statement, so that the sidecar starts before its
    /// database does; ask [`Store::ping`].
    pub async fn connect(
        settings: &DatabaseSettings,
        observer: StatementObserver,
    ) -> Result<Self, StoreError> {
        Ok(Self::over(Database::connect(settings, observer).await?))
    }

    /// As [`Store::connect`], for who only looks: a file is neither made nor changed, nor are files beside it.
    pub async fn connect_to_look(
        settings: &DatabaseSettings,
        observer: StatementObserver,
    ) -> Result<Self, StoreError> {
        Ok(Self::over(Database::connect_to_look(settings, observer).await?))
    }

    fn over(sql: Database) -> Self {
        Self {
            statements: (sql.dialect == Dialect::Postgres).then(Arc::default),
            turns: Arc::default(),
            may_index: true,
            sql,
        }
    }

    /// The same, leaving NocoBase's tables without indexes of ours.
    #[must_use]
    pub fn without_indexes(self) -> Self {
        Self {
            may_index: false,
            ..self
        }
    }

    /// Whether these are the sidecar's own tables, and no NocoBase's.
    pub fn is_own(&self) -> bool {
        matches!(self.sql.dialect, Dialect::Sqlite)
    }

    /// Whether the connections are those of a pooler, who lends them for a transaction at a time.
    pub fn is_pooled(&self) -> bool {
        self.sql.is_pooled()
    }

    /// Closes every connection; the embedded database then lies in its one file.
    pub async fn close(&self) {
        self.sql.close().await;
    }

    /// Asks the database for a sign of life.
    pub async fn ping(&self) -> Result<(), StoreError> {
        self.sql.ping().await
    }

    /// Looks for every table and column that sign-in uses, and names the first that is missing.
    pub async fn check_schema(&self) -> Result<(), StoreError> {
        self.sql.check_schema(&USED).await
    }

    /// `users`.
    pub const fn users(&self) -> Users<'_> {
        Users { sql: &self.sql }
    }

    /// `usersAuthenticators`: who is linked to which subject.
    pub const fn links(&self) -> Links<'_> {
        Links { sql: &self.sql }
    }

    /// `roles` and who has them.
    pub const fn roles(&self) -> Roles<'_> {
        Roles { sql: &self.sql }
    }

    /// `authenticators`.
    pub const fn authenticators(&self) -> Authenticators<'_> {
        Authenticators { sql: &self.sql }
    }

    /// `dingtalk_secrets`: the client secrets, kept apart.
    pub const fn kept_secrets(&self) -> KeptSecrets<'_> {
        KeptSecrets { sql: &self.sql }
    }

    /// `issuedTokens`, the policy for them, and those that are blocked.
    pub const fn issued_tokens(&self) -> IssuedTokens<'_> {
        IssuedTokens { sql: &self.sql }
    }

    /// What the site as a whole has set.
    pub const fn system(&self) -> System<'_> {
        System { sql: &self.sql }
    }
}
