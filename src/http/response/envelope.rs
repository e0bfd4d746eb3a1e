//! Answers in NocoBase's envelopes, their cookies, and the headers every answer has.

use actix_web::cookie::time::{Duration, OffsetDateTime};
use actix_web::cookie::{Cookie, SameSite};
use actix_web::http::header::{self, HeaderMap, HeaderName, HeaderValue};
use actix_web::middleware::DefaultHeaders;
use actix_web::{HttpRequest, HttpResponse, HttpResponseBuilder};
use log::log;
use serde::Serialize;
use serde_json::json;

use crate::causes::with_causes;
use crate::http::request::context::{Caller, language_of, text_header};
use crate::http::{ApiError, AppState};
use crate::origin::Origin;
use crate::plugin::Locales;
use crate::session::{CookieLife, SessionCookie, cookies};
use crate::sign_in::CookieChange;

/// `{"data": …}`, for an answer with headers of its own.
#[derive(Serialize)]
pub struct Data<T> {
    /// What was asked for.
    pub data: T,
}

/// `{"data": …}`.
pub fn data(value: impl Serialize) -> HttpResponse {
    HttpResponse::Ok().json(Data { data: value })
}

/// `{"data": [...], "meta": {...}}`, as NocoBase pages lists.
pub fn page(rows: impl Serialize, count: u64, number: u64, size: u64) -> HttpResponse {
    let meta =
        json!({ "count": count, "page": number, "pageSize": size, "totalPage": count.div_ceil(size.max(1)) });
    HttpResponse::Ok().json(json!({ "data": rows, "meta": meta }))
}

/// `{}`: an action that has nothing to say.
pub fn nothing() -> HttpResponse {
    HttpResponse::Ok().json(json!({}))
}

/// The words of an error in a language, reference included.
pub fn sentence(error: &ApiError, reference: &str, language: crate::plugin::Language) -> String {
    let locales = Locales::embedded();
    let parameters = error.parameters();
    let parameters: Vec<(&str, &str)> = parameters
        .iter()
        .map(|(name, value)| (*name, value.as_str()))
        .collect();
    let message = locales.format(language, error.code().key(), &parameters);
    let parts = [("message", message.as_str()), ("reference", reference)];
    locales.format(language, "{{message}} Reference: {{reference}}", &parts)
}

/// `{"errors": [{"code", "message"}]}`; the cause goes to the log, once.
pub fn refusal(
    state: &AppState,
    request: &HttpRequest,
    error: &ApiError,
    reference: &str,
    caller: Option<&Caller>,
) -> HttpResponse {
    let code = error.code();
    report(error, reference);
    state.ops.metrics.refused(code);
    let message = sentence(error, reference, language_of(request, caller));
    let mut response = HttpResponse::build(error.status());
    if let Some(seconds) = error.retry_after() {
        response.insert_header((header::RETRY_AFTER, seconds));
    }
    response.json(json!({ "errors": [{ "code": code.name(), "message": message }] }))
}

/// Logs an error with everything that led to it.
pub fn report(error: &ApiError, reference: &str) {
    let (code, causes) = (error.code(), with_causes(error));
    log!(code.level(), "refused {code} (reference {reference}): {causes}");
}

/// What every answer has in common, unless it says otherwise itself: nobody keeps it, frames it or guesses its type.
pub fn hardened() -> DefaultHeaders {
    [
        (header::CACHE_CONTROL, "no-store"),
        (header::REFERRER_POLICY, "no-referrer"),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::X_FRAME_OPTIONS, "DENY"),
        (
            header::CONTENT_SECURITY_POLICY,
            "default-src 'none'; frame-ancestors 'none'",
        ),
        (
            HeaderName::from_static("cross-origin-opener-policy"),
            "same-origin",
        ),
    ]
    .into_iter()
    .fold(DefaultHeaders::new(), DefaultHeaders::add)
}

/// Names the methods that are taken, beside a refusal of another.
pub fn allow(headers: &mut HeaderMap, methods: &[&str]) {
    if let Ok(value) = HeaderValue::from_str(&methods.join(", ")) {
        headers.insert(header::ALLOW, value);
    }
}

/// Writes flow cookies: for this host only, out of reach of scripts, sent along when DingTalk sends the browser back.
pub fn set_flow_cookies(
    response: &mut HttpResponseBuilder,
    changes: &[CookieChange],
    origin: &Origin,
    now: i64,
) {
    for change in changes {
        let (name, value, seconds) = match change {
            CookieChange::Set { name, value, ends_at } => (name, value.as_str(), (ends_at - now).max(0)),
            CookieChange::Remove { name } => (name, "", 0),
        };
        let cookie = Cookie::build(name.as_str(), value)
            .path("/")
            .http_only(true)
            .same_site(SameSite::Lax)
            .secure(origin.is_secure())
            .max_age(Duration::seconds(seconds))
            .finish();
        response.append_header((header::SET_COOKIE, cookie.to_string()));
    }
}

/// Writes NocoBase's cookies with NocoBase's attributes.
pub fn set_session_cookies(
    headers: &mut HeaderMap,
    session: &[SessionCookie],
    state: &AppState,
    origin_is_secure: bool,
) {
    let path = match state.edge.public_path.trim_end_matches('/') {
        "" => "/",
        path => path,
    };
    for item in session {
        let expires = match item.life {
            CookieLife::Removed => OffsetDateTime::UNIX_EPOCH,
            CookieLife::For(life) => {
                let ends = (state.clock.now() + life).timestamp();
                OffsetDateTime::from_unix_timestamp(ends).unwrap_or(OffsetDateTime::UNIX_EPOCH)
            }
        };
        let cookie = Cookie::build(item.name, item.value.as_str())
            .path(path)
            .http_only(item.http_only)
            .same_site(SameSite::Lax)
            .secure(origin_is_secure)
            .expires(expires)
            .finish();
        if let Ok(value) = HeaderValue::from_str(&cookie.to_string()) {
            headers.append(header::SET_COOKIE, value);
        }
    }
}

/// Gives the browser the token that replaces the one it sent.
pub fn hand_over_renewed_token(
    state: &AppState,
    request: &HttpRequest,
    response: &mut HttpResponse,
    caller: &Caller,
) {
    let (Some(token), Some(policy)) = (&caller.renewed, caller.policy) else {
        return;
    };
    if let Ok(value) = HeaderValue::from_str(token) {
        response
            .headers_mut()
            .insert(HeaderName::from_static("x-new-token"), value);
    }
    let authenticator = text_header(request, "X-Authenticator")
        .ok()
        .flatten()
        .unwrap_or("basic");
    let renewed = cookies::of_renewal(token, authenticator, policy.session_expiration);
    let origin = state.edge.origin_of(request);
    let is_secure = origin.is_some_and(|origin| origin.is_secure());
    set_session_cookies(response.headers_mut(), &renewed, state, is_secure);
}
