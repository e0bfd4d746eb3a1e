//! The phone numbers of users, as they stand there: NocoBase takes any text for one.

use sea_orm::sea_query::{Expr, ExprTrait as _, SelectStatement};

use super::sql::{Column, Dialect, StoreError, Table};
use super::users::{UserId, Users};
use crate::product::ADMINISTRATOR_ROLES;

/// The spellings of a mainland mobile number that are found by the index. `\z`, because `$` is also before a line break.
const PLAIN: &str = r"^(\+86-?|86)?1[0-9]{10}\z";
const POSTGRES_PLAIN: &str = r"^(\+86-?|86)?1[0-9]{10}$";
/// The same for SQLite, which knows no regular expressions.
const PLAIN_GLOBS: [&str; 4] = [
    "1[0-9][0-9][0-9][0-9][0-9][0-9][0-9][0-9][0-9][0-9]",
    "861[0-9][0-9][0-9][0-9][0-9][0-9][0-9][0-9][0-9][0-9]",
    "+861[0-9][0-9][0-9][0-9][0-9][0-9][0-9][0-9][0-9][0-9]",
    "+86-1[0-9][0-9][0-9][0-9][0-9][0-9][0-9][0-9][0-9][0-9]",
];

impl Users<'_> {
    /// Every phone number that is not plainly one of the mainland's: those that an index does not find by its digits.
    /// It reads the index of all numbers, so nobody asks it for each person.
    pub async fn unusual_phones(self) -> Result<Vec<String>, StoreError> {
        let phone = || self.sql.col(Table::Users, Column::Phone);
        let is_unusual =
            |operator, pattern: &str| Expr::cust_with_exprs(operator, [phone(), Expr::value(pattern)]);
        let mut select = self.sql.select(Table::Users, &[Column::Phone]);
        match self.sql.dialect {
            Dialect::Postgres => {
                select.and_where(is_unusual("$1 !~ $2", POSTGRES_PLAIN));
            }
            Dialect::MySql { .. } => {
                select.and_where(is_unusual("? NOT REGEXP ?", PLAIN));
            }
            Dialect::Sqlite => {
                for glob in PLAIN_GLOBS {
                    select.and_where(is_unusual("? NOT GLOB ?", glob));
                }
            }
        }
        let rows = self.sql.find_rows(Table::Users, &select).await?;
        rows.iter().map(|row| row.required_text(Column::Phone)).collect()
    }

    /// The phone numbers of those whom only a number can lead to, and how many users there are in all: none of these
    /// authenticators has linked anybody to them, and they are no administrators, by the name of a role, whom no number
    /// leads to.
    pub async fn phones_of_unlinked(
        self,
        authenticators: &[&str],
    ) -> Result<(Vec<Option<String>>, u64), StoreError> {
        let of_user = |table| {
            let user = self.sql.col(Table::Users, Column::Id);
            let mut select = self.sql.select(table, &[Column::UserId]);
            select.and_where(self.sql.col(table, Column::UserId).eq(user));
            select
        };
        let (links, roles) = (Table::UsersAuthenticators, Table::RolesUsers);
        let mut linked = of_user(links);
        linked.and_where(
            self.sql
                .col(links, Column::Authenticator)
                .is_in(authenticators.iter().copied()),
        );
        let mut administrators = of_user(roles);
        administrators.and_where(self.sql.col(roles, Column::RoleName).is_in(ADMINISTRATOR_ROLES));
        let mut select = self.sql.select(Table::Users, &[Column::Phone]);
        select
            .and_where(Expr::exists(linked).not())
            .and_where(Expr::exists(administrators).not());
        let rows = self.sql.search_rows(Table::Users, &select).await?;
        let phones = rows
            .iter()
            .map(|row| row.text(Column::Phone))
            .collect::<Result<_, _>>()?;
        let mut all = SelectStatement::new();
        all.from(self.sql.names.table_ref(Table::Users));
        Ok((phones, self.sql.count(Table::Users, all).await?))
    }

    /// Every phone number, and whose it is.
    pub async fn phones(self) -> Result<Vec<(UserId, String)>, StoreError> {
        let mut select = self.sql.select(Table::Users, &[Column::Id, Column::Phone]);
        select.and_where(self.sql.col(Table::Users, Column::Phone).is_not_null());
        let rows = self.sql.find_rows(Table::Users, &select).await?;
        rows.iter()
            .map(|row| {
                let user = UserId(row.required_number(Column::Id)?);
                Ok((user, row.required_text(Column::Phone)?))
            })
            .collect()
    }
}
