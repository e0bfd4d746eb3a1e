//! Users and their links, seen from the user: which sign-in methods somebody is linked to, and who is linked to none.

use std::fmt;

use chrono::{DateTime, Utc};
use sea_orm::sea_query::{Expr, ExprTrait as _, Order, SelectStatement};

use super::links::Links;
use super::sql::{Column, Database, Row, StoreError, Table, Transaction};
use super::store::Store;
use super::users::{USER_COLUMNS, User, UserId, Users};

const LINKS: Table = Table::UsersAuthenticators;

/// A link, as its own user sees it.
#[derive(Clone, PartialEq, Eq)]
pub struct UserLink {
    /// The name of the authenticator, of whichever type.
    pub authenticator: String,
    /// What the person was called there when the link was made.
    pub nickname: Option<String>,
    /// When the link was made.
    pub created_at: Option<DateTime<Utc>>,
}

impl fmt::Debug for UserLink {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("UserLink")
            .field("authenticator", &self.authenticator)
            .finish_non_exhaustive()
    }
}

impl UserLink {
    fn from_row(row: &Row) -> Result<Self, StoreError> {
        Ok(Self {
            authenticator: row.required_text(Column::Authenticator)?,
            nickname: row
                .text(Column::Nickname)?
                .filter(|nickname| !nickname.is_empty()),
            created_at: row.time(Column::CreatedAt)?,
        })
    }
}

impl Links<'_> {
    /// The links of a user, to authenticators of every type.
    pub async fn of_user(self, user: UserId) -> Result<Vec<UserLink>, StoreError> {
        let rows = self.sql.find_rows(LINKS, &self.select_of_user(user)).await?;
        rows.iter().map(UserLink::from_row).collect()
    }

    fn select_of_user(self, user: UserId) -> SelectStatement {
        let columns = [Column::Authenticator, Column::Nickname, Column::CreatedAt];
        let mut select = self.sql.select(LINKS, &columns);
        select.and_where(self.sql.col(LINKS, Column::UserId).eq(user.0));
        select
    }
}

/// A removal of a user's link under way: any other of the same user waits for it, in every process, and then sees what is
/// left.
pub struct Unlinking {
    store: Store,
    transaction: Transaction,
    user: UserId,
    links: Vec<UserLink>,
}

impl Store {
    /// Begins to remove a link of this user, with the links there are.
    pub async fn begin_unlink(&self, user: UserId) -> Result<Unlinking, StoreError> {
        let transaction = self.sql.begin().await?;
        let mut lock = self.sql.select(Table::Users, &[Column::Id]);
        lock.and_where(self.sql.col(Table::Users, Column::Id).eq(user.0))
            .lock_exclusive();
        self.sql.find_row_in(&transaction, Table::Users, &lock).await?;
        let select = self.links().select_of_user(user);
        let rows = self.sql.find_rows_in(&transaction, LINKS, &select).await?;
        let links = rows.iter().map(UserLink::from_row).collect::<Result<_, _>>()?;
        Ok(Unlinking {
            store: self.clone(),
            transaction,
            user,
            links,
        })
    }
}

impl Unlinking {
    /// The links of the user as they are now.
    pub fn links(&self) -> &[UserLink] {
        &self.links
    }

    /// Removes the one of this authenticator; false when there was none.
    pub async fn remove(self, authenticator: &str) -> Result<bool, StoreError> {
        let sql = &self.store.sql;
        let delete = self.store.links().delete(authenticator, self.user);
        let removed = sql.execute_in(&self.transaction, &delete).await?;
        Database::commit(self.transaction).await?;
        Ok(removed > 0)
    }
}

impl Users<'_> {
    /// The first `most` users, by id, who are not linked by this authenticator and whom `search` finds.
    pub async fn unlinked(
        self,
        authenticator: &str,
        search: Option<&str>,
        most: u64,
    ) -> Result<Vec<User>, StoreError> {
        let mut links = SelectStatement::new();
        links
            .from(self.sql.names.table_ref(LINKS))
            .expr(Expr::value(1))
            .and_where(
                self.sql
                    .dialect
                    .same_bytes(self.sql.col(LINKS, Column::Authenticator), authenticator),
            )
            .and_where(
                self.sql
                    .col(LINKS, Column::UserId)
                    .eq(self.sql.col(Table::Users, Column::Id)),
            );
        let mut select = self.sql.select(Table::Users, &USER_COLUMNS);
        select
            .and_where(Expr::exists(links).not())
            .order_by_expr(self.sql.col(Table::Users, Column::Id), Order::Asc)
            .limit(most);
        if let Some(search) = search {
            select.and_where(self.is_like(search));
        }
        let rows = self.sql.search_rows(Table::Users, &select).await?;
        rows.iter().map(User::from_row).collect()
    }
}
