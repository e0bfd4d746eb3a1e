//! The actions of the resource `dingtalk` about organizations that are kept in step: begun, looked at, confirmed, told.

use std::collections::{BTreeMap, BTreeSet};

use actix_web::HttpResponse;
use serde_json::{Value, json};

use super::fields::source;
use super::run_reasons::sentence;
use crate::directory::{Cause, Kind, ReceiveMode, Run, RunState};
use crate::error_code::Code;
use crate::http::request::context::Context;
use crate::http::response::envelope;
use crate::http::response::error::RequestError;
use crate::http::{ActionResult, ApiError};
use crate::nocobase::{ChangeRow, UserId};
use crate::plugin::{Language, Locales};
use crate::spreadsheet;

/// Rows are read so many at a time.
const ROWS_AT_ONCE: u64 = 1000;
const HEADER: [&str; 7] = ["kind", "uid", "name", "userId", "nickname", "reason", "message"];

/// `dingtalk:sources`: the sources of our type, each with its latest run.
pub async fn sources(context: Context) -> ActionResult {
    let sources = context.state.directory.sources().await?;
    let rows: Vec<Value> = sources
        .iter()
        .map(|(row, status)| {
            let option = |name| row.options.get(name).and_then(Value::as_str);
            let streams = status.receive_mode == Some(ReceiveMode::Stream);
            json!({
                "id": row.id,
                "name": row.name,
                "displayName": row.display_name,
                "enabled": row.enabled,
                "receiveMode": option("receiveMode").filter(|mode| !mode.is_empty()).unwrap_or("off"),
                "schedule": option("schedule").filter(|schedule| !schedule.is_empty()).unwrap_or("off"),
                "run": told(&context, &status.run),
                "stream": streams.then_some(&status.stream),
                "lastEventAt": status.last_event,
            })
        })
        .collect();
    Ok(envelope::data(rows))
}

/// `dingtalk:startRun`: asks for a synchronization; one that is under way is told.
pub async fn start(context: Context) -> ActionResult {
    let directory = &context.state.directory;
    // Beside NocoBase the plugin says when nobody has pressed a button.
    let reason = match context.values.get("reason") {
        Some(reason) if context.bridge.is_some() => {
            serde_json::from_value(reason.clone()).map_err(|_| RequestError::InvalidField("reason"))?
        }
        Some(_) | None => Cause::Button,
    };
    let run = directory
        .start(source(&context)?, reason, actor(&context))
        .await?;
    Ok(envelope::data(told(&context, &run)))
}

/// `dingtalk:run`: how far the latest synchronization is, or what came of it.
pub async fn run(context: Context) -> ActionResult {
    let run = context.state.directory.latest(source(&context)?).await?;
    Ok(envelope::data(told(&context, &run)))
}

/// `dingtalk:confirmRun`: asks for one that does what the latest one only showed.
pub async fn confirm(context: Context) -> ActionResult {
    let id = context.text("id")?.ok_or(RequestError::InvalidField("id"))?;
    let directory = &context.state.directory;
    let run = directory.confirm(source(&context)?, id, actor(&context)).await?;
    Ok(envelope::data(told(&context, &run)))
}

/// `dingtalk:discardRun`: forgets what the latest one showed.
pub async fn discard(context: Context) -> ActionResult {
    context.state.directory.discard(source(&context)?).await?;
    Ok(envelope::nothing())
}

/// `dingtalk:runs`: the last ones.
pub async fn runs(context: Context) -> ActionResult {
    let runs = context.state.directory.last_runs(source(&context)?).await?;
    let runs: Vec<Value> = runs.iter().map(Run::brief).collect();
    Ok(envelope::data(runs))
}

/// `dingtalk:runRows`: what the latest one did, or would do, for whom: a page of it, of one kind or of all.
pub async fn rows(context: Context) -> ActionResult {
    let kind = match context.query.only("kind") {
        None => None,
        Some(name) => Some(Kind::named(name).ok_or(RequestError::InvalidField("kind"))?),
    };
    let page = context.query.page();
    let directory = &context.state.directory;
    let found = directory
        .rows(source(&context)?, kind.map(Kind::name), page)
        .await?;
    let names = names_of(&context, &found.rows).await?;
    let rows: Vec<Value> = found
        .rows
        .iter()
        .map(|row| {
            json!({
                "kind": row.kind,
                "uid": row.uid,
                "name": row.name,
                "userId": row.user,
                "nickname": row.user.and_then(|user| names.get(&user)),
                "detail": row.detail,
                "message": sentence(&row.detail, context.language()),
            })
        })
        .collect();
    Ok(envelope::page(rows, found.count, page))
}

/// `dingtalk:runReport`: the same as a table for a spreadsheet.
pub async fn report(context: Context) -> ActionResult {
    let (name, directory) = (source(&context)?, &context.state.directory);
    let (mut position, mut all) = (0, Vec::new());
    loop {
        let (rows, next) = directory.rows_after(name, position, ROWS_AT_ONCE).await?;
        let names = names_of(&context, &rows).await?;
        all.extend(rows.into_iter().map(|row| cells(row, &names, context.language())));
        match next {
            Some(next) => position = next,
            None => break,
        }
    }
    Ok(table(all))
}

fn table(rows: Vec<[String; 7]>) -> HttpResponse {
    envelope::csv(
        "dingtalk-synchronization.csv",
        spreadsheet::to_csv(HEADER, rows.into_iter()),
    )
}

fn cells(row: ChangeRow, names: &BTreeMap<UserId, String>, language: Language) -> [String; 7] {
    let nickname = row.user.and_then(|user| names.get(&user)).cloned();
    let reason = row.detail.get("reason").and_then(Value::as_str);
    [
        row.kind,
        row.uid,
        row.name.unwrap_or_default(),
        row.user.map(|user| user.to_string()).unwrap_or_default(),
        nickname.unwrap_or_default(),
        reason.unwrap_or_default().to_owned(),
        sentence(&row.detail, language).unwrap_or_default(),
    ]
}

async fn names_of(context: &Context, rows: &[ChangeRow]) -> Result<BTreeMap<UserId, String>, ApiError> {
    let users: BTreeSet<UserId> = rows.iter().filter_map(|row| row.user).collect();
    Ok(context.state.store.users().names_of(&users).await?)
}

/// NocoBase numbers its users from 1: by its schedule it is nobody who asks.
fn actor(context: &Context) -> Option<UserId> {
    let caller = context.caller.as_ref()?;
    caller.user_id.filter(|user| *user > 0).map(UserId)
}

fn told(context: &Context, run: &Run) -> Value {
    if run.state == RunState::None {
        return json!({ "state": "none" });
    }
    let code = run.code.as_deref().and_then(Code::named);
    let message = code.map(|code| {
        let parameters: Vec<(&str, &str)> = run
            .parameters
            .iter()
            .map(|(name, value)| (name.as_str(), value.as_str()))
            .collect();
        Locales::embedded().format(context.language(), code.key(), &parameters)
    });
    json!({
        "id": run.id,
        "state": run.state,
        "reason": run.reason,
        "begunAt": run.begun_at,
        "endedAt": run.ended_at,
        "progress": run.progress,
        "counts": run.counts,
        "code": run.code,
        "message": message,
        "isComplete": run.is_complete,
        "removals": run.removals,
    })
}
