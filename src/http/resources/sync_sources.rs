//! The actions of the resource `userDataSyncSources`, where the sidecar administers its sources itself.

use serde_json::{Value, json};
use url::Url;

use super::fields::{boolean, keys, new_name, only_key, short_text, source};
use crate::audit::Event;
use crate::authenticator::{Environment, SECRET_MASK, take_secrets_at};
use crate::directory::{SourceOptions, events};
use crate::http::request::context::Context;
use crate::http::response::envelope;
use crate::http::response::error::RequestError;
use crate::http::{ActionResult, ApiError};
use crate::nocobase::{KeptSecret, NewSyncSource, SecretChange, SyncSourceChanges};
use crate::plugin;
use crate::product::AUTH_TYPE;

/// `dingtalk:sourceForm`: the form of a source, with the address to which DingTalk sends its events.
pub async fn form(context: Context) -> ActionResult {
    let address = match context.query.only("source") {
        Some(name) => address_of(&context, name)?,
        None => String::new(),
    };
    Ok(envelope::data(plugin::directory_form_schema(&address)))
}

/// `dingtalk:callbackAddress`: that address alone.
pub async fn callback_address(context: Context) -> ActionResult {
    let address = address_of(&context, source(&context)?)?;
    Ok(envelope::data(json!({ "address": address })))
}

/// DingTalk has to reach it, so it is under the origin that people use.
fn address_of(context: &Context, name: &str) -> Result<String, RequestError> {
    let action = context.origin.with_path(&context.state.edge.api_base);
    let action: Url = action.parse().map_err(|_| RequestError::Internal)?;
    let address = events::callback_address(&action, name).ok_or(RequestError::Internal)?;
    Ok(address.into())
}

/// `userDataSyncSources:list`.
pub async fn list(context: Context) -> ActionResult {
    let page = context.query.page();
    let found = context.state.store.sync_sources().page(page).await?;
    Ok(envelope::page(found.rows, found.count, page))
}

/// `userDataSyncSources:get`.
pub async fn get(context: Context) -> ActionResult {
    let id = only_key(&context)?;
    Ok(envelope::data(
        context.state.store.sync_sources().by_id(id).await?,
    ))
}

/// `userDataSyncSources:create`.
pub async fn create(context: Context) -> ActionResult {
    let name = new_name(&context)?;
    if context.text("sourceType")? != Some(AUTH_TYPE) {
        return Err(RequestError::UnknownType.into());
    }
    let (options, secrets) = options(&context, &[])
        .await?
        .unwrap_or_else(|| (json!({}), Vec::new()));
    let new = NewSyncSource {
        name: name.to_owned(),
        display_name: short_text(&context, "displayName")?.flatten(),
        enabled: boolean(&context, "enabled")?.unwrap_or(false),
        options,
        secrets,
    };
    let row = context
        .state
        .store
        .sync_sources()
        .create(new, context.state.clock.now())
        .await?;
    record_change(&context, &row.name, "source created").await;
    Ok(envelope::data(row))
}

/// `userDataSyncSources:update`: a partial update; `options` is replaced as a whole.
pub async fn update(context: Context) -> ActionResult {
    let id = only_key(&context)?;
    let sources = context.state.store.sync_sources();
    let stored = sources.by_id(id).await?.ok_or(RequestError::RecordNotFound)?;
    // Records and the address of events go by the name.
    if context.text("name")?.is_some_and(|given| given != stored.name) {
        return Err(RequestError::InvalidField("name").into());
    }
    let kept = context.state.store.kept_secrets().of_source(id).await?;
    let (options, secrets) = options(&context, &kept).await?.unzip();
    let changes = SyncSourceChanges {
        display_name: short_text(&context, "displayName")?,
        enabled: boolean(&context, "enabled")?,
        options,
        secrets: secrets.unwrap_or_default(),
    };
    let row = sources.update(id, changes, context.state.clock.now()).await?;
    let row = row.ok_or(RequestError::RecordNotFound)?;
    let done = match (stored.enabled, row.enabled) {
        (false, true) => "source enabled",
        (true, false) => "source disabled",
        (true, true) | (false, false) => "source changed",
    };
    record_change(&context, &row.name, done).await;
    Ok(envelope::data([row]))
}

/// `userDataSyncSources:destroy`.
pub async fn destroy(context: Context) -> ActionResult {
    let ids = keys(&context)?;
    let sources = context.state.store.sync_sources();
    let mut names = Vec::new();
    for id in &ids {
        names.extend(sources.by_id(*id).await?.map(|row| row.name));
    }
    let count = sources.destroy(&ids).await?;
    for name in names {
        record_change(&context, &name, "source deleted").await;
    }
    Ok(envelope::data(count))
}

/// Notes who made, changed or deleted a source, and lets it be looked after at once.
async fn record_change(context: &Context, name: &str, done: &str) {
    context.state.directory.look();
    log::info!("{done}: {name}");
    context
        .record_with(Event::SettingsChange, name, Ok(()), None, Some(done))
        .await;
}

/// The options of the body, checked, their secrets taken out; `kept` is what is kept apart already.
async fn options(
    context: &Context,
    kept: &[KeptSecret],
) -> Result<Option<(Value, Vec<SecretChange>)>, ApiError> {
    let Some(given) = context.values.get("options") else {
        return Ok(None);
    };
    let mut options = given.clone();
    let fields = options
        .as_object_mut()
        .ok_or(RequestError::InvalidField("options"))?;
    let mut secrets = Vec::new();
    for (field, place) in SourceOptions::SECRET_PLACES {
        let is_mask = fields.get(field).is_some_and(|given| given == SECRET_MASK);
        let is_kept = kept.iter().any(|secret| secret.place == place);
        if is_mask && !is_kept {
            fields.remove(field);
        }
        if is_kept && !is_mask {
            secrets.push(SecretChange { place, value: None });
        }
    }
    let state = &context.state;
    let key = state
        .sign_in
        .authenticators()
        .aes_key()
        .ok_or(RequestError::Internal)?;
    secrets.extend(take_secrets_at(
        &mut options,
        &SourceOptions::SECRET_PLACES,
        key,
        &state.entropy,
    ));
    // What is kept apart is text whatever it is, so that of the rest is the question.
    let mut shown = options.clone();
    if let Some(fields) = shown.as_object_mut() {
        for (field, _) in SourceOptions::SECRET_PLACES {
            if fields.get(field).is_some_and(|given| given == SECRET_MASK) {
                fields.remove(field);
            }
        }
    }
    let environment = Environment::new(state.store.system().environment_variables().await?, Some(key));
    SourceOptions::parse(&shown, &environment).map_err(|error| RequestError::InvalidField(error.field()))?;
    Ok(Some((options, secrets)))
}
