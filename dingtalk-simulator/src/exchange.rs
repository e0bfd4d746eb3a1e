//! An exchange: one call from its arrival to its answer, with latency and faults on the way.

use std::time::Duration;

use actix_web::body::{BodyStream, SizedStream};
use actix_web::http::StatusCode;
use actix_web::{HttpRequest, HttpResponse, web};
use futures_util::{StreamExt as _, stream};
use serde_json::{Value, json};

use super::answer::{Answer, Refusal, Reply};
use super::call::{CallKind, Generation};
use super::fault::{Effect, Timing};
use super::request::ApiRequest;
use super::world::{Shared, World};

/// The work of one operation.
pub type Operation = fn(&mut World, &ApiRequest) -> Reply;

/// Where [`Effect::Redirect`] points; a client that goes there is noted as unexpected.
pub const ELSEWHERE: &str = "/__simulator/elsewhere";

const LATE: Duration = Duration::from_secs(3);
const DRIP: Duration = Duration::from_millis(250);
const HUGE: usize = 5 * 1024 * 1024;
const PAGE: &str = "<!DOCTYPE html><html><head><title>502 Bad Gateway</title></head><body><h1>502 Bad Gateway</h1><hr>Tengine</body></html>";

/// Answers a call.
pub async fn exchange(
    kind: CallKind,
    operation: Operation,
    request: HttpRequest,
    body: web::Bytes,
    shared: web::Data<Shared>,
) -> HttpResponse {
    let request = ApiRequest::read(&request, &body);
    let (latency, struck) = {
        let mut world = shared.lock();
        let person = world.person_of(kind, &request);
        world.calls.count(kind, person.as_deref());
        (world.latency, world.faults.strike(kind, person.as_deref()))
    };
    if !latency.is_zero() {
        tokio::time::sleep(latency).await;
    }

    let Some((effect, timing)) = struck else {
        let answer = process(&mut shared.lock(), kind, operation, &request);
        return deliver(kind, &answer);
    };
    let answer = {
        let mut world = shared.lock();
        let at = world.time.now();
        let answer = if effect.distorts() || timing == Timing::After {
            Some(process(&mut world, kind, operation, &request))
        } else {
            None
        };
        world
            .calls
            .note(at, kind.label(), format!("fault: {}", effect.label()));
        match substitute(&effect, kind) {
            Some(refusal) => Answer::new(kind, Err(refusal), &mut world.ids),
            None => answer.unwrap_or_else(|| Answer::new(kind, Ok(serde_json::Map::new()), &mut world.ids)),
        }
    };
    distort(effect, kind, answer).await
}

fn process(world: &mut World, kind: CallKind, operation: Operation, request: &ApiRequest) -> Answer {
    let reply = operation(world, request);
    let outcome = reply.as_ref().map_or_else(Refusal::label, |_| "ok".to_owned());
    if is_clients_mistake(&outcome) {
        world
            .calls
            .note_unexpected(format!("{}: {outcome}", kind.label()));
    }
    let at = world.time.now();
    world.calls.note(at, kind.label(), outcome);
    Answer::new(kind, reply, &mut world.ids)
}

/// Refusals that only a client's own mistake can bring about, whatever the apps and people are.
fn is_clients_mistake(outcome: &str) -> bool {
    outcome.starts_with("Missing")
        || [
            "AuthenticationFailed.MissingParameter",
            "unsupported.grant.type",
            "88/40000",
            "40035",
            "400002",
        ]
        .contains(&outcome)
}

/// The refusal that takes the place of an answer, for effects that look like one.
fn substitute(effect: &Effect, kind: CallKind) -> Option<Refusal> {
    let open = kind.generation() == Generation::Open;
    match effect {
        Effect::Limited(limit) => Some(Refusal::limited(kind, *limit)),
        Effect::SystemBusy if open => Some(Refusal::open(500, "unknownError", "未知错误")),
        Effect::SystemBusy => Some(Refusal::business(-1, "系统繁忙")),
        Effect::GatewayTimeout | Effect::AuthorizationTimeout if open => {
            Some(Refusal::open(504, "ServiceTimeout", "服务超时"))
        }
        Effect::GatewayTimeout => Some(Refusal::business(15, "isp.top-remote-connection-timeout")),
        Effect::AuthorizationTimeout => Some(Refusal::business(88, "ding talk error[subcode=,submsg=]")),
        Effect::Reset
        | Effect::Hang
        | Effect::Late
        | Effect::SlowDrip
        | Effect::LimitedPerAddress
        | Effect::TooManyRequests
        | Effect::BadGatewayPage
        | Effect::Page
        | Effect::Empty
        | Effect::Truncated
        | Effect::CutOff
        | Effect::Closing
        | Effect::WrongTypes
        | Effect::Huge
        | Effect::Redirect
        | Effect::Status200
        | Effect::ErrcodeAsText
        | Effect::SubcodeOnlyInMessage
        | Effect::Answer { .. } => None,
    }
}

async fn distort(effect: Effect, kind: CallKind, mut answer: Answer) -> HttpResponse {
    match effect {
        Effect::Reset => closed(),
        Effect::Hang => std::future::pending().await,
        Effect::Late => {
            tokio::time::sleep(LATE).await;
            deliver(kind, &answer)
        }
        Effect::SlowDrip => dripping(kind, &answer),
        Effect::Limited(_) | Effect::SystemBusy | Effect::GatewayTimeout | Effect::AuthorizationTimeout => {
            deliver(kind, &answer)
        }
        Effect::LimitedPerAddress => HttpResponse::Ok().json(json!({
            "status": 1111, "wait": 5, "source": "x5", "punish": "deny", "uuid": answer.request_id,
        })),
        Effect::TooManyRequests => HttpResponse::TooManyRequests()
            .insert_header(("Retry-After", "1"))
            .content_type("text/plain")
            .body("too many requests"),
        Effect::BadGatewayPage => HttpResponse::BadGateway().content_type("text/html").body(PAGE),
        Effect::Page => HttpResponse::Ok().content_type("text/html").body(PAGE),
        Effect::Empty => HttpResponse::Ok().content_type("application/json").finish(),
        Effect::Truncated => {
            let text = answer.body.to_string();
            let half = text.chars().take(text.chars().count() / 2).collect::<String>();
            builder(kind, &answer).body(half)
        }
        Effect::CutOff => cut_off(kind, &answer),
        Effect::Closing => builder(kind, &answer).force_close().body(answer.body.to_string()),
        Effect::WrongTypes => {
            mistype(&mut answer.body);
            deliver(kind, &answer)
        }
        Effect::Huge => {
            answer.body["padding"] = json!("x".repeat(HUGE));
            deliver(kind, &answer)
        }
        Effect::Redirect => HttpResponse::Found()
            .insert_header(("Location", ELSEWHERE))
            .finish(),
        Effect::Status200 => {
            answer.status = 200;
            deliver(kind, &answer)
        }
        Effect::ErrcodeAsText => {
            if let Some(number) = answer.body.get("errcode").and_then(Value::as_i64) {
                answer.body["errcode"] = json!(number.to_string());
            }
            deliver(kind, &answer)
        }
        Effect::SubcodeOnlyInMessage => {
            if let Some(fields) = answer.body.as_object_mut() {
                fields.retain(|name, _| !name.starts_with("sub_"));
            }
            deliver(kind, &answer)
        }
        Effect::Answer {
            status,
            content_type,
            body,
        } => {
            let status = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
            HttpResponse::build(status).content_type(content_type).body(body)
        }
    }
}

fn builder(kind: CallKind, answer: &Answer) -> actix_web::HttpResponseBuilder {
    let status = StatusCode::from_u16(answer.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let mut response = HttpResponse::build(status);
    match kind.generation() {
        Generation::Open => {
            response
                .content_type("application/json;charset=utf-8")
                .insert_header(("Server", "DingTalk/1.0.0"))
                .insert_header(("x-acs-request-id", answer.request_id.as_str()))
                .insert_header((
                    "x-acs-trace-id",
                    answer.request_id.to_ascii_lowercase().replace('-', ""),
                ));
        }
        Generation::Top | Generation::Bare => {
            response.content_type("application/json");
        }
    }
    response
}

/// Puts an answer onto the wire as it is.
pub fn deliver(kind: CallKind, answer: &Answer) -> HttpResponse {
    builder(kind, answer).body(answer.body.to_string())
}

fn dripping(kind: CallKind, answer: &Answer) -> HttpResponse {
    let bytes = answer.body.to_string().into_bytes().into_iter();
    let drops = stream::unfold(bytes, |mut bytes| async {
        let byte = bytes.next()?;
        tokio::time::sleep(DRIP).await;
        Some((Ok::<_, std::io::Error>(web::Bytes::from(vec![byte])), bytes))
    });
    builder(kind, answer).body(BodyStream::new(Box::pin(drops)))
}

/// A body that fails after its first half, under a head that names its whole length.
fn cut_off(kind: CallKind, answer: &Answer) -> HttpResponse {
    let bytes = answer.body.to_string().into_bytes();
    let half = web::Bytes::copy_from_slice(bytes.get(..bytes.len() / 2).unwrap_or_default());
    let broken = std::io::Error::from(std::io::ErrorKind::ConnectionReset);
    // The first half is on its way before the second one fails.
    let failing = stream::once(async {
        tokio::time::sleep(DRIP).await;
        Err::<web::Bytes, _>(broken)
    });
    let parts = Box::pin(stream::once(std::future::ready(Ok(half))).chain(failing));
    let length = bytes.len().try_into().unwrap_or(u64::MAX);
    builder(kind, answer).body(SizedStream::new(length, parts))
}

/// A body that fails before its first byte: the server then drops the connection, with the head unsent.
fn closed() -> HttpResponse {
    let failing = stream::once(std::future::ready(Err::<web::Bytes, _>(std::io::Error::from(
        std::io::ErrorKind::ConnectionReset,
    ))));
    HttpResponse::Ok().body(BodyStream::new(failing))
}

fn mistype(value: &mut Value) {
    *value = match value.take() {
        Value::Null => json!("null"),
        Value::Bool(_) => json!("perhaps"),
        Value::Number(_) => json!("many"),
        Value::String(_) => json!(42),
        Value::Array(_) => json!({}),
        Value::Object(mut fields) => {
            fields.values_mut().for_each(mistype);
            Value::Object(fields)
        }
    };
}
