//! The page of a refusal: what went wrong, and where to go on.

use actix_web::HttpResponse;
use actix_web::http::StatusCode;
use actix_web::http::header::{self, HeaderValue};
use maud::{DOCTYPE, PreEscaped, html};

use crate::error_code::Code;
use crate::http::state::AppState;
use crate::plugin::Language;

const STYLE: &str = include_str!("refusal.css");
/// Takes what the address holds out of it.
const LEAVE_ADDRESS: &str = r#"history.replaceState(null, "", document.querySelector("a").href);"#;

/// What stands on the page.
pub struct Refusal<'a> {
    /// The language of all of it.
    pub language: Language,
    /// Its heading.
    pub title: &'a str,
    /// What went wrong.
    pub message: &'a str,
    /// What the way to the sign-in page is called.
    pub again: &'a str,
    /// The code, for programs.
    pub code: Code,
    /// Whether the address holds what nobody should copy or bookmark.
    pub leaves_address: bool,
}

/// The page, with a policy that lets nothing else in.
pub fn page(state: &AppState, status: StatusCode, refusal: &Refusal<'_>) -> HttpResponse {
    let nonce = state.entropy.text::<12>();
    let text = html! {
        (DOCTYPE)
        html lang=(refusal.language) {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="color-scheme" content="light dark";
                meta name="robots" content="noindex";
                title { (refusal.title) }
                style nonce=(nonce) { (PreEscaped(STYLE)) }
            }
            body {
                main {
                    h1 { (refusal.title) }
                    p role="alert" data-code=(refusal.code) { (refusal.message) }
                    a href={ (state.edge.public_path) "signin" } { (refusal.again) }
                }
                @if refusal.leaves_address {
                    script nonce=(nonce) { (PreEscaped(LEAVE_ADDRESS)) }
                }
            }
        }
    };
    let mut response = HttpResponse::build(status)
        .content_type("text/html; charset=utf-8")
        .body(text.into_string());
    let rules = format!(
        "default-src 'none'; style-src 'nonce-{nonce}'; script-src 'nonce-{nonce}'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    );
    if let Ok(rules) = HeaderValue::from_str(&rules) {
        response
            .headers_mut()
            .insert(header::CONTENT_SECURITY_POLICY, rules);
    }
    response
}
