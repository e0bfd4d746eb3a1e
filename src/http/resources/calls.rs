//! The action `dingtalk:calls`: how often DingTalk was called.

use actix_web::HttpResponse;
use log::error;
use serde_json::{Value, json};

use crate::call_counts::CallsOfMonth;
use crate::causes::with_causes;
use crate::http::request::context::Context;
use crate::http::response::error::RequestError;
use crate::http::{ActionResult, ApiError};

/// `dingtalk:calls`: the calls of this month by day and API, of one authenticator's app or of all.
pub async fn calls(context: Context) -> ActionResult {
    let app = match context.query.only("authenticator") {
        Some(name) => Some(app_of(&context, name).await?),
        None => None,
    };
    let month = of_this_month(&context).await?;
    let rows: Vec<Value> = month
        .counts
        .iter()
        .filter(|(counted, _)| app.as_ref().is_none_or(|app| *app == counted.app))
        .map(|(counted, count)| {
            json!({ "day": counted.day, "app": counted.app, "call": counted.call, "count": count })
        })
        .collect();
    Ok(HttpResponse::Ok().json(json!({ "data": rows, "meta": { "today": month.today } })))
}

/// The Client ID of an authenticator; of one that has none yet, no app's.
async fn app_of(context: &Context, authenticator: &str) -> Result<String, ApiError> {
    let row = context.state.store.authenticators().find(authenticator).await?;
    let row = row.ok_or(RequestError::RecordNotFound)?;
    let options = context.state.sign_in.authenticators().options_of(&row).await;
    Ok(options
        .ok()
        .and_then(|options| options.client_id)
        .unwrap_or_default())
}

/// The calls of this month, so far as the files of all instances can be read.
pub async fn of_this_month(context: &Context) -> Result<CallsOfMonth, RequestError> {
    context.state.ops.calls.of_this_month().await.map_err(|failure| {
        error!(
            "the counted calls could not be read: {} (reference {})",
            with_causes(&failure),
            context.reference
        );
        RequestError::Internal
    })
}
