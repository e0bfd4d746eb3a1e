//! The control of events: what an organization's apps are told, how, and what came of it.

use std::time::Duration;

use serde_json::json;

use super::control::Control;
use super::org_event::OrgEvent;
use super::push::{CallbackAddress, PushManner, PushOutcome};
use super::pusher::{self, Delivery};
use super::streams::{StreamAck, StreamOrder};

/// DingTalk cuts a connection so long after it has said so.
const CUT_AFTER: Duration = Duration::from_secs(10);
const LOOK_EVERY: Duration = Duration::from_millis(20);

impl Control {
    /// Sends the callbacks of an app there from now on.
    pub fn set_callback(&self, address: CallbackAddress) {
        let mut world = self.0.lock();
        world.push.addresses.insert(address.client_id.clone(), address);
    }

    /// What is unusual about callbacks from now on.
    pub fn set_push_manner(&self, manner: PushManner) {
        self.0.lock().push.manner = manner;
    }

    /// Takes this for the time of day now, in milliseconds, instead of the machine's.
    pub fn set_time_of_day(&self, now_ms: i64) {
        let mut world = self.0.lock();
        let passed = i64::try_from(world.time.now().as_millis()).unwrap_or_default();
        world.push.set_wall(now_ms - passed);
    }

    /// Tells the apps of an organization that something happened. An app with a callback address is told there, else over
    /// its stream; without either nobody hears of it.
    pub fn fire(&self, corp_id: &str, event: &OrgEvent) {
        let id = self.0.lock().ids.token();
        self.fire_as(corp_id, event, &id);
    }

    /// As [`Control::fire`], under this number.
    pub fn fire_as(&self, corp_id: &str, event: &OrgEvent, id: &str) {
        let mut deliveries = Vec::new();
        {
            let mut world = self.0.lock();
            let at_ms = world.wall_ms();
            let apps: Vec<String> = world
                .apps
                .iter()
                .filter(|app| app.corp_id == corp_id)
                .map(|app| app.client_id.clone())
                .collect();
            for client_id in apps {
                let times = if world.push.manner.duplicate { 2 } else { 1 };
                for _ in 0..times {
                    match world.push.addresses.get(&client_id).cloned() {
                        Some(address) => {
                            world.push.under_way += 1;
                            deliveries.push(Delivery {
                                address,
                                corp_id: corp_id.to_owned(),
                                event: event.clone(),
                                id: id.to_owned(),
                                at_ms,
                            });
                        }
                        None => world.stream.send(&client_id, corp_id, event, id, at_ms),
                    }
                }
            }
        }
        for delivery in deliveries {
            tokio::spawn(pusher::deliver(self.0.clone(), delivery));
        }
    }

    /// Whether anybody would be told of anything.
    pub(super) fn has_listeners(&self) -> bool {
        let world = self.0.lock();
        !world.push.addresses.is_empty() || world.stream.is_any_open()
    }

    /// Tells each of these organizations what happened there.
    pub(super) fn fire_all(&self, events: Vec<(String, OrgEvent)>) {
        for (corp_id, event) in events {
            self.fire(&corp_id, &event);
        }
    }

    /// What the console does when an address is saved: asks whether it answers.
    pub async fn verify_callback(&self, client_id: &str) -> bool {
        let address = self.0.lock().push.addresses.get(client_id).cloned();
        let Some(address) = address else {
            return false;
        };
        let message = json!({ "EventType": "check_url" }).to_string();
        pusher::push(&self.0, &address, "check_url", &message, 1).await
    }

    /// Sends the last callback again, letter for letter; its status.
    pub async fn replay_callback(&self, client_id: &str) -> Option<u16> {
        let (address, last) = {
            let world = self.0.lock();
            let address = world.push.addresses.get(client_id).cloned()?;
            (address, world.push.last.clone()?)
        };
        pusher::send(&self.0, &address, "replay", &last, 1).await;
        self.pushes().last()?.status
    }

    /// How the callbacks went, the oldest first.
    pub fn pushes(&self) -> Vec<PushOutcome> {
        self.0.lock().push.outcomes.clone()
    }

    /// Callbacks that are being sent, or will be once more.
    pub fn pushes_under_way(&self) -> usize {
        self.0.lock().push.under_way
    }

    /// Callbacks of an app that were given up and not fetched.
    pub fn given_up_pushes(&self, client_id: &str) -> usize {
        self.0.lock().push.given_up(client_id)
    }

    /// The open streams of an app.
    pub fn streams(&self, client_id: &str) -> usize {
        self.0.lock().stream.count(client_id)
    }

    /// How many streams were opened since the start.
    pub fn streams_opened(&self) -> u64 {
        self.0.lock().stream.opened_ever()
    }

    /// What was said about events over streams, the oldest first.
    pub fn stream_acks(&self) -> Vec<StreamAck> {
        self.0.lock().stream.acks.clone()
    }

    /// Events over streams that nobody has acknowledged.
    pub fn unacknowledged(&self) -> usize {
        self.0.lock().stream.unacknowledged()
    }

    /// Events that happened while nobody listened.
    pub fn lost_events(&self) -> usize {
        self.0.lock().stream.lost
    }

    /// What was answered to pings.
    pub fn stream_pongs(&self) -> Vec<String> {
        self.0.lock().stream.pongs.clone()
    }

    /// Whether acknowledgements count for nothing, so that everything is sent again.
    pub fn ignore_stream_acks(&self, ignores: bool) {
        self.0.lock().stream.is_deaf = ignores;
    }

    /// Sends everything over streams again that was not acknowledged.
    pub fn redeliver(&self) {
        self.0.lock().stream.redeliver();
    }

    /// Asks an app over its stream whether it is there.
    pub fn ping_stream(&self, client_id: &str, opaque: &str) {
        let data = json!({ "opaque": opaque });
        self.0.lock().stream.system(client_id, "ping", &data);
    }

    /// Does something to the stream of an app; false without one.
    pub fn order_stream(&self, client_id: &str, order: StreamOrder) -> bool {
        self.0.lock().stream.order(client_id, order)
    }

    /// Tells the streams of an app that they end, and cuts them ten seconds later.
    pub fn disconnect_stream(&self, client_id: &str) {
        let parted = {
            let mut world = self.0.lock();
            let data = json!({ "reason": "connection is expired" });
            world.stream.system(client_id, "disconnect", &data);
            world.stream.part_with(client_id)
        };
        let shared = self.0.clone();
        tokio::spawn(async move {
            let until = shared.lock().time.now() + CUT_AFTER;
            while shared.lock().time.now() < until {
                tokio::time::sleep(LOOK_EVERY).await;
            }
            for stream in parted {
                let _ = stream.send(StreamOrder::Cut);
            }
        });
    }
}
