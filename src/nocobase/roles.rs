//! The roles a user has.

use sea_orm::sea_query::{CaseStatement, Expr, ExprTrait as _, Order, SelectStatement};
use serde::Serialize;
use serde_json::Value;

use super::sql::{Column, Database, Dialect, StoreError, Table};
use super::users::UserId;
use crate::product::ADMINISTRATOR_ROLES;

/// A row of `roles`; serialises to NocoBase's wire form.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Role {
    /// The key, such as `member`.
    pub name: String,
    /// Often a template like `{{t("Member")}}`.
    pub title: Option<String>,
    /// For people who administer roles.
    pub description: Option<String>,
    /// NocoBase's rules for data; opaque here.
    pub strategy: Option<Value>,
    /// True for the one role that new users get.
    pub default: Option<bool>,
    /// True for roles that are not offered, such as `root`.
    pub hidden: Option<bool>,
    /// Whether its holders may configure the interface.
    pub allow_configure: Option<bool>,
    /// Whether new menu entries are theirs at once.
    pub allow_new_menu: Option<bool>,
    /// What its holders may configure, such as `pm.*`.
    pub snippets: Option<Value>,
}

impl Role {
    /// True for the roles that sign-in treats as administrators.
    pub fn is_administrator(&self) -> bool {
        ADMINISTRATOR_ROLES.contains(&self.name.as_str())
    }
}

pub(super) const ROLE_COLUMNS: [Column; 9] = [
    Column::Name,
    Column::Title,
    Column::Description,
    Column::Strategy,
    Column::Default,
    Column::Hidden,
    Column::AllowConfigure,
    Column::AllowNewMenu,
    Column::Snippets,
];

/// `roles` and `rolesUsers`.
#[derive(Clone, Copy, Debug)]
pub struct Roles<'a> {
    pub(super) sql: &'a Database,
}

impl Roles<'_> {
    /// The roles given to a user directly: the one the user prefers first, the others by name.
    pub async fn of(self, user: UserId) -> Result<Vec<Role>, StoreError> {
        let mut select = self.preferred_first(Expr::value(user.0));
        select.inner_join(
            self.sql.names.table_ref(Table::Roles),
            self.sql
                .col(Table::RolesUsers, Column::RoleName)
                .eq(self.sql.col(Table::Roles, Column::Name)),
        );
        self.sql.add_columns(&mut select, Table::Roles, &ROLE_COLUMNS);
        let rows = self.sql.find_rows(Table::Roles, &select).await?;
        rows.iter()
            .map(|row| {
                Ok(Role {
                    name: row.required_text(Column::Name)?,
                    title: row.text(Column::Title)?,
                    description: row.text(Column::Description)?,
                    strategy: row.json(Column::Strategy)?,
                    default: row.flag(Column::Default)?,
                    hidden: row.flag(Column::Hidden)?,
                    allow_configure: row.flag(Column::AllowConfigure)?,
                    allow_new_menu: row.flag(Column::AllowNewMenu)?,
                    snippets: row.json(Column::Snippets)?,
                })
            })
            .collect()
    }

    /// Whether nobody but this user has the role, and they have it.
    pub async fn is_last(self, user: UserId, role: &str) -> Result<bool, StoreError> {
        let mut holders = self.sql.select(Table::RolesUsers, &[Column::UserId]);
        holders
            .inner_join(
                self.sql.names.table_ref(Table::Users),
                self.sql
                    .col(Table::Users, Column::Id)
                    .eq(self.sql.col(Table::RolesUsers, Column::UserId)),
            )
            .and_where(self.sql.col(Table::RolesUsers, Column::RoleName).eq(role));
        let holders = self.sql.find_rows(Table::RolesUsers, &holders).await?;
        let mut has_it = false;
        for row in &holders {
            if row.required_number(Column::UserId)? != user.0 {
                return Ok(false);
            }
            has_it = true;
        }
        Ok(has_it)
    }

    /// Whether there is a role for new users.
    pub async fn has_default(self) -> Result<bool, StoreError> {
        let mut select = self.sql.select(Table::Roles, &[Column::Name]);
        select
            .and_where(self.sql.col(Table::Roles, Column::Default).eq(true))
            .limit(1);
        Ok(self.sql.find_row(Table::Roles, &select).await?.is_some())
    }

    /// Whether there is a table of who belongs to which department, as a number: its plugin is off by default. Asked of the
    /// database's own list, because a statement that fails would end the transaction.
    pub(super) fn departments_exist(self) -> Expr {
        let table = self.sql.names.table(Table::DepartmentsUsers);
        match self.sql.dialect {
            Dialect::Postgres => {
                let names = self.sql.names.schema.iter().chain([&table]);
                let names: Vec<_> = names.map(|name| self.sql.dialect.quoted(name)).collect();
                let exists = "CAST(CAST(to_regclass($1) IS NOT NULL AS int) AS bigint)";
                Expr::cust_with_values(exists, [names.join(".")])
            }
            Dialect::MySql { .. } => Expr::cust_with_values(
                "(SELECT COUNT(*) FROM information_schema.tables WHERE table_schema = DATABASE() AND table_name = ?)",
                [table],
            ),
            Dialect::Sqlite => {
                Expr::cust_with_values("(SELECT COUNT(*) FROM sqlite_master WHERE name = ?)", [table])
            }
        }
    }

    /// The role rows of a user, the preferred one first.
    pub(super) fn preferred_first(self, user: Expr) -> SelectStatement {
        let links = Table::RolesUsers;
        let is_preferred = self.sql.col(links, Column::Default).eq(true);
        let mut select = SelectStatement::new();
        select
            .from(self.sql.names.table_ref(links))
            .and_where(self.sql.col(links, Column::UserId).eq(user))
            .order_by_expr(
                CaseStatement::new().case(is_preferred, 0).finally(1).into(),
                Order::Asc,
            )
            .order_by_expr(self.sql.col(links, Column::RoleName), Order::Asc);
        select
    }
}
