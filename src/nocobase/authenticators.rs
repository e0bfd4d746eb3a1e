//! The list of authenticators, read and changed by NocoBase's rules.

use chrono::{DateTime, Utc};
use sea_orm::sea_query::{DeleteStatement, Expr, ExprTrait as _, Order, SelectStatement, UpdateStatement};

use super::authenticator::{AUTHENTICATOR_COLUMNS, Authenticator, AuthenticatorChanges, NewAuthenticator};
use super::kept_secrets::KeptSecrets;
use super::sql::{Column, Database, Newest, Page, Paged, StoreError, Table, Transaction};

const TABLE: Table = Table::Authenticators;

/// `authenticators`.
#[derive(Clone, Copy, Debug)]
pub struct Authenticators<'a> {
    pub(super) sql: &'a Database,
}

impl<'a> Authenticators<'a> {
    /// A page of all authenticators, in the order administrators gave them.
    pub async fn page(self, page: Page) -> Result<Paged<Authenticator>, StoreError> {
        let mut all = SelectStatement::new();
        all.from(self.sql.names.table_ref(TABLE));
        let count = self.sql.count(TABLE, all).await?;
        let mut select = self.by_sort();
        select.limit(page.page_size).offset(page.offset());
        Ok(Paged {
            rows: self.rows(&select).await?,
            count,
        })
    }

    /// Those that are offered, in order.
    pub async fn enabled(self) -> Result<Vec<Authenticator>, StoreError> {
        let mut select = self.by_sort();
        select.and_where(self.sql.col(TABLE, Column::Enabled).eq(true));
        self.rows(&select).await
    }

    /// The authenticator of exactly this name, enabled or not.
    pub async fn find(self, name: &str) -> Result<Option<Authenticator>, StoreError> {
        let mut select = self.sql.select(TABLE, &AUTHENTICATOR_COLUMNS);
        select.and_where(
            self.sql
                .dialect
                .same_bytes(self.sql.col(TABLE, Column::Name), name),
        );
        self.sql
            .find_row(TABLE, &select)
            .await?
            .map(|row| Authenticator::from_row(&row))
            .transpose()
    }

    /// The authenticator with this id, enabled or not.
    pub async fn find_by_id(self, id: i64) -> Result<Option<Authenticator>, StoreError> {
        let select = self.select_one(id);
        self.sql
            .find_row(TABLE, &select)
            .await?
            .map(|row| Authenticator::from_row(&row))
            .transpose()
    }

    /// Makes an authenticator at the end of the list; `Duplicate` when the name is taken.
    pub async fn create(
        self,
        new: NewAuthenticator,
        now: DateTime<Utc>,
    ) -> Result<Authenticator, StoreError> {
        let transaction = self.sql.begin().await?;
        let now = self.sql.dialect.time(TABLE, now);
        let insert = self.sql.insert(
            TABLE,
            [
                (Column::Name, new.name.into()),
                (Column::AuthType, new.auth_type.into()),
                (Column::Title, new.title.into()),
                (Column::Description, new.description.into()),
                (Column::Options, self.sql.dialect.json(&new.options)),
                (Column::Enabled, new.enabled.into()),
                (Column::Sort, self.sql.next_sort(TABLE, Newest::default())),
                (Column::CreatedAt, now.clone().into()),
                (Column::UpdatedAt, now.into()),
            ],
        );
        let id = self.sql.insert_in(&transaction, TABLE, insert).await?;
        self.secrets().change_in(&transaction, id, &new.secrets).await?;
        let created = self.find_in(&transaction, id).await?;
        Database::commit(transaction).await?;
        created.ok_or(StoreError::BadRow {
            table: TABLE.camel(),
            column: Column::Id.camel(),
        })
    }

    /// Changes an authenticator; `None` when there is none, `LastEnabled` as NocoBase refuses it.
    pub async fn update(
        self,
        id: i64,
        changes: AuthenticatorChanges,
        now: DateTime<Utc>,
    ) -> Result<Option<Authenticator>, StoreError> {
        let transaction = self.sql.begin().await?;
        if changes.enabled != Some(true) {
            self.require_another_enabled(&transaction, &[id]).await?;
        }
        let mut update = UpdateStatement::new();
        update
            .table(self.sql.names.table_ref(TABLE))
            .value(
                self.sql.names.iden(Column::UpdatedAt),
                self.sql.dialect.time(TABLE, now),
            )
            .and_where(Expr::col(self.sql.names.iden(Column::Id)).eq(id));
        if let Some(auth_type) = changes.auth_type {
            update.value(self.sql.names.iden(Column::AuthType), auth_type);
        }
        if let Some(title) = changes.title {
            update.value(self.sql.names.iden(Column::Title), title);
        }
        if let Some(description) = changes.description {
            update.value(self.sql.names.iden(Column::Description), description);
        }
        if let Some(options) = changes.options {
            update.value(
                self.sql.names.iden(Column::Options),
                self.sql.dialect.json(&options),
            );
        }
        if let Some(enabled) = changes.enabled {
            update.value(self.sql.names.iden(Column::Enabled), enabled);
        }
        self.sql.execute_in(&transaction, &update).await?;
        self.secrets()
            .change_in(&transaction, id, &changes.secrets)
            .await?;
        let updated = self.find_in(&transaction, id).await?;
        Database::commit(transaction).await?;
        Ok(updated)
    }

    /// Removes authenticators with the links of their users, and tells how many there were.
    pub async fn destroy(self, ids: &[i64]) -> Result<u64, StoreError> {
        let transaction = self.sql.begin().await?;
        self.require_another_enabled(&transaction, ids).await?;
        let mut names = SelectStatement::new();
        names
            .from(self.sql.names.table_ref(TABLE))
            .expr(self.sql.col(TABLE, Column::Name))
            .and_where(self.sql.col(TABLE, Column::Id).is_in(ids.iter().copied()));
        let mut links = DeleteStatement::new();
        links
            .from_table(self.sql.names.table_ref(Table::UsersAuthenticators))
            .and_where(Expr::col(self.sql.names.iden(Column::Authenticator)).in_subquery(names));
        self.sql.execute_in(&transaction, &links).await?;
        let mut delete = DeleteStatement::new();
        delete
            .from_table(self.sql.names.table_ref(TABLE))
            .and_where(Expr::col(self.sql.names.iden(Column::Id)).is_in(ids.iter().copied()));
        let destroyed = self.sql.execute_in(&transaction, &delete).await?;
        Database::commit(transaction).await?;
        self.secrets().forget(ids).await?;
        Ok(destroyed)
    }

    const fn secrets(self) -> KeptSecrets<'a> {
        KeptSecrets { sql: self.sql }
    }

    /// Locks the enabled authenticators, so that two administrators cannot each switch off "the other one".
    async fn require_another_enabled(self, transaction: &Transaction, ids: &[i64]) -> Result<(), StoreError> {
        let mut select = self.sql.select(TABLE, &[Column::Id]);
        select
            .and_where(self.sql.col(TABLE, Column::Enabled).eq(true))
            .lock_exclusive();
        let rows = self.sql.find_rows_in(transaction, TABLE, &select).await?;
        for row in &rows {
            if !ids.contains(&row.required_number(Column::Id)?) {
                return Ok(());
            }
        }
        Err(StoreError::LastEnabled)
    }

    async fn find_in(self, transaction: &Transaction, id: i64) -> Result<Option<Authenticator>, StoreError> {
        let select = self.select_one(id);
        let row = self.sql.find_row_in(transaction, TABLE, &select).await?;
        row.map(|row| Authenticator::from_row(&row)).transpose()
    }

    async fn rows(self, select: &SelectStatement) -> Result<Vec<Authenticator>, StoreError> {
        self.sql
            .find_rows(TABLE, select)
            .await?
            .iter()
            .map(Authenticator::from_row)
            .collect()
    }

    fn select_one(self, id: i64) -> SelectStatement {
        let mut select = self.sql.select(TABLE, &AUTHENTICATOR_COLUMNS);
        select.and_where(self.sql.col(TABLE, Column::Id).eq(id));
        select
    }

    fn by_sort(self) -> SelectStatement {
        let mut select = self.sql.select(TABLE, &AUTHENTICATOR_COLUMNS);
        select
            .order_by_expr(self.sql.col(TABLE, Column::Sort), Order::Asc)
            .order_by_expr(self.sql.col(TABLE, Column::Id), Order::Asc);
        select
    }
}
