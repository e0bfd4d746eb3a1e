//! Events of the directory over real HTTP and a real WebSocket: stored before they are acknowledged, once each, and applied
//! by reading anew.

mod callback;
mod live;
mod queue;
mod stream;

use std::sync::{Arc, Mutex};
use std::time::Duration;

use dingtalk_simulator::{CallbackAddress, DEMO_CORP_ID, OrgEvent};
use nocobase_dingtalk::dingtalk::{Credentials, DingTalk, Endpoints, Limits};
use nocobase_dingtalk::directory::events::{
    Apply, EventContext, EventSource, EventsHandle, Inbox, Receive, StreamPace, StreamPatience, hold,
};
use nocobase_dingtalk::entropy::Entropy;
use nocobase_dingtalk::nocobase::{NewEvent, NewSyncSource, SyncSourceChanges};
use secrecy::SecretString;
use serde_json::{Value, json};
use tokio::sync::Notify;

use crate::support::app::{START_MS, TestApp};

const SOURCE: &str = "s dingtalk";
const TOKEN: &str = "tokentest0001";
const KEY: &str = "abcdefghijklmnopqrstuvwxyz0123456789ABCDEFG";
const BREAK_EVENTS: &str =
    r#"CREATE TRIGGER broken BEFORE INSERT ON "dingtalk_events" BEGIN SELECT RAISE(ABORT, 'no'); END"#;
const MEND_EVENTS: &str = "DROP TRIGGER broken";

/// What the holder of a source has been told to apply, in the order of its batches.
type Applied = Arc<Mutex<Vec<String>>>;

/// A site with a source, and whatever holds it.
struct Site {
    app: TestApp,
    source: i64,
    applied: Applied,
    /// How often applying fails from now on.
    failures: Arc<Mutex<u32>>,
    comparison_wanted: Arc<Notify>,
    missed: Arc<Notify>,
}

impl Site {
    /// A source that receives events so.
    async fn receiving(mode: &str) -> Self {
        let app = TestApp::start().await;
        app.store.ensure_directory_tables().await.unwrap();
        app.dingtalk.hold_time();
        app.dingtalk.set_time_of_day(START_MS);
        let options = json!({
            "clientId": app.dingtalk_app.client_id,
            "clientSecret": app.dingtalk_app.client_secret,
            "receiveMode": mode,
            "token": TOKEN,
            "encodingAesKey": KEY,
        });
        let new = NewSyncSource {
            name: SOURCE.to_owned(),
            display_name: None,
            enabled: false,
            options,
            secrets: Vec::new(),
        };
        let now = app.clock.now();
        let source = app.store.sync_sources().create(new, now).await.unwrap();
        // In somebody else's hands, the app only stores what comes.
        let (at, until) = (now.timestamp_millis(), i64::MAX);
        let state = app.store.directory_state();
        assert!(state.take_lease(source.id, "the test", at, until).await.unwrap());
        let changes = SyncSourceChanges {
            enabled: Some(true),
            ..SyncSourceChanges::default()
        };
        app.store
            .sync_sources()
            .update(source.id, changes, now)
            .await
            .unwrap();
        if mode == "callback" {
            app.dingtalk.set_callback(CallbackAddress {
                client_id: app.dingtalk_app.client_id.clone(),
                url: format!("{}/api/dingtalk-events/s%20dingtalk", app.url),
                token: TOKEN.to_owned(),
                encoding_aes_key: KEY.to_owned(),
            });
        }
        Self {
            source: source.id,
            app,
            applied: Arc::default(),
            failures: Arc::default(),
            comparison_wanted: Arc::default(),
            missed: Arc::default(),
        }
    }

    fn client_id(&self) -> &str {
        &self.app.dingtalk_app.client_id
    }

    fn context(&self) -> EventContext {
        let url = self.app.dingtalk_url().parse::<url::Url>().unwrap();
        let endpoints = Endpoints {
            login: url.clone(),
            api: url.clone(),
            oapi: url,
        };
        let limits = Limits {
            qps_per_api: 0,
            ..Limits::default()
        };
        let dingtalk = DingTalk::new(&endpoints, limits, Arc::new(|_| ())).unwrap();
        let inbox = Inbox::new(
            self.app.store.clone(),
            self.app.clock.clone(),
            Arc::new(|_, _| ()),
        );
        let mut context = EventContext::new(
            self.app.store.clone(),
            dingtalk,
            inbox,
            self.app.clock.clone(),
            Entropy::seeded(1),
        );
        context.comparison_wanted = Arc::clone(&self.comparison_wanted);
        context.poll = Duration::from_millis(5);
        context.given_up_after = Duration::ZERO;
        context.pace = StreamPace {
            patience: StreamPatience {
                connect: Duration::from_secs(10),
                idle: Duration::from_mins(1),
                pong: Duration::from_secs(10),
            },
            first_pause: Duration::from_millis(5),
            longest_pause: Duration::from_millis(20),
            refused_pause: Duration::from_mins(5),
            ..StreamPace::default()
        };
        context
    }

    fn source(&self) -> EventSource {
        EventSource {
            id: self.source,
            name: SOURCE.to_owned(),
            credentials: Credentials {
                client_id: self.client_id().to_owned(),
                client_secret: SecretString::from(self.app.dingtalk_app.client_secret.as_str()),
            },
            corp_id: None,
            callback: None,
        }
    }

    fn hold(&self, receive: Receive) -> EventsHandle {
        self.hold_with(self.context(), receive)
    }

    fn hold_callbacks(&self) -> EventsHandle {
        self.hold(Receive::Callback(Arc::clone(&self.missed)))
    }

    fn hold_with(&self, context: EventContext, receive: Receive) -> EventsHandle {
        let (applied, failures) = (Arc::clone(&self.applied), Arc::clone(&self.failures));
        let apply: Apply = Arc::new(move |reread| {
            let (applied, failures) = (Arc::clone(&applied), Arc::clone(&failures));
            Box::pin(async move {
                let mut left = failures.lock().unwrap();
                if *left > 0 {
                    *left -= 1;
                    let error = std::io::Error::other("not now");
                    return Err(nocobase_dingtalk::directory::events::NotApplied(Box::new(error)));
                }
                let people = reread.people.iter().map(|entry| {
                    format!(
                        "{} {}",
                        entry.user_id.as_str(),
                        entry.name.as_deref().unwrap_or_default()
                    )
                });
                let gone = reread.gone.iter().map(|id| format!("gone {}", id.as_str()));
                let departments = reread
                    .departments
                    .iter()
                    .map(|department| format!("department {} {}", department.id, department.name));
                let gone_departments = reread
                    .gone_departments
                    .iter()
                    .map(|id| format!("gone department {id}"));
                let mut batch: Vec<String> = people
                    .chain(gone)
                    .chain(departments)
                    .chain(gone_departments)
                    .collect();
                batch.sort_unstable();
                applied.lock().unwrap().extend(batch);
                Ok(())
            })
        });
        hold(context, self.source(), receive, apply)
    }

    fn fire(&self, word: &str, user_id: &str) {
        self.app
            .dingtalk
            .fire(DEMO_CORP_ID, &OrgEvent::of_person(word, user_id));
    }

    async fn pending(&self) -> Vec<NewEvent> {
        let events = self.app.store.directory_events();
        events.pending(self.source, 1000).await.unwrap()
    }

    async fn stored(&self) -> i64 {
        self.app.value(r#"SELECT COUNT(*) FROM "dingtalk_events""#).await
    }

    /// Waits until all callbacks have been delivered or given up.
    async fn pushed(&self) {
        eventually("callbacks are under way", async || {
            self.app.dingtalk.pushes_under_way() == 0
        })
        .await;
    }

    async fn applied(&self, expected: &[&str]) {
        eventually("nothing was applied", async || {
            *self.applied.lock().unwrap() == expected
        })
        .await;
    }

    async fn status(&self) -> Value {
        let entry = self.app.store.directory_state().get(self.source, "stream").await;
        entry
            .unwrap()
            .map(|entry| serde_json::from_str(&entry.value).unwrap())
            .unwrap_or_default()
    }

    async fn connected(&self) {
        eventually("the stream is not there", async || {
            self.app.dingtalk.streams(self.client_id()) == 1 && self.status().await["state"] == "connected"
        })
        .await;
    }
}

/// Waits until it is so.
async fn eventually(otherwise: &str, is_so: impl AsyncFn() -> bool) {
    let waiting = async {
        while !is_so().await {
            tokio::task::yield_now().await;
        }
    };
    let waited = tokio::time::timeout(Duration::from_secs(30), waiting).await;
    assert!(waited.is_ok(), "{otherwise}");
}
