//! The pusher: sends callbacks as DingTalk does, and again when they are not acknowledged.

use std::time::Duration;

use actix_web::web;
use serde_json::Value;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time::{sleep, timeout};
use url::{Url, form_urlencoded};

use super::org_event::OrgEvent;
use super::push::{CallbackAddress, PushOutcome, SentPush};
use super::push_seal::{decrypt, encrypt, key, signature};
use super::world::Shared;

/// The newer of the two limits that DingTalk's pages name is longer; the shorter one is kept to.
const ANSWERED_WITHIN: Duration = Duration::from_millis(1500);
/// When it is tried again, after the attempt before.
const RETRIES: [Duration; 2] = [Duration::from_secs(10), Duration::from_secs(30)];
/// The simulator's time may be moved.
const LOOK_EVERY: Duration = Duration::from_millis(20);
const LARGEST_ANSWER: u64 = 64 * 1024;

/// What is to be told to whom.
pub struct Delivery {
    /// Where.
    pub address: CallbackAddress,
    /// The organization it happened in.
    pub corp_id: String,
    /// What.
    pub event: OrgEvent,
    /// The number of the event.
    pub id: String,
    /// When it happened.
    pub at_ms: i64,
}

/// Delivers an event, up to three times; then it is on the list of those that failed.
pub async fn deliver(shared: web::Data<Shared>, delivery: Delivery) {
    let (message, retries_at_once) = {
        let world = shared.lock();
        let manner = &world.push.manner;
        let body = delivery
            .event
            .body(manner.spelling, &delivery.id, &delivery.corp_id, delivery.at_ms);
        (body.to_string(), manner.retries_at_once)
    };
    let mut is_accepted = false;
    for attempt in 1..=3 {
        is_accepted = push(
            &shared,
            &delivery.address,
            &delivery.event.word,
            &message,
            attempt,
        )
        .await;
        let Some(pause) = usize::try_from(attempt - 1)
            .ok()
            .and_then(|index| RETRIES.get(index))
        else {
            break;
        };
        if is_accepted {
            break;
        }
        if !retries_at_once {
            wait(&shared, *pause).await;
        }
    }
    let mut world = shared.lock();
    if !is_accepted {
        let entry = delivery.event.failed_entry(&delivery.corp_id, delivery.at_ms);
        world.push.give_up(&delivery.address.client_id, entry);
    }
    world.push.under_way -= 1;
}

/// Sends one request, as it is to be from now on; whether it was acknowledged.
pub async fn push(
    shared: &web::Data<Shared>,
    address: &CallbackAddress,
    what: &str,
    message: &str,
    attempt: u32,
) -> bool {
    let Some(request) = sealed(shared, address, message) else {
        return false;
    };
    shared.lock().push.last = Some(request.clone());
    send(shared, address, what, &request, attempt).await
}

/// Sends exactly this, and takes note of how it went.
pub async fn send(
    shared: &web::Data<Shared>,
    address: &CallbackAddress,
    what: &str,
    request: &SentPush,
    attempt: u32,
) -> bool {
    let answered = timeout(ANSWERED_WITHIN, post(&request.url, &request.body)).await;
    let (status, body) = match answered {
        Ok(Some((status, body))) => (Some(status), body),
        Ok(None) | Err(_) => (None, String::new()),
    };
    let is_accepted = status == Some(200) && is_acknowledgement(address, &body);
    let mut world = shared.lock();
    if status == Some(200) && !is_accepted {
        world.calls.note_unexpected(format!(
            "callback {what}: answered with 200 and no acknowledgement"
        ));
    }
    let at = world.time.now();
    let outcome = if is_accepted { "ok" } else { "failed" };
    world.calls.note(at, format!("callback {what}"), outcome);
    world.push.note(PushOutcome {
        word: what.to_owned(),
        attempt,
        status,
        is_accepted,
    });
    is_accepted
}

fn sealed(shared: &web::Data<Shared>, address: &CallbackAddress, message: &str) -> Option<SentPush> {
    let mut world = shared.lock();
    let manner = world.push.manner.clone();
    let key = key(&address.encoding_aes_key)?;
    let random = &world.ids.token()[..16];
    let nonce = world.ids.token()[..8].to_owned();
    let timestamp = (world.wall_ms() - manner.age_ms).to_string();
    let owner = manner.owner.as_deref().unwrap_or(&address.client_id);
    let encrypted = encrypt(&key, random, message, owner);
    let token = if manner.bad_signature {
        "forged"
    } else {
        &address.token
    };
    let query = form_urlencoded::Serializer::new(String::new())
        .append_pair("signature", &signature(token, &timestamp, &nonce, &encrypted))
        .append_pair("timestamp", &timestamp)
        .append_pair("nonce", &nonce)
        .finish();
    Some(SentPush {
        url: format!("{}?{query}", address.url),
        body: serde_json::json!({ "encrypt": encrypted }).to_string(),
    })
}

fn is_acknowledgement(address: &CallbackAddress, body: &str) -> bool {
    let Ok(reply) = serde_json::from_str::<Value>(body) else {
        return false;
    };
    let text = |name: &str| reply.get(name).and_then(Value::as_str).unwrap_or_default();
    let encrypted = text("encrypt");
    let expected = signature(&address.token, text("timeStamp"), text("nonce"), encrypted);
    let opened = key(&address.encoding_aes_key).and_then(|key| decrypt(&key, encrypted));
    text("msg_signature") == expected
        && opened.is_some_and(|(message, owner)| message == "success" && owner == address.client_id)
}

async fn wait(shared: &web::Data<Shared>, pause: Duration) {
    let until = shared.lock().time.now() + pause;
    while shared.lock().time.now() < until {
        sleep(LOOK_EVERY).await;
    }
}

/// Posts JSON over plain HTTP; none when there is no answer.
async fn post(url: &str, body: &str) -> Option<(u16, String)> {
    let url = Url::parse(url).ok()?;
    let (host, port) = (url.host_str()?, url.port_or_known_default()?);
    let mut stream = TcpStream::connect((host, port)).await.ok()?;
    let head = format!(
        "POST {}?{} HTTP/1.1\r\nHost: {host}:{port}\r\nContent-Type: application/json\r\nContent-Length: {}\r\nConnection: close\r\n\r\n",
        url.path(),
        url.query().unwrap_or_default(),
        body.len(),
    );
    stream.write_all(head.as_bytes()).await.ok()?;
    stream.write_all(body.as_bytes()).await.ok()?;
    let mut answer = Vec::new();
    stream.take(LARGEST_ANSWER).read_to_end(&mut answer).await.ok()?;
    let answer = String::from_utf8(answer).ok()?;
    let (head, body) = answer.split_once("\r\n\r\n")?;
    let status = head.split(' ').nth(1)?.parse().ok()?;
    Some((status, body.to_owned()))
}
