//! The frame of the simulator's pages: style, and headers that let nothing else in.

use actix_web::http::StatusCode;
use actix_web::{HttpRequest, HttpResponse};
use maud::{DOCTYPE, Markup, html};
use url::{Host, Url};

const STYLE: &str = include_str!("style.css");
const FRAME_SCRIPT: &str = include_str!("frame.js");
/// Where the script of a frame's answer is served.
pub const FRAME_SCRIPT_PATH: &str = "/__simulator/frame.js";
/// Where the style sheet is served.
pub const STYLE_PATH: &str = "/__simulator/style.css";

/// The options of a select, one of them chosen.
pub fn options<'a>(labels: impl IntoIterator<Item = (&'a str, &'a str)>, chosen: &str) -> Markup {
    html! {
        @for (value, label) in labels {
            option value=(value) selected[value == chosen] { (label) }
        }
    }
}

/// A whole page; `leads_to` is the site that a form of the page may send the browser on to.
pub fn page(status: StatusCode, title: &str, body: &Markup, leads_to: Option<&Url>) -> HttpResponse {
    let form_action = leads_to.map(form_target).unwrap_or_default();
    written(
        status,
        title,
        body,
        &format!("form-action 'self'{form_action}; frame-ancestors 'none'"),
    )
}

/// A whole page that stands in a frame of the site of `app`, and may say something to it.
pub fn framed_page(status: StatusCode, title: &str, body: &Markup, app: &Url) -> HttpResponse {
    let app = app.origin().ascii_serialization();
    let allowed = format!("script-src 'self'; form-action 'self'; frame-ancestors {app}");
    written(status, title, body, &allowed)
}

fn written(status: StatusCode, title: &str, body: &Markup, allowed: &str) -> HttpResponse {
    let policy = format!("default-src 'none'; style-src 'self'; img-src data:; base-uri 'none'; {allowed}");
    let text = html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="color-scheme" content="light dark";
                title { (title) " · DingTalk simulator" }
                link rel="icon" href="data:,";
                link rel="stylesheet" href=(STYLE_PATH);
            }
            body { (body) }
        }
    };
    HttpResponse::build(status)
        .content_type("text/html; charset=utf-8")
        .insert_header(("Content-Security-Policy", policy))
        .insert_header(("X-Content-Type-Options", "nosniff"))
        // Not `no-referrer`: that would take the Origin from the page's own forms, which is checked.
        .insert_header(("Referrer-Policy", "same-origin"))
        .insert_header(("Cache-Control", "no-store"))
        .body(text.into_string())
}

/// Browsers hold a form to its policy also where its answer redirects, so the app's site must be named.
fn form_target(url: &Url) -> String {
    match url.host() {
        // A policy has no way to write an IPv6 address.
        Some(Host::Ipv6(_)) | None => format!(" {}:", url.scheme()),
        Some(Host::Domain(_) | Host::Ipv4(_)) => format!(" {}", url.origin().ascii_serialization()),
    }
}

/// Says to the page around the frame what the element with the answer holds.
pub async fn frame_script() -> HttpResponse {
    HttpResponse::Ok()
        .content_type("text/javascript; charset=utf-8")
        .insert_header(("X-Content-Type-Options", "nosniff"))
        .body(FRAME_SCRIPT)
}

/// The style sheet of all pages.
pub async fn style() -> HttpResponse {
    HttpResponse::Ok()
        .content_type("text/css; charset=utf-8")
        .insert_header(("X-Content-Type-Options", "nosniff"))
        .body(STYLE)
}

/// Whether another site's page makes the browser send this form.
pub fn comes_from_elsewhere(request: &HttpRequest) -> bool {
    let header = |name: &str| request.headers().get(name).and_then(|value| value.to_str().ok());
    let Some(origin) = header("Origin") else {
        return false;
    };
    let host = origin.split_once("://").map(|(_, host)| host);
    host.is_none() || host != header("Host")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_form_may_lead_to_the_site_of_the_app_only() {
        let target = |url: &str| form_target(&Url::parse(url).unwrap());

        assert_eq!(
            target("https://crm.example.com/api/auth:redirect"),
            " https://crm.example.com"
        );
        assert_eq!(target("http://127.0.0.1:13100/api"), " http://127.0.0.1:13100");
        assert_eq!(target("http://[::1]:13100/api"), " http:");
    }
}
