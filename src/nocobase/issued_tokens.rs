//! Issued tokens, the token policy, and blocked tokens.

use std::collections::BTreeSet;

use chrono::{DateTime, Utc};
use sea_orm::sea_query::{DeleteStatement, Expr, ExprTrait as _, UpdateStatement};
use serde_json::Value;
use uuid::Uuid;

use super::sql::{Column, Database, StoreError, Table};
use super::users::UserId;

/// The key of the one row of `tokenControlConfig` that sign-in reads.
pub(super) const TOKEN_POLICY_KEY: &str = "token-policy-config";

/// A row of `issuedTokens`: without it a session cannot be renewed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IssuedToken {
    /// The key of the row; the same sign-in twice is refused by it.
    pub id: Uuid,
    /// The `jti` inside the token.
    pub jti: Uuid,
    /// When this token was made, in milliseconds.
    pub issued_at_ms: i64,
    /// When the user proved who they are, in milliseconds; renewals keep it.
    pub signed_in_at_ms: i64,
    /// The name of the authenticator that proved it.
    pub authenticator: String,
}

/// `issuedTokens`, `tokenControlConfig` and `tokenBlacklist`.
#[derive(Clone, Copy, Debug)]
pub struct IssuedTokens<'a> {
    pub(super) sql: &'a Database,
}

impl IssuedTokens<'_> {
    /// The policy for tokens, as NocoBase stores it; without one nobody can sign in.
    pub async fn policy(self) -> Result<Option<Value>, StoreError> {
        let table = Table::TokenControlConfig;
        let mut select = self.sql.select(table, &[Column::Config]);
        select.and_where(self.sql.col(table, Column::Key).eq(TOKEN_POLICY_KEY));
        let row = self.sql.find_row(table, &select).await?;
        Ok(row.map(|row| row.json(Column::Config)).transpose()?.flatten())
    }

    /// Records a token of this user, in one statement; `Duplicate` when its id is there already.
    pub async fn issue(
        self,
        user: UserId,
        token: &IssuedToken,
        now: DateTime<Utc>,
    ) -> Result<(), StoreError> {
        let table = Table::IssuedTokens;
        let now = self.sql.dialect.time(table, now);
        let insert = self.sql.insert(
            table,
            [
                (Column::Id, self.sql.dialect.uuid(token.id).into()),
                (Column::Jti, self.sql.dialect.uuid(token.jti).into()),
                (Column::IssuedTime, token.issued_at_ms.into()),
                (Column::SignInTime, token.signed_in_at_ms.into()),
                (Column::UserId, user.0.into()),
                (Column::Authenticator, token.authenticator.as_str().into()),
                (Column::CreatedAt, now.clone().into()),
                (Column::UpdatedAt, now.into()),
            ],
        );
        match self.sql.execute(&insert).await {
            // The only unique thing in the table; databases differ in what they call it.
            Err(StoreError::Duplicate { .. }) => Err(StoreError::Duplicate { field: "id" }),
            result => result.map(drop),
        }
    }

    /// Forgets the sign-ins of these users from before this time (in milliseconds), as NocoBase does at each sign-in.
    pub async fn delete_sign_ins_before(
        self,
        users: &BTreeSet<UserId>,
        before_ms: i64,
    ) -> Result<(), StoreError> {
        // Some of them twice: a prepared statement for each count of users would push the others out.
        let places = users.len().next_power_of_two();
        let users = users.iter().map(|user| user.0).cycle().take(places);
        let mut delete = DeleteStatement::new();
        delete
            .from_table(self.sql.names.table_ref(Table::IssuedTokens))
            .and_where(Expr::col(self.sql.names.iden(Column::UserId)).is_in(users))
            .and_where(Expr::col(self.sql.names.iden(Column::SignInTime)).lt(before_ms));
        self.sql.execute(&delete).await.map(drop)
    }

    /// Replaces the `jti` of a session; false when there is no such session or another renewal was first.
    pub async fn renew(self, old: Uuid, new: Uuid, now: DateTime<Utc>) -> Result<bool, StoreError> {
        let table = Table::IssuedTokens;
        let mut update = UpdateStatement::new();
        update
            .table(self.sql.names.table_ref(table))
            .value(self.sql.names.iden(Column::Jti), self.sql.dialect.uuid(new))
            .value(self.sql.names.iden(Column::IssuedTime), now.timestamp_millis())
            .value(
                self.sql.names.iden(Column::UpdatedAt),
                self.sql.dialect.time(table, now),
            )
            .and_where(Expr::col(self.sql.names.iden(Column::Jti)).eq(self.sql.dialect.uuid(old)));
        Ok(self.sql.execute(&update).await? == 1)
    }

    /// Blocks a token (its `jti`, or the token itself) until it expires by itself.
    pub async fn block(
        self,
        token: &str,
        expires: DateTime<Utc>,
        now: DateTime<Utc>,
    ) -> Result<(), StoreError> {
        let table = Table::TokenBlacklist;
        let now = self.sql.dialect.time(table, now);
        let insert = self.sql.insert(
            table,
            [
                (Column::Token, token.into()),
                (Column::Expiration, self.sql.dialect.time(table, expires).into()),
                (Column::CreatedAt, now.clone().into()),
                (Column::UpdatedAt, now.into()),
            ],
        );
        self.sql.execute(&insert).await.map(drop)
    }

    /// Whether a token (its `jti`, or the token itself) has been blocked.
    pub async fn is_blocked(self, token: &str) -> Result<bool, StoreError> {
        let table = Table::TokenBlacklist;
        let mut select = self.sql.select(table, &[Column::Token]);
        select
            .and_where(
                self.sql
                    .dialect
                    .same_bytes(self.sql.col(table, Column::Token), token),
            )
            .limit(1);
        Ok(self.sql.find_row(table, &select).await?.is_some())
    }
}
