//! Columns of `users` that an administrator added, and those that are NocoBase's own.

use std::collections::BTreeMap;

use super::super::sql::{StoreError, Table};
use super::super::users::Users;

/// What NocoBase and its plugins keep of a user: never written under another name.
const OWN: [&str; 21] = [
    "id",
    "nickname",
    "username",
    "email",
    "phone",
    "password",
    "passwordChangeTz",
    "appLang",
    "resetToken",
    "systemSettings",
    "sort",
    "createdAt",
    "updatedAt",
    "createdById",
    "updatedById",
    "createdBy",
    "updatedBy",
    "roles",
    "departments",
    "mainDepartment",
    "mainDepartmentId",
];
/// What a record says besides: a column of such a name could not be told from it.
const OF_RECORDS: [&str; 5] = ["uid", "dataType", "unionId", "isDeleted", "parentUid"];

/// What a column of `users` is good for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ColumnFitness {
    /// An administrator's, and it takes texts.
    Fit,
    /// NocoBase's own.
    Own,
    /// There is none of this name.
    Missing,
    /// It takes something else than texts.
    NotText,
}

/// Columns that may be written: the name of the field, and what the database calls it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CustomColumns {
    pub(super) spelt: BTreeMap<String, String>,
}

impl CustomColumns {
    /// Whether a field of this name may be written.
    pub fn contains(&self, field: &str) -> bool {
        self.spelt.contains_key(field)
    }
}

impl Users<'_> {
    /// Whether NocoBase keeps something of its own by this name.
    pub fn is_own_column(field: &str) -> bool {
        let mut own = OWN.iter().chain(&OF_RECORDS);
        own.any(|own| spelling(own) == spelling(field))
    }

    /// What these columns are good for, and those of them that may be written.
    pub async fn custom_columns(
        self,
        fields: &[&str],
    ) -> Result<(CustomColumns, Vec<(String, ColumnFitness)>), StoreError> {
        let (mut columns, mut judged) = (CustomColumns::default(), Vec::new());
        if fields.is_empty() {
            return Ok((columns, judged));
        }
        let present = self.sql.column_kinds(Table::Users).await?;
        for field in fields {
            let found = present.iter().find(|(column, _)| {
                column == field || self.sql.names.underscored && spelling(column) == spelling(field)
            });
            let fitness = match found {
                _ if Self::is_own_column(field) => ColumnFitness::Own,
                None => ColumnFitness::Missing,
                Some((_, kind)) if !kind.contains("char") && !kind.contains("text") => ColumnFitness::NotText,
                Some((column, _)) => {
                    columns.spelt.insert((*field).to_owned(), column.clone());
                    ColumnFitness::Fit
                }
            };
            judged.push(((*field).to_owned(), fitness));
        }
        Ok((columns, judged))
    }
}

/// A name, however the database underscores it.
fn spelling(name: &str) -> String {
    let letters = name.trim().chars().filter(|character| *character != '_');
    letters.flat_map(char::to_lowercase).collect()
}
