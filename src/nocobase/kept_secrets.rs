//! Secrets, kept apart from their authenticators and sources: encrypted, in a table of our own plugin that NocoBase does
//! not know and so cannot answer from. In the options stands a mask.

use std::fmt;

use sea_orm::sea_query::{DeleteStatement, Expr, ExprTrait as _};

use super::sql::{Column, Database, StoreError, Table, Transaction};

const TABLE: Table = Table::DingTalkSecrets;
/// Begins the places of sources: an authenticator may have the same id.
const OF_SOURCES: &str = "source.";

/// Whose secrets are meant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Owner {
    Authenticator,
    Source,
}

/// A row of the table.
#[derive(Clone)]
pub struct KeptSecret {
    /// The path of the option it belongs to.
    pub place: String,
    /// As stored, encrypted.
    pub value: String,
}

impl fmt::Debug for KeptSecret {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("KeptSecret")
            .field("place", &self.place)
            .finish_non_exhaustive()
    }
}

/// What is to be kept for one place of an authenticator's options from now on.
#[derive(Clone)]
pub struct SecretChange {
    /// The path of the option.
    pub place: &'static str,
    /// Encrypted; `None` removes what is kept.
    pub value: Option<String>,
}

/// `dingtalk_secrets`.
#[derive(Clone, Copy, Debug)]
pub struct KeptSecrets<'a> {
    pub(super) sql: &'a Database,
}

impl KeptSecrets<'_> {
    /// What is kept apart for this authenticator; nothing where the plugin never kept anything.
    pub async fn of(self, authenticator: i64) -> Result<Vec<KeptSecret>, StoreError> {
        self.of_owner(Owner::Authenticator, authenticator).await
    }

    /// As [`KeptSecrets::of`], for a source of people and departments.
    pub async fn of_source(self, source: i64) -> Result<Vec<KeptSecret>, StoreError> {
        self.of_owner(Owner::Source, source).await
    }

    async fn of_owner(self, owner: Owner, id: i64) -> Result<Vec<KeptSecret>, StoreError> {
        let mut select = self.sql.select(TABLE, &[Column::Name, Column::Value]);
        select
            .and_where(self.sql.col(TABLE, Column::Id).eq(id))
            .and_where(owner.is_of(self.sql.col(TABLE, Column::Name)));
        let rows = match self.sql.find_rows(TABLE, &select).await {
            Err(StoreError::TablesMissing { .. }) => return Ok(Vec::new()),
            rows => rows?,
        };
        rows.iter()
            .map(|row| {
                Ok(KeptSecret {
                    place: row.required_text(Column::Name)?,
                    value: row.required_text(Column::Value)?,
                })
            })
            .collect()
    }

    /// Keeps, replaces and removes what is kept apart for this authenticator or source, whichever the places are of.
    pub(super) async fn change_in(
        self,
        transaction: &Transaction,
        id: i64,
        changes: &[SecretChange],
    ) -> Result<(), StoreError> {
        for change in changes {
            let mut delete = self.delete(&[id]);
            delete.and_where(Expr::col(self.sql.names.iden(Column::Name)).eq(change.place));
            self.sql.execute_in(transaction, &delete).await?;
            if let Some(value) = &change.value {
                let insert = self.sql.insert(
                    TABLE,
                    [
                        (Column::Id, id.into()),
                        (Column::Name, change.place.into()),
                        (Column::Value, value.as_str().into()),
                    ],
                );
                self.sql.execute_in(transaction, &insert).await?;
            }
        }
        Ok(())
    }

    /// Removes what is kept apart for authenticators that are no more.
    pub(super) async fn forget(self, authenticators: &[i64]) -> Result<(), StoreError> {
        self.forget_of(Owner::Authenticator, authenticators).await
    }

    /// As [`KeptSecrets::forget`], for sources.
    pub(super) async fn forget_sources(self, sources: &[i64]) -> Result<(), StoreError> {
        self.forget_of(Owner::Source, sources).await
    }

    async fn forget_of(self, owner: Owner, ids: &[i64]) -> Result<(), StoreError> {
        let mut delete = self.delete(ids);
        delete.and_where(owner.is_of(Expr::col(self.sql.names.iden(Column::Name))));
        match self.sql.execute(&delete).await {
            Err(StoreError::TablesMissing { .. }) => Ok(()),
            removed => removed.map(drop),
        }
    }

    fn delete(self, ids: &[i64]) -> DeleteStatement {
        let mut delete = DeleteStatement::new();
        delete
            .from_table(self.sql.names.table_ref(TABLE))
            .and_where(Expr::col(self.sql.names.iden(Column::Id)).is_in(ids.iter().copied()));
        delete
    }
}

impl Owner {
    fn is_of(self, place: Expr) -> Expr {
        let pattern = format!("{OF_SOURCES}%");
        match self {
            Self::Authenticator => place.not_like(pattern),
            Self::Source => place.like(pattern),
        }
    }
}
