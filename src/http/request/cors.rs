//! Cross-origin rules, as NocoBase has them.

use actix_web::http::header::{self, HeaderMap, HeaderName, HeaderValue};
use actix_web::{HttpRequest, HttpResponse};

use crate::http::request::context::{Context, text_header};
use crate::http::{Edge, RequestError};
use crate::origin::Origin;

const EXPOSED: &str = "x-new-token";
const LONGEST_CACHE_SECONDS: &str = "600";

/// Whether a page of this origin may act here: it is ours, or on NocoBase's list.
fn is_trusted(edge: &Edge, own: Option<&Origin>, origin: &str) -> bool {
    let is_own = own.is_some_and(|own| own.as_text() == origin);
    let listed = edge.cors.whitelist.as_ref();
    is_own || listed.is_some_and(|list| list.iter().any(|item| item == "*" || item == origin))
}

/// Refuses a sign-in that a page of another site posts. Servers, which say no origin, pass.
pub fn require_trusted_origin(context: &Context) -> Result<(), RequestError> {
    let own = Some(&context.origin);
    if let Some(origin) = text_header(&context.request, "Origin")?.filter(|origin| !origin.is_empty()) {
        let trusted = is_trusted(&context.state.edge, own, origin);
        return if trusted {
            Ok(())
        } else {
            Err(refusal(&context.origin, origin))
        };
    }
    match origin_of_referer(context)? {
        Some(origin) if !is_trusted(&context.state.edge, own, &origin) => {
            Err(refusal(&context.origin, &origin))
        }
        Some(_) | None => Ok(()),
    }
}

/// Refuses what a page of another origin sends, a trusted one too: for what needs no cookie of ours. Who says neither
/// origin nor site passes; pages always say one, and others have to send a header that is asked for beforehand.
pub fn require_same_origin(context: &Context) -> Result<(), RequestError> {
    let site = text_header(&context.request, "Sec-Fetch-Site")?;
    if site.is_some_and(|site| site != "same-origin") {
        return Err(RequestError::UntrustedOrigin);
    }
    let origin = text_header(&context.request, "Origin")?.map(str::to_owned);
    let page = match origin.filter(|origin| !origin.is_empty()) {
        Some(origin) => Some(origin),
        None => origin_of_referer(context)?,
    };
    match page {
        Some(page) if page != context.origin.as_text() => Err(refusal(&context.origin, &page)),
        Some(_) | None => Ok(()),
    }
}

/// Refuses a start whose page is under https while we are told of http: it could not be finished, and at its end nobody
/// would see why.
pub fn require_known_https(context: &Context) -> Result<(), RequestError> {
    let Some(page) = origin_of_referer(context)? else {
        return Ok(());
    };
    let refused = refusal(&context.origin, &page);
    if matches!(refused, RequestError::HttpsHidden) {
        Err(refused)
    } else {
        Ok(())
    }
}

fn origin_of_referer(context: &Context) -> Result<Option<String>, RequestError> {
    let referer = text_header(&context.request, "Referer")?.and_then(|text| url::Url::parse(text).ok());
    Ok(referer.map(|url| url.origin().ascii_serialization()))
}

/// What keeps a page of this origin from acting here.
fn refusal(own: &Origin, page: &str) -> RequestError {
    let differs_by_tls = page
        .strip_prefix("https://")
        .is_some_and(|host| own.as_text() == format!("http://{host}"));
    if differs_by_tls {
        RequestError::HttpsHidden
    } else {
        RequestError::UntrustedOrigin
    }
}

/// The answer to a browser that asks before it sends.
pub fn preflight(edge: &Edge, request: &HttpRequest) -> Option<HttpResponse> {
    if request.method() != "OPTIONS" {
        return None;
    }
    let mut response = HttpResponse::NoContent().finish();
    let headers = response.headers_mut();
    headers.insert(
        header::ACCESS_CONTROL_ALLOW_METHODS,
        HeaderValue::from_static("GET,HEAD,PUT,POST,DELETE,PATCH"),
    );
    headers.insert(
        header::ACCESS_CONTROL_MAX_AGE,
        HeaderValue::from_static(LONGEST_CACHE_SECONDS),
    );
    if let Some(wanted) = request.headers().get(header::ACCESS_CONTROL_REQUEST_HEADERS) {
        headers.insert(header::ACCESS_CONTROL_ALLOW_HEADERS, wanted.clone());
    }
    apply(edge, request, headers);
    Some(response)
}

/// Adds what lets a page of another origin read the answer.
pub fn apply(edge: &Edge, request: &HttpRequest, headers: &mut HeaderMap) {
    headers.append(header::VARY, HeaderValue::from_static("Origin"));
    let Some(origin) = request.headers().get(header::ORIGIN) else {
        return;
    };
    let Ok(text) = origin.to_str() else { return };
    let trusted = is_trusted(edge, edge.origin_of(request).as_ref(), text);
    if edge.cors.whitelist.is_some() && !trusted {
        return;
    }
    headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, origin.clone());
    headers.insert(
        header::ACCESS_CONTROL_EXPOSE_HEADERS,
        HeaderValue::from_static(EXPOSED),
    );
    if trusted {
        headers.insert(
            HeaderName::from_static("access-control-allow-credentials"),
            HeaderValue::from_static("true"),
        );
    }
}
