//! What is asked of all users at once, before anybody of an organization is looked for among them.

use std::collections::{BTreeMap, BTreeSet};

use sea_orm::sea_query::ExprTrait as _;

use super::super::administrators::is_administrators;
use super::super::roles::Roles;
use super::super::sql::{Column, StoreError, Table};
use super::super::users::{UserId, Users};

impl Users<'_> {
    /// Every e-mail address, and whose it is.
    pub async fn emails(self) -> Result<Vec<(UserId, String)>, StoreError> {
        let mut select = self.sql.select(Table::Users, &[Column::Id, Column::Email]);
        select.and_where(self.sql.col(Table::Users, Column::Email).is_not_null());
        let rows = self.sql.find_rows(Table::Users, &select).await?;
        rows.iter()
            .map(|row| {
                let user = UserId(row.required_number(Column::Id)?);
                Ok((user, row.required_text(Column::Email)?))
            })
            .collect()
    }
}

impl Roles<'_> {
    /// Everybody who may configure anything, by a role of their own or by one of a department above them.
    pub async fn administrators(self) -> Result<BTreeSet<UserId>, StoreError> {
        let columns = [Column::Name, Column::AllowConfigure, Column::Snippets];
        let select = self.sql.select(Table::Roles, &columns);
        let mut roles = Vec::new();
        for row in &self.sql.find_rows(Table::Roles, &select).await? {
            let name = row.required_text(Column::Name)?;
            if is_administrators(row, &[Some(name.clone())])? {
                roles.push(name);
            }
        }
        let mut administrators = self.holders(Table::RolesUsers, Column::UserId, &roles).await?;
        let giving = match self
            .holders(Table::DepartmentsRoles, Column::DepartmentId, &roles)
            .await
        {
            Err(StoreError::TablesMissing { .. }) => BTreeSet::new(),
            giving => giving?,
        };
        if !giving.is_empty() {
            let giving = self.with_all_below(giving).await?;
            let table = Table::DepartmentsUsers;
            let select = self.sql.select(table, &[Column::DepartmentId, Column::UserId]);
            for row in &self.sql.find_rows(table, &select).await? {
                if giving.contains(&row.required_number(Column::DepartmentId)?) {
                    administrators.insert(row.required_number(Column::UserId)?);
                }
            }
        }
        Ok(administrators.into_iter().map(UserId).collect())
    }

    async fn holders(
        self,
        table: Table,
        holder: Column,
        roles: &[String],
    ) -> Result<BTreeSet<i64>, StoreError> {
        let mut select = self.sql.select(table, &[holder]);
        select.and_where(self.sql.col(table, Column::RoleName).is_in(roles.iter().cloned()));
        let rows = self.sql.find_rows(table, &select).await?;
        rows.iter().map(|row| row.required_number(holder)).collect()
    }

    async fn with_all_below(self, mut found: BTreeSet<i64>) -> Result<BTreeSet<i64>, StoreError> {
        let table = Table::Departments;
        let select = self.sql.select(table, &[Column::Id, Column::ParentId]);
        let mut below: BTreeMap<i64, Vec<i64>> = BTreeMap::new();
        for row in &self.sql.find_rows(table, &select).await? {
            if let Some(parent) = row.number(Column::ParentId)? {
                below
                    .entry(parent)
                    .or_default()
                    .push(row.required_number(Column::Id)?);
            }
        }
        let mut open: Vec<i64> = found.iter().copied().collect();
        while let Some(department) = open.pop() {
            for child in below.get(&department).into_iter().flatten() {
                if found.insert(*child) {
                    open.push(*child);
                }
            }
        }
        Ok(found)
    }
}
