//! An authenticator: one configured way to sign in.

use std::fmt;

use chrono::{DateTime, Utc};
use serde::Serialize;
use serde_json::{Value, json};

use super::kept_secrets::SecretChange;
use super::sql::{Column, Row, StoreError};
use super::wire_time;

/// A row of `authenticators`; serialises to NocoBase's wire form, options as stored (a row that was not moved yet has its
/// secrets there: mask them before they leave).
#[derive(Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Authenticator {
    /// The key in the tables.
    pub id: i64,
    /// The key everywhere else; never changes.
    pub name: String,
    /// The type that handles it, such as `dingtalk`.
    pub auth_type: String,
    /// What the sign-in page calls it; may be a template.
    pub title: Option<String>,
    /// For administrators.
    pub description: String,
    /// As stored, templates not rendered.
    pub options: Value,
    /// Whether it is offered.
    pub enabled: bool,
    /// Its place in the list.
    pub sort: Option<i64>,
    /// The user who made it.
    pub created_by_id: Option<i64>,
    /// The user who last changed it.
    pub updated_by_id: Option<i64>,
    /// When it was made.
    #[serde(with = "wire_time::option")]
    pub created_at: Option<DateTime<Utc>>,
    /// When it was last changed.
    #[serde(with = "wire_time::option")]
    pub updated_at: Option<DateTime<Utc>>,
}

impl fmt::Debug for Authenticator {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Authenticator")
            .field("id", &self.id)
            .field("name", &self.name)
            .field("auth_type", &self.auth_type)
            .field("enabled", &self.enabled)
            .finish_non_exhaustive()
    }
}

/// What is needed to make an authenticator.
#[derive(Clone)]
pub struct NewAuthenticator {
    /// Must be free.
    pub name: String,
    /// Not checked against the known types, as in NocoBase.
    pub auth_type: String,
    /// What the sign-in page calls it.
    pub title: Option<String>,
    /// For administrators; empty when there is none.
    pub description: String,
    /// As they are to be stored.
    pub options: Value,
    /// What is kept apart from them.
    pub secrets: Vec<SecretChange>,
    /// Whether it is offered at once.
    pub enabled: bool,
}

/// What to change of an authenticator; `None` leaves a field alone.
#[derive(Clone, Default)]
pub struct AuthenticatorChanges {
    /// The type that handles it.
    pub auth_type: Option<String>,
    /// `Some(None)` removes the title.
    pub title: Option<Option<String>>,
    /// For administrators.
    pub description: Option<String>,
    /// Replaced as a whole.
    pub options: Option<Value>,
    /// What changes of that which is kept apart from them.
    pub secrets: Vec<SecretChange>,
    /// NocoBase asks for another enabled authenticator unless this is `Some(true)`.
    pub enabled: Option<bool>,
}

pub(super) const AUTHENTICATOR_COLUMNS: [Column; 12] = [
    Column::Id,
    Column::Name,
    Column::AuthType,
    Column::Title,
    Column::Description,
    Column::Options,
    Column::Enabled,
    Column::Sort,
    Column::CreatedById,
    Column::UpdatedById,
    Column::CreatedAt,
    Column::UpdatedAt,
];

impl Authenticator {
    pub(super) fn from_row(row: &Row) -> Result<Self, StoreError> {
        Ok(Self {
            id: row.required_number(Column::Id)?,
            name: row.required_text(Column::Name)?,
            auth_type: row.required_text(Column::AuthType)?,
            title: row.text(Column::Title)?,
            description: row.text(Column::Description)?.unwrap_or_default(),
            options: row.json(Column::Options)?.unwrap_or_else(|| json!({})),
            enabled: row.flag(Column::Enabled)?.unwrap_or_default(),
            sort: row.number(Column::Sort)?,
            created_by_id: row.number(Column::CreatedById)?,
            updated_by_id: row.number(Column::UpdatedById)?,
            created_at: row.time(Column::CreatedAt)?,
            updated_at: row.time(Column::UpdatedAt)?,
        })
    }
}
