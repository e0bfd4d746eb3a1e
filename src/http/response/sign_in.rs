//! The answers to a sign-in through DingTalk, whichever way it came.

use actix_web::HttpResponse;
use actix_web::http::header::{HeaderName, HeaderValue};
use serde::Serialize;

use super::envelope::{self, Data};
use crate::error_code::Code;
use crate::http::ApiError;
use crate::http::request::context::Context;
use crate::nocobase::User;
use crate::sign_in::{Completed, CookieChange, SignInError};

/// The header that tells the bridge of a new user, so that NocoBase's own events can be raised.
const CREATED_USER: &str = "x-dingtalk-created-user";

/// The header that tells the bridge of somebody who has left, so that it ends their sessions: NocoBase would not see it
/// done in its tables.
const LEFT_USER: &str = "x-dingtalk-left-user";
/// The header that tells the bridge of a user who was changed, so that NocoBase forgets what it remembers.
const CHANGED_USER: &str = "x-dingtalk-changed-user";

/// Who is signed in, and the token of the session.
#[derive(Serialize)]
pub struct SessionAnswer<'a> {
    /// The user.
    pub user: &'a User,
    /// The session token.
    pub token: &'a str,
}

/// Counts that a flow of ours led nowhere.
pub fn count_refused_flow(context: &Context, error: &SignInError) {
    let (limits, metrics) = (&context.state.throttles.sign_ins, &context.state.ops.metrics);
    limits.refused(context.address);
    if error.code() == Code::CodeRejected {
        limits.code_rejected(context.address);
    }
    if !error.keeps_flow() && !matches!(error, SignInError::FlowUsed) {
        metrics.flow_finished();
    }
}

/// A refusal that changes flow cookies.
pub fn refusal_with(context: &Context, error: &ApiError, cookies: &[CookieChange]) -> HttpResponse {
    let caller = context.caller.as_ref();
    let mut answer = envelope::refusal(
        &context.state,
        &context.request,
        error,
        &context.reference,
        caller,
    );
    if let ApiError::SignIn(refused) = error
        && let Some(user) = refused.user()
        && context.bridge.is_some()
    {
        answer
            .headers_mut()
            .insert(HeaderName::from_static(LEFT_USER), HeaderValue::from(user.0));
    }
    context.set_flow_cookies(&mut answer, cookies);
    answer
}

/// The answer to who is signed in through DingTalk.
pub fn signed_in(context: &Context, done: &Completed) -> HttpResponse {
    let mut response = HttpResponse::Ok();
    if done.is_new_user {
        response.insert_header((CREATED_USER, done.user.id.to_string()));
    }
    if done.is_refreshed {
        response.insert_header((CHANGED_USER, done.user.id.to_string()));
    }
    let (user, token) = (&done.user, done.issued.token.as_str());
    let mut response = response.json(Data {
        data: SessionAnswer { user, token },
    });
    context.set_flow_cookies(&mut response, &done.cookies);
    context.set_session_cookies(&mut response, &done.session_cookies);
    response
}
