//! What a user may do beyond the data: whether linking somebody to them would hand over the site.
//!
//! Rights come from roles, and roles from two places: given to the user, or to a department that the user belongs to.
//! NocoBase takes the departments a user is in; those above them are taken here as well. A role is an administrator's by
//! its name, or because it may configure anything at all. When in doubt somebody has such rights.

use sea_orm::sea_query::{
    Alias, CommonTableExpression, Expr, ExprTrait as _, JoinType, SelectStatement, UnionType, WithClause,
};
use serde_json::Value;

use super::link_transaction::{DEPARTMENTS, LinkTransaction, PhoneMatch};
use super::roles::Roles;
use super::sql::{Column, Row, StoreError, Table};
use super::users::UserId;
use crate::product::ADMINISTRATOR_ROLES;

const HELD: &str = "heldDepartments";
const GIVEN: &str = "givenRole";

impl LinkTransaction {
    /// Whether this user has rights that a phone number must not give away.
    pub async fn is_administrator(&mut self, found: &PhoneMatch) -> Result<bool, StoreError> {
        self.has_rights(found.user.id, found.may_have_departments).await
    }

    /// As [`LinkTransaction::is_administrator`], for a user whom a link led to.
    pub async fn is_administrator_by_link(&mut self, user: UserId) -> Result<bool, StoreError> {
        let mut exist = SelectStatement::new();
        exist.expr_as(self.store.roles().departments_exist(), DEPARTMENTS);
        let sql = &self.store.sql;
        let row = sql
            .find_row_in(&self.transaction, Table::Departments, &exist)
            .await?;
        let count = row.map(|row| row.number_as(DEPARTMENTS)).transpose()?.flatten();
        self.has_rights(user, count.unwrap_or_default() > 0).await
    }

    async fn has_rights(&mut self, user: UserId, may_have_departments: bool) -> Result<bool, StoreError> {
        let (sql, of) = (&self.store.sql, self.store.roles());
        let mut roles = of.given_roles(Table::RolesUsers);
        roles.and_where(sql.col(Table::RolesUsers, Column::UserId).eq(user.0));
        if !may_have_departments {
            let rows = sql.find_rows_in(&self.transaction, Table::Roles, &roles).await?;
            return is_any_administrators(&rows);
        }
        let (by_department, departments) = of.roles_by_department(user);
        roles.union(UnionType::All, by_department);
        let roles = roles.with(departments);
        let rows = sql.find_rows_in(&self.transaction, Table::Roles, &roles).await?;
        is_any_administrators(&rows)
    }
}

impl Roles<'_> {
    /// Roles as a table gives them, with what they allow where they still exist.
    fn given_roles(self, giver: Table) -> SelectStatement {
        let mut select = SelectStatement::new();
        select
            .from(self.sql.names.table_ref(giver))
            .expr_as(self.sql.col(giver, Column::RoleName), GIVEN)
            .join(
                JoinType::LeftJoin,
                self.sql.names.table_ref(Table::Roles),
                self.sql
                    .col(giver, Column::RoleName)
                    .eq(self.sql.col(Table::Roles, Column::Name)),
            );
        self.sql.add_columns(
            &mut select,
            Table::Roles,
            &[Column::Name, Column::AllowConfigure, Column::Snippets],
        );
        select
    }

    /// The roles of the departments that a user belongs to and of all above them.
    fn roles_by_department(self, user: UserId) -> (SelectStatement, WithClause) {
        let members = Table::DepartmentsUsers;
        let mut own = SelectStatement::new();
        own.from(self.sql.names.table_ref(members))
            .expr(self.sql.col(members, Column::DepartmentId))
            .and_where(self.sql.col(members, Column::UserId).eq(user.0));
        self.roles_up_from(own)
    }

    /// The roles of a department and of all above it.
    pub(super) fn roles_of_department(self, id: i64) -> (SelectStatement, WithClause) {
        let departments = Table::Departments;
        let mut own = SelectStatement::new();
        own.from(self.sql.names.table_ref(departments))
            .expr(self.sql.col(departments, Column::Id))
            .and_where(self.sql.col(departments, Column::Id).eq(id));
        self.roles_up_from(own)
    }

    /// The roles of these departments and of all above them. UNION, so that a circle ends.
    fn roles_up_from(self, mut own: SelectStatement) -> (SelectStatement, WithClause) {
        let held = Alias::new(HELD);
        let held_id = || Expr::col((Alias::new(HELD), Alias::new(Column::Id.camel())));
        let (departments, given) = (Table::Departments, Table::DepartmentsRoles);
        let mut above = SelectStatement::new();
        above
            .from(self.sql.names.table_ref(departments))
            .expr(self.sql.col(departments, Column::ParentId))
            .inner_join(held.clone(), self.sql.col(departments, Column::Id).eq(held_id()))
            .and_where(self.sql.col(departments, Column::ParentId).is_not_null());
        own.union(UnionType::Distinct, above);
        let mut table = CommonTableExpression::new();
        table
            .table_name(held.clone())
            .column(Alias::new(Column::Id.camel()))
            .query(own);
        let mut with = WithClause::new();
        with.recursive(true).cte(table);
        let mut roles = self.given_roles(given);
        roles.inner_join(held, self.sql.col(given, Column::DepartmentId).eq(held_id()));
        (roles, with)
    }
}

pub(super) fn is_any_administrators(rows: &[Row]) -> Result<bool, StoreError> {
    for row in rows {
        if is_administrators(row, &[row.text_as(GIVEN)?, row.text(Column::Name)?])? {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Whether the role of this row, which goes by these names, may configure anything.
pub(super) fn is_administrators(row: &Row, names: &[Option<String>]) -> Result<bool, StoreError> {
    let is_named = names.iter().flatten().any(|name| {
        ADMINISTRATOR_ROLES
            .iter()
            .any(|administrator| administrator.eq_ignore_ascii_case(name.trim()))
    });
    // A value that cannot be read may be anything.
    let snippets = row.json(Column::Snippets).unwrap_or(Some(Value::Bool(true)));
    let may_configure = row.flag(Column::AllowConfigure)?.unwrap_or_default();
    Ok(is_named || may_configure || grants_anything(snippets.as_ref()))
}

/// Snippets are names of what may be configured, such as `pm.*`; those with `!` in front take away. A role that may
/// configure one thing can often reach the rest from there, so any of them counts.
fn grants_anything(snippets: Option<&Value>) -> bool {
    match snippets {
        None | Some(Value::Null) => false,
        Some(Value::Array(names)) => names.iter().any(|name| {
            name.as_str()
                .is_none_or(|name| !name.trim_start().starts_with('!'))
        }),
        Some(_) => true,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_role_that_may_configure_anything_is_an_administrators() {
        for snippets in [
            json!(["pm"]),
            json!(["pm.*"]),
            json!(["!pm", "!pm.*", "ui.*"]),
            json!(["!ui.*", "pm.auth.authenticators"]),
            json!([7]),
            json!("pm"),
            json!({"0": "!pm"}),
        ] {
            assert!(grants_anything(Some(&snippets)), "{snippets}");
        }
        for snippets in [json!(null), json!([]), json!(["!ui.*", "!pm", "!pm.*"])] {
            assert!(!grants_anything(Some(&snippets)), "{snippets}");
        }
    }
}
