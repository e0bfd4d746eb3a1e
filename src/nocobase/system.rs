//! What the site as a whole has set: plugins, system settings, environment variables.

use std::fmt;

use chrono::{DateTime, Utc};
use sea_orm::sea_query::{Expr, ExprTrait as _, UpdateStatement};
use serde::Serialize;
use serde_json::{Map, Value};

use super::sql::{Column, Database, StoreError, Table};

/// A row of `applicationPlugins`; serialises to NocoBase's wire form.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct PluginRow {
    /// The short name.
    pub name: String,
    /// The npm package.
    pub package_name: Option<String>,
    /// As added or last upgraded.
    pub version: Option<String>,
    /// Whether the plugin runs.
    pub enabled: bool,
    /// Whether its set-up has run once.
    pub installed: bool,
}

/// A row of `environmentVariables`.
#[derive(Clone)]
pub struct EnvironmentVariable {
    /// What templates call it.
    pub name: String,
    /// True when the value is encrypted.
    pub secret: bool,
    /// As stored.
    pub value: String,
}

impl fmt::Debug for EnvironmentVariable {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("EnvironmentVariable")
            .field("name", &self.name)
            .field("secret", &self.secret)
            .finish_non_exhaustive()
    }
}

const PLUGIN_COLUMNS: [Column; 5] = [
    Column::Name,
    Column::PackageName,
    Column::Version,
    Column::Enabled,
    Column::Installed,
];

const SETTINGS_COLUMNS: [Column; 11] = [
    Column::Id,
    Column::Title,
    Column::ShowLogoOnly,
    Column::AllowSignUp,
    Column::SmsAuthEnabled,
    Column::EnabledLanguages,
    Column::AppLang,
    Column::Options,
    Column::EnableEditProfile,
    Column::EnableChangePassword,
    Column::RoleMode,
];

/// `applicationPlugins`, `systemSettings` and `environmentVariables`.
#[derive(Clone, Copy, Debug)]
pub struct System<'a> {
    pub(super) sql: &'a Database,
}

impl System<'_> {
    /// The plugin of this name, enabled or not.
    pub async fn plugin(self, name: &str) -> Result<Option<PluginRow>, StoreError> {
        let table = Table::ApplicationPlugins;
        let mut select = self.sql.select(table, &PLUGIN_COLUMNS);
        select.and_where(
            self.sql
                .dialect
                .same_bytes(self.sql.col(table, Column::Name), name),
        );
        let Some(row) = self.sql.find_row(table, &select).await? else {
            return Ok(None);
        };
        Ok(Some(PluginRow {
            name: row.required_text(Column::Name)?,
            package_name: row.text(Column::PackageName)?,
            version: row.text(Column::Version)?,
            enabled: row.flag(Column::Enabled)?.unwrap_or_default(),
            installed: row.flag(Column::Installed)?.unwrap_or_default(),
        }))
    }

    /// Switches a plugin on or off, and adds its row when there is none yet.
    pub async fn set_plugin_enabled(
        self,
        name: &str,
        package_name: &str,
        version: &str,
        enabled: bool,
        now: DateTime<Utc>,
    ) -> Result<(), StoreError> {
        let table = Table::ApplicationPlugins;
        let now = self.sql.dialect.time(table, now);
        let transaction = self.sql.begin().await?;
        let mut update = UpdateStatement::new();
        update
            .table(self.sql.names.table_ref(table))
            .value(self.sql.names.iden(Column::PackageName), package_name)
            .value(self.sql.names.iden(Column::Version), version)
            .value(self.sql.names.iden(Column::Enabled), enabled)
            .value(self.sql.names.iden(Column::UpdatedAt), now.clone())
            .and_where(Expr::col(self.sql.names.iden(Column::Name)).eq(name));
        if enabled {
            update.value(self.sql.names.iden(Column::Installed), true);
        }
        if self.sql.execute_in(&transaction, &update).await? == 0 {
            let insert = self.sql.insert(
                table,
                [
                    (Column::Name, name.into()),
                    (Column::PackageName, package_name.into()),
                    (Column::Version, version.into()),
                    (Column::Enabled, enabled.into()),
                    (Column::Installed, enabled.into()),
                    (Column::BuiltIn, false.into()),
                    (Column::CreatedAt, now.clone().into()),
                    (Column::UpdatedAt, now.into()),
                ],
            );
            self.sql.execute_in(&transaction, &insert).await?;
        }
        Database::commit(transaction).await
    }

    /// The system settings in NocoBase's wire form; `null` when there are none.
    pub async fn settings(self) -> Result<Value, StoreError> {
        let table = Table::SystemSettings;
        let mut select = self.sql.select(table, &SETTINGS_COLUMNS);
        select.and_where(self.sql.col(table, Column::Id).eq(1));
        let Some(row) = self.sql.find_row(table, &select).await? else {
            return Ok(Value::Null);
        };
        let mut settings = Map::new();
        for column in SETTINGS_COLUMNS {
            let value = if column.is_json() {
                row.json(column)?.unwrap_or_default()
            } else if column == Column::Id {
                row.number(column)?.into()
            } else if matches!(column, Column::Title | Column::AppLang | Column::RoleMode) {
                row.text(column)?.into()
            } else {
                row.flag(column)?.into()
            };
            settings.insert(column.camel().to_owned(), value);
        }
        Ok(Value::Object(settings))
    }

    /// All environment variables, secret values as stored; none where NocoBase's plugin for them never ran.
    pub async fn environment_variables(self) -> Result<Vec<EnvironmentVariable>, StoreError> {
        let table = Table::EnvironmentVariables;
        let select = self
            .sql
            .select(table, &[Column::Name, Column::Type, Column::Value]);
        let rows = match self.sql.find_rows(table, &select).await {
            Err(StoreError::TablesMissing { .. }) => return Ok(Vec::new()),
            rows => rows?,
        };
        rows.iter()
            .map(|row| {
                Ok(EnvironmentVariable {
                    name: row.required_text(Column::Name)?,
                    secret: row.text(Column::Type)?.as_deref() == Some("secret"),
                    value: row.text(Column::Value)?.unwrap_or_default(),
                })
            })
            .collect()
    }
}
