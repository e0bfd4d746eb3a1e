//! What a page needs to know before anyone signs in: languages, texts, title.

use serde_json::{Value, json};

use crate::http::ActionResult;
use crate::http::request::context::Context;
use crate::http::response::envelope;
use crate::plugin::{Language, Locales};
use crate::product::PLUGIN_NAME;

/// `app:getLang`.
pub async fn get_lang(context: Context) -> ActionResult {
    let language = context.language();
    let resources = Locales::embedded().resources(language);
    Ok(envelope::data(
        json!({ "lang": language.code(), "resources": { (PLUGIN_NAME): resources } }),
    ))
}

/// `app:getInfo`.
pub async fn get_info(context: Context) -> ActionResult {
    let demo = context
        .state
        .installation
        .demo
        .as_ref()
        .map(|demo| json!({ "simulatorUrl": demo.simulator_url }));
    Ok(envelope::data(json!({
        "name": "main",
        "version": env!("CARGO_PKG_VERSION"),
        "lang": context.language().code(),
        "database": { "dialect": "sqlite" },
        "demo": demo,
    })))
}

/// `systemSettings:get`: the public part.
pub async fn system_settings(context: Context) -> ActionResult {
    let stored = context.state.store.system().settings().await?;
    let languages: Vec<&str> = Language::ALL.iter().map(|language| language.code()).collect();
    let of_row = |name: &str| stored.get(name).cloned().unwrap_or(Value::Null);
    Ok(envelope::data(json!({
        "id": 1,
        "title": of_row("title"),
        "enabledLanguages": languages,
        "appLang": of_row("appLang"),
        "enableEditProfile": of_row("enableEditProfile"),
    })))
}
