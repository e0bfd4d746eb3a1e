//! Signing in inside DingTalk: whether a page is to begin by itself, where the web sign-in starts, and the code of
//! DingTalk's client. The shapes are those of NocoBase's portals (docs/protocol.md).

use actix_web::http::header;
use secrecy::SecretString;
use serde_json::json;

use crate::audit::Event;
use crate::authenticator::AutoLogin;
use crate::http::ActionResult;
use crate::http::request::context::{Context, text_header};
use crate::http::request::cors;
use crate::http::response::envelope;
use crate::http::response::error::RequestError;
use crate::http::response::sign_in::signed_in;
use crate::sign_in::{InClientRequest, SignInError, is_code};

/// `dingtalk:checkLogin`: what a page inside DingTalk that nobody is signed in to does next. Others are told nothing, not
/// even the Corp ID.
pub async fn check_login(context: Context) -> ActionResult {
    let nothing_to_do = || envelope::data(json!({ "success": true }));
    if !is_inside_dingtalk(&context) {
        return Ok(nothing_to_do());
    }
    let sign_in = &context.state.sign_in;
    let Some(found) = sign_in.authenticators().auto_login().await? else {
        return Ok(nothing_to_do());
    };
    let name = &found.authenticator.name;
    Ok(match (found.options.auto_login, &found.options.corp_id) {
        (Some(AutoLogin::Internal), Some(corp_id)) => envelope::data(json!({
            "success": false,
            "autoLoginType": AutoLogin::Internal.label(),
            "authenticator": name,
            "corpId": corp_id,
            "clientId": found.options.client_id,
        })),
        (Some(AutoLogin::OAuth), _) => {
            let page = sign_in
                .page_asked_for(context.query.only("redirect"), &context.origin)
                .unwrap_or_else(|| sign_in.home_page());
            envelope::data(json!({
                "success": false,
                "autoLoginType": AutoLogin::OAuth.label(),
                "authenticator": name,
                "authUrl": sign_in.start_address(name, &page, context.sign_in_page()),
            }))
        }
        // Without the Corp ID, DingTalk's client gives no code.
        (Some(AutoLogin::Internal), None) | (None, _) => nothing_to_do(),
    })
}

/// A hint, and no more is needed: nobody gains anything by saying so.
fn is_inside_dingtalk(context: &Context) -> bool {
    let agent = context.user_agent();
    let says_so = context.query.only("isDingTalkBrowser") == Some("true");
    says_so && agent.to_ascii_lowercase().contains("dingtalk")
}

/// `dingtalk:getAuthUrl`: where the web sign-in starts that leads back to a page.
pub async fn get_auth_url(context: Context) -> ActionResult {
    let sign_in = &context.state.sign_in;
    let name = context
        .authenticator()?
        .ok_or(RequestError::InvalidHeader("X-Authenticator"))?;
    let page = sign_in
        .page_asked_for(context.text("redirect")?, &context.origin)
        .ok_or(RequestError::InvalidField("redirect"))?;
    sign_in
        .authenticators()
        .find(name)
        .await
        .map_err(SignInError::from)?;
    Ok(envelope::data(
        json!({ "url": sign_in.start_address(name, &page, context.sign_in_page()) }),
    ))
}

/// `auth:signIn` with a code of DingTalk's client.
pub async fn sign_in(context: &Context) -> ActionResult {
    let name = context
        .authenticator()?
        .ok_or(RequestError::InvalidHeader("X-Authenticator"))?;
    require_json(context)?;
    cors::require_same_origin(context)?;
    if context.text("loginType")? != Some("internal") {
        return Err(RequestError::InvalidField("loginType").into());
    }
    let code = context
        .text("authCode")?
        .map(SecretString::from)
        .filter(is_code)
        .ok_or(RequestError::InvalidField("authCode"))?;
    let (throttles, metrics) = (&context.state.throttles, &context.state.ops.metrics);
    let agent = context.user_agent();
    if let Err(limit) = throttles.in_client.may_redeem(context.address, &agent) {
        return Err(context
            .refuse_over_limit(Event::SignIn, "in_client", name, limit)
            .await);
    }
    let request = InClientRequest {
        authenticator: name,
        code: &code,
        attempt: &context.attempt(),
    };
    match context.state.sign_in.complete_in_client(&request).await {
        Ok(done) => {
            metrics.signed_in(Ok(()));
            Ok(signed_in(context, &done))
        }
        Err(error) => {
            metrics.signed_in(Err(error.code()));
            throttles.sign_ins.refused(context.address);
            if error.will_not_pass() {
                throttles.in_client.refused(context.address, &agent);
            }
            Err(error.into())
        }
    }
}

/// A form of another site can post anything else, and no browser asks before it does.
fn require_json(context: &Context) -> Result<(), RequestError> {
    let media = text_header(&context.request, header::CONTENT_TYPE.as_str())?.unwrap_or_default();
    let media = media.split(';').next().unwrap_or_default().trim();
    if media.eq_ignore_ascii_case("application/json") {
        Ok(())
    } else {
        Err(RequestError::InvalidHeader("Content-Type"))
    }
}
