//! The options of an authenticator as administrators write and see them.

use serde_json::{Map, Value};

use crate::authenticator::{AutoLogin, PeopleRules, SECRET_MASK, SECRET_PLACES, pointer, take_secrets};
use crate::http::request::context::Context;
use crate::http::response::error::RequestError;
use crate::nocobase::{KeptSecret, SecretChange};
use crate::origin::Origin;
use crate::product::AUTH_TYPE;

const TEXT_LIMIT: usize = 1024;
/// Lists of departments, and rules.
const LIST_LIMIT: usize = 16 * 1024;

/// Options that a body gives, and what is kept apart from them.
pub struct Given {
    /// As they are to be stored.
    pub options: Value,
    /// What changes of the secrets.
    pub secrets: Vec<SecretChange>,
}

/// The options of the body, checked, their secrets taken out; `kept` is what is kept apart already.
pub fn of_body(
    context: &Context,
    auth_type: &str,
    kept: &[KeptSecret],
) -> Result<Option<Given>, RequestError> {
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
    let mut secrets = Vec::new();
    for place in SECRET_PLACES {
        let is_mask = options
            .pointer(&pointer(place))
            .is_some_and(|given| given == SECRET_MASK);
        let is_kept = kept.iter().any(|secret| secret.place == place);
        if is_mask && !is_kept {
            remove(&mut options, &pointer(place));
        }
        if is_kept && !is_mask {
            secrets.push(SecretChange { place, value: None });
        }
    }
    let key = context.state.sign_in.authenticators().aes_key();
    let key = key.ok_or(RequestError::Internal)?;
    secrets.extend(take_secrets(&mut options, key, &context.state.entropy));
    Ok(Some(Given { options, secrets }))
}

fn remove(options: &mut Value, pointer: &str) {
    let parent = pointer.rsplit_once('/');
    let fields =
        parent.and_then(|(parent, name)| Some((options.pointer_mut(parent)?.as_object_mut()?, name)));
    if let Some((fields, name)) = fields {
        fields.remove(name);
    }
}

/// A reference to a variable.
fn is_template(text: &str) -> bool {
    let text = text.trim();
    text.starts_with("{{") && text.ends_with("}}") && text.contains("$env.")
}

fn check_options(options: &mut Map<String, Value>) -> Result<(), RequestError> {
    let texts = [
        ("clientId", "Client ID", TEXT_LIMIT),
        ("clientSecret", "Client Secret", TEXT_LIMIT),
        ("subject", "subject", TEXT_LIMIT),
        ("corpId", "Corp ID", TEXT_LIMIT),
        ("agentId", "Agent ID", TEXT_LIMIT),
        ("autoLoginType", "autoLoginType", TEXT_LIMIT),
        ("callbackOrigin", "callbackOrigin", TEXT_LIMIT),
    ];
    let rules = PeopleRules::FIELDS.map(|name| (name, name, LIST_LIMIT));
    for (name, field, limit) in texts.into_iter().chain(rules) {
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
            Value::String(text) if text.len() <= limit => *text = text.trim().to_owned(),
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
    if text("autoLoginType").is_some_and(|way| AutoLogin::named(way).is_none()) {
        return Err(RequestError::InvalidField("autoLoginType"));
    }
    let is_flag = |value: Option<&Value>| value.is_none_or(|value| value.is_boolean() || value.is_null());
    if options.get("public").is_some_and(|public| !public.is_object())
        || !is_flag(options.get("bindAdministrators"))
        || !is_flag(options.get("autoLogin"))
        || !is_flag(options.get("exclusiveLogin"))
        || !is_flag(options.get("membershipAtRenewal"))
        || !is_flag(options.get("public").and_then(|public| public.get("autoSignup")))
    {
        return Err(RequestError::InvalidField("options"));
    }
    let is_internal = options.get("autoLogin").and_then(Value::as_bool) == Some(true)
        && text("autoLoginType")
            .and_then(AutoLogin::named)
            .unwrap_or_default()
            == AutoLogin::Internal;
    let is_exclusive = options.get("exclusiveLogin").and_then(Value::as_bool) == Some(true);
    if (is_internal || is_exclusive) && text("corpId").is_none() {
        // DingTalk's client gives a code only to who names the organization, and so does the page of its accounts.
        return Err(RequestError::InvalidField("Corp ID"));
    }
    Ok(())
}
