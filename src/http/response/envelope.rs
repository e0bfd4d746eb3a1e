//! Answers in NocoBase's envelopes, and the headers every answer has.

use actix_web::http::header::{self, HeaderMap, HeaderName, HeaderValue};
use actix_web::middleware::DefaultHeaders;
use actix_web::{HttpRequest, HttpResponse};
use log::log;
use serde::Serialize;
use serde_json::{Value, json};

use crate::causes::with_causes;
use crate::http::request::context::{Caller, language_of, text_header};
use crate::http::response::set_cookies;
use crate::http::{ApiError, AppState};
use crate::nocobase::Page;
use crate::plugin::Locales;
use crate::product::PASSWORD_AUTHENTICATOR;
use crate::session::cookies;

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
pub fn page(rows: impl Serialize, count: u64, page: Page) -> HttpResponse {
    HttpResponse::Ok().json(json!({ "data": rows, "meta": page_meta(count, page) }))
}

/// Which page of how many.
pub fn page_meta(count: u64, page: Page) -> Value {
    let size = page.page_size;
    json!({ "count": count, "page": page.page, "pageSize": size, "totalPage": count.div_ceil(size.max(1)) })
}

/// A table for a spreadsheet, as a file of this name.
pub fn csv(file: &str, table: String) -> HttpResponse {
    HttpResponse::Ok()
        .content_type("text/csv; charset=utf-8")
        .insert_header((
            header::CONTENT_DISPOSITION,
            format!(r#"attachment; filename="{file}""#),
        ))
        .body(table)
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
        .map(|(name, value)| match *name {
            // The form shows it in the reader's language.
            "field" => (*name, locales.text(language, value)),
            _ => (*name, value.as_str()),
        })
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
        .unwrap_or(PASSWORD_AUTHENTICATOR);
    let renewed = cookies::of_renewal(token, authenticator, policy.session_expiration);
    let origin = state.edge.origin_of(request);
    let is_secure = origin.is_some_and(|origin| origin.is_secure());
    set_cookies::of_session(state, is_secure, response, &renewed);
}
