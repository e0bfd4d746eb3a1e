//! The actions of the resource `dingtalk` about the organization beside the users.

use std::sync::Arc;

use serde_json::{Value, json};

use crate::directory::{ComparedPerson, Preview, PreviewError, PreviewState, Prospect};
use crate::http::request::context::Context;
use crate::http::response::envelope;
use crate::http::response::error::RequestError;
use crate::http::{ActionResult, ApiError};

/// `dingtalk:readDirectory`: begins to read the organization and to compare it with the users; nothing is changed.
pub async fn read(context: Context) -> ActionResult {
    let name = authenticator(&context)?;
    let begun = context.state.directory.begin(name).await;
    let begun = begun.map_err(|error| ApiError::Directory(Arc::new(PreviewError::from(error))))?;
    Ok(envelope::data(told(&context, Some(&begun))))
}

/// `dingtalk:directory`: how far the reading is, and what came of it.
pub async fn directory(context: Context) -> ActionResult {
    let latest = context.state.directory.latest(authenticator(&context)?);
    Ok(envelope::data(told(&context, latest.as_ref())))
}

/// `dingtalk:directoryPeople`: the people of the latest reading, a page of them, of one outcome or of all.
pub async fn people(context: Context) -> ActionResult {
    let outcome = match context.query.only("outcome") {
        None => None,
        Some(name) => Some(Prospect::named(name).ok_or(RequestError::InvalidField("outcome"))?),
    };
    let latest = context.state.directory.latest(authenticator(&context)?);
    let Some(Preview {
        state: PreviewState::Ready(comparison),
        ..
    }) = latest
    else {
        return Err(RequestError::RecordNotFound.into());
    };
    let found: Vec<&ComparedPerson> = comparison.rows_of(outcome).collect();
    let page = context.query.page();
    let skipped = usize::try_from(page.offset()).unwrap_or(usize::MAX);
    let taken = usize::try_from(page.page_size).unwrap_or(usize::MAX);
    let rows: Vec<&ComparedPerson> = found.iter().skip(skipped).take(taken).copied().collect();
    let users = rows.iter().filter_map(|row| row.user_id).collect();
    let names = context.state.store.users().names_of(&users).await?;
    let rows: Vec<Value> = rows
        .into_iter()
        .map(|row| {
            let nickname = row.user_id.and_then(|user| names.get(&user));
            json!({
                "outcome": row.outcome.name(),
                "name": row.name,
                "departments": row.departments,
                "userId": row.user_id,
                "nickname": nickname,
            })
        })
        .collect();
    let count = u64::try_from(found.len()).unwrap_or(u64::MAX);
    Ok(envelope::page(rows, count, page))
}

fn authenticator(context: &Context) -> Result<&str, RequestError> {
    let name = context.query.only("authenticator");
    name.ok_or(RequestError::InvalidField("authenticator"))
}

fn told(context: &Context, preview: Option<&Preview>) -> Value {
    let Some(preview) = preview else {
        return json!({ "state": "none" });
    };
    let begun = preview.begun;
    match &preview.state {
        PreviewState::Reading(progress) => {
            json!({ "state": "reading", "begunAt": begun, "progress": *progress.borrow() })
        }
        PreviewState::Ready(comparison) => json!({
            "state": "ready",
            "begunAt": begun,
            "departments": comparison.departments,
            "counts": comparison.counts(),
            "hasGap": comparison.has_gap,
        }),
        PreviewState::Failed(error) => {
            let error = ApiError::Directory(error.clone());
            json!({
                "state": "failed",
                "begunAt": begun,
                "code": error.code().name(),
                "message": envelope::sentence(&error, &context.reference, context.language()),
            })
        }
    }
}
