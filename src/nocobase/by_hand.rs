//! Statements that are written by hand, which no statement builder writes legibly: what they share.

use std::sync::OnceLock;
use std::sync::atomic::AtomicBool;

use super::sql::{Column, Dialect, Names, Table};
use super::users::USER_COLUMNS;

/// The statements of a database that signs people in at once.
#[derive(Default)]
pub(super) struct ByHand {
    /// Spelt when they are first needed.
    pub(super) texts: OnceLock<Texts>,
    /// Whether the index was seen.
    pub(super) has_unique_subjects: AtomicBool,
}

/// The statements in the names of this database.
pub(super) struct Texts {
    pub(super) sign_in: String,
    pub(super) sign_up: String,
}

/// `$1` to `$6` are the session: authenticator, key, `jti`, when it was issued, when the person signed in, now.
pub(super) const SESSION_COLUMNS: [Column; 8] = [
    Column::Authenticator,
    Column::Id,
    Column::Jti,
    Column::IssuedTime,
    Column::SignInTime,
    Column::CreatedAt,
    Column::UpdatedAt,
    Column::UserId,
];
pub(super) const SESSION_VALUES: &str = "$1, $2, $3, $4, $5, $6, $6";

/// Names as they stand in a statement.
pub(super) struct Spelt<'a> {
    pub(super) dialect: Dialect,
    pub(super) names: &'a Names,
}

impl Spelt<'_> {
    /// What is read of a user, by NocoBase's names.
    pub(super) fn user_as(&self, from: &str) -> String {
        let columns = USER_COLUMNS.into_iter().chain([Column::Sort]);
        let columns = columns.map(|column| {
            let (stored, name) = (self.column(column), column.camel());
            let cast = if column.is_json() { "::text" } else { "" };
            format!("{from}.{stored}{cast} AS \"{name}\"")
        });
        columns.collect::<Vec<_>>().join(", ")
    }

    pub(super) fn insert(&self, table: Table, columns: &[Column]) -> String {
        let columns: Vec<_> = columns.iter().map(|column| self.column(*column)).collect();
        format!("INSERT INTO {} ({})", self.table(table), columns.join(", "))
    }

    pub(super) fn table(&self, table: Table) -> String {
        let name = self.dialect.quoted(&self.names.table(table));
        match &self.names.schema {
            Some(schema) => format!("{}.{name}", self.dialect.quoted(schema)),
            None => name,
        }
    }

    pub(super) fn column(&self, column: Column) -> String {
        self.dialect.quoted(&self.names.column(column))
    }
}
