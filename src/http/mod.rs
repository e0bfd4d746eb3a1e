//! The edge: one table of actions, in NocoBase's conventions, and what surrounds it.

mod actions;
mod ops;
mod request;
mod resources;
mod response;
mod server;
mod state;
mod throttle;

use std::time::Instant;

use actix_web::http::StatusCode;
use actix_web::{HttpRequest, HttpResponse, Route, guard, web};

use crate::config::Mode;
use crate::plugin::Language;

pub use actions::{ACTIONS, Access, Action, ActionResult, Served, Takes};
pub use ops::metrics::Metrics;
pub use ops::packages::Packages;
use ops::{audit_record, health};
pub use request::client_origin::TrustedProxies;
use request::context::{Caller, Context};
use request::{cors, navigation, path};
use resources::dingtalk_events;
pub use response::error::{ApiError, RequestError};
use response::{envelope, pages};
pub use server::listener::{Address, Bounds, Listener, Server, Stop};
pub use state::{AppState, Demo, Edge, Installation, Ops, Throttles};

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
            &format!("{}__health_check", state.edge.api_base),
            get().to(health::nocobase_style),
        )
        .service(
            web::scope(state.edge.api_base.trim_end_matches('/')).default_service(web::route().to(dispatch)),
        );
    if state.mode == Mode::Alone {
        pages::console_routes(config, &state.edge.public_path);
    }
    config.default_service(web::route().to(pages::not_found));
}

/// A page or a file: looked at, or only asked whether it is there.
fn get() -> Route {
    web::route().guard(guard::Any(guard::Get()).or(guard::Head()))
}

/// Finds the action, checks who may use it, runs it, and puts the answer into words.
async fn dispatch(request: HttpRequest, payload: web::Payload, state: web::Data<AppState>) -> HttpResponse {
    if let Some(source) = dingtalk_events::source_of(request.uri().path(), &state.edge.api_base) {
        return dingtalk_events::receive(&request, payload, &state, &source).await;
    }
    let started = Instant::now();
    let (action, key) = match path::read(request.uri().path(), &state.edge.api_base) {
        Some((name, key)) => (Action::named(&name), key),
        None => (None, None),
    };
    let reference = state.entropy.text::<6>();
    let outcome = run(action, &request, payload, &state, &reference, key).await;
    if let Err(FailedRequest { error, caller }) = &outcome {
        let name = action.map(|action| action.name);
        audit_record::refused_access(&state, &request, &reference, name, (error, caller.as_ref())).await;
    }
    let mut response = match outcome {
        Ok(response) => response,
        Err(FailedRequest { error, .. }) if action.is_some_and(Action::is_for_people) => {
            pages::refusal_page(&state, &request, &error, &reference)
        }
        Err(FailedRequest { error, caller }) => {
            envelope::refusal(&state, &request, &error, &reference, caller.as_ref())
        }
    };
    if let Some(action) = action.filter(|_| response.status() == StatusCode::METHOD_NOT_ALLOWED) {
        envelope::allow(response.headers_mut(), action.takes.methods());
    }
    cors::apply(&state.edge, &request, response.headers_mut());
    state.ops.metrics.answered(
        action.map_or("unknown", |action| action.name),
        response.status().as_u16(),
        started.elapsed(),
    );
    response
}

struct FailedRequest {
    error: ApiError,
    caller: Option<Caller>,
}

impl<E: Into<ApiError>> From<E> for FailedRequest {
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
) -> Result<HttpResponse, FailedRequest> {
    if let Some(preflight) = cors::preflight(&state.edge, request) {
        return Ok(preflight);
    }
    let action = action.ok_or(RequestError::NotFound)?;
    if action.is_for_people() && navigation::changes_nothing(request) {
        return Ok(navigation::nothing_to_see(request));
    }
    if !action.takes.methods().contains(&request.method().as_str()) {
        return Err(RequestError::MethodNotAllowed.into());
    }
    match (action.served, state.mode) {
        (Served::Alone, Mode::BesideNocoBase) => return Err(RequestError::NotServedHere.into()),
        (Served::Bridge, Mode::Alone) => return Err(RequestError::NotFound.into()),
        (Served::Always, _) | (Served::Alone, Mode::Alone) | (Served::Bridge, Mode::BesideNocoBase) => {}
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
        return Err(FailedRequest { error, caller });
    }
    let result = (action.handler)(context).await;
    match result {
        Ok(mut response) => {
            if let Some(caller) = &caller {
                envelope::hand_over_renewed_token(state, request, &mut response, caller);
            }
            Ok(response)
        }
        Err(error) => Err(FailedRequest { error, caller }),
    }
}
