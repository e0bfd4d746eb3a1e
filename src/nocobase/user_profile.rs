//! What of a user's profile a sign-in may change.

use std::fmt;

use chrono::{DateTime, Utc};
use sea_orm::sea_query::{Expr, ExprTrait as _, UpdateStatement};

use super::link_transaction::LinkTransaction;
use super::new_user::filled;
use super::sql::{Column, StoreError, Table};
use super::users::{UserId, Users};

/// New values of a user's fields; `None` leaves a field as it is.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct ProfileChanges {
    /// The name that is shown.
    pub nickname: Option<String>,
    /// In the spelling to be stored.
    pub phone: Option<String>,
    /// The address of a picture; only where [`Users::have_avatar`].
    pub avatar: Option<String>,
}

/// Which fields, and never what is in them.
impl fmt::Debug for ProfileChanges {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_list().entries(self.fields()).finish()
    }
}

impl ProfileChanges {
    /// The names of the fields that change.
    pub fn fields(&self) -> Vec<&'static str> {
        let all = self.columns().into_iter();
        all.filter(|(_, value)| value.is_some())
            .map(|(column, _)| column.camel())
            .collect()
    }

    const fn columns(&self) -> [(Column, &Option<String>); 3] {
        [
            (Column::Nickname, &self.nickname),
            (Column::Phone, &self.phone),
            (Column::Avatar, &self.avatar),
        ]
    }
}

impl Users<'_> {
    /// Whether users have a text field named `avatar`. NocoBase makes none; an administrator may.
    pub async fn have_avatar(self) -> Result<bool, StoreError> {
        self.sql.has_text_column(Table::Users, Column::Avatar).await
    }

    /// The address of a user's picture; only where [`Users::have_avatar`].
    pub async fn avatar(self, user: UserId) -> Result<Option<String>, StoreError> {
        let mut select = self.sql.select(Table::Users, &[Column::Avatar]);
        select.and_where(self.sql.col(Table::Users, Column::Id).eq(user.0));
        let row = self.sql.find_row(Table::Users, &select).await?;
        row.map_or(Ok(None), |row| row.text(Column::Avatar))
    }
}

impl LinkTransaction {
    /// Changes fields of a user; `Duplicate` when the phone number is taken.
    pub async fn change_profile(
        &mut self,
        user: UserId,
        changes: &ProfileChanges,
        now: DateTime<Utc>,
    ) -> Result<(), StoreError> {
        let (sql, table) = (&self.store.sql, Table::Users);
        let mut update = UpdateStatement::new();
        update.table(sql.names.table_ref(table));
        for (column, value) in changes.columns() {
            if let Some(value) = value {
                update.value(sql.names.iden(column), filled(Some(value)));
            }
        }
        update
            .value(sql.names.iden(Column::UpdatedAt), sql.dialect.time(table, now))
            .and_where(Expr::col(sql.names.iden(Column::Id)).eq(user.0));
        sql.execute_in(&self.transaction, &update).await.map(drop)
    }
}
