//! Whether NocoBase's plugins are on that keep sources, records and departments.

use sea_orm::sea_query::ExprTrait as _;

use super::super::sql::{Column, Dialect, StoreError, Table};
use super::super::system::System;
use crate::product::{DEPARTMENTS_PLUGIN, SYNC_PLUGIN};

/// Which of them are on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DirectoryPlugins {
    /// The one that keeps sources and records.
    pub sync: bool,
    /// The one for departments.
    pub departments: bool,
}

impl System<'_> {
    /// Whether they are on; alone, we are in their place.
    pub async fn directory_plugins(self) -> Result<DirectoryPlugins, StoreError> {
        if self.sql.dialect == Dialect::Sqlite {
            return Ok(DirectoryPlugins {
                sync: true,
                departments: true,
            });
        }
        let table = Table::ApplicationPlugins;
        let mut select = self.sql.select(table, &[Column::Name]);
        select
            .and_where(
                self.sql
                    .col(table, Column::Name)
                    .is_in([SYNC_PLUGIN, DEPARTMENTS_PLUGIN]),
            )
            .and_where(self.sql.col(table, Column::Enabled).eq(true));
        let rows = self.sql.find_rows(table, &select).await?;
        let mut on = DirectoryPlugins {
            sync: false,
            departments: false,
        };
        for row in &rows {
            match row.required_text(Column::Name)?.as_str() {
                SYNC_PLUGIN => on.sync = true,
                DEPARTMENTS_PLUGIN => on.departments = true,
                _ => {}
            }
        }
        Ok(on)
    }
}
