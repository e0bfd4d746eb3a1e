//! Fields of a body, and the keys of records, as NocoBase's own clients send them.

use serde_json::Value;

use crate::http::request::context::Context;
use crate::http::response::error::RequestError;

const NAME_LIMIT: usize = 100;
const TEXT_LIMIT: usize = 255;

/// The name of something that is to be made: it stands in addresses and in the log.
pub fn new_name(context: &Context) -> Result<&str, RequestError> {
    let name = context.text("name")?.unwrap_or_default();
    let is_name = !name.is_empty()
        && name.len() <= NAME_LIMIT
        && name
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-');
    if is_name {
        Ok(name)
    } else {
        Err(RequestError::InvalidField("name"))
    }
}

/// The source that a request is about.
pub fn source(context: &Context) -> Result<&str, RequestError> {
    let name = context.query.only("source");
    name.ok_or(RequestError::InvalidField("source"))
}

/// A short text of the body: absent, null, or given.
#[expect(
    clippy::option_option,
    reason = "absent keeps what is stored, null removes it"
)]
pub fn short_text(context: &Context, name: &'static str) -> Result<Option<Option<String>>, RequestError> {
    if !context.values.contains_key(name) {
        return Ok(None);
    }
    let text = context.text(name)?;
    if text.is_some_and(|text| text.chars().count() > TEXT_LIMIT) {
        return Err(RequestError::InvalidField(name));
    }
    Ok(Some(text.filter(|text| !text.is_empty()).map(str::to_owned)))
}

/// A flag of the body, where it is given.
pub fn boolean(context: &Context, name: &'static str) -> Result<Option<bool>, RequestError> {
    match context.values.get(name) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::Bool(value)) => Ok(Some(*value)),
        Some(_) => Err(RequestError::InvalidField(name)),
    }
}

/// The keys of the records: in the path, or `filterByTk`.
pub fn keys(context: &Context) -> Result<Vec<i64>, RequestError> {
    let texts = match &context.key {
        Some(key) => vec![key.clone()],
        None => context.query.list("filterByTk"),
    };
    let ids: Vec<i64> = texts.iter().filter_map(|text| text.parse().ok()).collect();
    if ids.is_empty() || ids.len() != texts.len() {
        return Err(RequestError::InvalidField("filterByTk"));
    }
    Ok(ids)
}

/// The one key of a record.
pub fn only_key(context: &Context) -> Result<i64, RequestError> {
    match keys(context)?.as_slice() {
        [id] => Ok(*id),
        _ => Err(RequestError::InvalidField("filterByTk")),
    }
}
