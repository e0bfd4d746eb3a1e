//! The app beside NocoBase, on a database of NocoBase's.

use nocobase_dingtalk::nocobase::{DatabaseSettings, NewAuthenticator, ServerDialect};
use serde_json::json;

use super::app::{AUTHENTICATOR, TestApp};
use super::database::{TestDatabase, now};

/// NocoBase's secret.
pub const APP_KEY: &str = "a key that NocoBase and the sidecar share";

/// An app on this database, one authenticator with automatic sign-up; these settings come on top. Its own folder holds
/// no database.
pub async fn app_beside_nocobase(database: &TestDatabase, settings: &[(&str, &str)]) -> TestApp {
    let DatabaseSettings::Server(server) = &database.settings else {
        panic!("NocoBase is on a server")
    };
    let port = server.port.to_string();
    let mut all = vec![
        (
            "DB_DIALECT",
            if server.dialect == ServerDialect::Postgres {
                "postgres"
            } else {
                "mariadb"
            },
        ),
        ("DB_HOST", &server.host),
        ("DB_PORT", &port),
        ("DB_DATABASE", &server.database),
        ("DB_USER", &server.user),
        ("DB_TABLE_PREFIX", &server.table_prefix),
        (
            "DB_UNDERSCORED",
            if server.underscored { "true" } else { "false" },
        ),
        ("DB_TIMEZONE", "+08:00"),
        ("APP_KEY", APP_KEY),
    ];
    if let Some(schema) = &server.schema {
        all.push(("DB_SCHEMA", schema));
    }
    all.extend(settings);
    let app = TestApp::bare(&all).await;
    let new = NewAuthenticator {
        name: AUTHENTICATOR.to_owned(),
        auth_type: "dingtalk".to_owned(),
        title: None,
        description: String::new(),
        options: json!({
            "public": { "autoSignup": true },
            "clientId": app.dingtalk_app.client_id,
            "clientSecret": app.dingtalk_app.client_secret,
        }),
        secrets: Vec::new(),
        enabled: true,
    };
    database.store.authenticators().create(new, now()).await.unwrap();
    app
}
