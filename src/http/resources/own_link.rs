//! The actions of the resource `dingtalk` about one's own link.

use actix_web::HttpResponse;
use actix_web::http::StatusCode;
use log::info;
use serde_json::{Value, json};

use super::password;
use crate::audit::Event;
use crate::http::request::context::Context;
use crate::http::request::cors;
use crate::http::response::envelope;
use crate::http::response::error::RequestError;
use crate::http::response::sign_in::{count_refused_flow, refusal_with};
use crate::http::{ActionResult, ApiError};
use crate::nocobase::UserId;
use crate::plugin::Locales;
use crate::sign_in::{CompleteRequest, FlowPurpose, OwnLink, SignInError, SignInRefusal, StartRequest};

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

/// `dingtalk:link`: with a flow that came back, links oneself; without one, begins it, for who knows the password.
pub async fn link(context: Context) -> ActionResult {
    cors::require_trusted_origin(&context)?;
    let user = password::caller(&context)?;
    match context.text("flow")? {
        Some(handle) => complete(&context, user, handle).await,
        None => start(&context, user).await,
    }
}

async fn start(context: &Context, user: UserId) -> ActionResult {
    let name = context
        .query
        .only("authenticator")
        .ok_or(RequestError::InvalidField("authenticator"))?;
    let return_path = context.text("return")?;
    let own = context.state.sign_in.own_link(user, name).await?;
    if own.link.is_some() {
        return Err(refused(context, Event::Link, name, SignInError::UserAlreadyLinked).await);
    }
    if let Some(refusal) = own.refusal {
        return Err(refused(context, Event::Link, name, refusal).await);
    }
    password::require(context, "password", Event::Link, name).await?;
    let limits = &context.state.throttles.sign_ins;
    if let Err(error) = limits.count(context.address) {
        return Err(context.refuse_over_limit(Event::Link, "start", name, error).await);
    }
    let request = StartRequest {
        authenticator: name,
        purpose: FlowPurpose::Link(user),
        return_path,
        origin: &context.origin,
        requested: context.requested.as_ref(),
        sign_in_page: context.sign_in_page(),
        was_moved: false,
        is_framed: false,
        cookies: &context.cookies(),
    };
    let started = match context.state.sign_in.start(request).await {
        Ok(started) => started,
        Err(error) => return Err(refused(context, Event::Link, name, error).await),
    };
    context.state.ops.metrics.flow_started();
    let mut response = envelope::data(json!({ "url": started.location }));
    context.set_flow_cookies(&mut response, &started.cookies);
    Ok(response)
}

async fn complete(context: &Context, user: UserId, handle: &str) -> ActionResult {
    let limits = &context.state.throttles.sign_ins;
    if let Err(limit) = limits.may_redeem(context.address) {
        // The flow stays: it may be posted again when the wait is over.
        return Err(context.refuse_over_limit(Event::Link, "code", "", limit).await);
    }
    let (cookies, attempt) = (context.cookies(), context.attempt());
    let request = CompleteRequest {
        // The flow knows.
        authenticator: "",
        handle: Some(handle),
        cookies: &cookies,
        origin: &context.origin,
        attempt: &attempt,
    };
    match context.state.sign_in.complete_link(user, request).await {
        Ok((name, cookies)) => {
            limits.take_back(context.address);
            context.state.ops.metrics.flow_finished();
            let own = context.state.sign_in.own_link(user, &name).await?;
            let mut response = envelope::data(row(context, &own));
            context.set_flow_cookies(&mut response, &cookies);
            Ok(response)
        }
        // Neither is of a flow that is this user's.
        Err(SignInRefusal {
            error: error @ (SignInError::FlowNotFound | SignInError::SessionChanged),
            ..
        }) => {
            let error = refused(context, Event::Link, "", error).await;
            Ok(with_session_kept(refusal_with(context, &error, &[])))
        }
        Err(refusal) => {
            count_refused_flow(context, &refusal.error);
            let answer = refusal_with(context, &refusal.error.into(), &refusal.cookies);
            Ok(with_session_kept(answer))
        }
    }
}

/// What refuses a sign-in with 401 is no word about the session of who is signed in, which clients end at a 401.
fn with_session_kept(mut answer: HttpResponse) -> HttpResponse {
    if answer.status() == StatusCode::UNAUTHORIZED {
        *answer.status_mut() = StatusCode::FORBIDDEN;
    }
    answer
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
    password::require(&context, "password", Event::Unlink, name).await?;
    match context.state.sign_in.remove_own_link(user, name).await {
        Ok(true) => {}
        Ok(false) => return Err(RequestError::RecordNotFound.into()),
        // Another link of theirs was removed at the same time.
        Err(refusal) => return Err(refused(&context, Event::Unlink, name, refusal).await),
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
