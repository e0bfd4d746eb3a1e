//! Stream mode: tickets, the connections that they opened, and what was not acknowledged yet.

use std::collections::{BTreeMap, HashMap};
use std::time::Duration;

use serde_json::{Value, json};
use tokio::sync::mpsc::UnboundedSender;

use super::answer::{Refusal, Reply};
use super::call::CallKind;
use super::open_api::fields;
use super::org_event::OrgEvent;
use super::request::ApiRequest;
use super::world::World;

/// How long a ticket opens a connection.
const TICKET_LIFETIME: Duration = Duration::from_secs(90);

/// What a connection is to do.
#[derive(Clone, Debug)]
pub enum StreamOrder {
    /// Send this text.
    Text(String),
    /// Send bytes, which nobody expects.
    Bytes(Vec<u8>),
    /// End it without a word.
    Cut,
    /// Answer nothing any more.
    FallSilent,
}

/// What a client said about an event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StreamAck {
    /// The number of the event.
    pub event_id: String,
    /// `SUCCESS` or `LATER`.
    pub status: String,
}

#[derive(Debug)]
struct OpenStream {
    client_id: String,
    orders: UnboundedSender<StreamOrder>,
    /// It was told that it ends: nothing more is sent over it.
    is_leaving: bool,
}

#[derive(Debug)]
struct Sent {
    client_id: String,
    event_id: String,
    frame: String,
}

/// Streams of all apps.
#[derive(Debug, Default)]
pub struct Streams {
    tickets: HashMap<String, (String, Duration)>,
    open: BTreeMap<u64, OpenStream>,
    opened: u64,
    messages: u64,
    unacknowledged: BTreeMap<String, Sent>,
    /// What clients said, the oldest first.
    pub acks: Vec<StreamAck>,
    /// What clients answered to pings.
    pub pongs: Vec<String>,
    /// Events that nobody listened to.
    pub lost: usize,
    /// Acknowledgements are not listened to.
    pub is_deaf: bool,
}

impl Streams {
    /// The app of a ticket, which opens nothing after that.
    pub fn redeem(&mut self, ticket: &str, now: Duration) -> Option<String> {
        let (client_id, until) = self.tickets.remove(ticket)?;
        (now < until).then_some(client_id)
    }

    /// Takes note of a connection.
    pub fn opened(&mut self, client_id: String, orders: UnboundedSender<StreamOrder>) -> u64 {
        self.opened += 1;
        let stream = OpenStream {
            client_id,
            orders,
            is_leaving: false,
        };
        self.open.insert(self.opened, stream);
        self.opened
    }

    /// Takes note of its end.
    pub fn closed(&mut self, number: u64) {
        self.open.remove(&number);
    }

    /// How many connections an app has.
    pub fn count(&self, client_id: &str) -> usize {
        self.of(client_id).count()
    }

    /// How many were opened since the start.
    pub fn opened_ever(&self) -> u64 {
        self.opened
    }

    /// Whether anybody listens.
    pub fn is_any_open(&self) -> bool {
        !self.open.is_empty()
    }

    /// How many events wait to be acknowledged.
    pub fn unacknowledged(&self) -> usize {
        self.unacknowledged.len()
    }

    /// Sends an event to one of an app's connections.
    pub fn send(&mut self, client_id: &str, corp_id: &str, event: &OrgEvent, id: &str, at_ms: i64) {
        self.messages += 1;
        let message_id = format!("sim_{}", self.messages);
        let frame = json!({
            "specVersion": "1.0",
            "type": "EVENT",
            "headers": {
                "topic": "*",
                "messageId": message_id,
                "contentType": "application/json",
                "time": at_ms.to_string(),
                "eventType": event.word,
                "eventId": id,
                "eventCorpId": corp_id,
                "eventBornTime": at_ms.to_string(),
                "eventUnifiedAppId": "00000000-0000-0000-0000-000000000001",
            },
            "data": event.frame_data(id, at_ms),
        })
        .to_string();
        if self.order(client_id, StreamOrder::Text(frame.clone())) {
            let sent = Sent {
                client_id: client_id.to_owned(),
                event_id: id.to_owned(),
                frame,
            };
            self.unacknowledged.insert(message_id, sent);
        } else {
            self.lost += 1;
        }
    }

    /// Sends a frame about the connection itself.
    pub fn system(&mut self, client_id: &str, topic: &str, data: &Value) {
        self.messages += 1;
        let frame = json!({
            "specVersion": "1.0",
            "type": "SYSTEM",
            "headers": {
                "topic": topic,
                "messageId": format!("sim_{}", self.messages),
                "contentType": "application/json",
                "time": "0",
            },
            "data": data.to_string(),
        });
        self.order(client_id, StreamOrder::Text(frame.to_string()));
    }

    /// Tells the connection of an app to do something; false without one.
    pub fn order(&mut self, client_id: &str, order: StreamOrder) -> bool {
        let stream = self.of(client_id).next_back();
        stream.is_some_and(|stream| stream.orders.send(order).is_ok())
    }

    /// From now on nothing is sent over the connections that an app has; the last order that is sent over each.
    pub fn part_with(&mut self, client_id: &str) -> Vec<UnboundedSender<StreamOrder>> {
        let mut parted = Vec::new();
        for stream in self.open.values_mut() {
            if stream.client_id == client_id && !stream.is_leaving {
                stream.is_leaving = true;
                parted.push(stream.orders.clone());
            }
        }
        parted
    }

    /// Sends everything again that was not acknowledged.
    pub fn redeliver(&mut self) {
        let waiting: Vec<(String, String)> = self
            .unacknowledged
            .values()
            .map(|sent| (sent.client_id.clone(), sent.frame.clone()))
            .collect();
        for (client_id, frame) in waiting {
            self.order(&client_id, StreamOrder::Text(frame));
        }
    }

    /// What a client sent, if it is an answer.
    pub fn answered(&mut self, text: &str) -> Result<(), String> {
        let answer: Value = serde_json::from_str(text).map_err(|error| error.to_string())?;
        let message_id = answer["headers"]["messageId"].as_str().ok_or("no messageId")?;
        let data = answer["data"].as_str().ok_or("data is no text")?;
        let inner: Value = serde_json::from_str(data).map_err(|error| error.to_string())?;
        if !answer["code"].is_number() || !answer["message"].is_string() {
            return Err("no code or no message".to_owned());
        }
        let Some(status) = inner["status"].as_str() else {
            self.pongs.push(data.to_owned());
            return Ok(());
        };
        if !matches!(status, "SUCCESS" | "LATER") {
            return Err(format!("an unknown status {status}"));
        }
        if let Some(sent) = self.unacknowledged.get(message_id) {
            self.acks.push(StreamAck {
                event_id: sent.event_id.clone(),
                status: status.to_owned(),
            });
            if status == "SUCCESS" && !self.is_deaf {
                self.unacknowledged.remove(message_id);
            }
        }
        Ok(())
    }

    fn of(&self, client_id: &str) -> impl DoubleEndedIterator<Item = &OpenStream> {
        self.open
            .values()
            .filter(move |stream| stream.client_id == client_id && !stream.is_leaving)
    }
}

/// `POST /v1.0/gateway/connections/open`: a ticket, and where it is good.
pub fn open_stream(world: &mut World, request: &ApiRequest) -> Reply {
    const KIND: CallKind = CallKind::OpenStream;
    let client_id = request.mandatory("clientId")?;
    let client_secret = request.mandatory("clientSecret")?;
    let subscribes = request.list("subscriptions").is_some_and(|subscriptions| {
        subscriptions
            .iter()
            .any(|one| one["type"] == "EVENT" && one["topic"] == "*")
    });
    if !subscribes {
        return Err(Refusal::missing("subscriptions"));
    }
    let app = world.admit(KIND, client_id, request.peer)?;
    if app.client_secret != client_secret {
        return Err(Refusal::credentials(KIND));
    }
    let ticket = world.ids.token();
    let until = world.time.now() + TICKET_LIFETIME;
    world
        .stream
        .tickets
        .insert(ticket.clone(), (app.client_id, until));
    let endpoint = format!("ws://{}/connect", request.host.as_deref().unwrap_or_default());
    Ok(fields(json!({ "endpoint": endpoint, "ticket": ticket })))
}
