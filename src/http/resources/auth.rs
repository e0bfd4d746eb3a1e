//! The actions of the resource `auth`.

use actix_web::HttpResponse;
use actix_web::http::header;
use log::info;
use secrecy::SecretString;
use serde_json::{Value, json};

use crate::audit::Event;
use crate::config::Mode;
use crate::http::ActionResult;
use crate::http::request::context::Context;
use crate::http::request::cors;
use crate::http::request::navigation;
use crate::http::resources::in_client;
use crate::http::response::envelope;
use crate::http::response::error::RequestError;
use crate::http::response::sign_in::{SessionAnswer, count_refused_flow, refusal_with, signed_in};
use crate::product::{AUTH_TYPE, PASSWORD_AUTH_TYPE, PASSWORD_AUTHENTICATOR};
use crate::session::cookies;
use crate::sign_in::{self, CallbackKind, CompleteRequest, FlowPurpose, SignInError, StartRequest};

/// `auth:redirect`: the start of a sign-in, and DingTalk's way back. A browser is here: what goes wrong is said on a
/// page, as `mod` sees to for this action.
pub async fn redirect(context: Context) -> ActionResult {
    if context.query.has("state") || context.query.has("code") || context.query.has("authCode") {
        callback(&context).await
    } else {
        start(&context).await
    }
}

async fn start(context: &Context) -> ActionResult {
    if navigation::is_embedded(&context.request) {
        // Whoever opens a page with our address as its picture has not begun anything.
        return Err(RequestError::UntrustedOrigin.into());
    }
    cors::require_known_https(context)?;
    if let Err(error) = context.state.throttles.sign_ins.count(context.address) {
        let refused = context.refuse_over_limit(Event::SignIn, "start", "", error);
        return Err(refused.await);
    }
    let authenticator = context.query.only("authenticator").unwrap_or_default();
    let request = StartRequest {
        authenticator,
        purpose: FlowPurpose::SignIn,
        return_path: context.query.only("return"),
        origin: &context.origin,
        requested: context.requested.as_ref(),
        sign_in_page: context.sign_in_page(),
        was_moved: context.query.has("moved"),
        is_framed: false,
        cookies: &context.cookies(),
    };
    let begun = match context.state.sign_in.start(request).await {
        Ok(begun) => begun,
        Err(error) => {
            // A name that nobody has is anybody's text.
            let is_known = !matches!(error, SignInError::AuthenticatorNotFound);
            let name = if is_known { authenticator } else { "" };
            context.record(Event::SignIn, name, Err(error.code()), None).await;
            return Err(error.into());
        }
    };
    if begun.cookies.iter().any(is_set) {
        context.state.ops.metrics.flow_started();
    } else {
        // Sent on to another origin, where it is counted.
        context.state.throttles.sign_ins.take_back(context.address);
    }
    Ok(to(context, &begun.location, &begun.cookies))
}

async fn callback(context: &Context) -> ActionResult {
    let code = context
        .query
        .only("authCode")
        .or_else(|| context.query.only("code"));
    let answer = sign_in::CallbackQuery {
        code: code.map(SecretString::from),
        is_refusal: context.query.has("error"),
        state: context.query.only("state").map(str::to_owned),
    };
    let cookies = context.cookies();
    let received = context
        .state
        .sign_in
        .callback(answer, &context.origin, &cookies, &context.attempt())
        .await;
    let received = match received {
        Ok(received) => received,
        Err(error) => return Err(context.refuse_without_flow("return", error).await),
    };
    let (metrics, limits) = (&context.state.ops.metrics, &context.state.throttles.sign_ins);
    match received.outcome {
        CallbackKind::Answer => metrics.flow_returned(),
        CallbackKind::Refusal => {
            metrics.flow_returned();
            metrics.flow_finished();
            limits.refused(context.address);
        }
        CallbackKind::Late => limits.refused(context.address),
        CallbackKind::Repetition => {}
    }
    Ok(to(context, &received.location, &received.cookies))
}

fn is_set(change: &sign_in::CookieChange) -> bool {
    matches!(change, sign_in::CookieChange::Set { .. })
}

fn to(context: &Context, location: &str, cookies: &[sign_in::CookieChange]) -> HttpResponse {
    let mut response = HttpResponse::Found()
        .insert_header((header::LOCATION, location))
        .finish();
    context.set_flow_cookies(&mut response, cookies);
    response
}

/// `auth:signIn`: with a code of DingTalk's client, with a flow through DingTalk, else with a password.
pub async fn sign_in(context: Context) -> ActionResult {
    if context.values.contains_key("authCode") {
        return in_client::sign_in(&context).await;
    }
    let name = context
        .authenticator()?
        .unwrap_or(PASSWORD_AUTHENTICATOR)
        .to_owned();
    // Beside NocoBase only our own type is ours to sign in with; the use case looks it up.
    if context.state.mode == Mode::BesideNocoBase {
        return with_dingtalk(&context, &name).await;
    }
    // Remembered: in a storm everyone would wait here for the database before they wait for their turn at DingTalk.
    let offered = context.state.sign_in.authenticators().offered().await?;
    let found = offered.iter().find(|row| row.name == name);
    match found.map(|row| row.auth_type.as_str()) {
        Some(AUTH_TYPE) => with_dingtalk(&context, &name).await,
        Some(PASSWORD_AUTH_TYPE) => with_password(&context, &name).await,
        Some(_) | None => Err(SignInError::AuthenticatorNotFound.into()),
    }
}

async fn with_dingtalk(context: &Context, name: &str) -> ActionResult {
    let handle = context.text("flow")?;
    let cookies = context.cookies();
    let attempt = context.attempt();
    let request = CompleteRequest {
        authenticator: name,
        handle,
        cookies: &cookies,
        origin: &context.origin,
        attempt: &attempt,
    };
    if let Err(limit) = context.state.throttles.sign_ins.may_redeem(context.address) {
        // The flow stays: it may be posted again when the wait is over.
        return Err(context
            .refuse_over_limit(Event::SignIn, "code", name, limit)
            .await);
    }
    match context.state.sign_in.complete(request).await {
        Ok(done) => {
            context.state.throttles.sign_ins.take_back(context.address);
            context.state.ops.metrics.signed_in(Ok(()));
            context.state.ops.metrics.flow_finished();
            Ok(signed_in(context, &done))
        }
        Err(refusal) => {
            context.state.ops.metrics.signed_in(Err(refusal.error.code()));
            let error = if matches!(refusal.error, SignInError::FlowNotFound) {
                context.refuse_without_flow("sign_in", refusal.error).await
            } else {
                count_refused_flow(context, &refusal.error);
                refusal.error.into()
            };
            Ok(refusal_with(context, &error, &refusal.cookies))
        }
    }
}

async fn with_password(context: &Context, name: &str) -> ActionResult {
    let account = match context.text("account")? {
        Some(account) => Some(account),
        None => context.text("email")?,
    };
    let account = account
        .filter(|text| !text.trim().is_empty())
        .ok_or(RequestError::InvalidField("account"))?;
    let password = context
        .text("password")?
        .ok_or(RequestError::InvalidField("password"))?;
    let (guesses, account) = (&context.state.throttles.passwords, account.trim());
    if let Err(error) = guesses.count(account, context.address) {
        let refused = context.refuse_over_limit(Event::PasswordSignIn, "password", name, error);
        return Err(refused.await);
    }
    let found = context.state.sessions.find_by_password(account, password).await;
    if found.is_ok() {
        guesses.forget(account, context.address);
        context.state.first_password.was_used(password);
    }
    let (result, user_id) = match &found {
        Ok(user) => (Ok(()), Some(user.id.0)),
        Err(error) => (Err(error.code()), None),
    };
    context.record(Event::PasswordSignIn, name, result, user_id).await;
    let user = found?;
    let roles = context.state.store.roles().of(user.id).await?;
    let id = context.state.sessions.fresh_id();
    let issued = context.state.sessions.issue(user.id, name, id).await?;
    info!(
        "user {} signed in with a password (reference {})",
        user.id, context.reference
    );
    let cookies = context.state.sessions.cookies(
        &issued.token,
        name,
        roles.first().map(|role| role.name.as_str()),
        issued.lifetime,
    );
    let (user, token) = (&user, issued.token.as_str());
    let mut response = envelope::data(SessionAnswer { user, token });
    context.set_session_cookies(&mut response, &cookies);
    Ok(response)
}

/// `auth:check`: the user, their roles, and when the session ends.
pub async fn check(context: Context) -> ActionResult {
    let caller = context.caller.as_ref().ok_or(RequestError::Internal)?;
    let user = caller.user.as_ref().ok_or(RequestError::Internal)?;
    let mut body = serde_json::to_value(user).map_err(|_| RequestError::Internal)?;
    if let Value::Object(fields) = &mut body {
        fields.insert("roles".to_owned(), json!(caller.roles));
        if let (Some(claims), Some(policy)) = (&caller.claims, caller.policy) {
            let ends_ms = claims.sign_in_time + policy.session_expiration.num_milliseconds();
            fields.insert("sessionEndsAt".to_owned(), json!(ends_ms));
        }
    }
    Ok(envelope::data(body))
}

/// `auth:signOut`: ends the session; the cookies go even when the session is over already.
pub async fn sign_out(context: Context) -> ActionResult {
    if let Some(token) = context.bearer_token()?
        && let Some(user_id) = context.state.sessions.sign_out(&token).await?
    {
        info!("user {user_id} signed out");
        context.record(Event::SignOut, "", Ok(()), Some(user_id.0)).await;
    }
    let mut response = envelope::nothing();
    context.set_session_cookies(&mut response, &cookies::of_sign_out());
    Ok(response)
}

/// `auth:syncCookies`: sets the cookies anew from the session of the request.
pub async fn sync_cookies(context: Context) -> ActionResult {
    let renewed = context.caller.as_ref().and_then(|caller| caller.renewed.clone());
    let token = match renewed {
        Some(token) => token,
        None => context.bearer_token()?.ok_or(RequestError::Internal)?,
    };
    let cookies = context.session_cookies(&token)?;
    let mut response = envelope::data(json!({ "synced": true }));
    context.set_session_cookies(&mut response, &cookies);
    Ok(response)
}
