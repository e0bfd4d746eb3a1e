//! The phone numbers of users, as they stand there: NocoBase takes any text for one.

use sea_orm::sea_query::{Expr, ExprTrait as _};

use super::sql::{Column, Dialect, StoreError, Table};
use super::users::{UserId, Users};

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
    pub async fn unusual_phones(&self) -> Result<Vec<String>, StoreError> {
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

    /// Every phone number, and whose it is.
    pub async fn phones(&self) -> Result<Vec<(UserId, String)>, StoreError> {
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
