//! What the doctor's command line does: the same examination as the page's, without a server.

use std::sync::Arc;

use log::warn;
use secrecy::SecretString;

use super::{CALLS_FOLDER, StartError, unusable};
use crate::audit::latest_results_in;
use crate::authenticator::Registry;
use crate::call_counts;
use crate::causes::with_causes;
use crate::clock::Clock;
use crate::config::{Config, Mode};
use crate::dingtalk::DingTalk;
use crate::doctor::{self, CheckInput, Finding, NocoBaseProbe};
use crate::entropy::Entropy;
use crate::nocobase::{AuthenticatorChanges, DatabaseSettings, Page, Store};
use crate::origin::Origin;
use crate::product::{PASSWORD_AUTH_TYPE, PLUGIN_NAME};
use crate::session::{FirstPassword, SessionSecret};

/// Examines what a sign-in would meet, without answering any request.
pub async fn examine(
    config: Config,
    clock: &Clock,
    authenticator: Option<&str>,
) -> Result<Vec<Finding>, StartError> {
    require_database(&config)?;
    let opened = Store::connect_to_look(
        &config.database,
        Arc::new(|_: &crate::nocobase::StatementReport| {}),
    );
    let store = match opened.await {
        Ok(store) => store,
        Err(error) => return Ok(vec![doctor::database_failure(&error, config.mode == Mode::Alone)]),
    };
    let dingtalk = DingTalk::new(
        &config.endpoints,
        config.limits,
        Arc::new(|_: &crate::dingtalk::CallReport| {}),
    )?;
    let latest = match latest_results_in(&config.storage.join("audit")).await {
        Ok(latest) => latest,
        Err(error) => {
            let error = with_causes(&error);
            warn!("the audit cannot be read, so the latest sign-ins are unknown: {error}");
            Vec::new()
        }
    };
    let calls = match call_counts::saved_in(&config.storage.join(CALLS_FOLDER), clock.now()).await {
        Ok(calls) => Some(calls),
        Err(error) => {
            warn!("the counted calls cannot be read, so how many there were is unknown: {error}");
            None
        }
    };
    let origin = config.public_origin.clone().or_else(|| match config.mode {
        Mode::Alone => config
            .listen
            .address()
            .and_then(|address| Origin::of_request("http", &address.to_string())),
        Mode::BesideNocoBase => config
            .nocobase_url
            .as_ref()
            .and_then(|url| Origin::parse(url.as_str())),
    });
    let origin = origin.ok_or(StartError::PublicOrigin)?;
    let redirect_url = config
        .redirect_uri(&origin)
        .parse()
        .map_err(|_| StartError::PublicOrigin)?;
    let index = store.find_subject_index().await.transpose();
    let secret = SessionSecret::new(&config.secret);
    let nocobase = match config.mode {
        Mode::Alone => None,
        Mode::BesideNocoBase => Some(NocoBaseProbe {
            url: config.nocobase_url.as_ref(),
            api_base: &config.api_base,
            secret: &secret,
            now: clock.now(),
            plugin: PLUGIN_NAME,
            version: env!("CARGO_PKG_VERSION"),
        }),
    };
    let registry = Registry::new(
        store.clone(),
        config.aes_key.clone(),
        config.mode == Mode::Alone,
        clock.clone(),
    );
    let input = CheckInput {
        program: None,
        store: &store,
        dingtalk: &dingtalk,
        index: index.as_ref(),
        key: config.aes_key.as_ref(),
        redirect_url: &redirect_url,
        latest_sign_ins: &doctor::latest_sign_ins(latest),
        calls: calls.as_ref(),
        nocobase,
        authenticator,
        registry: &registry,
        entropy: &Entropy::secure(),
        now: clock.now(),
    };
    Ok(doctor::examine(&input).await)
}

/// Enables sign-in with a password, for someone who is locked out: the number of authenticators it concerns.
pub async fn enable_password(config: &Config, clock: &Clock) -> Result<usize, StartError> {
    require_database(config)?;
    let store = Store::connect(
        &config.database,
        Arc::new(|_: &crate::nocobase::StatementReport| {}),
    )
    .await?;
    let mut count = 0;
    for row in store.authenticators().page(Page::ALL).await?.rows {
        if row.auth_type == PASSWORD_AUTH_TYPE && !row.enabled {
            let changes = AuthenticatorChanges {
                enabled: Some(true),
                ..AuthenticatorChanges::default()
            };
            store
                .authenticators()
                .update(row.id, changes, clock.now())
                .await?;
            count += 1;
        }
    }
    Ok(count)
}

/// The password made for the first administrator, as long as nobody has used it.
pub fn first_password(config: &Config) -> Result<Option<SecretString>, StartError> {
    let kept = FirstPassword::in_folder(&config.storage).map_err(unusable(&config.storage))?;
    Ok(kept.unused())
}

/// Who only looks, or mends, does not make a database where there is none.
fn require_database(config: &Config) -> Result<(), StartError> {
    match &config.database {
        DatabaseSettings::Sqlite { path } if !path.exists() => Err(StartError::NothingThere {
            folder: config.storage.clone(),
        }),
        DatabaseSettings::Sqlite { .. } | DatabaseSettings::Server(_) => Ok(()),
    }
}
