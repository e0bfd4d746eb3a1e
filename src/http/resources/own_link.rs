//! The actions of the resource `dingtalk` about one's own link.

use log::info;
use serde_json::{Value, json};

use super::password;
use crate::audit::Event;
use crate::http::request::context::Context;
use crate::http::request::cors;
use crate::http::response::envelope;
use crate::http::response::error::RequestError;
use crate::http::{ActionResult, ApiError};
use crate::plugin::Locales;
use crate::sign_in::{OwnLink, SignInError};

/// `dingtalk:myLink`: what somebody is linked to, and what they may do about it.
pub async fn my_link(context: Context) -> ActionResult {
    let user = password::caller(&context)?;
    let sign_in = &context.state.sign_in;
    let links = match context.query.only("authenticator") {
        Some(name) => vec![sign_in.own_link(user, name).await?],
        None => sign_in.own_links(user).await?,
    };
    let rows: Vec<Value> = links.iter().map(|link| row(&context, link)).collect();
    Ok(envelope::data(rows))
}

fn row(context: &Context, own: &OwnLink) -> Value {
    let refusal = own.refusal.as_ref().map(|error| {
        let code = error.code();
        let message = Locales::embedded().format(context.language(), code.key(), &[]);
        json!({ "code": code.name(), "message": message })
    });
    json!({
        "authenticator": own.authenticator,
        "title": own.title,
        "isLinked": own.link.is_some(),
        "linkedAt": own.link.as_ref().and_then(|link| link.created_at),
        "nickname": own.link.as_ref().and_then(|link| link.nickname.as_ref()),
        "refusal": refusal,
    })
}

/// `dingtalk:unlinkMe`: one's own link, by who knows the password, and never the last way in. Sessions stay.
pub async fn unlink_me(context: Context) -> ActionResult {
    cors::require_trusted_origin(&context)?;
    let user = password::caller(&context)?;
    let name = context
        .query
        .only("authenticator")
        .ok_or(RequestError::InvalidField("authenticator"))?;
    let own = context.state.sign_in.own_link(user, name).await?;
    if own.link.is_none() {
        return Err(RequestError::RecordNotFound.into());
    }
    if let Some(refusal) = own.refusal {
        return Err(refused(&context, Event::Unlink, name, refusal).await);
    }
    password::require(&context, "currentPassword", Event::Unlink, name).await?;
    if !context.state.store.links().remove(name, user).await? {
        return Err(RequestError::RecordNotFound.into());
    }
    info!(
        "user {user} removed their own link through {name} (reference {})",
        context.reference
    );
    context.record(Event::Unlink, name, Ok(()), Some(user.0)).await;
    Ok(envelope::nothing())
}

/// Writes to the audit what somebody may not do with their own link.
async fn refused(context: &Context, event: Event, authenticator: &str, error: SignInError) -> ApiError {
    let user = context.caller.as_ref().and_then(|caller| caller.user_id);
    context
        .record(event, authenticator, Err(error.code()), user)
        .await;
    error.into()
}
