//! The rows of a person who was never here: user, role and link.

use std::fmt;

use chrono::{DateTime, Utc};
use sea_orm::sea_query::{Expr, ExprTrait as _, SelectStatement};
use serde_json::{Value, json};

use super::names::{Column, Table};
use super::store::Store;

/// What a VARCHAR(255) of NocoBase holds.
const TEXT_LIMIT: usize = 255;

/// A person to be made a user; the rest of the columns stay NULL.
#[derive(Clone, Default)]
pub struct NewUser {
    /// Cut to what the column holds.
    pub nickname: Option<String>,
    /// In the spelling to be stored.
    pub phone: Option<String>,
}

impl fmt::Debug for NewUser {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("NewUser").finish_non_exhaustive()
    }
}

impl Store {
    /// A user, but for the place among the others.
    pub(super) fn user_values(&self, new: &NewUser, now: DateTime<Utc>) -> [(Column, Expr); 5] {
        let time = self.dialect.time(Table::Users, now);
        [
            (Column::Nickname, filled(new.nickname.as_deref()).into()),
            (Column::Phone, filled(new.phone.as_deref()).into()),
            (Column::SystemSettings, self.dialect.json(&json!({}))),
            (Column::CreatedAt, time.clone().into()),
            (Column::UpdatedAt, time.into()),
        ]
    }

    /// The role that new users get; without columns.
    pub(super) fn default_role(&self) -> SelectStatement {
        let mut select = SelectStatement::new();
        select
            .from(self.names.table_ref(Table::Roles))
            .and_where(self.col(Table::Roles, Column::Default).eq(true))
            .limit(1);
        select
    }

    /// A role given to a user.
    pub(super) fn role_values(&self, role: Expr, user: Expr, now: DateTime<Utc>) -> [(Column, Expr); 4] {
        let time = self.dialect.time(Table::RolesUsers, now);
        [
            (Column::RoleName, role),
            (Column::UserId, user),
            (Column::CreatedAt, time.clone().into()),
            (Column::UpdatedAt, time.into()),
        ]
    }

    /// A link between a user and a subject.
    pub(super) fn link_values(
        &self,
        authenticator: Expr,
        user: Expr,
        subject: &str,
        meta: &Value,
        nickname: Option<&str>,
        now: DateTime<Utc>,
    ) -> [(Column, Expr); 8] {
        let time = self.dialect.time(Table::UsersAuthenticators, now);
        [
            (Column::Authenticator, authenticator),
            (Column::UserId, user),
            (Column::Uuid, subject.into()),
            (Column::Nickname, filled(nickname).unwrap_or_default().into()),
            (Column::Avatar, "".into()),
            (Column::Meta, self.dialect.json(meta)),
            (Column::CreatedAt, time.clone().into()),
            (Column::UpdatedAt, time.into()),
        ]
    }
}

/// NocoBase stores NULL where there is nothing, and the column holds so many characters.
pub(super) fn filled(text: Option<&str>) -> Option<String> {
    text.filter(|text| !text.is_empty())
        .map(|text| text.chars().take(TEXT_LIMIT).collect())
}
