//! What the bridge asks and tells about people who may have left: never a browser.

use serde_json::json;

use crate::error_code::Code;
use crate::http::ActionResult;
use crate::http::request::context::Context;
use crate::http::resources::password;
use crate::http::response::envelope;
use crate::http::response::error::RequestError;

/// `dingtalk:membership`: whether a user still belongs to the organization. What keeps that from being known is a refusal
/// with its code, for the bridge's log.
pub async fn membership(context: Context) -> ActionResult {
    let user = password::caller(&context)?;
    let name = context
        .query
        .only("authenticator")
        .ok_or(RequestError::InvalidField("authenticator"))?;
    let membership = context.state.sign_in.membership_of(name, user).await?;
    Ok(envelope::data(json!({ "membership": membership.label() })))
}

/// `dingtalk:sessionsEnded`: what the bridge did with the sessions of somebody who has left.
pub async fn sessions_ended(context: Context) -> ActionResult {
    let user = password::caller(&context)?;
    let name = context
        .query
        .only("authenticator")
        .ok_or(RequestError::InvalidField("authenticator"))?;
    let result = match context.text("outcome")? {
        Some("ended") => Ok(()),
        Some("lastRoot") => Err(Code::LastRoot),
        Some("failed") => Err(Code::Internal),
        Some(_) | None => return Err(RequestError::InvalidField("outcome").into()),
    };
    let api_keys = context.values.get("apiKeys").and_then(serde_json::Value::as_u64);
    let api_keys = api_keys.and_then(|count| u32::try_from(count).ok());
    let api_keys = api_keys.ok_or(RequestError::InvalidField("apiKeys"))?;
    let attempt = context.attempt();
    context
        .state
        .sign_in
        .sessions_ended(name, user, result, api_keys, &attempt)
        .await;
    Ok(envelope::nothing())
}
