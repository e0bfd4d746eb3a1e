//! What a new user may do from the first moment: roles, and the department they belong to.

use chrono::{DateTime, Utc};
use sea_orm::sea_query::{Expr, ExprTrait as _, UpdateStatement};

use super::fitness::{DepartmentFitness, RoleFitness};
use super::link_transaction::LinkTransaction;
use super::new_user::NewUser;
use super::sql::{Column, StoreError, Table};
use super::users::UserId;

/// What a new user is to be given.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FirstRights {
    /// In place of NocoBase's default role; without it there is no user.
    pub default_role: Option<String>,
    /// Roles besides; those that cannot be given are left out.
    pub roles: Vec<String>,
    /// The department the user belongs to, as the main one; left out where that cannot be.
    pub main_department: Option<i64>,
    /// Whether new users may get rights to configure the site. The role `root` is given by nobody.
    pub may_administrate: bool,
}

/// What a new user was given, beyond NocoBase's default role.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct GivenRights {
    /// The roles, the one in place of the default one first.
    pub roles: Vec<String>,
    /// The main department.
    pub department: Option<i64>,
    /// Roles that were left out, and why.
    pub refused_roles: Vec<(String, RoleFitness)>,
    /// Why the department was left out.
    pub refused_department: Option<DepartmentFitness>,
}

impl FirstRights {
    /// Whether nothing is given but NocoBase's default role.
    pub fn are_plain(&self) -> bool {
        self.default_role.is_none() && self.roles.is_empty() && self.main_department.is_none()
    }
}

impl LinkTransaction {
    /// Makes a user with the default role.
    pub async fn create_user(&mut self, new: NewUser, now: DateTime<Utc>) -> Result<UserId, StoreError> {
        let plain = FirstRights::default();
        Ok(self.create_user_with(new, &plain, now).await?.0)
    }

    /// Makes a user with these rights, and tells what of them was given.
    pub async fn create_user_with(
        &mut self,
        new: NewUser,
        rights: &FirstRights,
        now: DateTime<Utc>,
    ) -> Result<(UserId, GivenRights), StoreError> {
        let user = self.insert_user(new, now).await?;
        let given = self.give(user, rights, now).await?;
        Ok((user, given))
    }

    async fn give(
        &mut self,
        user: UserId,
        rights: &FirstRights,
        now: DateTime<Utc>,
    ) -> Result<GivenRights, StoreError> {
        let mut given = GivenRights::default();
        let named: Vec<&str> = rights
            .default_role
            .iter()
            .chain(&rights.roles)
            .map(String::as_str)
            .collect();
        let judged = self.judge_roles(&named).await?;
        if let Some(role) = &rights.default_role {
            let is_fit = judged
                .iter()
                .any(|(name, fitness)| name == role && fitness.may_be_given(rights.may_administrate));
            if !is_fit {
                return Err(StoreError::RoleUnusable { role: role.clone() });
            }
        } else {
            self.give_default_role(user, now).await?;
        }
        for (role, fitness) in judged {
            if !fitness.may_be_given(rights.may_administrate) {
                given.refused_roles.push((role, fitness));
            } else if self.give_role(user, &role, now).await? {
                given.roles.push(role);
            }
        }
        if let Some(department) = rights.main_department {
            let fitness = self.judge_department(department).await?;
            if fitness.may_be_given(rights.may_administrate) {
                self.put_into(department, user, now).await?;
                given.department = Some(department);
            } else {
                given.refused_department = Some(fitness);
            }
        }
        Ok(given)
    }

    /// False where the user has the role.
    async fn give_role(&mut self, user: UserId, role: &str, now: DateTime<Utc>) -> Result<bool, StoreError> {
        let (sql, table) = (&self.store.sql, Table::RolesUsers);
        let mut held = sql.select(table, &[Column::RoleName]);
        held.and_where(sql.col(table, Column::UserId).eq(user.0))
            .and_where(sql.dialect.same_bytes(sql.col(table, Column::RoleName), role));
        if sql.find_row_in(&self.transaction, table, &held).await?.is_some() {
            return Ok(false);
        }
        let time = sql.dialect.time(table, now);
        let insert = sql.insert(
            table,
            [
                (Column::RoleName, role.into()),
                (Column::UserId, user.0.into()),
                (Column::CreatedAt, time.clone().into()),
                (Column::UpdatedAt, time.into()),
            ],
        );
        sql.execute_in(&self.transaction, &insert).await?;
        Ok(true)
    }

    async fn put_into(
        &mut self,
        department: i64,
        user: UserId,
        now: DateTime<Utc>,
    ) -> Result<(), StoreError> {
        let (sql, table) = (&self.store.sql, Table::DepartmentsUsers);
        let time = sql.dialect.time(table, now);
        let insert = sql.insert(
            table,
            [
                (Column::DepartmentId, department.into()),
                (Column::UserId, user.0.into()),
                (Column::IsOwner, false.into()),
                // Which one is the main one stands with the user; NocoBase keeps this column for old times' sake.
                (Column::IsMain, false.into()),
                (Column::CreatedAt, time.clone().into()),
                (Column::UpdatedAt, time.into()),
            ],
        );
        sql.execute_in(&self.transaction, &insert).await?;
        let mut update = UpdateStatement::new();
        update
            .table(sql.names.table_ref(Table::Users))
            .value(sql.names.iden(Column::MainDepartmentId), department)
            .and_where(Expr::col(sql.names.iden(Column::Id)).eq(user.0));
        sql.execute_in(&self.transaction, &update).await.map(drop)
    }
}
