//! Who and what of an organization is here, where the sidecar shows it itself.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

use super::fields;
use crate::directory::LEFT;
use crate::http::request::context::Context;
use crate::http::response::envelope;
use crate::http::response::error::RequestError;
use crate::http::{ActionResult, ApiError};
use crate::nocobase::{Page, RecordKind, StoreError, SyncRecord, SyncSource, UserId};

/// `dingtalk:syncedPeople`: the people of a source, a page of them.
pub async fn people(context: Context) -> ActionResult {
    let source = source(&context).await?;
    let store = &context.state.store;
    let mut records = store.sync_records().all(&source.name, RecordKind::Person).await?;
    records.retain(|record| record.exists);
    if let Some(text) = context.query.only("search") {
        let found = store.users().like(text).await?;
        records.retain(|record| record.resource.is_some_and(|user| found.contains(&UserId(user))));
    }
    let (count, page, records) = paged(&context, records);
    let bodies = bodies(&context, &source, RecordKind::Person, &records).await?;
    let titles = titles(&context, &source).await?;
    let users: BTreeSet<UserId> = records
        .iter()
        .filter_map(|record| record.resource.map(UserId))
        .collect();
    let names = store.users().names_of(&users).await?;
    let left = store.directory_state().list(source.id, LEFT).await?;
    let left: BTreeSet<&str> = left
        .iter()
        .filter_map(|entry| entry.name.strip_prefix(LEFT))
        .collect();
    let rows: Vec<Value> = records
        .iter()
        .map(|record| {
            let body = bodies.get(&record.uid);
            let departments = body.and_then(|body| body.get("departments")?.as_array());
            let departments: Vec<&str> = departments
                .into_iter()
                .flatten()
                .filter_map(|department| titles.get(department.get("uid")?.as_str()?))
                .map(String::as_str)
                .collect();
            json!({
                "uid": record.uid,
                "userId": record.resource,
                "nickname": record.resource.and_then(|user| names.get(&UserId(user))),
                "phone": body.and_then(|body| body.get("phone")),
                "departments": departments,
                "hasLeft": left.contains(record.uid.as_str()),
            })
        })
        .collect();
    Ok(envelope::page(rows, count, page))
}

/// `dingtalk:syncedDepartments`: the departments of a source, a page of them.
pub async fn departments(context: Context) -> ActionResult {
    let source = source(&context).await?;
    let records = context.state.store.sync_records();
    let mut records = records.all(&source.name, RecordKind::Department).await?;
    records.retain(|record| record.exists);
    let (count, page, records) = paged(&context, records);
    let bodies = bodies(&context, &source, RecordKind::Department, &records).await?;
    let titles = titles(&context, &source).await?;
    let rows: Vec<Value> = records
        .iter()
        .map(|record| {
            let parent = bodies
                .get(&record.uid)
                .and_then(|body| titles.get(body.get("parentUid")?.as_str()?));
            json!({ "uid": record.uid, "title": titles.get(&record.uid), "parentTitle": parent })
        })
        .collect();
    Ok(envelope::page(rows, count, page))
}

async fn source(context: &Context) -> Result<SyncSource, ApiError> {
    let name = fields::source(context)?;
    let found = context.state.store.sync_sources().named(name).await?;
    Ok(found.ok_or(RequestError::RecordNotFound)?)
}

fn paged(context: &Context, records: Vec<SyncRecord>) -> (u64, Page, Vec<SyncRecord>) {
    let page = context.query.page();
    let count = u64::try_from(records.len()).unwrap_or(u64::MAX);
    let skipped = usize::try_from(page.offset()).unwrap_or(usize::MAX);
    let taken = usize::try_from(page.page_size).unwrap_or(usize::MAX);
    (
        count,
        page,
        records.into_iter().skip(skipped).take(taken).collect(),
    )
}

async fn bodies(
    context: &Context,
    source: &SyncSource,
    kind: RecordKind,
    records: &[SyncRecord],
) -> Result<BTreeMap<String, Value>, StoreError> {
    let uids: Vec<String> = records.iter().map(|record| record.uid.clone()).collect();
    let store = &context.state.store;
    store.sync_records().bodies(&source.name, kind, &uids).await
}

/// What the departments are called, by uid.
async fn titles(context: &Context, source: &SyncSource) -> Result<BTreeMap<String, String>, ApiError> {
    let store = &context.state.store;
    let records = store
        .sync_records()
        .all(&source.name, RecordKind::Department)
        .await?;
    let bodies = bodies(context, source, RecordKind::Department, &records).await?;
    let title = |record: SyncRecord| {
        let title = bodies.get(&record.uid)?.get("title")?.as_str()?.to_owned();
        Some((record.uid, title))
    };
    Ok(records.into_iter().filter_map(title).collect())
}
