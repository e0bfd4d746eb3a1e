//! The edge: one table of actions, in NocoBase's conventions, and what surrounds it.

mod auth;
mod authenticators;
mod connection;
mod context;
mod cors;
mod dingtalk;
mod envelope;
mod error;
mod forwarded;
mod guesses;
mod health;
mod limits;
mod metrics;
mod navigation;
mod options;
mod packages;
mod pages;
mod password;
mod path;
mod plugins;
mod proxies;
mod query;
mod record;
mod server;
mod service;
mod site;
mod tally;

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use actix_web::http::StatusCode;
use actix_web::{HttpRequest, HttpResponse, Route, guard, web};
use chrono::{DateTime, Utc};
use futures_util::future::LocalBoxFuture;

use crate::audit::Audit;
use crate::clock::Clock;
use crate::config::{Cors, Managed, Mode};
use crate::dingtalk::DingTalk;
use crate::entropy::Entropy;
use crate::nocobase::{Store, StoreError, SubjectIndex};
use crate::origin::Origin;
use crate::plugin::Language;
use crate::session::{FirstPassword, Sessions};
use crate::sign_in::SignIn;

use context::{Caller, Context};
pub use error::{ApiError, RequestError};
pub use guesses::Guesses;
pub use limits::Limits;
pub use metrics::Metrics;
pub use packages::Packages;
pub use proxies::TrustedProxies;
pub use server::{Address, Bounds, Listener, Server, Stop};

/// What every request may use.
pub struct AppState {
    /// How it runs.
    pub mode: Mode,
    /// Whether the demo's hints are shown.
    pub demo: Option<Demo>,
    /// NocoBase's tables.
    pub store: Store,
    /// Sessions.
    pub sessions: Sessions,
    /// The sign-in.
    pub sign_in: SignIn,
    /// What was made for the first administrator, until it is used.
    pub first_password: FirstPassword,
    /// DingTalk.
    pub dingtalk: DingTalk,
    /// The record of who signed in.
    pub audit: Audit,
    /// Counters.
    pub metrics: Metrics,
    /// When the doctor last asked DingTalk.
    pub diagnoses: Pause,
    /// When this program began to serve.
    pub started: DateTime<Utc>,
    /// What the plugin that started it has told.
    pub managed: Option<Managed>,
    /// What became of the one index in NocoBase's database.
    pub subject_index: Option<Result<SubjectIndex, StoreError>>,
    /// The plugin packages that were made.
    pub packages: Packages,
    /// How many sign-ins of an address may fail.
    pub limits: Limits,
    /// The passwords that were wrong.
    pub guesses: Guesses,
    /// The body of a request must have arrived within this.
    pub body_within: Duration,
    /// Proxies whose word counts.
    pub proxies: TrustedProxies,
    /// The one public origin, where it was set.
    pub public_origin: Option<Origin>,
    /// Where the doctor finds NocoBase.
    pub nocobase_url: Option<url::Url>,
    /// Where NocoBase finds us, where it was set.
    pub sidecar_url: Option<url::Url>,
    /// NocoBase's API base path.
    pub api_base: String,
    /// The path of the pages.
    pub public_path: String,
    /// Cross-origin rules.
    pub cors: Cors,
    /// The time.
    pub clock: Clock,
    /// Randomness.
    pub entropy: Entropy,
}

/// What the demo has beside the sidecar.
pub struct Demo {
    /// The simulator's own page.
    pub simulator_url: String,
}

/// Keeps an action from being repeated too soon.
#[derive(Default)]
pub struct Pause(Mutex<Option<Instant>>);

impl Pause {
    /// Begins the action, unless it was begun less than `pause` ago: then the seconds to wait.
    fn wait(&self, pause: Duration) -> Option<u64> {
        let mut last = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(left) = last.and_then(|last| pause.checked_sub(last.elapsed())) {
            return Some(left.as_secs() + 1);
        }
        *last = Some(Instant::now());
        None
    }
}

/// Which methods an action takes.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Takes {
    /// Only looking.
    Get,
    /// Looking, also with a body, as NocoBase allows.
    GetOrPost,
    /// Only changing.
    Post,
}

impl Takes {
    fn methods(self) -> &'static [&'static str] {
        match self {
            Self::Get => &["GET", "HEAD"],
            Self::GetOrPost => &["GET", "HEAD", "POST"],
            Self::Post => &["POST"],
        }
    }
}

/// In which modes we answer an action.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Served {
    Always,
    /// Beside NocoBase it is NocoBase's.
    Alone,
}

/// Who may use an action.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Access {
    Public,
    SignedIn,
    Administrator,
}

type Answer = Result<HttpResponse, ApiError>;
type Handler = fn(Context) -> LocalBoxFuture<'static, Answer>;

struct Action {
    name: &'static str,
    takes: Takes,
    served: Served,
    access: Access,
    handler: Handler,
}

impl Action {
    /// Whether a browser shows the answer as it is, so that a refusal has to be a page.
    fn is_for_people(&self) -> bool {
        self.name == "auth:redirect"
    }

    /// Whether it begins a session.
    fn is_sign_in(&self) -> bool {
        self.name == "auth:signIn"
    }
}

/// Section 4 of the design, row by row.
#[rustfmt::skip]
const ACTIONS: &[Action] = &[
    Action { name: "auth:redirect", takes: Takes::Get, served: Served::Always, access: Access::Public, handler: |c| Box::pin(auth::redirect(c)) },
    Action { name: "auth:signIn", takes: Takes::Post, served: Served::Always, access: Access::Public, handler: |c| Box::pin(auth::sign_in(c)) },
    Action { name: "auth:check", takes: Takes::GetOrPost, served: Served::Alone, access: Access::SignedIn, handler: |c| Box::pin(auth::check(c)) },
    Action { name: "auth:signOut", takes: Takes::Post, served: Served::Alone, access: Access::Public, handler: |c| Box::pin(auth::sign_out(c)) },
    Action { name: "auth:changePassword", takes: Takes::Post, served: Served::Alone, access: Access::SignedIn, handler: |c| Box::pin(password::change(c)) },
    Action { name: "auth:syncCookies", takes: Takes::Post, served: Served::Alone, access: Access::SignedIn, handler: |c| Box::pin(auth::sync_cookies(c)) },
    Action { name: "authenticators:publicList", takes: Takes::GetOrPost, served: Served::Always, access: Access::Public, handler: |c| Box::pin(authenticators::public_list(c)) },
    Action { name: "authenticators:listTypes", takes: Takes::GetOrPost, served: Served::Alone, access: Access::Administrator, handler: |c| Box::pin(authenticators::list_types(c)) },
    Action { name: "authenticators:list", takes: Takes::GetOrPost, served: Served::Alone, access: Access::Administrator, handler: |c| Box::pin(authenticators::list(c)) },
    Action { name: "authenticators:get", takes: Takes::GetOrPost, served: Served::Alone, access: Access::Administrator, handler: |c| Box::pin(authenticators::get(c)) },
    Action { name: "authenticators:create", takes: Takes::Post, served: Served::Alone, access: Access::Administrator, handler: |c| Box::pin(authenticators::create(c)) },
    Action { name: "authenticators:update", takes: Takes::Post, served: Served::Alone, access: Access::Administrator, handler: |c| Box::pin(authenticators::update(c)) },
    Action { name: "authenticators:destroy", takes: Takes::Post, served: Served::Alone, access: Access::Administrator, handler: |c| Box::pin(authenticators::destroy(c)) },
    Action { name: "authenticators:move", takes: Takes::Post, served: Served::Alone, access: Access::Administrator, handler: |c| Box::pin(authenticators::move_(c)) },
    Action { name: "pm:listEnabled", takes: Takes::GetOrPost, served: Served::Alone, access: Access::Public, handler: |c| Box::pin(plugins::list_enabled(c)) },
    Action { name: "pm:list", takes: Takes::GetOrPost, served: Served::Alone, access: Access::Administrator, handler: |c| Box::pin(plugins::list(c)) },
    Action { name: "pm:get", takes: Takes::GetOrPost, served: Served::Alone, access: Access::Administrator, handler: |c| Box::pin(plugins::get(c)) },
    Action { name: "pm:enable", takes: Takes::Post, served: Served::Alone, access: Access::Administrator, handler: |c| Box::pin(plugins::enable(c)) },
    Action { name: "pm:disable", takes: Takes::Post, served: Served::Alone, access: Access::Administrator, handler: |c| Box::pin(plugins::disable(c)) },
    Action { name: "app:getLang", takes: Takes::GetOrPost, served: Served::Alone, access: Access::Public, handler: |c| Box::pin(site::get_lang(c)) },
    Action { name: "app:getInfo", takes: Takes::GetOrPost, served: Served::Alone, access: Access::Public, handler: |c| Box::pin(site::get_info(c)) },
    Action { name: "systemSettings:get", takes: Takes::GetOrPost, served: Served::Alone, access: Access::Public, handler: |c| Box::pin(site::system_settings(c)) },
    Action { name: "dingtalk:signInButton", takes: Takes::Get, served: Served::Always, access: Access::Public, handler: |c| Box::pin(dingtalk::sign_in_button(c)) },
    Action { name: "dingtalk:configForm", takes: Takes::Get, served: Served::Always, access: Access::Administrator, handler: |c| Box::pin(dingtalk::config_form(c)) },
    Action { name: "dingtalk:diagnose", takes: Takes::Post, served: Served::Always, access: Access::Administrator, handler: |c| Box::pin(dingtalk::diagnose(c)) },
    Action { name: "dingtalk:bindings", takes: Takes::Get, served: Served::Always, access: Access::Administrator, handler: |c| Box::pin(dingtalk::bindings(c)) },
    Action { name: "dingtalk:unbind", takes: Takes::Post, served: Served::Always, access: Access::Administrator, handler: |c| Box::pin(dingtalk::unbind(c)) },
    Action { name: "dingtalk:audit", takes: Takes::Get, served: Served::Always, access: Access::Administrator, handler: |c| Box::pin(dingtalk::audit(c)) },
];

/// Registers everything that is answered. No patterns before the actions: matching three of them took a tenth of the
/// time of a start.
pub fn routes(config: &mut web::ServiceConfig, state: &web::Data<AppState>) {
    config.app_data(state.clone());
    for language in Language::ALL {
        config.route(&pages::guide_path(language), get().to(pages::guide));
    }
    config
        .route("/healthz", get().to(health::live))
        .route("/readyz", get().to(health::ready))
        .route("/metrics", get().to(health::metrics))
        .route("/openapi.json", get().to(pages::openapi))
        .route("/plugin.tgz", get().to(pages::package))
        .route(&pages::versioned_package_path(), get().to(pages::package))
        .route(
            &format!("{}__health_check", state.api_base),
            get().to(health::nocobase_style),
        )
        .service(web::scope(state.api_base.trim_end_matches('/')).default_service(web::route().to(dispatch)));
    if state.mode == Mode::Alone {
        pages::console_routes(config, &state.public_path);
    }
    config.default_service(web::route().to(pages::not_found));
}

/// A page or a file: looked at, or only asked whether it is there.
fn get() -> Route {
    web::route().guard(guard::Any(guard::Get()).or(guard::Head()))
}

/// Finds the action, checks who may use it, runs it, and puts the answer into words.
async fn dispatch(request: HttpRequest, payload: web::Payload, state: web::Data<AppState>) -> HttpResponse {
    let started = Instant::now();
    let (action, key) = match path::read(request.uri().path(), &state.api_base) {
        Some((name, key)) => (ACTIONS.iter().find(|action| action.name == name), key),
        None => (None, None),
    };
    let reference = state.entropy.text::<6>();
    let outcome = run(action, &request, payload, &state, &reference, key).await;
    if let Err(Failure { error, caller }) = &outcome {
        let name = action.map(|action| action.name);
        record::refused_access(&state, &request, &reference, name, (error, caller.as_ref())).await;
    }
    let mut response = match outcome {
        Ok(response) => response,
        Err(Failure { error, .. }) if action.is_some_and(Action::is_for_people) => {
            pages::refusal_page(&state, &request, &error, &reference)
        }
        Err(Failure { error, caller }) => {
            envelope::refusal(&state, &request, &error, &reference, caller.as_ref())
        }
    };
    if let Some(action) = action.filter(|_| response.status() == StatusCode::METHOD_NOT_ALLOWED) {
        envelope::allow(response.headers_mut(), action.takes.methods());
    }
    cors::apply(&state, &request, response.headers_mut());
    state.metrics.answered(
        action.map_or("unknown", |action| action.name),
        response.status().as_u16(),
        started.elapsed(),
    );
    response
}

struct Failure {
    error: ApiError,
    caller: Option<Caller>,
}

impl<E: Into<ApiError>> From<E> for Failure {
    fn from(error: E) -> Self {
        Self {
            error: error.into(),
            caller: None,
        }
    }
}

async fn run(
    action: Option<&Action>,
    request: &HttpRequest,
    payload: web::Payload,
    state: &web::Data<AppState>,
    reference: &str,
    key: Option<String>,
) -> Result<HttpResponse, Failure> {
    if let Some(preflight) = cors::preflight(state, request) {
        return Ok(preflight);
    }
    let action = action.ok_or(RequestError::NotFound)?;
    if action.is_for_people() && navigation::changes_nothing(request) {
        return Ok(navigation::nothing_to_see(request));
    }
    if !action.takes.methods().contains(&request.method().as_str()) {
        return Err(RequestError::MethodNotAllowed.into());
    }
    if action.served == Served::Alone && state.mode == Mode::BesideNocoBase {
        return Err(RequestError::NotServedHere.into());
    }
    let mut context = Context::of(request, state, reference, key)?;
    context.caller = context.identify(action.access).await?;
    if action.is_sign_in() {
        // Past NocoBase nobody would ask its hooks: the audit, locked users, a second factor.
        if state.mode == Mode::BesideNocoBase && context.bridge.is_none() {
            return Err(RequestError::NotServedHere.into());
        }
        cors::require_trusted_origin(&context)?;
    }
    context.read_body(payload, action.access).await?;
    let caller = context.caller.clone();
    if !context.may(action.access) {
        let error = RequestError::NoPermission.into();
        return Err(Failure { error, caller });
    }
    let result = (action.handler)(context).await;
    match result {
        Ok(mut response) => {
            if let Some(caller) = &caller {
                envelope::hand_over_renewed_token(state, request, &mut response, caller);
            }
            Ok(response)
        }
        Err(error) => Err(Failure { error, caller }),
    }
}
