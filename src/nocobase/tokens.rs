//! Issued tokens, the token policy, and blocked tokens.

use std::collections::BTreeSet;

use chrono::{DateTime, Utc};
use sea_orm::sea_query::{DeleteStatement, Expr, ExprTrait as _, UpdateStatement};
use serde_json::Value;
use uuid::Uuid;

use super::error::StoreError;
use super::names::{Column, Table};
use super::store::Store;
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

impl Store {
    /// The policy for tokens, as NocoBase stores it; without one nobody can sign in.
    pub async fn token_policy(&self) -> Result<Option<Value>, StoreError> {
        let table = Table::TokenControlConfig;
        let mut select = self.select(table, &[Column::Config]);
        select.and_where(self.col(table, Column::Key).eq(TOKEN_POLICY_KEY));
        let row = self.find_row(table, &select).await?;
        Ok(row.map(|row| row.json(Column::Config)).transpose()?.flatten())
    }

    /// Records a token of this user, in one statement; `Duplicate` when its id is there already.
    pub async fn issue_token(
        &self,
        user: UserId,
        token: &IssuedToken,
        now: DateTime<Utc>,
    ) -> Result<(), StoreError> {
        let table = Table::IssuedTokens;
        let now = self.dialect.time(table, now);
        let insert = self.insert(
            table,
            [
                (Column::Id, self.dialect.uuid(token.id).into()),
                (Column::Jti, self.dialect.uuid(token.jti).into()),
                (Column::IssuedTime, token.issued_at_ms.into()),
                (Column::SignInTime, token.signed_in_at_ms.into()),
                (Column::UserId, user.0.into()),
                (Column::Authenticator, token.authenticator.as_str().into()),
                (Column::CreatedAt, now.clone().into()),
                (Column::UpdatedAt, now.into()),
            ],
        );
        match self.execute(&insert).await {
            // The only unique thing in the table; databases differ in what they call it.
            Err(StoreError::Duplicate { .. }) => Err(StoreError::Duplicate { field: "id" }),
            result => result.map(drop),
        }
    }

    /// Forgets the sign-ins of these users from before this time (in milliseconds), as NocoBase does at each sign-in.
    pub async fn delete_sign_ins_before(
        &self,
        users: &BTreeSet<UserId>,
        before_ms: i64,
    ) -> Result<(), StoreError> {
        // Some of them twice: a prepared statement for each count of users would push the others out.
        let places = users.len().next_power_of_two();
        let users = users.iter().map(|user| user.0).cycle().take(places);
        let mut delete = DeleteStatement::new();
        delete
            .from_table(self.names.table_ref(Table::IssuedTokens))
            .and_where(Expr::col(self.names.iden(Column::UserId)).is_in(users))
            .and_where(Expr::col(self.names.iden(Column::SignInTime)).lt(before_ms));
        self.execute(&delete).await.map(drop)
    }

    /// Replaces the `jti` of a session; false when there is no such session or another renewal was first.
    pub async fn renew_token(&self, old: Uuid, new: Uuid, now: DateTime<Utc>) -> Result<bool, StoreError> {
        let table = Table::IssuedTokens;
        let mut update = UpdateStatement::new();
        update
            .table(self.names.table_ref(table))
            .value(self.names.iden(Column::Jti), self.dialect.uuid(new))
            .value(self.names.iden(Column::IssuedTime), now.timestamp_millis())
            .value(self.names.iden(Column::UpdatedAt), self.dialect.time(table, now))
            .and_where(Expr::col(self.names.iden(Column::Jti)).eq(self.dialect.uuid(old)));
        Ok(self.execute(&update).await? == 1)
    }

    /// Blocks a token (its `jti`, or the token itself) until it expires by itself.
    pub async fn block_token(
        &self,
        token: &str,
        expires: DateTime<Utc>,
        now: DateTime<Utc>,
    ) -> Result<(), StoreError> {
        let table = Table::TokenBlacklist;
        let now = self.dialect.time(table, now);
        let insert = self.insert(
            table,
            [
                (Column::Token, token.into()),
                (Column::Expiration, self.dialect.time(table, expires).into()),
                (Column::CreatedAt, now.clone().into()),
                (Column::UpdatedAt, now.into()),
            ],
        );
        self.execute(&insert).await.map(drop)
    }

    /// Whether a token (its `jti`, or the token itself) has been blocked.
    pub async fn is_blocked(&self, token: &str) -> Result<bool, StoreError> {
        let table = Table::TokenBlacklist;
        let mut select = self.select(table, &[Column::Token]);
        select
            .and_where(self.dialect.same_bytes(self.col(table, Column::Token), token))
            .limit(1);
        Ok(self.find_row(table, &select).await?.is_some())
    }
}
