//! What a browser shows: the console, the page of a refused return, the package and the guides.

use actix_web::http::header::{self, HeaderValue};
use actix_web::{HttpRequest, HttpResponse, web};
use include_dir::{Dir, File, include_dir};
use log::error;

use crate::http::request::context::language_of;
use crate::http::request::query::Query;
use crate::http::response::envelope;
use crate::http::response::refusal::{self, Refusal};
use crate::http::{ApiError, AppState, RequestError, get};
use crate::plugin::{self, Language, Locales, Manifest};

static CONSOLE: Dir<'_> = include_dir!("$CARGO_MANIFEST_DIR/console");

const CONSOLE_POLICY: &str = "default-src 'self'; img-src 'self' data:; object-src 'none'; base-uri 'none'; \
    form-action 'self'; frame-ancestors 'none'";

/// The console at NocoBase's own paths.
pub fn console_routes(config: &mut web::ServiceConfig, public_path: &str) {
    config.route(
        &format!("{public_path}console/{{file:.*}}"),
        get().to(console_file),
    );
    for page in ["", "signin", "admin", "admin/{rest:.*}"] {
        config.route(&format!("{public_path}{page}"), get().to(console_page));
    }
}

async fn console_page(request: HttpRequest, state: web::Data<AppState>) -> HttpResponse {
    let shell = CONSOLE
        .get_file("index.html")
        .and_then(|file| file.contents_utf8())
        .unwrap_or_default();
    let page = shell
        .replace("{{LANG}}", language_of(&request, None).code())
        .replace("{{PUBLIC_PATH}}", &escaped(&state.edge.public_path))
        .replace("{{API_BASE}}", &escaped(&state.edge.api_base));
    let mut response = HttpResponse::Ok()
        .content_type("text/html; charset=utf-8")
        .body(page);
    // What cannot be read allows nothing.
    let has_frame = state
        .sign_in
        .authenticators()
        .offers_qr_code()
        .await
        .unwrap_or(false);
    let frame = if has_frame {
        format!("; frame-src {}", state.dingtalk.login_origin())
    } else {
        String::new()
    };
    policy(&mut response, &format!("{CONSOLE_POLICY}{frame}"));
    response
}

async fn console_file(request: HttpRequest) -> HttpResponse {
    let name = request.match_info().get("file").unwrap_or_default();
    let shared = plugin::shared_script(name).map(str::as_bytes);
    let own = || CONSOLE.get_file(name).filter(|_| name != "index.html");
    let Some(content) = shared.or_else(|| own().map(File::contents)) else {
        return HttpResponse::NotFound()
            .content_type("text/plain; charset=utf-8")
            .body("not found");
    };
    let kind = match name.rsplit('.').next() {
        Some("js") => "text/javascript; charset=utf-8",
        Some("css") => "text/css; charset=utf-8",
        Some("svg") => "image/svg+xml",
        _ => "application/octet-stream",
    };
    let mut response = HttpResponse::Ok().content_type(kind).body(content);
    // The files change with the binary and carry no version in their names.
    response
        .headers_mut()
        .insert(header::CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    policy(&mut response, CONSOLE_POLICY);
    response
}

/// Says on a page of its own what went wrong with a start or a return, and how to start again.
pub fn refusal_page(
    state: &AppState,
    request: &HttpRequest,
    error: &ApiError,
    reference: &str,
) -> HttpResponse {
    envelope::report(error, reference);
    state.ops.metrics.refused(error.code());
    let language = language_of(request, None);
    let locales = Locales::embedded();
    // DingTalk's code and our state stand in the address of a return.
    let query = Query::parse(request.query_string());
    let page = Refusal {
        language,
        title: locales.text(language, "Sign in with DingTalk"),
        message: &envelope::sentence(error, reference, language),
        again: locales.text(language, "Start again"),
        code: error.code(),
        leaves_address: ["code", "authCode", "state"].iter().any(|name| query.has(name)),
    };
    let mut response = refusal::page(state, error.status(), &page);
    if let Some(seconds) = error.retry_after() {
        response
            .headers_mut()
            .insert(header::RETRY_AFTER, HeaderValue::from(seconds));
    }
    response
}

/// Under its name and version, as NocoBase's package manager asks for it.
pub fn versioned_package_path() -> String {
    let manifest = Manifest::embedded();
    format!("/{}-{}.tgz", manifest.name(), manifest.version())
}

/// `/plugin.tgz`, and `/<package>-<version>.tgz`.
pub async fn package(request: HttpRequest, state: web::Data<AppState>) -> HttpResponse {
    let here = request
        .headers()
        .get(header::HOST)
        .and_then(|host| host.to_str().ok());
    let address = match (&state.ops.sidecar_url, here) {
        (Some(url), _) => url.as_str().trim_end_matches('/').to_owned(),
        (None, Some(host)) => format!("http://{host}"),
        (None, None) => return HttpResponse::BadRequest().finish(),
    };
    match state.ops.packages.get(&address).await {
        Ok(bytes) => HttpResponse::Ok().content_type("application/gzip").body(bytes),
        Err(failure) => {
            error!(
                "the plugin package could not be made: {}",
                crate::causes::with_causes(&failure)
            );
            HttpResponse::BadRequest()
                .content_type("text/plain; charset=utf-8")
                .body("no package for this address")
        }
    }
}

/// `/openapi.json`.
pub async fn openapi() -> HttpResponse {
    HttpResponse::Ok()
        .content_type("application/json")
        .body(include_str!("../../../docs/openapi.json"))
}

/// Where the guide in a language is.
pub fn guide_path(language: Language) -> String {
    format!("/docs/guide.{language}")
}

/// `/docs/guide.<language>`: the guide as a page.
pub async fn guide(request: HttpRequest, state: web::Data<AppState>) -> HttpResponse {
    let mut languages = Language::ALL.into_iter();
    let language = languages.find(|language| guide_path(*language) == request.path());
    let Some(page) = language.and_then(plugin::guide_page) else {
        return not_found(request, state).await;
    };
    let mut response = HttpResponse::Ok()
        .content_type("text/html; charset=utf-8")
        .body(page);
    policy(
        &mut response,
        &format!("{}; frame-ancestors 'none'", plugin::guide_policy()),
    );
    response
}

/// Everything else: JSON for programs, a page for people.
pub async fn not_found(request: HttpRequest, state: web::Data<AppState>) -> HttpResponse {
    let reference = state.entropy.text::<6>();
    let error = ApiError::from(RequestError::NotFound);
    let accepts = request
        .headers()
        .get(header::ACCEPT)
        .and_then(|value| value.to_str().ok())
        .unwrap_or_default();
    if !accepts.contains("text/html") {
        return envelope::refusal(&state, &request, &error, &reference, None);
    }
    let language = language_of(&request, None);
    let locales = Locales::embedded();
    let page = Refusal {
        language,
        title: "NocoBase DingTalk",
        message: locales.text(language, error.code().key()),
        again: locales.text(language, "Go to the sign-in page"),
        code: error.code(),
        leaves_address: false,
    };
    refusal::page(&state, error.status(), &page)
}

fn policy(response: &mut HttpResponse, rules: &str) {
    if let Ok(value) = HeaderValue::from_str(rules) {
        response
            .headers_mut()
            .insert(header::CONTENT_SECURITY_POLICY, value);
    }
}

/// Text that may stand in HTML, in elements and in quoted attributes.
fn escaped(text: &str) -> String {
    maud::html! { (text) }.into_string()
}
