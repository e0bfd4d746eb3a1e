//! The actions of the resource `pm`: the plugin manager of a sidecar that runs alone.

use log::info;
use serde_json::{Value, json};

use crate::audit::Event;
use crate::http::ActionResult;
use crate::http::request::context::Context;
use crate::http::response::envelope;
use crate::http::response::error::RequestError;
use crate::nocobase::StoreError;
use crate::plugin::Manifest;
use crate::product::PLUGIN_NAME;

/// `pm:listEnabled`.
pub async fn list_enabled(context: Context) -> ActionResult {
    let is_enabled = is_enabled(&context).await?;
    let row = json!({ "name": PLUGIN_NAME, "packageName": PLUGIN_NAME, "options": null });
    Ok(envelope::data(if is_enabled { vec![row] } else { Vec::new() }))
}

/// `pm:list`.
pub async fn list(context: Context) -> ActionResult {
    let described = describe(&context).await?;
    Ok(envelope::data([described]))
}

/// `pm:get`.
pub async fn get(context: Context) -> ActionResult {
    require_ours(&context)?;
    let described = describe(&context).await?;
    Ok(envelope::data(described))
}

/// `pm:enable`.
pub async fn enable(context: Context) -> ActionResult {
    set_enabled(&context, true).await
}

/// `pm:disable`: its authenticators stay, and are not offered meanwhile.
pub async fn disable(context: Context) -> ActionResult {
    set_enabled(&context, false).await
}

async fn set_enabled(context: &Context, enabled: bool) -> ActionResult {
    require_ours(context)?;
    let manifest = Manifest::embedded();
    let now = context.state.clock.now();
    context
        .state
        .store
        .system()
        .set_plugin_enabled(PLUGIN_NAME, PLUGIN_NAME, manifest.version(), enabled, now)
        .await?;
    context.state.sign_in.authenticators().forget();
    let done = if enabled { "enabled" } else { "disabled" };
    info!("the plugin was {done}");
    context
        .record_with(Event::PluginChange, "", Ok(()), None, Some(done))
        .await;
    Ok(envelope::data(PLUGIN_NAME))
}

fn require_ours(context: &Context) -> Result<(), RequestError> {
    let named = match &context.key {
        Some(key) => vec![key.clone()],
        None => context.query.list("filterByTk"),
    };
    let is_ours = named.iter().map(String::as_str).eq([PLUGIN_NAME]);
    if is_ours {
        Ok(())
    } else {
        Err(RequestError::RecordNotFound)
    }
}

async fn is_enabled(context: &Context) -> Result<bool, StoreError> {
    Ok(context
        .state
        .store
        .system()
        .plugin(PLUGIN_NAME)
        .await?
        .is_some_and(|plugin| plugin.enabled))
}

async fn describe(context: &Context) -> Result<Value, StoreError> {
    let enabled = is_enabled(context).await?;
    let manifest = Manifest::embedded();
    let language = context.language();
    Ok(json!({
        "name": PLUGIN_NAME,
        "packageName": PLUGIN_NAME,
        "displayName": manifest.display_name(language),
        "description": manifest.description(language),
        "version": manifest.version(),
        "keywords": manifest.keywords(),
        "homepage": format!("{}docs/guide.{}", context.state.edge.public_path, language.code()),
        "enabled": enabled,
        "installed": enabled,
        "builtIn": false,
        "removable": false,
        "isCompatible": true,
        "depsCompatible": [],
    }))
}
