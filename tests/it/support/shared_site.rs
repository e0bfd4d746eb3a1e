//! One NocoBase database with a DingTalk authenticator and a simulated DingTalk, on which several sidecars are started.

use std::sync::Arc;

use dingtalk_simulator::{App as DingTalkApp, Control, Simulator, SimulatorOptions};
use nocobase_dingtalk::clock::Clock;
use nocobase_dingtalk::nocobase::{DatabaseSettings, NewAuthenticator, ServerDialect};
use serde_json::json;

use super::app::{AUTHENTICATOR, PLUGIN};
use super::browser::{Bridge, Browser};
use super::database::TestDatabase;

/// The secret that the sidecars beside a NocoBase share with it.
const APP_KEY: &str = "one secret for every replica of the site";

/// What all sidecars of a site have in common.
pub struct SharedSite {
    pub database: Arc<TestDatabase>,
    /// The simulated DingTalk.
    pub dingtalk: Control,
    simulator: Simulator,
    client_id: String,
    /// The time, as its sidecars have it.
    clock: Clock,
}

impl SharedSite {
    /// Furnishes a fresh database.
    pub async fn on(database: Arc<TestDatabase>, clock: Clock) -> Self {
        let now = clock.now();
        let mut app = DingTalkApp::demo("http://127.0.0.1/replaced-by-sidecars");
        app.redirect_uris.clear();
        let options = SimulatorOptions {
            apps: vec![app.clone()],
            people: Vec::new(),
            ..SimulatorOptions::default()
        };
        let simulator = Simulator::start(options).await.unwrap();
        let store = &database.store;
        store
            .system()
            .set_plugin_enabled(PLUGIN, PLUGIN, "0.1.0", true, now)
            .await
            .unwrap();
        let authenticator = NewAuthenticator {
            name: AUTHENTICATOR.to_owned(),
            auth_type: "dingtalk".to_owned(),
            title: None,
            description: String::new(),
            options: json!({
                "public": { "autoSignup": true },
                "clientId": app.client_id,
                "clientSecret": app.client_secret,
            }),
            secrets: Vec::new(),
            enabled: true,
        };
        store.authenticators().create(authenticator, now).await.unwrap();
        Self {
            database,
            dingtalk: simulator.control(),
            simulator,
            client_id: app.client_id,
            clock,
        }
    }

    /// The settings of one more sidecar; those that are given win.
    pub fn settings(&self, instance: &str, given: &[(&str, &str)]) -> Vec<(String, String)> {
        let own_folder = self.database.folder.path().join(instance);
        let mut settings = vec![
            ("SIDECAR_LISTEN", "127.0.0.1:0".to_owned()),
            ("SIDECAR_INSTANCE", instance.to_owned()),
            ("DINGTALK_LOGIN_URL", self.simulator.url()),
            ("DINGTALK_API_URL", self.simulator.url()),
            ("DINGTALK_OAPI_URL", self.simulator.url()),
            ("DINGTALK_QPS_PER_API", "0".to_owned()),
        ];
        match &self.database.settings {
            DatabaseSettings::Sqlite { path } => {
                let folder = path.parent().unwrap().display().to_string();
                settings.push(("SIDECAR_STORAGE", folder));
            }
            DatabaseSettings::Server(server) => {
                let dialect = match server.dialect {
                    ServerDialect::Postgres => "postgres",
                    ServerDialect::MySql => "mysql",
                    ServerDialect::MariaDb => "mariadb",
                };
                settings.extend([
                    ("SIDECAR_STORAGE", own_folder.display().to_string()),
                    ("STORAGE_PATH", own_folder.display().to_string()),
                    ("APP_KEY", APP_KEY.to_owned()),
                    ("DB_DIALECT", dialect.to_owned()),
                    ("DB_HOST", server.host.clone()),
                    ("DB_PORT", server.port.to_string()),
                    ("DB_DATABASE", server.database.clone()),
                    ("DB_USER", server.user.clone()),
                    ("DB_TIMEZONE", server.timezone.to_string()),
                ]);
            }
        }
        let mut settings: Vec<(String, String)> = settings
            .into_iter()
            .map(|(name, value)| (name.to_owned(), value))
            .collect();
        settings.retain(|(name, _)| given.iter().all(|(other, _)| other != name));
        settings.extend(
            given
                .iter()
                .map(|(name, value)| ((*name).to_owned(), (*value).to_owned())),
        );
        settings
    }

    /// A browser at one of its sidecars.
    pub fn browser(&self, url: &str) -> Browser {
        let bridge = match &self.database.settings {
            DatabaseSettings::Sqlite { .. } => None,
            DatabaseSettings::Server(_) => Some(Bridge {
                secret: APP_KEY,
                clock: self.clock.clone(),
            }),
        };
        Browser::new(url).through(bridge)
    }

    /// Registers a sidecar's address with DingTalk.
    pub fn register_sidecar(&self, url: &str) {
        let redirect_uri = format!("{url}/api/auth:redirect");
        let is_known = self
            .dingtalk
            .edit_app(&self.client_id, |app| app.redirect_uris.push(redirect_uri));
        assert!(is_known);
    }
}
