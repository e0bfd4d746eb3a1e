//! Where DingTalk posts events: an address of its own beside the actions, since DingTalk wants an answer of its own shape.
//!
//! Whoever posts here says so by a signature; a refusal tells nothing but its status.

use std::rc::Rc;
use std::time::Instant;

use actix_web::http::StatusCode;
use actix_web::{HttpRequest, HttpResponse, web};
use log::{error, warn};
use url::form_urlencoded;

use crate::causes::with_causes;
use crate::directory::events::{CALLBACK_PATH, CallbackError, Channel};
use crate::http::server::connection::{Connection, body_bytes};
use crate::http::state::AppState;

/// An event names ids, some hundred of them at most.
const BODY_LIMIT: usize = 64 * 1024;
/// What the address is called where requests are counted.
const NAME: &str = "dingtalk-events";

/// The source that an address is of; `None` for any other address.
pub fn source_of(path: &str, api_base: &str) -> Option<String> {
    let name = path.strip_prefix(api_base)?.strip_prefix(CALLBACK_PATH)?;
    if name.is_empty() || name.contains('/') {
        return None;
    }
    // In a path these two stand for themselves.
    let pair = format!(
        "{}=",
        name.replace('+', "%2B").replace('&', "%26").replace('=', "%3D")
    );
    let (name, _) = form_urlencoded::parse(pair.as_bytes()).next()?;
    Some(name.into_owned())
}

/// Takes what DingTalk posts.
pub async fn receive(
    request: &HttpRequest,
    payload: web::Payload,
    state: &AppState,
    source: &str,
) -> HttpResponse {
    let begun = Instant::now();
    let response = answer(request, payload, state, source).await;
    state
        .ops
        .metrics
        .answered(NAME, response.status().as_u16(), begun.elapsed());
    response
}

async fn answer(
    request: &HttpRequest,
    payload: web::Payload,
    state: &AppState,
    source: &str,
) -> HttpResponse {
    if request.method() != "POST" {
        return HttpResponse::MethodNotAllowed()
            .insert_header(("Allow", "POST"))
            .finish();
    }
    if let Some(connection) = request.conn_data::<Rc<Connection>>() {
        connection.allow(body_bytes(request.headers(), BODY_LIMIT));
    }
    let body = tokio::time::timeout(state.edge.body_within, payload.to_bytes_limited(BODY_LIMIT)).await;
    let body = match body {
        Ok(Ok(Ok(body))) => body,
        Ok(Ok(Err(_))) | Err(_) => return HttpResponse::BadRequest().finish(),
        Ok(Err(_)) => {
            state.events.inbox().observe(Channel::Callback, "too_large");
            return HttpResponse::PayloadTooLarge().finish();
        }
    };
    match state.events.receive(source, request.query_string(), &body).await {
        Ok(reply) => HttpResponse::Ok().json(reply),
        Err(refusal) => {
            // The source's name is whatever stands in the address.
            let what = with_causes(&refusal);
            if refusal.is_ours() {
                error!("a callback of DingTalk's was not taken: {what}");
            } else {
                warn!("a callback was refused: {what}");
            }
            HttpResponse::build(status(&refusal)).finish()
        }
    }
}

const fn status(refusal: &CallbackError) -> StatusCode {
    match refusal {
        CallbackError::NotFound => StatusCode::NOT_FOUND,
        CallbackError::NotUnderstood => StatusCode::BAD_REQUEST,
        CallbackError::Seal(_) | CallbackError::Stale | CallbackError::Replayed => StatusCode::FORBIDDEN,
        CallbackError::Key(_)
        | CallbackError::Source(_)
        | CallbackError::Slow
        | CallbackError::Store(_)
        | CallbackError::Reply => StatusCode::SERVICE_UNAVAILABLE,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_source_is_named_percent_encoded_or_as_it_is() {
        for (path, name) in [
            ("/api/dingtalk-events/s_1", Some("s_1")),
            ("/api/dingtalk-events/a%20b%2Fc", Some("a b/c")),
            ("/api/dingtalk-events/a+b&c=d", Some("a+b&c=d")),
            ("/api/dingtalk-events/%E9%92%89", Some("钉")),
            ("/api/dingtalk-events/", None),
            ("/api/dingtalk-events", None),
            ("/api/dingtalk-events/a/b", None),
            ("/api/dingtalk:run", None),
            ("/dingtalk-events/a", None),
        ] {
            assert_eq!(source_of(path, "/api/").as_deref(), name, "{path}");
        }
    }
}
