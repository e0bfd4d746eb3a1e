//! The database of the modes without a NocoBase: NocoBase's table shapes on SQLite, and what it seeds.

use chrono::{DateTime, Utc};
use sea_orm::sea_query::Expr;
use secrecy::{ExposeSecret as _, SecretString};
use serde_json::json;

use super::issued_tokens::TOKEN_POLICY_KEY;
use super::sql::{Column, Database, StoreError, Table, Transaction};
use super::store::Store;
use crate::product::{PASSWORD_AUTH_TYPE, PASSWORD_AUTHENTICATOR};

const SCHEMA: &str = include_str!("embedded.sql");

/// The languages that have texts of their own here.
pub const LANGUAGES: [&str; 7] = ["en-US", "zh-CN", "hi-IN", "ru-RU", "de-DE", "id-ID", "tr-TR"];

/// The first user of a new database.
#[derive(Clone, Debug)]
pub struct RootUser {
    /// `INIT_ROOT_EMAIL`.
    pub email: String,
    /// `INIT_ROOT_USERNAME`.
    pub username: String,
    /// `INIT_ROOT_NICKNAME`.
    pub nickname: String,
    /// The hash of `INIT_ROOT_PASSWORD`.
    pub password_hash: SecretString,
}

impl Store {
    /// Whether the embedded database has its tables and first rows.
    pub async fn is_furnished(&self) -> Result<bool, StoreError> {
        let roles = self.sql.select(Table::Roles, &[Column::Name]);
        match self.sql.find_row(Table::Roles, &roles).await {
            Err(StoreError::TablesMissing { .. }) => Ok(false),
            found => Ok(found?.is_some()),
        }
    }

    /// Creates the tables that are missing and, where `root` is given and nobody has done so, NocoBase's first rows: then
    /// true. All at once, and only for the embedded database: a NocoBase makes its own.
    pub async fn create_embedded(
        &self,
        root: Option<&RootUser>,
        language: &str,
        now: DateTime<Utc>,
    ) -> Result<bool, StoreError> {
        let transaction = self.sql.begin().await?;
        for statement in SCHEMA
            .split(';')
            .map(str::trim)
            .filter(|statement| !statement.is_empty())
        {
            transaction.execute_unprepared(statement).await?;
        }
        let roles = self.sql.select(Table::Roles, &[Column::Name]);
        let is_empty = self
            .sql
            .find_row_in(&transaction, Table::Roles, &roles)
            .await?
            .is_none();
        let root = root.filter(|_| is_empty);
        if let Some(root) = root {
            self.seed_site(&transaction, language, now).await?;
            self.seed_people(&transaction, root, now).await?;
        }
        Database::commit(transaction).await?;
        Ok(root.is_some())
    }

    async fn seed_site(
        &self,
        transaction: &Transaction,
        language: &str,
        now: DateTime<Utc>,
    ) -> Result<(), StoreError> {
        let time = |table| self.sql.dialect.time(table, now);
        let basic = self.sql.insert(
            Table::Authenticators,
            [
                (Column::Name, PASSWORD_AUTHENTICATOR.into()),
                (Column::AuthType, PASSWORD_AUTH_TYPE.into()),
                (Column::Description, "Sign in with username/email.".into()),
                (
                    Column::Options,
                    self.sql.dialect.json(&json!({"public": {"allowSignUp": false}})),
                ),
                (Column::Enabled, true.into()),
                (Column::Sort, 1.into()),
                (Column::CreatedAt, time(Table::Authenticators).into()),
                (Column::UpdatedAt, time(Table::Authenticators).into()),
            ],
        );
        self.sql.execute_in(transaction, &basic).await?;
        let policy = json!({
            "tokenExpirationTime": "1d", "sessionExpirationTime": "7d", "expiredTokenRenewLimit": "1d",
        });
        let policy = self.sql.insert(
            Table::TokenControlConfig,
            [
                (Column::Key, TOKEN_POLICY_KEY.into()),
                (Column::Config, self.sql.dialect.json(&policy)),
                (Column::CreatedAt, time(Table::TokenControlConfig).into()),
                (Column::UpdatedAt, time(Table::TokenControlConfig).into()),
            ],
        );
        self.sql.execute_in(transaction, &policy).await?;
        let settings = self.sql.insert(
            Table::SystemSettings,
            [
                (Column::Id, 1.into()),
                (Column::Title, "NocoBase DingTalk".into()),
                (Column::ShowLogoOnly, false.into()),
                (Column::AllowSignUp, false.into()),
                (Column::SmsAuthEnabled, false.into()),
                (Column::EnabledLanguages, self.sql.dialect.json(&json!(LANGUAGES))),
                (Column::AppLang, language.into()),
                (Column::Options, self.sql.dialect.json(&json!({}))),
                (Column::EnableEditProfile, true.into()),
                (Column::EnableChangePassword, true.into()),
                (Column::RoleMode, "default".into()),
                (Column::CreatedAt, time(Table::SystemSettings).into()),
                (Column::UpdatedAt, time(Table::SystemSettings).into()),
            ],
        );
        self.sql.execute_in(transaction, &settings).await.map(drop)
    }

    async fn seed_people(
        &self,
        transaction: &Transaction,
        root: &RootUser,
        now: DateTime<Utc>,
    ) -> Result<(), StoreError> {
        let table = Table::Users;
        let time = self.sql.dialect.time(table, now);
        let user = self.sql.insert(
            table,
            [
                (Column::Nickname, root.nickname.as_str().into()),
                (Column::Username, root.username.as_str().into()),
                (Column::Email, root.email.as_str().into()),
                (Column::Password, root.password_hash.expose_secret().into()),
                (Column::SystemSettings, self.sql.dialect.json(&json!({}))),
                (Column::Sort, 1.into()),
                (Column::CreatedAt, time.clone().into()),
                (Column::UpdatedAt, time.clone().into()),
            ],
        );
        let user = self.sql.insert_in(transaction, table, user).await?;

        let full = json!({"actions": ["create", "view", "update", "destroy", "export", "importXlsx"]});
        let own = json!({"actions": ["view:own"]});
        let everything = json!(["pm", "pm.*", "ui.*"]);
        let nothing = json!(["!pm", "!pm.*", "!ui.*"]);
        let roles = [
            ("root", "{{t(\"Root\")}}", None, &everything),
            ("admin", "{{t(\"Admin\")}}", Some(&full), &everything),
            ("member", "{{t(\"Member\")}}", Some(&own), &nothing),
        ];
        for (sort, (name, title, strategy, snippets)) in (1_i64..).zip(roles) {
            let role = self.sql.insert(
                Table::Roles,
                [
                    (Column::Name, name.into()),
                    (Column::Title, title.into()),
                    (
                        Column::Strategy,
                        strategy.map_or_else(Expr::null, |strategy| self.sql.dialect.json(strategy)),
                    ),
                    (Column::Default, (name == "member").into()),
                    (Column::Hidden, (name == "root").into()),
                    (Column::AllowConfigure, (name == "admin").then_some(true).into()),
                    (Column::AllowNewMenu, (name != "root").into()),
                    (Column::Snippets, self.sql.dialect.json(snippets)),
                    (Column::Sort, sort.into()),
                    (Column::CreatedAt, time.clone().into()),
                    (Column::UpdatedAt, time.clone().into()),
                ],
            );
            self.sql.execute_in(transaction, &role).await?;
            let holder = self.sql.insert(
                Table::RolesUsers,
                [
                    (Column::RoleName, name.into()),
                    (Column::UserId, user.into()),
                    (Column::Default, (name == "root").then_some(true).into()),
                    (Column::CreatedAt, time.clone().into()),
                    (Column::UpdatedAt, time.clone().into()),
                ],
            );
            self.sql.execute_in(transaction, &holder).await?;
        }
        Ok(())
    }
}
