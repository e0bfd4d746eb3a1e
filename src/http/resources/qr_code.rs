//! Signing in by a code on the sign-in page: DingTalk's page in a frame, and what that page has to know of it.

use serde_json::json;

use crate::audit::Event;
use crate::http::ActionResult;
use crate::http::request::context::Context;
use crate::http::request::cors;
use crate::http::response::envelope;
use crate::http::response::error::RequestError;
use crate::sign_in::{FlowPurpose, SignInError, StartRequest};

/// `dingtalk:qrCode`: begins a sign-in whose DingTalk page is shown in a frame. Cookie, `state` and limits are those of
/// the button, and the page goes on with DingTalk's answer as DingTalk itself does after the button.
pub async fn begin(context: Context) -> ActionResult {
    cors::require_trusted_origin(&context)?;
    cors::require_known_https(&context)?;
    let name = context
        .authenticator()?
        .ok_or(RequestError::InvalidHeader("X-Authenticator"))?;
    let limits = &context.state.throttles.sign_ins;
    if let Err(error) = limits.count(context.address) {
        return Err(context.refuse_over_limit(Event::SignIn, "start", "", error).await);
    }
    let request = StartRequest {
        authenticator: name,
        purpose: FlowPurpose::SignIn,
        return_path: context.text("return")?,
        origin: &context.origin,
        requested: context.requested.as_ref(),
        sign_in_page: context.sign_in_page(),
        was_moved: false,
        is_framed: true,
        cookies: &context.cookies(),
    };
    let started = match context.state.sign_in.start(request).await {
        Ok(started) => started,
        Err(error) => {
            // A name that nobody has is anybody's text.
            let is_known = !matches!(error, SignInError::AuthenticatorNotFound);
            let name = if is_known { name } else { "" };
            context.record(Event::SignIn, name, Err(error.code()), None).await;
            return Err(error.into());
        }
    };
    context.state.ops.metrics.flow_started();
    let origin = context.state.dingtalk.login_origin();
    let mut response = envelope::data(json!({ "url": started.location, "origin": origin }));
    context.set_flow_cookies(&mut response, &started.cookies);
    Ok(response)
}
