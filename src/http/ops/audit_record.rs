//! What is written to the audit at the edge.

use actix_web::HttpRequest;

use crate::audit::{Entry, Event};
use crate::error_code::Code;
use crate::http::request::context::{Caller, Context, way_here};
use crate::http::{ApiError, AppState, RequestError};

impl Context {
    /// Writes to the audit who did what.
    pub async fn record(
        &self,
        event: Event,
        authenticator: &str,
        result: Result<(), Code>,
        user_id: Option<i64>,
    ) {
        self.record_with(event, authenticator, result, user_id, None)
            .await;
    }

    /// As [`Context::record`], with what was done to a setting.
    pub async fn record_with(
        &self,
        event: Event,
        authenticator: &str,
        result: Result<(), Code>,
        user_id: Option<i64>,
        detail: Option<&str>,
    ) {
        // Whoever commands very many addresses must not fill a disk either.
        if result.is_err() && !self.state.throttles.sign_ins.audit_takes_refusal() {
            self.state.ops.metrics.limited("audit");
            return;
        }
        let actor_id = self.caller.as_ref().and_then(|caller| caller.user_id);
        let entry = Entry {
            authenticator: authenticator.to_owned(),
            user_id,
            actor_id,
            address: self.address,
            detail: detail.map(str::to_owned),
            ..Entry::new(self.state.clock.now(), &self.reference, event, result)
        };
        self.state.ops.audit.note(&entry).await;
    }
}

/// Writes to the audit that somebody was refused what they may not have, or who was no bridge of ours; no more of an
/// address than of its refused sign-ins, so that nobody fills a disk.
pub async fn refused_access(
    state: &AppState,
    request: &HttpRequest,
    reference: &str,
    action: Option<&'static str>,
    (error, caller): (&ApiError, Option<&Caller>),
) {
    let is_access = matches!(
        error,
        ApiError::Request(RequestError::NoPermission | RequestError::SecretMismatch)
    );
    let address = state.edge.proxies.client_address(&way_here(request));
    if !is_access || !state.throttles.sign_ins.records_refusals(address) {
        return;
    }
    state.throttles.sign_ins.refused(address);
    let entry = Entry {
        actor_id: caller.and_then(|caller| caller.user_id),
        address,
        detail: action.map(str::to_owned),
        ..Entry::new(state.clock.now(), reference, Event::Access, Err(error.code()))
    };
    state.ops.audit.note(&entry).await;
}
