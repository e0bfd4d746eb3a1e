//! The actions of the resource `dingtalk` about links, as administrators see, make and remove them.

use actix_web::HttpResponse;
use chrono::SecondsFormat;
use log::info;
use serde_json::{Value, json};

use super::dingtalk::MOST_CSV_ROWS;
use crate::audit::Event;
use crate::http::ActionResult;
use crate::http::request::context::Context;
use crate::http::response::envelope;
use crate::http::response::error::RequestError;
use crate::nocobase::{ListedLink, User, UserId};
use crate::sign_in::SignInError;
use crate::spreadsheet;

/// Choosing among more people than this is done by searching.
const MOST_CHOICES: u64 = 20;
const CSV_HEADER: [&str; 7] = [
    "authenticator",
    "userId",
    "nickname",
    "phone",
    "subject",
    "matchedBy",
    "createdAt",
];

/// `dingtalk:bindings`: who is linked.
pub async fn bindings(context: Context) -> ActionResult {
    let query = &context.query;
    let is_csv = query.only("format") == Some("csv");
    let page = if is_csv {
        query.table(MOST_CSV_ROWS)
    } else {
        query.page()
    };
    let links = context.state.store.links();
    let found = links
        .page(query.only("authenticator"), query.only("search"), page)
        .await?;
    if is_csv {
        let table = spreadsheet::to_csv(CSV_HEADER, found.rows.iter().map(cells));
        return Ok(envelope::csv("dingtalk-linked-users.csv", table));
    }
    let rows: Vec<Value> = found.rows.iter().map(row).collect();
    let mut meta = envelope::page_meta(found.count, page);
    let left = context
        .state
        .sign_in
        .former_links(query.only("authenticator"))
        .await?;
    if left.former() > 0 {
        meta["former"] = json!({ "mobile": left.mobile, "userId": left.user_id, "unknown": left.unknown });
    }
    Ok(HttpResponse::Ok().json(json!({ "data": rows, "meta": meta })))
}

fn row(link: &ListedLink) -> Value {
    json!({
        "authenticator": link.authenticator,
        "userId": link.user_id,
        "nickname": link.user_nickname,
        "phone": link.user_phone.as_deref().map(masked_phone),
        "matchedBy": link.meta.get("matchedBy"),
        "createdAt": link.created_at,
    })
}

fn cells(link: &ListedLink) -> [String; 7] {
    let matched_by = link.meta.get("matchedBy").and_then(Value::as_str);
    [
        link.authenticator.clone(),
        link.user_id.to_string(),
        link.user_nickname.clone().unwrap_or_default(),
        link.user_phone.as_deref().map(masked_phone).unwrap_or_default(),
        link.subject_masked.clone(),
        matched_by.unwrap_or_default().to_owned(),
        link.created_at
            .map(|time| time.to_rfc3339_opts(SecondsFormat::Millis, true))
            .unwrap_or_default(),
    ]
}

/// `dingtalk:unlinkedUsers`: whom an administrator may link by hand.
pub async fn unlinked_users(context: Context) -> ActionResult {
    let authenticator = named(&context, "authenticator")?;
    let users = context.state.store.users();
    let found = users
        .unlinked(authenticator, context.query.only("search"), MOST_CHOICES)
        .await?;
    let rows: Vec<Value> = found.iter().map(choice).collect();
    Ok(envelope::data(rows))
}

fn choice(user: &User) -> Value {
    json!({
        "userId": user.id,
        "nickname": user.nickname,
        "username": user.username,
        "phone": user.phone.as_deref().map(masked_phone),
    })
}

/// `dingtalk:bind`: links a user to the subject that an administrator names.
pub async fn bind(context: Context) -> ActionResult {
    let authenticator = named(&context, "authenticator")?;
    let user = user_of(&context)?;
    let subject = context
        .text("subject")?
        .ok_or(RequestError::InvalidField("subject"))?;
    if context.state.store.users().find(user).await?.is_none() {
        return Err(RequestError::RecordNotFound.into());
    }
    let linked = context
        .state
        .sign_in
        .link_by_hand(authenticator, user, subject)
        .await;
    let result = linked.as_ref().copied().map_err(SignInError::code);
    context
        .record(Event::Link, authenticator, result, Some(user.0))
        .await;
    linked?;
    let by = context.caller.as_ref().and_then(|caller| caller.user_id);
    info!(
        "user {user} was linked through {authenticator} by user {by:?} (reference {})",
        context.reference
    );
    Ok(envelope::nothing())
}

/// `dingtalk:unbind`: the person is matched anew at the next sign-in.
pub async fn unbind(context: Context) -> ActionResult {
    let authenticator = named(&context, "authenticator")?;
    let user = user_of(&context)?;
    if !context.state.store.links().remove(authenticator, user).await? {
        return Err(RequestError::RecordNotFound.into());
    }
    let by = context.caller.as_ref().and_then(|caller| caller.user_id);
    info!(
        "user {user} was unlinked from {authenticator} by user {by:?} (reference {})",
        context.reference
    );
    context
        .record(Event::Unlink, authenticator, Ok(()), Some(user.0))
        .await;
    Ok(envelope::nothing())
}

fn named<'a>(context: &'a Context, field: &'static str) -> Result<&'a str, RequestError> {
    context.query.only(field).ok_or(RequestError::InvalidField(field))
}

fn user_of(context: &Context) -> Result<UserId, RequestError> {
    let id = context.query.only("userId").and_then(|text| text.parse().ok());
    Ok(UserId(id.ok_or(RequestError::InvalidField("userId"))?))
}

/// Enough of a number to recognise someone, too little to call them.
fn masked_phone(phone: &str) -> String {
    let count = phone.chars().count();
    let (head, tail) = if count > 8 {
        (count - 8, count - 4)
    } else {
        (0, count.saturating_sub(2))
    };
    phone
        .chars()
        .enumerate()
        .map(|(index, c)| if (head..tail).contains(&index) { '*' } else { c })
        .collect()
}
