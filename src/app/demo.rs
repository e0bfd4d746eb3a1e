//! The demo: the sidecar and a simulated DingTalk, configured for each other.

use std::net::SocketAddr;

use chrono::{DateTime, Utc};
use log::info;
use secrecy::SecretString;
use serde_json::json;

use super::{App, StartError};
use crate::aes_key::AesKey;
use crate::authenticator::take_secrets;
use crate::clock::Clock;
use crate::config::Config;
use crate::dingtalk::Endpoints;
use crate::entropy::Entropy;
use crate::http::Demo;
use crate::nocobase::{NewAuthenticator, NewSyncSource, NewUser, Store, StoreError};
use crate::product::{AUTH_TYPE, PLUGIN_NAME, REDIRECT_ACTION};
use dingtalk_simulator::{App as DingTalkApp, Simulator, SimulatorOptions};

/// The administrator's password in the demo; it opens nothing but the demo.
pub const DEMO_PASSWORD: &str = "admin123";
/// The name of the demo's source of people and departments.
pub const DEMO_SOURCE: &str = "dingtalk";
/// The name of the demo's authenticator.
pub const DEMO_AUTHENTICATOR: &str = "dingtalk";

/// A demo that is ready to answer.
pub struct RunningDemo {
    /// The sidecar.
    pub app: App,
    /// The simulated DingTalk.
    pub simulator: Simulator,
}

/// Starts the simulator, and the sidecar on it.
pub async fn build(
    mut config: Config,
    simulator_listen: SocketAddr,
    clock: Clock,
    entropy: Entropy,
) -> Result<RunningDemo, StartError> {
    let port = config.listen.address().map_or(0, |address| address.port());
    let redirect_uris = ["127.0.0.1", "localhost"]
        .map(|host| format!("http://{host}:{port}{}{REDIRECT_ACTION}", config.api_base));
    let mut dingtalk_app = DingTalkApp::demo(&redirect_uris[0]);
    dingtalk_app.redirect_uris = redirect_uris.to_vec();
    let options = SimulatorOptions {
        listen: simulator_listen,
        apps: vec![dingtalk_app.clone()],
        ..SimulatorOptions::default()
    };
    let simulator = Simulator::start(options).await.map_err(StartError::Simulator)?;
    let base: url::Url = simulator
        .url()
        .parse()
        .map_err(|_| StartError::Simulator(std::io::ErrorKind::InvalidData.into()))?;
    config.endpoints = Endpoints {
        login: base.clone(),
        api: base.clone(),
        oapi: base.clone(),
    };
    config.first_administrator.password = Some(SecretString::from(DEMO_PASSWORD));
    let demo = Demo {
        simulator_url: simulator.url(),
    };
    let aes_key = config.aes_key.clone();
    let app = App::build(config, clock.clone(), entropy.clone(), Some(demo)).await?;
    furnish(
        app.store(),
        &dingtalk_app,
        aes_key.as_ref(),
        &entropy,
        clock.now(),
    )
    .await?;
    // Its source came after the keeper's first look.
    app.directory().look();
    Ok(RunningDemo { app, simulator })
}

/// Enables the plugin, adds the authenticator and the users that the simulated people meet; once.
async fn furnish(
    store: &Store,
    dingtalk_app: &DingTalkApp,
    aes_key: Option<&AesKey>,
    entropy: &Entropy,
    now: DateTime<Utc>,
) -> Result<(), StoreError> {
    if store.authenticators().find(DEMO_AUTHENTICATOR).await?.is_some() {
        return Ok(());
    }
    store
        .system()
        .set_plugin_enabled(PLUGIN_NAME, PLUGIN_NAME, env!("CARGO_PKG_VERSION"), true, now)
        .await?;
    let mut options = json!({
        "public": { "autoSignup": true },
        "clientId": dingtalk_app.client_id,
        "clientSecret": dingtalk_app.client_secret,
        // So that one of the simulated people is an outsider.
        "corpId": dingtalk_app.corp_id,
    });
    let secrets = aes_key.map_or_else(Vec::new, |key| take_secrets(&mut options, key, entropy));
    let authenticator = NewAuthenticator {
        name: DEMO_AUTHENTICATOR.to_owned(),
        auth_type: AUTH_TYPE.to_owned(),
        title: None,
        description: String::new(),
        options,
        secrets,
        enabled: true,
    };
    store.authenticators().create(authenticator, now).await?;
    let source = NewSyncSource {
        name: DEMO_SOURCE.to_owned(),
        display_name: None,
        enabled: true,
        // One click shows it all.
        options: json!({ "authenticator": DEMO_AUTHENTICATOR, "preview": false, "receiveMode": "stream" }),
        secrets: Vec::new(),
    };
    store.sync_sources().create(source, now).await?;
    // The third and the fourth are two spellings of one number, on two users.
    for (nickname, phone) in [
        ("李雷 (Li Lei)", "13800138000"),
        ("陈晨 (Chen Chen)", "13700137000"),
        ("陈辰 (Chen Chen, double)", "+8613700137000"),
    ] {
        let Some(mut linking) = store.begin_link(DEMO_AUTHENTICATOR).await? else {
            continue;
        };
        let user = NewUser {
            nickname: Some(nickname.to_owned()),
            phone: Some(phone.to_owned()),
        };
        linking.create_user(user, now).await?;
        linking.commit().await?;
    }
    info!("the demo's authenticator and users were created");
    Ok(())
}
