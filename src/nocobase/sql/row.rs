//! One row of an answer, read by NocoBase's column names.

use chrono::{DateTime, NaiveDateTime, Utc};
use sea_orm::{QueryResult, TryGetable};
use serde_json::Value;

use super::dialect::Dialect;
use super::error::StoreError;
use super::names::{Column, Table};

/// A result row whose columns are aliased with NocoBase's own spelling.
pub(in crate::nocobase) struct Row {
    result: QueryResult,
    dialect: Dialect,
    table: Table,
}

impl Row {
    pub(in crate::nocobase) const fn new(result: QueryResult, dialect: Dialect, table: Table) -> Self {
        Self {
            result,
            dialect,
            table,
        }
    }

    pub(in crate::nocobase) fn text(&self, column: Column) -> Result<Option<String>, StoreError> {
        self.text_as(column.camel())
    }

    /// Text that NocoBase never leaves out.
    pub(in crate::nocobase) fn required_text(&self, column: Column) -> Result<String, StoreError> {
        self.text(column)?.ok_or_else(|| self.bad(column.camel()))
    }

    /// Text under a name that is not a column's own, as a join needs it.
    pub(in crate::nocobase) fn text_as(&self, alias: &'static str) -> Result<Option<String>, StoreError> {
        self.read(alias)
    }

    pub(in crate::nocobase) fn number(&self, column: Column) -> Result<Option<i64>, StoreError> {
        self.number_as(column.camel())
    }

    pub(in crate::nocobase) fn number_as(&self, alias: &'static str) -> Result<Option<i64>, StoreError> {
        self.read(alias)
    }

    pub(in crate::nocobase) fn required_number(&self, column: Column) -> Result<i64, StoreError> {
        self.number(column)?.ok_or_else(|| self.bad(column.camel()))
    }

    pub(in crate::nocobase) fn flag(&self, column: Column) -> Result<Option<bool>, StoreError> {
        self.read(column.camel())
    }

    /// JSON, which the select has cast to text.
    pub(in crate::nocobase) fn json(&self, column: Column) -> Result<Option<Value>, StoreError> {
        match self.text(column)? {
            Some(text) => serde_json::from_str(&text)
                .map(Some)
                .map_err(|_| self.bad(column.camel())),
            None => Ok(None),
        }
    }

    pub(in crate::nocobase) fn time(&self, column: Column) -> Result<Option<DateTime<Utc>>, StoreError> {
        let name = column.camel();
        match self.dialect {
            Dialect::Postgres => self.read(name),
            Dialect::MySql { .. } => {
                let local: Option<NaiveDateTime> = self.read(name)?;
                Ok(local.map(|local| self.dialect.instant(local)))
            }
            Dialect::Sqlite => match self.text(column)? {
                Some(text) => Dialect::from_text(&text).map(Some).ok_or_else(|| self.bad(name)),
                None => Ok(None),
            },
        }
    }

    fn read<T: TryGetable>(&self, alias: &'static str) -> Result<Option<T>, StoreError> {
        self.result
            .try_get_by::<Option<T>, _>(alias)
            .map_err(|_| self.bad(alias))
    }

    const fn bad(&self, column: &'static str) -> StoreError {
        StoreError::BadRow {
            table: self.table.camel(),
            column,
        }
    }
}
