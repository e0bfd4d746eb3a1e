//! The options of an authenticator as administrators write and see them.

use serde_json::{Map, Value, json};

use super::context::Context;
use super::error::RequestError;
use crate::nocobase::Authenticator;
use crate::sign_in::{AUTH_TYPE, Origin};

/// What stands in answers where a secret is stored. Saving it keeps the secret.
const MASK: &str = "********";
const TEXT_LIMIT: usize = 1024;

/// Where a row may hold a secret: our own field, and that of rows the community plugin made.
const SECRETS: [&str; 2] = ["/clientSecret", "/internal/appSecret"];

/// A row as administrators see it: the secrets stay here.
pub fn masked(row: &Authenticator) -> Value {
    let mut value = json!(row);
    for pointer in SECRETS {
        let secret = value.pointer_mut(&format!("/options{pointer}"));
        if let Some(secret) = secret.filter(|secret| is_secret(secret)) {
            *secret = json!(MASK);
        }
    }
    value
}

fn is_secret(value: &Value) -> bool {
    value
        .as_str()
        .is_none_or(|text| !text.is_empty() && !is_template(text))
}

/// A reference to a variable is no secret, and its owner wants to see it.
fn is_template(text: &str) -> bool {
    let text = text.trim();
    text.starts_with("{{") && text.ends_with("}}") && text.contains("$env.")
}

/// The options of the body, checked and with the stored secret where the mask stands.
pub fn of_body(
    context: &Context,
    auth_type: &str,
    stored: Option<&Value>,
) -> Result<Option<Value>, RequestError> {
    let Some(given) = context.values.get("options") else {
        return Ok(None);
    };
    let Value::Object(given) = given else {
        return Err(RequestError::InvalidField("options"));
    };
    let mut options = given.clone();
    if auth_type == AUTH_TYPE {
        check_options(&mut options)?;
    }
    let mut options = Value::Object(options);
    for pointer in SECRETS {
        if options.pointer(pointer).is_some_and(|given| given == MASK) {
            keep_secret(&mut options, pointer, stored);
        }
    }
    Ok(Some(options))
}

/// Puts the stored secret where the mask stands; where nothing is stored, the mask is nothing.
fn keep_secret(options: &mut Value, pointer: &str, stored: Option<&Value>) {
    let Some((parent, name)) = pointer.rsplit_once('/') else {
        return;
    };
    let Some(Value::Object(fields)) = options.pointer_mut(parent) else {
        return;
    };
    match stored.and_then(|stored| stored.pointer(pointer)) {
        Some(secret) => fields.insert(name.to_owned(), secret.clone()),
        None => fields.remove(name),
    };
}

fn check_options(options: &mut Map<String, Value>) -> Result<(), RequestError> {
    for (name, field) in [
        ("clientId", "Client ID"),
        ("clientSecret", "Client Secret"),
        ("subject", "subject"),
        ("corpId", "Corp ID"),
        ("callbackOrigin", "callbackOrigin"),
    ] {
        let Some(value) = options.get_mut(name) else {
            continue;
        };
        match value {
            Value::Null => {
                options.remove(name);
            }
            Value::String(text) if text.trim().is_empty() => {
                options.remove(name);
            }
            Value::String(text) if text.len() <= TEXT_LIMIT => *text = text.trim().to_owned(),
            Value::String(_) | Value::Bool(_) | Value::Number(_) | Value::Array(_) | Value::Object(_) => {
                return Err(RequestError::InvalidField(field));
            }
        }
    }
    let text = |name: &str| options.get(name).and_then(Value::as_str);
    if text("subject").is_some_and(|subject| !matches!(subject, "unionId" | "userId" | "mobile")) {
        return Err(RequestError::InvalidField("subject"));
    }
    if text("callbackOrigin").is_some_and(|origin| !is_template(origin) && Origin::parse(origin).is_none()) {
        return Err(RequestError::InvalidField("callbackOrigin"));
    }
    let is_flag = |value: Option<&Value>| value.is_none_or(|value| value.is_boolean() || value.is_null());
    if options.get("public").is_some_and(|public| !public.is_object())
        || !is_flag(options.get("bindAdministrators"))
        || !is_flag(options.get("public").and_then(|public| public.get("autoSignup")))
    {
        return Err(RequestError::InvalidField("options"));
    }
    Ok(())
}
