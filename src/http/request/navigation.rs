//! Whether a person is behind a request for `auth:redirect`: somebody who goes there, and not a program that looks whether
//! there is something, nor a page of another site that loads it as its picture.

use actix_web::http::StatusCode;
use actix_web::{HttpRequest, HttpResponse};

fn says(request: &HttpRequest, header: &str, is: impl Fn(&str) -> bool) -> bool {
    let value = request.headers().get(header);
    value.and_then(|value| value.to_str().ok()).is_some_and(is)
}

fn is_prefetch(request: &HttpRequest) -> bool {
    ["Sec-Purpose", "Purpose", "X-Moz"].iter().any(|header| {
        says(request, header, |purpose| {
            purpose.contains("prefetch") || purpose.contains("prerender") || purpose.contains("preview")
        })
    })
}

/// Whether the request must not be taken for a person's: it begins, takes and ends nothing.
pub fn changes_nothing(request: &HttpRequest) -> bool {
    request.method() == "HEAD" || is_prefetch(request)
}

/// The answer to it. What a browser fetched beforehand it uses only after a success; so that the person's own click comes
/// here, this is none.
pub fn nothing_to_see(request: &HttpRequest) -> HttpResponse {
    if is_prefetch(request) {
        HttpResponse::build(StatusCode::SERVICE_UNAVAILABLE).finish()
    } else {
        HttpResponse::NoContent().finish()
    }
}

/// Whether a page loads this as a part of itself, as a browser says it. Older ones say nothing.
pub fn is_embedded(request: &HttpRequest) -> bool {
    let is_no_navigation = says(request, "Sec-Fetch-Mode", |mode| mode != "navigate");
    let is_no_page = says(request, "Sec-Fetch-Dest", |place| place != "document");
    let is_foreign = says(request, "Sec-Fetch-Site", |site| site == "cross-site");
    is_no_navigation || (is_no_page && is_foreign)
}
