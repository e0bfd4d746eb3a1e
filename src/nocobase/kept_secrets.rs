//! Client secrets, kept apart from their authenticators: encrypted, in a table of our own plugin that NocoBase does not
//! know and so cannot answer from. In the options stands [`SECRET_MASK`].

use std::fmt;

use sea_orm::sea_query::{DeleteStatement, Expr, ExprTrait as _, UpdateStatement};
use serde_json::Value;

use super::aes_key::AesKey;
use super::authenticators::Authenticators;
use super::sql::{Column, Database, Page, StoreError, Table, Transaction};
use crate::entropy::Entropy;

const TABLE: Table = Table::DingTalkSecrets;

/// What stands in the options where a secret is kept apart. Saving it keeps the secret.
pub const SECRET_MASK: &str = "********";

/// Where the options may hold a secret: our own, and that of rows the community plugin made.
pub const SECRET_PLACES: [&str; 2] = ["clientSecret", "internal.appSecret"];

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
    pub async fn of(&self, authenticator: i64) -> Result<Vec<KeptSecret>, StoreError> {
        let mut select = self.sql.select(TABLE, &[Column::Name, Column::Value]);
        select.and_where(self.sql.col(TABLE, Column::Id).eq(authenticator));
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

    /// Keeps, replaces and removes what is kept apart for this authenticator.
    pub(super) async fn change_in(
        &self,
        transaction: &Transaction,
        authenticator: i64,
        changes: &[SecretChange],
    ) -> Result<(), StoreError> {
        for change in changes {
            let mut delete = self.delete(&[authenticator]);
            delete.and_where(Expr::col(self.sql.names.iden(Column::Name)).eq(change.place));
            self.sql.execute_in(transaction, &delete).await?;
            if let Some(value) = &change.value {
                let insert = self.sql.insert(
                    TABLE,
                    [
                        (Column::Id, authenticator.into()),
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
    pub(super) async fn forget(&self, authenticators: &[i64]) -> Result<(), StoreError> {
        match self.sql.execute(&self.delete(authenticators)).await {
            Err(StoreError::TablesMissing { .. }) => Ok(()),
            removed => removed.map(drop),
        }
    }

    /// Moves secrets that an earlier version stored in the options. Only for the embedded database: beside NocoBase the
    /// plugin does it.
    pub async fn move_all(&self, key: &AesKey, entropy: &Entropy) -> Result<(), StoreError> {
        let all = Authenticators { sql: self.sql };
        for row in all.page(Page::ALL).await?.rows {
            let mut options = row.options;
            let changes = take_secrets(&mut options, key, entropy);
            if changes.is_empty() {
                continue;
            }
            let mut update = UpdateStatement::new();
            update
                .table(self.sql.names.table_ref(Table::Authenticators))
                .value(
                    self.sql.names.iden(Column::Options),
                    self.sql.dialect.json(&options),
                )
                .and_where(Expr::col(self.sql.names.iden(Column::Id)).eq(row.id));
            let transaction = self.sql.begin().await?;
            self.sql.execute_in(&transaction, &update).await?;
            self.change_in(&transaction, row.id, &changes).await?;
            Database::commit(transaction).await?;
        }
        Ok(())
    }

    fn delete(&self, authenticators: &[i64]) -> DeleteStatement {
        let mut delete = DeleteStatement::new();
        delete
            .from_table(self.sql.names.table_ref(TABLE))
            .and_where(Expr::col(self.sql.names.iden(Column::Id)).is_in(authenticators.iter().copied()));
        delete
    }
}

/// Takes the secrets out of options, to be kept apart.
pub fn take_secrets(options: &mut Value, key: &AesKey, entropy: &Entropy) -> Vec<SecretChange> {
    let mut changes = Vec::new();
    for place in SECRET_PLACES {
        let Some(value) = options.pointer_mut(&pointer(place)) else {
            continue;
        };
        let secret = value.as_str().filter(|text| is_secret(text));
        if let Some(encrypted) = secret.and_then(|secret| key.encrypt(secret, entropy)) {
            *value = SECRET_MASK.into();
            changes.push(SecretChange {
                place,
                value: Some(encrypted),
            });
        }
    }
    changes
}

/// Whether the text of such a place is a secret. A reference to a variable is none, and its owner wants to see it.
fn is_secret(text: &str) -> bool {
    let text = text.trim();
    let is_template = text.starts_with("{{") && text.ends_with("}}") && text.contains("$env.");
    !text.is_empty() && text != SECRET_MASK && !is_template
}

/// Where a place is in JSON.
pub fn pointer(place: &str) -> String {
    format!("/{}", place.replace('.', "/"))
}
