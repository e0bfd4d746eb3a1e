//! Links between users and subjects, as administrators see and remove them.

use std::fmt;

use chrono::{DateTime, Utc};
use sea_orm::sea_query::{DeleteStatement, Expr, ExprTrait as _, Order, SelectStatement, UpdateStatement};
use serde::Serialize;
use serde_json::{Value, json};

use super::error::StoreError;
use super::names::{Column, Table};
use super::row::Row;
use super::store::{Page, Paged, Store};
use super::users::UserId;
use super::wire_time;

/// A link with the user it leads to.
#[derive(Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Binding {
    /// The name of the authenticator.
    pub authenticator: String,
    /// The user.
    pub user_id: UserId,
    /// What the user is called; `None` as well when the user is gone.
    pub user_nickname: Option<String>,
    /// The user's phone number as stored.
    pub user_phone: Option<String>,
    /// The subject, all but its ends hidden: enough to tell two apart, too little to sign in by.
    pub subject_masked: String,
    /// What was noted when the link was made.
    pub meta: Value,
    /// When the link was made.
    #[serde(with = "wire_time::option")]
    pub created_at: Option<DateTime<Utc>>,
}

impl fmt::Debug for Binding {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Binding")
            .field("authenticator", &self.authenticator)
            .field("user_id", &self.user_id)
            .finish_non_exhaustive()
    }
}

const LINKS: Table = Table::UsersAuthenticators;

impl Store {
    /// A page of links, the newest first, of one authenticator or of all; `search` is looked for in the user's
    /// nickname, user name, e-mail address and phone number.
    pub async fn bindings(
        &self,
        authenticator: Option<&str>,
        search: Option<&str>,
        page: Page,
    ) -> Result<Paged<Binding>, StoreError> {
        let count = self
            .count(LINKS, self.select_links(authenticator, search))
            .await?;
        let mut select = self.select_links(authenticator, search);
        let own = [
            Column::Authenticator,
            Column::UserId,
            Column::Uuid,
            Column::Meta,
            Column::CreatedAt,
        ];
        self.add_columns(&mut select, LINKS, &own);
        self.add_columns(&mut select, Table::Users, &[Column::Nickname, Column::Phone]);
        select
            .order_by_expr(self.col(LINKS, Column::CreatedAt), Order::Desc)
            .order_by_expr(self.col(LINKS, Column::UserId), Order::Desc)
            .limit(page.page_size)
            .offset(page.offset());
        let rows = self.search_rows(LINKS, &select).await?;
        Ok(Paged {
            rows: rows.iter().map(Binding::from_row).collect::<Result<_, _>>()?,
            count,
        })
    }

    /// Writes anew what the link of a user notes of itself.
    pub async fn note_link(
        &self,
        authenticator: &str,
        user: UserId,
        meta: &Value,
        now: DateTime<Utc>,
    ) -> Result<(), StoreError> {
        let mut update = UpdateStatement::new();
        update
            .table(self.names.table_ref(LINKS))
            .value(self.names.iden(Column::Meta), self.dialect.json(meta))
            .value(self.names.iden(Column::UpdatedAt), self.dialect.time(LINKS, now))
            .and_where(
                self.dialect
                    .same_bytes(Expr::col(self.names.iden(Column::Authenticator)), authenticator),
            )
            .and_where(Expr::col(self.names.iden(Column::UserId)).eq(user.0));
        self.execute(&update).await.map(drop)
    }

    /// Removes the link of a user; false when there was none.
    pub async fn unlink(&self, authenticator: &str, user: UserId) -> Result<bool, StoreError> {
        let mut delete = DeleteStatement::new();
        delete
            .from_table(self.names.table_ref(LINKS))
            .and_where(
                self.dialect
                    .same_bytes(Expr::col(self.names.iden(Column::Authenticator)), authenticator),
            )
            .and_where(Expr::col(self.names.iden(Column::UserId)).eq(user.0));
        Ok(self.execute(&delete).await? > 0)
    }

    fn select_links(&self, authenticator: Option<&str>, search: Option<&str>) -> SelectStatement {
        let mut select = SelectStatement::new();
        select.from(self.names.table_ref(LINKS)).left_join(
            self.names.table_ref(Table::Users),
            self.col(Table::Users, Column::Id)
                .eq(self.col(LINKS, Column::UserId)),
        );
        if let Some(authenticator) = authenticator {
            select.and_where(
                self.dialect
                    .same_bytes(self.col(LINKS, Column::Authenticator), authenticator),
            );
        }
        if let Some(search) = search.filter(|search| !search.is_empty()) {
            select.and_where(self.is_like(search));
        }
        select
    }
}

impl Binding {
    fn from_row(row: &Row) -> Result<Self, StoreError> {
        Ok(Self {
            authenticator: row.required_text(Column::Authenticator)?,
            user_id: UserId(row.required_number(Column::UserId)?),
            user_nickname: row.text(Column::Nickname)?,
            user_phone: row.text(Column::Phone)?,
            subject_masked: masked(&row.required_text(Column::Uuid)?),
            meta: row.json(Column::Meta)?.unwrap_or_else(|| json!({})),
            created_at: row.time(Column::CreatedAt)?,
        })
    }
}

fn masked(subject: &str) -> String {
    let characters: Vec<char> = subject.chars().collect();
    let shown = if characters.len() >= 10 {
        3
    } else {
        usize::from(characters.len() >= 4)
    };
    let ends = |part: &[char]| part.iter().collect::<String>();
    format!(
        "{}***{}",
        ends(&characters[..shown]),
        ends(&characters[characters.len() - shown..])
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_masked_subject_shows_only_its_ends() {
        assert_eq!(masked("CaseUNiEiE7y"), "Cas***E7y");
        assert_eq!(masked("manager7"), "m***7");
        assert_eq!(masked("abc"), "***");
        assert_eq!(masked(""), "***");
    }
}
