//! What monitoring asks: is it alive, can it sign anyone in, what has it counted.

use std::time::Duration;

use actix_web::{HttpResponse, web};

use crate::http::AppState;

/// A database that takes longer than this signs nobody in.
const PATIENCE: Duration = Duration::from_secs(2);

/// `/healthz`: the process runs.
pub async fn live() -> HttpResponse {
    HttpResponse::Ok()
        .content_type("text/plain; charset=utf-8")
        .body("ok")
}

/// `/readyz`: the database answers.
pub async fn ready(state: web::Data<AppState>) -> HttpResponse {
    answer(&state).await
}

/// `__health_check`, as NocoBase spells it.
pub async fn nocobase_style(state: web::Data<AppState>) -> HttpResponse {
    answer(&state).await
}

/// `/metrics`.
pub async fn metrics(state: web::Data<AppState>) -> HttpResponse {
    let metrics = &state.ops.metrics;
    metrics.queue_length(state.dingtalk.queue_length());
    if state.directory.has_sources() {
        let now = state.clock.now().timestamp_millis();
        metrics.read_directory(&state.store, now).await;
    }
    HttpResponse::Ok()
        .content_type("text/plain; version=0.0.4; charset=utf-8")
        .body(metrics.text())
}

async fn answer(state: &AppState) -> HttpResponse {
    let (mut response, text) = match tokio::time::timeout(PATIENCE, state.store.ping()).await {
        Ok(Ok(())) => (HttpResponse::Ok(), "ok"),
        Ok(Err(_)) | Err(_) => (HttpResponse::ServiceUnavailable(), "the database does not answer"),
    };
    response.content_type("text/plain; charset=utf-8").body(text)
}
