//! The index over authenticator and subject, which we add to a table of NocoBase's.

use super::sql::{Column, Dialect, StoreError, Table};
use super::store::Store;

/// What became of the index over authenticator and subject. It is unique, except on MySQL and MariaDB: they compare text
/// without regard to case, so a unique one would keep people apart who are not one. There it only makes links quick to
/// find.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SubjectIndex {
    /// It was missing and has been made.
    Created,
    /// It was there.
    Present,
    /// As [`SubjectIndex::Created`], but not unique.
    CreatedPlain,
    /// As [`SubjectIndex::Present`], but not unique.
    Plain,
    /// It is missing, and need not be there, for it would not be unique.
    NotUsed,
}

impl Store {
    /// Makes sure that no two users can be linked to one subject, where an index can do so, and that links are found
    /// without reading all of them.
    pub async fn ensure_subject_index(&self) -> Result<SubjectIndex, StoreError> {
        if let Some(found @ (SubjectIndex::Present | SubjectIndex::Plain)) = self.find_subject_index().await?
        {
            return Ok(found);
        }
        let (created, create) = match self.sql.dialect {
            Dialect::MySql { .. } => (SubjectIndex::CreatedPlain, "CREATE INDEX"),
            Dialect::Sqlite | Dialect::Postgres => {
                (SubjectIndex::Created, "CREATE UNIQUE INDEX IF NOT EXISTS")
            }
        };
        let quoted = |name: &str| self.sql.dialect.quoted(name);
        let schema = self
            .sql
            .names
            .schema
            .as_deref()
            .map(|schema| format!("{}.", quoted(schema)));
        let create = format!(
            "{create} {} ON {}{} ({}, {})",
            quoted(&self.subject_index_name()),
            schema.unwrap_or_default(),
            quoted(&self.sql.names.table(Table::UsersAuthenticators)),
            quoted(&self.sql.names.column(Column::Authenticator)),
            quoted(&self.sql.names.column(Column::Uuid)),
        );
        match self.sql.execute_raw(&create).await {
            Ok(()) => {
                self.subjects_are_unique(created == SubjectIndex::Created);
                Ok(created)
            }
            Err(StoreError::Duplicate { .. }) => Err(StoreError::SubjectsNotUnique),
            // Another replica was faster, and this database knows no `IF NOT EXISTS` here.
            Err(_) if self.find_subject_index().await? == Some(SubjectIndex::Plain) => {
                Ok(SubjectIndex::Plain)
            }
            Err(error) => Err(error),
        }
    }

    /// Whether the index is there or not needed; `None` when it is missing.
    pub async fn find_subject_index(&self) -> Result<Option<SubjectIndex>, StoreError> {
        let (there, missing) = match self.sql.dialect {
            Dialect::MySql { .. } => (SubjectIndex::Plain, Some(SubjectIndex::NotUsed)),
            Dialect::Sqlite | Dialect::Postgres => (SubjectIndex::Present, None),
        };
        let is_there = self.sql.has_index(&self.subject_index_name()).await?;
        let found = if is_there { Some(there) } else { missing };
        self.subjects_are_unique(found == Some(SubjectIndex::Present));
        Ok(found)
    }

    fn subject_index_name(&self) -> String {
        let kind = match self.sql.dialect {
            Dialect::MySql { .. } => "",
            Dialect::Sqlite | Dialect::Postgres => "_unique",
        };
        let table = self.sql.names.table(Table::UsersAuthenticators);
        format!("{table}_authenticator_uuid{kind}")
    }
}
