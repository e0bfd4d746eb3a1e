//! The list of authenticators, read and changed by NocoBase's rules.

use chrono::{DateTime, Utc};
use sea_orm::sea_query::{DeleteStatement, Expr, ExprTrait as _, Order, SelectStatement, UpdateStatement};

use super::authenticator::{AUTHENTICATOR_COLUMNS, Authenticator, AuthenticatorChanges, NewAuthenticator};
use super::error::StoreError;
use super::names::{Column, Table};
use super::statements::Newest;
use super::store::{Page, Paged, Store};
use super::transactions::Transaction;

const TABLE: Table = Table::Authenticators;

impl Store {
    /// A page of all authenticators, in the order administrators gave them.
    pub async fn authenticators(&self, page: Page) -> Result<Paged<Authenticator>, StoreError> {
        let mut all = SelectStatement::new();
        all.from(self.names.table_ref(TABLE));
        let count = self.count(TABLE, all).await?;
        let mut select = self.authenticators_by_sort();
        select.limit(page.page_size).offset(page.offset());
        Ok(Paged {
            rows: self.authenticators_of(&select).await?,
            count,
        })
    }

    /// Those that are offered, in order.
    pub async fn enabled_authenticators(&self) -> Result<Vec<Authenticator>, StoreError> {
        let mut select = self.authenticators_by_sort();
        select.and_where(self.col(TABLE, Column::Enabled).eq(true));
        self.authenticators_of(&select).await
    }

    /// The authenticator of exactly this name, enabled or not.
    pub async fn find_authenticator(&self, name: &str) -> Result<Option<Authenticator>, StoreError> {
        let mut select = self.select(TABLE, &AUTHENTICATOR_COLUMNS);
        select.and_where(self.dialect.same_bytes(self.col(TABLE, Column::Name), name));
        self.find_row(TABLE, &select)
            .await?
            .map(|row| Authenticator::from_row(&row))
            .transpose()
    }

    /// The authenticator with this id, enabled or not.
    pub async fn find_authenticator_by_id(&self, id: i64) -> Result<Option<Authenticator>, StoreError> {
        let select = self.select_authenticator(id);
        self.find_row(TABLE, &select)
            .await?
            .map(|row| Authenticator::from_row(&row))
            .transpose()
    }

    /// Makes an authenticator at the end of the list; `Duplicate` when the name is taken.
    pub async fn create_authenticator(
        &self,
        new: NewAuthenticator,
        now: DateTime<Utc>,
    ) -> Result<Authenticator, StoreError> {
        let transaction = self.begin().await?;
        let now = self.dialect.time(TABLE, now);
        let insert = self.insert(
            TABLE,
            [
                (Column::Name, new.name.into()),
                (Column::AuthType, new.auth_type.into()),
                (Column::Title, new.title.into()),
                (Column::Description, new.description.into()),
                (Column::Options, self.dialect.json(&new.options)),
                (Column::Enabled, new.enabled.into()),
                (Column::Sort, self.next_sort(TABLE, Newest::default())),
                (Column::CreatedAt, now.clone().into()),
                (Column::UpdatedAt, now.into()),
            ],
        );
        let id = self.insert_in(&transaction, TABLE, insert).await?;
        self.change_secrets_in(&transaction, id, &new.secrets).await?;
        let created = self.authenticator_in(&transaction, id).await?;
        Self::commit(transaction).await?;
        created.ok_or(StoreError::BadRow {
            table: TABLE.camel(),
            column: Column::Id.camel(),
        })
    }

    /// Changes an authenticator; `None` when there is none, `LastEnabled` as NocoBase refuses it.
    pub async fn update_authenticator(
        &self,
        id: i64,
        changes: AuthenticatorChanges,
        now: DateTime<Utc>,
    ) -> Result<Option<Authenticator>, StoreError> {
        let transaction = self.begin().await?;
        if changes.enabled != Some(true) {
            self.require_another_enabled(&transaction, &[id]).await?;
        }
        let mut update = UpdateStatement::new();
        update
            .table(self.names.table_ref(TABLE))
            .value(self.names.iden(Column::UpdatedAt), self.dialect.time(TABLE, now))
            .and_where(Expr::col(self.names.iden(Column::Id)).eq(id));
        if let Some(auth_type) = changes.auth_type {
            update.value(self.names.iden(Column::AuthType), auth_type);
        }
        if let Some(title) = changes.title {
            update.value(self.names.iden(Column::Title), title);
        }
        if let Some(description) = changes.description {
            update.value(self.names.iden(Column::Description), description);
        }
        if let Some(options) = changes.options {
            update.value(self.names.iden(Column::Options), self.dialect.json(&options));
        }
        if let Some(enabled) = changes.enabled {
            update.value(self.names.iden(Column::Enabled), enabled);
        }
        self.execute_in(&transaction, &update).await?;
        self.change_secrets_in(&transaction, id, &changes.secrets).await?;
        let updated = self.authenticator_in(&transaction, id).await?;
        Self::commit(transaction).await?;
        Ok(updated)
    }

    /// Removes authenticators with the links of their users, and tells how many there were.
    pub async fn destroy_authenticators(&self, ids: &[i64]) -> Result<u64, StoreError> {
        let transaction = self.begin().await?;
        self.require_another_enabled(&transaction, ids).await?;
        let mut names = SelectStatement::new();
        names
            .from(self.names.table_ref(TABLE))
            .expr(self.col(TABLE, Column::Name))
            .and_where(self.col(TABLE, Column::Id).is_in(ids.iter().copied()));
        let mut links = DeleteStatement::new();
        links
            .from_table(self.names.table_ref(Table::UsersAuthenticators))
            .and_where(Expr::col(self.names.iden(Column::Authenticator)).in_subquery(names));
        self.execute_in(&transaction, &links).await?;
        let mut delete = DeleteStatement::new();
        delete
            .from_table(self.names.table_ref(TABLE))
            .and_where(Expr::col(self.names.iden(Column::Id)).is_in(ids.iter().copied()));
        let destroyed = self.execute_in(&transaction, &delete).await?;
        Self::commit(transaction).await?;
        self.forget_secrets(ids).await?;
        Ok(destroyed)
    }

    /// Locks the enabled authenticators, so that two administrators cannot each switch off "the other one".
    async fn require_another_enabled(
        &self,
        transaction: &Transaction,
        ids: &[i64],
    ) -> Result<(), StoreError> {
        let mut select = self.select(TABLE, &[Column::Id]);
        select
            .and_where(self.col(TABLE, Column::Enabled).eq(true))
            .lock_exclusive();
        let rows = self.find_rows_in(transaction, TABLE, &select).await?;
        for row in &rows {
            if !ids.contains(&row.required_number(Column::Id)?) {
                return Ok(());
            }
        }
        Err(StoreError::LastEnabled)
    }

    async fn authenticator_in(
        &self,
        transaction: &Transaction,
        id: i64,
    ) -> Result<Option<Authenticator>, StoreError> {
        let select = self.select_authenticator(id);
        let row = self.find_row_in(transaction, TABLE, &select).await?;
        row.map(|row| Authenticator::from_row(&row)).transpose()
    }

    async fn authenticators_of(&self, select: &SelectStatement) -> Result<Vec<Authenticator>, StoreError> {
        self.find_rows(TABLE, select)
            .await?
            .iter()
            .map(Authenticator::from_row)
            .collect()
    }

    fn select_authenticator(&self, id: i64) -> SelectStatement {
        let mut select = self.select(TABLE, &AUTHENTICATOR_COLUMNS);
        select.and_where(self.col(TABLE, Column::Id).eq(id));
        select
    }

    fn authenticators_by_sort(&self) -> SelectStatement {
        let mut select = self.select(TABLE, &AUTHENTICATOR_COLUMNS);
        select
            .order_by_expr(self.col(TABLE, Column::Sort), Order::Asc)
            .order_by_expr(self.col(TABLE, Column::Id), Order::Asc);
        select
    }
}
