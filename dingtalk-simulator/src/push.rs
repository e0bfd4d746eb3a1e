//! Callbacks: where each app wants them, how they went, and which of them DingTalk has given up.

use std::collections::HashMap;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::answer::Reply;
use super::call::CallKind;
use super::old_api::authorize;
use super::open_api::fields;
use super::org_event::Spelling;
use super::request::ApiRequest;
use super::world::World;

/// Entries that one call hands out.
const PAGE: usize = 200;
/// Outcomes that are remembered.
const KEPT: usize = 2000;

/// Where an app wants its callbacks, as its console page says it.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct CallbackAddress {
    /// Client ID of the app.
    pub client_id: String,
    /// An http address.
    pub url: String,
    /// What signatures are made with.
    pub token: String,
    /// Forty-three letters and digits.
    pub encoding_aes_key: String,
}

/// What is unusual about the callbacks from now on.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
pub struct PushManner {
    /// How fields are spelt.
    pub spelling: Spelling,
    /// Signed with another token.
    pub bad_signature: bool,
    /// Meant for this app; none for the right one.
    pub owner: Option<String>,
    /// Each event is sent twice.
    pub duplicate: bool,
    /// Said to be so old, in milliseconds.
    pub age_ms: i64,
    /// What failed is sent again at once, not ten and thirty seconds later.
    pub retries_at_once: bool,
}

/// How one attempt went.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PushOutcome {
    /// What was told.
    pub word: String,
    /// The first, second or third.
    pub attempt: u32,
    /// The HTTP status; none when nobody answered in time.
    pub status: Option<u16>,
    /// Whether it was acknowledged as DingTalk wants it.
    pub is_accepted: bool,
}

/// A request as it was sent.
#[derive(Clone, Debug)]
pub struct SentPush {
    /// Address with its parameters.
    pub url: String,
    /// Body.
    pub body: String,
}

/// Callbacks of all apps.
#[derive(Debug, Default)]
pub struct Pushes {
    /// By client id.
    pub addresses: HashMap<String, CallbackAddress>,
    /// What is unusual.
    pub manner: PushManner,
    /// How they went, the oldest first.
    pub outcomes: Vec<PushOutcome>,
    /// What was sent last.
    pub last: Option<SentPush>,
    /// How many are under way.
    pub under_way: usize,
    failed: HashMap<String, Vec<Value>>,
    wall: Option<i64>,
}

impl Pushes {
    /// Takes note of an attempt.
    pub fn note(&mut self, outcome: PushOutcome) {
        if self.outcomes.len() < KEPT {
            self.outcomes.push(outcome);
        }
    }

    /// Gives a callback up.
    pub fn give_up(&mut self, client_id: &str, entry: Value) {
        self.failed.entry(client_id.to_owned()).or_default().push(entry);
    }

    /// How many of an app were given up and not fetched.
    pub fn given_up(&self, client_id: &str) -> usize {
        self.failed.get(client_id).map_or(0, Vec::len)
    }

    /// Takes this for the time of day at the simulator's start, in milliseconds.
    pub fn set_wall(&mut self, start_ms: i64) {
        self.wall = Some(start_ms);
    }
}

impl World {
    /// The time of day, in milliseconds: the machine's, unless it was set.
    pub fn wall_ms(&self) -> i64 {
        let passed = |duration: Duration| i64::try_from(duration.as_millis()).unwrap_or(i64::MAX);
        match self.push.wall {
            Some(start) => start + passed(self.time.now()),
            None => passed(machine_time()),
        }
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "what DingTalk signs says when, to whoever checks it by a real clock"
)]
fn machine_time() -> Duration {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default()
}

/// `GET /call_back/get_call_back_failed_result`: what was given up, which is forgotten by it.
pub fn failed_callbacks(world: &mut World, request: &ApiRequest) -> Reply {
    let app = authorize(world, CallKind::FailedCallbacks, request, "")?;
    let failed = world.push.failed.entry(app.client_id).or_default();
    let page: Vec<Value> = failed.drain(..failed.len().min(PAGE)).collect();
    let has_more = !failed.is_empty();
    Ok(fields(json!({ "failed_list": page, "has_more": has_more })))
}
