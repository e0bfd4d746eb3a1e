//! Whether the tables look as this code expects them, and the one index it adds.

use std::collections::HashSet;

use sea_orm::Value as SqlValue;

use super::at_once::LINK_COLUMNS;
use super::authenticator::AUTHENTICATOR_COLUMNS;
use super::dialect::Dialect;
use super::error::StoreError;
use super::names::{Column, Table};
use super::roles::ROLE_COLUMNS;
use super::store::Store;
use super::users::USER_COLUMNS;

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

/// What we fill of a new user.
const NEW_USER_COLUMNS: [Column; 7] = [
    Column::Id,
    Column::Nickname,
    Column::Phone,
    Column::SystemSettings,
    Column::Sort,
    Column::CreatedAt,
    Column::UpdatedAt,
];

const SHAPE: [(Table, &[Column]); 10] = [
    (Table::Users, &USER_COLUMNS),
    (Table::Users, &[Column::Password, Column::Sort]),
    (Table::Authenticators, &AUTHENTICATOR_COLUMNS),
    (Table::UsersAuthenticators, &LINK_COLUMNS),
    (Table::Roles, &ROLE_COLUMNS),
    (
        Table::RolesUsers,
        &[
            Column::RoleName,
            Column::UserId,
            Column::CreatedAt,
            Column::UpdatedAt,
        ],
    ),
    (
        Table::IssuedTokens,
        &[
            Column::Id,
            Column::Jti,
            Column::SignInTime,
            Column::IssuedTime,
            Column::UserId,
            Column::Authenticator,
            Column::CreatedAt,
            Column::UpdatedAt,
        ],
    ),
    (Table::TokenBlacklist, &[Column::Token, Column::Expiration]),
    (Table::TokenControlConfig, &[Column::Key, Column::Config]),
    (
        Table::SystemSettings,
        &[Column::Id, Column::EnabledLanguages, Column::AppLang],
    ),
];

impl Store {
    /// Looks for every table and column that sign-in uses, and names the first that is missing.
    pub async fn verify_shape(&self) -> Result<(), StoreError> {
        let present = self.present_columns().await?;
        for (table, columns) in SHAPE {
            let table = self.names.table(table);
            if !present.iter().any(|(present, _)| self.same_name(present, &table)) {
                return Err(StoreError::TablesMissing { table });
            }
            for column in columns {
                let column = self.names.column(*column);
                let found = present.iter().any(|(in_table, name)| {
                    self.same_name(in_table, &table) && self.same_name(name, &column)
                });
                if !found {
                    return Err(StoreError::ShapeUnknown { table, column });
                }
            }
        }
        Ok(())
    }

    /// Makes sure that no two users can be linked to one subject, where an index can do so, and that links are found
    /// without reading all of them.
    pub async fn ensure_subject_index(&self) -> Result<SubjectIndex, StoreError> {
        if let Some(found @ (SubjectIndex::Present | SubjectIndex::Plain)) = self.find_subject_index().await?
        {
            return Ok(found);
        }
        let (created, create) = match self.dialect {
            Dialect::MySql { .. } => (SubjectIndex::CreatedPlain, "CREATE INDEX"),
            Dialect::Sqlite | Dialect::Postgres => {
                (SubjectIndex::Created, "CREATE UNIQUE INDEX IF NOT EXISTS")
            }
        };
        let quoted = |name: &str| self.dialect.quoted(name);
        let schema = self
            .names
            .schema
            .as_deref()
            .map(|schema| format!("{}.", quoted(schema)));
        let create = format!(
            "{create} {} ON {}{} ({}, {})",
            quoted(&self.subject_index_name()),
            schema.unwrap_or_default(),
            quoted(&self.names.table(Table::UsersAuthenticators)),
            quoted(&self.names.column(Column::Authenticator)),
            quoted(&self.names.column(Column::Uuid)),
        );
        match self.execute_raw(&create).await {
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
        let index: SqlValue = self.subject_index_name().into();
        let (there, missing, find, values) = match self.dialect {
            Dialect::MySql { .. } => (
                SubjectIndex::Plain,
                Some(SubjectIndex::NotUsed),
                "SELECT CAST(index_name AS CHAR) FROM information_schema.statistics \
                 WHERE table_schema = DATABASE() AND index_name = ?",
                vec![index],
            ),
            Dialect::Sqlite => (
                SubjectIndex::Present,
                None,
                "SELECT name FROM sqlite_master WHERE type = 'index' AND name = ?",
                vec![index],
            ),
            Dialect::Postgres => (
                SubjectIndex::Present,
                None,
                "SELECT indexname::text FROM pg_indexes WHERE indexname = $1 AND schemaname = $2",
                vec![index, self.names.schema.clone().unwrap_or_default().into()],
            ),
        };
        let rows = self.raw_rows(find, values).await?;
        let found = if rows.is_empty() { missing } else { Some(there) };
        self.subjects_are_unique(found == Some(SubjectIndex::Present));
        Ok(found)
    }

    /// The columns of users that must be filled, have nothing to fill them by themselves, and are none that we fill: the
    /// site's own.
    pub async fn required_user_columns(&self) -> Result<Vec<String>, StoreError> {
        let users: SqlValue = self.names.table(Table::Users).into();
        let (sql, values): (_, Vec<SqlValue>) = match self.dialect {
            Dialect::Sqlite => (
                "SELECT name FROM pragma_table_info(?) WHERE \"notnull\" = 1 AND dflt_value IS NULL ORDER BY cid",
                vec![users],
            ),
            Dialect::Postgres => (
                "SELECT column_name::text FROM information_schema.columns WHERE table_name = $1 AND table_schema = $2 \
                 AND is_nullable = 'NO' AND column_default IS NULL AND is_identity = 'NO' AND is_generated = 'NEVER' \
                 ORDER BY ordinal_position",
                vec![users, self.names.schema.clone().unwrap_or_default().into()],
            ),
            Dialect::MySql { .. } => (
                "SELECT CAST(column_name AS CHAR) FROM information_schema.columns WHERE table_name = ? \
                 AND table_schema = DATABASE() AND is_nullable = 'NO' AND column_default IS NULL AND extra = '' \
                 ORDER BY ordinal_position",
                vec![users],
            ),
        };
        let rows = self.raw_rows(sql, values).await?;
        let mut required = rows
            .iter()
            .map(|row| row.try_get_by_index(0))
            .collect::<Result<Vec<String>, sea_orm::DbErr>>()?;
        required.retain(|column| {
            NEW_USER_COLUMNS
                .iter()
                .all(|ours| self.names.column(*ours) != *column)
        });
        Ok(required)
    }

    fn subject_index_name(&self) -> String {
        let kind = match self.dialect {
            Dialect::MySql { .. } => "",
            Dialect::Sqlite | Dialect::Postgres => "_unique",
        };
        let table = self.names.table(Table::UsersAuthenticators);
        format!("{table}_authenticator_uuid{kind}")
    }

    /// All (table, column) pairs of the schema that this user may see.
    async fn present_columns(&self) -> Result<HashSet<(String, String)>, StoreError> {
        let (sql, values): (_, Vec<SqlValue>) = match self.dialect {
            Dialect::Sqlite => (
                "SELECT m.name, c.name FROM sqlite_master m JOIN pragma_table_info(m.name) c WHERE m.type = 'table'",
                vec![],
            ),
            Dialect::Postgres => (
                "SELECT table_name::text, column_name::text FROM information_schema.columns WHERE table_schema = $1",
                vec![self.names.schema.clone().unwrap_or_default().into()],
            ),
            Dialect::MySql { .. } => (
                "SELECT CAST(table_name AS CHAR), CAST(column_name AS CHAR) FROM information_schema.columns \
                 WHERE table_schema = DATABASE()",
                vec![],
            ),
        };
        let rows = self.raw_rows(sql, values).await?;
        rows.iter()
            .map(|row| Ok((row.try_get_by_index(0)?, row.try_get_by_index(1)?)))
            .collect::<Result<_, sea_orm::DbErr>>()
            .map_err(StoreError::from)
    }

    /// MySQL and MariaDB may keep table names in lower case, depending on the file system.
    fn same_name(&self, present: &str, wanted: &str) -> bool {
        match self.dialect {
            Dialect::MySql { .. } => present.eq_ignore_ascii_case(wanted),
            Dialect::Sqlite | Dialect::Postgres => present == wanted,
        }
    }
}
