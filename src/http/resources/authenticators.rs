//! The actions of the resource `authenticators`.

use serde_json::{Value, json};

use super::fields::{boolean, keys, new_name, only_key, short_text};
use crate::audit::Event;
use crate::authenticator::AutoLogin;
use crate::http::request::context::Context;
use crate::http::resources::{authenticator_options, people_rules};
use crate::http::response::envelope;
use crate::http::response::error::RequestError;
use crate::http::{ActionResult, ApiError, AppState};
use crate::nocobase::{AuthenticatorChanges, NewAuthenticator};
use crate::product::{AUTH_TYPE, PASSWORD_AUTH_TYPE};

const PASSWORD_TITLE: &str = r#"{{t("Password",{"ns":"nocobase-plugin-auth-dingtalk"})}}"#;
const DINGTALK_TITLE: &str = r#"{{t("DingTalk",{"ns":"nocobase-plugin-auth-dingtalk"})}}"#;

/// `authenticators:publicList`: what the sign-in page shows; nothing private.
pub async fn public_list(context: Context) -> ActionResult {
    let offered = context.state.sign_in.authenticators().offered().await?;
    let rows: Vec<Value> = offered
        .iter()
        .map(|row| {
            json!({
                "name": row.name,
                "authType": row.auth_type,
                "authTypeTitle": title_of(&row.auth_type),
                "title": row.title,
                "options": row.options.get("public").cloned().unwrap_or_else(|| json!({})),
            })
        })
        .collect();
    Ok(envelope::data(rows))
}

/// `authenticators:listTypes`: our type once the plugin is enabled.
pub async fn list_types(context: Context) -> ActionResult {
    let mut types = vec![json!({ "name": PASSWORD_AUTH_TYPE, "title": PASSWORD_TITLE })];
    if context.state.sign_in.authenticators().offers_dingtalk().await? {
        types.push(json!({ "name": AUTH_TYPE, "title": DINGTALK_TITLE }));
    }
    Ok(envelope::data(types))
}

/// `authenticators:list`.
pub async fn list(context: Context) -> ActionResult {
    let page = context.query.page();
    let found = context.state.store.authenticators().page(page).await?;
    let rows = found.rows;
    if context.query.only("paginate") == Some("false") {
        return Ok(envelope::data(rows));
    }
    Ok(envelope::page(rows, found.count, page))
}

/// `authenticators:get`.
pub async fn get(context: Context) -> ActionResult {
    let id = only_key(&context)?;
    let row = context.state.store.authenticators().find_by_id(id).await?;
    Ok(envelope::data(row))
}

/// `authenticators:create`.
pub async fn create(context: Context) -> ActionResult {
    let name = new_name(&context)?;
    let auth_type = context.text("authType")?.unwrap_or_default();
    require_type(&context.state, auth_type).await?;
    let given = authenticator_options::of_body(&context, auth_type, &[])?;
    let (options, secrets) =
        given.map_or_else(|| (json!({}), Vec::new()), |given| (given.options, given.secrets));
    if auth_type == AUTH_TYPE {
        people_rules::require_followable(&context.state, &options).await?;
    }
    let enabled = boolean(&context, "enabled")?.unwrap_or(false);
    if enabled && auth_type == AUTH_TYPE {
        require_only_auto_login(&context.state, None, &options).await?;
    }
    let new = NewAuthenticator {
        name: name.to_owned(),
        auth_type: auth_type.to_owned(),
        title: short_text(&context, "title")?.flatten(),
        description: short_text(&context, "description")?.flatten().unwrap_or_default(),
        options,
        secrets,
        enabled,
    };
    let row = context
        .state
        .store
        .authenticators()
        .create(new, context.state.clock.now())
        .await?;
    context.state.sign_in.authenticators().forget();
    log::info!("authenticator {} was created", row.name);
    record_change(&context, &row.name, "created").await;
    Ok(envelope::data(row))
}

/// `authenticators:update`: a partial update; `options` is replaced as a whole.
pub async fn update(context: Context) -> ActionResult {
    let id = only_key(&context)?;
    let stored = context
        .state
        .store
        .authenticators()
        .find_by_id(id)
        .await?
        .ok_or(RequestError::RecordNotFound)?;
    // NocoBase ties a row to its type and name for good: links and sessions refer to them.
    for (field, kept) in [("name", &stored.name), ("authType", &stored.auth_type)] {
        if context.text(field)?.is_some_and(|given| given != kept) {
            return Err(RequestError::InvalidField(field).into());
        }
    }
    let kept = context.state.store.kept_secrets().of(id).await?;
    let (options, secrets) = authenticator_options::of_body(&context, &stored.auth_type, &kept)?
        .map(|given| (given.options, given.secrets))
        .unzip();
    if let Some(options) = options.as_ref().filter(|_| stored.auth_type == AUTH_TYPE) {
        people_rules::require_followable(&context.state, options).await?;
    }
    let enabled = boolean(&context, "enabled")?;
    if enabled.unwrap_or(stored.enabled) && stored.auth_type == AUTH_TYPE {
        let options = options.as_ref().unwrap_or(&stored.options);
        require_only_auto_login(&context.state, Some(id), options).await?;
    }
    let changes = AuthenticatorChanges {
        auth_type: None,
        title: short_text(&context, "title")?,
        description: short_text(&context, "description")?.map(Option::unwrap_or_default),
        options,
        secrets: secrets.unwrap_or_default(),
        enabled,
    };
    let now = context.state.clock.now();
    let row = context
        .state
        .store
        .authenticators()
        .update(id, changes, now)
        .await?;
    let row = row.ok_or(RequestError::RecordNotFound)?;
    context.state.sign_in.authenticators().forget();
    log::info!("authenticator {} was changed", row.name);
    let done = match (stored.enabled, row.enabled) {
        (false, true) => "enabled",
        (true, false) => "disabled",
        (true, true) | (false, false) => "changed",
    };
    record_change(&context, &row.name, done).await;
    Ok(envelope::data([row]))
}

/// `authenticators:destroy`.
pub async fn destroy(context: Context) -> ActionResult {
    let ids = keys(&context)?;
    let store = &context.state.store;
    let mut names = Vec::new();
    for id in &ids {
        names.extend(store.authenticators().find_by_id(*id).await?.map(|row| row.name));
    }
    let count = store.authenticators().destroy(&ids).await?;
    context.state.sign_in.authenticators().forget();
    log::info!("{count} authenticators were deleted");
    for name in names {
        record_change(&context, &name, "deleted").await;
    }
    Ok(envelope::data(count))
}

/// Notes who made, changed or deleted an authenticator.
async fn record_change(context: &Context, name: &str, done: &str) {
    context
        .record_with(Event::SettingsChange, name, Ok(()), None, Some(done))
        .await;
}

/// `authenticators:move`.
pub async fn move_(context: Context) -> ActionResult {
    let id = |name: &'static str| {
        let text = context.query.only(name).map(str::to_owned).or_else(|| {
            context
                .values
                .get(name)
                .map(|value| value.as_str().map_or_else(|| value.to_string(), str::to_owned))
        });
        text.and_then(|text| text.parse::<i64>().ok())
            .ok_or(RequestError::InvalidField(name))
    };
    let (source, target) = (id("sourceId")?, id("targetId")?);
    context
        .state
        .store
        .authenticators()
        .move_to(source, target)
        .await?;
    context.state.sign_in.authenticators().forget();
    Ok(envelope::nothing())
}

/// Refuses automatic login where another enabled authenticator has it: a page can begin only one by itself.
async fn require_only_auto_login(state: &AppState, id: Option<i64>, options: &Value) -> Result<(), ApiError> {
    if AutoLogin::wanted(options).is_none() {
        return Ok(());
    }
    let enabled = state.store.authenticators().enabled().await?;
    let other = enabled.into_iter().find(|row| {
        row.auth_type == AUTH_TYPE && Some(row.id) != id && AutoLogin::wanted(&row.options).is_some()
    });
    match other {
        Some(row) => {
            // A title may be a template, which only NocoBase's pages fill in.
            let title = row.title.filter(|title| !title.contains("{{"));
            Err(RequestError::AutoLoginTaken(title.unwrap_or(row.name)).into())
        }
        None => Ok(()),
    }
}

async fn require_type(state: &AppState, auth_type: &str) -> Result<(), ApiError> {
    let directory = state.sign_in.authenticators();
    let is_offered =
        auth_type == PASSWORD_AUTH_TYPE || auth_type == AUTH_TYPE && directory.offers_dingtalk().await?;
    if is_offered {
        Ok(())
    } else {
        Err(RequestError::UnknownType.into())
    }
}

fn title_of(auth_type: &str) -> &str {
    match auth_type {
        PASSWORD_AUTH_TYPE => PASSWORD_TITLE,
        AUTH_TYPE => DINGTALK_TITLE,
        other => other,
    }
}
