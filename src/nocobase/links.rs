//! Links between users and subjects, as administrators see and remove them.

use std::fmt;

use chrono::{DateTime, Utc};
use sea_orm::sea_query::{
    DeleteStatement, Expr, ExprTrait as _, JoinType, Order, QueryStatementBuilder as _, SelectStatement,
    UpdateStatement,
};
use serde::Serialize;
use serde_json::{Value, json};

use super::roles::Roles;
use super::sql::{Column, Database, Page, Paged, Row, StoreError, Table};
use super::users::{LinkedUser, PREFERRED_ROLE, USER_COLUMNS, UserId, Users};
use super::wire_time;

/// A link with the user it leads to.
#[derive(Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ListedLink {
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

impl fmt::Debug for ListedLink {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("ListedLink")
            .field("authenticator", &self.authenticator)
            .field("user_id", &self.user_id)
            .finish_non_exhaustive()
    }
}

const LINKS: Table = Table::UsersAuthenticators;

/// What is written of a link.
pub(super) const LINK_COLUMNS: [Column; 8] = [
    Column::Authenticator,
    Column::UserId,
    Column::Uuid,
    Column::Nickname,
    Column::Avatar,
    Column::Meta,
    Column::CreatedAt,
    Column::UpdatedAt,
];

/// `usersAuthenticators`.
#[derive(Clone, Copy, Debug)]
pub struct Links<'a> {
    pub(super) sql: &'a Database,
}

impl Links<'_> {
    /// The user whom this authenticator has linked to this subject, compared byte for byte, and the role they would act
    /// in: all that a returning person's sign-in asks of the database, in one statement.
    pub async fn find_user(
        self,
        authenticator: &str,
        subject: &str,
    ) -> Result<Option<LinkedUser>, StoreError> {
        let select = self.select_linked(JoinType::InnerJoin, authenticator, subject);
        let rows = self.sql.find_rows(Table::Users, &select).await?;
        LinkedUser::oldest_of(&rows)
    }

    /// Joined leftwards, a link whose user is gone is found as well. From the link to its user: joined the other way round,
    /// SQLite reads all links for each user.
    pub(super) fn select_linked(self, join: JoinType, authenticator: &str, subject: &str) -> SelectStatement {
        let mut role = Roles { sql: self.sql }.preferred_first(self.sql.col(Table::Users, Column::Id));
        role.expr(self.sql.col(Table::RolesUsers, Column::RoleName))
            .limit(1);
        let role = Expr::SubQuery(None, Box::new(role.into_sub_query_statement()));
        let links = Table::UsersAuthenticators;
        let mut select = self.sql.select(links, &[Column::Meta]);
        self.sql.add_columns(&mut select, Table::Users, &USER_COLUMNS);
        self.sql.add_columns(&mut select, Table::Users, &[Column::Sort]);
        select
            .expr_as(role, PREFERRED_ROLE)
            .join(
                join,
                self.sql.names.table_ref(Table::Users),
                self.sql
                    .col(links, Column::UserId)
                    .eq(self.sql.col(Table::Users, Column::Id)),
            )
            .and_where(
                self.sql
                    .dialect
                    .same_bytes(self.sql.col(links, Column::Authenticator), authenticator),
            )
            .and_where(
                self.sql
                    .dialect
                    .same_bytes(self.sql.col(links, Column::Uuid), subject),
            );
        select
    }

    /// A page of links, the newest first, of one authenticator or of all; `search` is looked for in the user's
    /// nickname, user name, e-mail address and phone number.
    pub async fn page(
        self,
        authenticator: Option<&str>,
        search: Option<&str>,
        page: Page,
    ) -> Result<Paged<ListedLink>, StoreError> {
        let count = self
            .sql
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
        self.sql.add_columns(&mut select, LINKS, &own);
        self.sql
            .add_columns(&mut select, Table::Users, &[Column::Nickname, Column::Phone]);
        select
            .order_by_expr(self.sql.col(LINKS, Column::CreatedAt), Order::Desc)
            .order_by_expr(self.sql.col(LINKS, Column::UserId), Order::Desc)
            .limit(page.page_size)
            .offset(page.offset());
        let rows = self.sql.search_rows(LINKS, &select).await?;
        Ok(Paged {
            rows: rows.iter().map(ListedLink::from_row).collect::<Result<_, _>>()?,
            count,
        })
    }

    /// Every subject that this authenticator has linked, and to whom.
    pub async fn subjects(self, authenticator: &str) -> Result<Vec<(String, UserId)>, StoreError> {
        let mut select = self.sql.select(LINKS, &[Column::Uuid, Column::UserId]);
        select.and_where(
            self.sql
                .dialect
                .same_bytes(self.sql.col(LINKS, Column::Authenticator), authenticator),
        );
        let rows = self.sql.find_rows(LINKS, &select).await?;
        rows.iter()
            .map(|row| {
                let user = UserId(row.required_number(Column::UserId)?);
                Ok((row.required_text(Column::Uuid)?, user))
            })
            .collect()
    }

    /// The subject that a user is linked to, and what the link notes.
    pub async fn of_user_at(
        self,
        authenticator: &str,
        user: UserId,
    ) -> Result<Option<(String, Value)>, StoreError> {
        let mut select = self.sql.select(LINKS, &[Column::Uuid, Column::Meta]);
        select
            .and_where(
                self.sql
                    .dialect
                    .same_bytes(self.sql.col(LINKS, Column::Authenticator), authenticator),
            )
            .and_where(self.sql.col(LINKS, Column::UserId).eq(user.0));
        let found = self.sql.find_row(LINKS, &select).await?;
        found
            .map(|row| {
                let meta = row.json(Column::Meta)?.unwrap_or_default();
                Ok((row.required_text(Column::Uuid)?, meta))
            })
            .transpose()
    }

    /// Writes anew what the link of a user notes of itself.
    pub async fn note(
        self,
        authenticator: &str,
        user: UserId,
        meta: &Value,
        now: DateTime<Utc>,
    ) -> Result<(), StoreError> {
        let mut update = UpdateStatement::new();
        update
            .table(self.sql.names.table_ref(LINKS))
            .value(self.sql.names.iden(Column::Meta), self.sql.dialect.json(meta))
            .value(
                self.sql.names.iden(Column::UpdatedAt),
                self.sql.dialect.time(LINKS, now),
            )
            .and_where(self.sql.dialect.same_bytes(
                Expr::col(self.sql.names.iden(Column::Authenticator)),
                authenticator,
            ))
            .and_where(Expr::col(self.sql.names.iden(Column::UserId)).eq(user.0));
        self.sql.execute(&update).await.map(drop)
    }

    /// Removes the link of a user; false when there was none.
    pub async fn remove(self, authenticator: &str, user: UserId) -> Result<bool, StoreError> {
        let delete = self.delete(authenticator, user);
        Ok(self.sql.execute(&delete).await? > 0)
    }

    pub(super) fn delete(self, authenticator: &str, user: UserId) -> DeleteStatement {
        let mut delete = DeleteStatement::new();
        delete
            .from_table(self.sql.names.table_ref(LINKS))
            .and_where(self.sql.dialect.same_bytes(
                Expr::col(self.sql.names.iden(Column::Authenticator)),
                authenticator,
            ))
            .and_where(Expr::col(self.sql.names.iden(Column::UserId)).eq(user.0));
        delete
    }

    fn select_links(self, authenticator: Option<&str>, search: Option<&str>) -> SelectStatement {
        let mut select = SelectStatement::new();
        select.from(self.sql.names.table_ref(LINKS)).left_join(
            self.sql.names.table_ref(Table::Users),
            self.sql
                .col(Table::Users, Column::Id)
                .eq(self.sql.col(LINKS, Column::UserId)),
        );
        if let Some(authenticator) = authenticator {
            select.and_where(
                self.sql
                    .dialect
                    .same_bytes(self.sql.col(LINKS, Column::Authenticator), authenticator),
            );
        }
        if let Some(search) = search.filter(|search| !search.is_empty()) {
            select.and_where(Users { sql: self.sql }.is_like(search));
        }
        select
    }
}

impl ListedLink {
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
mod tests;
