//! Whether a role or a department may be given to somebody whom nobody has looked at.

use sea_orm::sea_query::{ExprTrait as _, SelectStatement};

use super::administrators::{is_administrators, is_any_administrators};
use super::link_transaction::LinkTransaction;
use super::roles::Roles;
use super::sql::{Column, Row, StoreError, Table};
use crate::product::{DEPARTMENTS_PLUGIN, ROOT_ROLE};

/// What a role is good for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RoleFitness {
    /// There is none of this name.
    Missing,
    /// The role of whoever owns the site.
    Root,
    /// It may configure something of the site.
    Administrative,
    /// It may work with data only.
    Plain,
}

/// What a department is good for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DepartmentFitness {
    /// NocoBase's departments plugin is off.
    Off,
    /// There is none of this id.
    Missing,
    /// Its members, or those of one above it, may configure something of the site.
    Administrative,
    /// Its members may work with data only.
    Plain,
}

impl RoleFitness {
    /// Whether a new user may get it, where new users may, or may not, get rights to configure the site.
    pub const fn may_be_given(self, may_administrate: bool) -> bool {
        match self {
            Self::Missing | Self::Root => false,
            Self::Administrative => may_administrate,
            Self::Plain => true,
        }
    }
}

impl DepartmentFitness {
    /// As [`RoleFitness::may_be_given`].
    pub const fn may_be_given(self, may_administrate: bool) -> bool {
        match self {
            Self::Off | Self::Missing => false,
            Self::Administrative => may_administrate,
            Self::Plain => true,
        }
    }
}

impl Roles<'_> {
    /// What these roles are good for, each once, in their order.
    pub async fn judge(self, names: &[&str]) -> Result<Vec<(String, RoleFitness)>, StoreError> {
        if names.is_empty() {
            return Ok(Vec::new());
        }
        let rows = self
            .sql
            .find_rows(Table::Roles, &self.select_named(names))
            .await?;
        judged(names, &rows)
    }

    /// What a department of NocoBase's is good for.
    pub async fn judge_department(self, id: i64) -> Result<DepartmentFitness, StoreError> {
        let plugin = self.select_departments_plugin();
        if self
            .sql
            .find_row(Table::ApplicationPlugins, &plugin)
            .await?
            .is_none()
        {
            return Ok(DepartmentFitness::Off);
        }
        let department = self.select_department(id);
        if self
            .sql
            .find_row(Table::Departments, &department)
            .await?
            .is_none()
        {
            return Ok(DepartmentFitness::Missing);
        }
        let (roles, departments) = self.roles_of_department(id);
        let rows = self.sql.find_rows(Table::Roles, &roles.with(departments)).await?;
        judged_department(&rows)
    }

    pub(super) fn select_named(self, names: &[&str]) -> SelectStatement {
        let columns = [Column::Name, Column::AllowConfigure, Column::Snippets];
        let mut select = self.sql.select(Table::Roles, &columns);
        select.and_where(
            self.sql
                .col(Table::Roles, Column::Name)
                .is_in(names.iter().copied()),
        );
        select
    }

    fn select_departments_plugin(self) -> SelectStatement {
        let table = Table::ApplicationPlugins;
        let mut select = self.sql.select(table, &[Column::Name]);
        select
            .and_where(self.sql.col(table, Column::Name).eq(DEPARTMENTS_PLUGIN))
            .and_where(self.sql.col(table, Column::Enabled).eq(true));
        select
    }

    fn select_department(self, id: i64) -> SelectStatement {
        let mut select = self.sql.select(Table::Departments, &[Column::Id]);
        select.and_where(self.sql.col(Table::Departments, Column::Id).eq(id));
        select
    }
}

impl LinkTransaction {
    /// As [`Roles::judge`].
    pub(super) async fn judge_roles(
        &mut self,
        names: &[&str],
    ) -> Result<Vec<(String, RoleFitness)>, StoreError> {
        if names.is_empty() {
            return Ok(Vec::new());
        }
        let select = self.store.roles().select_named(names);
        let sql = &self.store.sql;
        let rows = sql.find_rows_in(&self.transaction, Table::Roles, &select).await?;
        judged(names, &rows)
    }

    /// As [`Roles::judge_department`].
    pub(super) async fn judge_department(&mut self, id: i64) -> Result<DepartmentFitness, StoreError> {
        let (sql, of, transaction) = (&self.store.sql, self.store.roles(), &self.transaction);
        let plugin = of.select_departments_plugin();
        let table = Table::ApplicationPlugins;
        if sql.find_row_in(transaction, table, &plugin).await?.is_none() {
            return Ok(DepartmentFitness::Off);
        }
        let department = of.select_department(id);
        if sql
            .find_row_in(transaction, Table::Departments, &department)
            .await?
            .is_none()
        {
            return Ok(DepartmentFitness::Missing);
        }
        let (roles, departments) = of.roles_of_department(id);
        let rows = sql
            .find_rows_in(transaction, Table::Roles, &roles.with(departments))
            .await?;
        judged_department(&rows)
    }
}

pub(super) fn judged(names: &[&str], rows: &[Row]) -> Result<Vec<(String, RoleFitness)>, StoreError> {
    let mut judged: Vec<(String, RoleFitness)> = Vec::new();
    for name in names {
        if judged.iter().any(|(before, _)| before == name) {
            continue;
        }
        let mut fitness = RoleFitness::Missing;
        for row in rows {
            // A database may find names that are spelt a little otherwise.
            if row.required_text(Column::Name)? != *name {
                continue;
            }
            fitness = if name.trim().eq_ignore_ascii_case(ROOT_ROLE) {
                RoleFitness::Root
            } else if is_administrators(row, &[Some((*name).to_owned())])? {
                RoleFitness::Administrative
            } else {
                RoleFitness::Plain
            };
        }
        judged.push(((*name).to_owned(), fitness));
    }
    Ok(judged)
}

fn judged_department(rows: &[Row]) -> Result<DepartmentFitness, StoreError> {
    Ok(if is_any_administrators(rows)? {
        DepartmentFitness::Administrative
    } else {
        DepartmentFitness::Plain
    })
}
