//! Whether the tables look as the code above expects them.

use std::collections::HashSet;

use sea_orm::Value as SqlValue;

use super::database::Database;
use super::dialect::Dialect;
use super::error::StoreError;
use super::names::{Column, Table};

impl Database {
    /// Looks for these tables and columns, and names the first that is missing.
    pub(in crate::nocobase) async fn check_schema(
        &self,
        used: &[(Table, &[Column])],
    ) -> Result<(), StoreError> {
        let present = self.present_columns().await?;
        for (table, columns) in used {
            let table = self.names.table(*table);
            if !present.iter().any(|(present, _)| self.same_name(present, &table)) {
                return Err(StoreError::TablesMissing { table });
            }
            for column in *columns {
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

    /// Whether a table has a column of this name that holds text.
    pub(in crate::nocobase) async fn has_text_column(
        &self,
        table: Table,
        column: Column,
    ) -> Result<bool, StoreError> {
        let wanted = self.names.column(column);
        let kinds = self.column_kinds(table).await?;
        Ok(kinds
            .iter()
            .any(|(column, kind)| *column == wanted && (kind.contains("char") || kind.contains("text"))))
    }

    /// The columns of a table, and what they hold, in the words of the database.
    pub(in crate::nocobase) async fn column_kinds(
        &self,
        table: Table,
    ) -> Result<Vec<(String, String)>, StoreError> {
        let table: SqlValue = self.names.table(table).into();
        let (sql, values) = match self.dialect {
            Dialect::Sqlite => ("SELECT name, lower(type) FROM pragma_table_info(?)", vec![table]),
            Dialect::Postgres => (
                "SELECT column_name::text, data_type::text FROM information_schema.columns \
                 WHERE table_name = $1 AND table_schema = $2",
                vec![table, self.names.schema.clone().unwrap_or_default().into()],
            ),
            Dialect::MySql { .. } => (
                "SELECT CAST(column_name AS CHAR), CAST(data_type AS CHAR) FROM information_schema.columns \
                 WHERE table_name = ? AND table_schema = DATABASE()",
                vec![table],
            ),
        };
        let rows = self.raw_rows(sql, values).await?;
        rows.iter()
            .map(|row| Ok((row.try_get_by_index(0)?, row.try_get_by_index(1)?)))
            .collect::<Result<_, sea_orm::DbErr>>()
            .map_err(StoreError::from)
    }

    /// Whether there is an index of this name.
    pub(in crate::nocobase) async fn has_index(&self, index: &str) -> Result<bool, StoreError> {
        let index: SqlValue = index.into();
        let (sql, values) = match self.dialect {
            Dialect::MySql { .. } => (
                "SELECT CAST(index_name AS CHAR) FROM information_schema.statistics \
                 WHERE table_schema = DATABASE() AND index_name = ?",
                vec![index],
            ),
            Dialect::Sqlite => (
                "SELECT name FROM sqlite_master WHERE type = 'index' AND name = ?",
                vec![index],
            ),
            Dialect::Postgres => (
                "SELECT indexname::text FROM pg_indexes WHERE indexname = $1 AND schemaname = $2",
                vec![index, self.names.schema.clone().unwrap_or_default().into()],
            ),
        };
        Ok(!self.raw_rows(sql, values).await?.is_empty())
    }

    /// MySQL and MariaDB may keep table names in lower case, depending on the file system.
    fn same_name(&self, present: &str, wanted: &str) -> bool {
        match self.dialect {
            Dialect::MySql { .. } => present.eq_ignore_ascii_case(wanted),
            Dialect::Sqlite | Dialect::Postgres => present == wanted,
        }
    }

    /// The columns of a table that must be filled and have nothing to fill them by themselves.
    pub(in crate::nocobase) async fn required_columns(
        &self,
        table: Table,
    ) -> Result<Vec<String>, StoreError> {
        let table: SqlValue = self.names.table(table).into();
        let (sql, values): (_, Vec<SqlValue>) = match self.dialect {
            Dialect::Sqlite => (
                "SELECT name FROM pragma_table_info(?) WHERE \"notnull\" = 1 AND dflt_value IS NULL ORDER BY cid",
                vec![table],
            ),
            Dialect::Postgres => (
                "SELECT column_name::text FROM information_schema.columns WHERE table_name = $1 AND table_schema = $2 \
                 AND is_nullable = 'NO' AND column_default IS NULL AND is_identity = 'NO' AND is_generated = 'NEVER' \
                 ORDER BY ordinal_position",
                vec![table, self.names.schema.clone().unwrap_or_default().into()],
            ),
            Dialect::MySql { .. } => (
                "SELECT CAST(column_name AS CHAR) FROM information_schema.columns WHERE table_name = ? \
                 AND table_schema = DATABASE() AND is_nullable = 'NO' AND column_default IS NULL AND extra = '' \
                 ORDER BY ordinal_position",
                vec![table],
            ),
        };
        let rows = self.raw_rows(sql, values).await?;
        rows.iter()
            .map(|row| row.try_get_by_index(0))
            .collect::<Result<_, sea_orm::DbErr>>()
            .map_err(StoreError::from)
    }
}
