//! The production app as `main` builds it, on port 0, with a manual clock and the simulator as DingTalk.

use std::io;
use std::sync::Mutex;

use chrono::{DateTime, TimeDelta};
use dingtalk_simulator::{App as DingTalkApp, Control, Simulator, SimulatorOptions};
use nocobase_dingtalk::app::{App, StartError};
use nocobase_dingtalk::background::Background;
use nocobase_dingtalk::clock::Clock;
use nocobase_dingtalk::config::{Config, Sources};
use nocobase_dingtalk::dingtalk::{DingTalk, Limits};
use nocobase_dingtalk::directory::Directory;
use nocobase_dingtalk::entropy::Entropy;
use nocobase_dingtalk::http::Stop;
use nocobase_dingtalk::nocobase::{NewUser, Store, UserId};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::task::JoinHandle;

use super::beside_nocobase::APP_KEY;
use super::browser::{Bridge, Browser};

/// The administrator's password in tests.
pub const ROOT_PASSWORD: &str = "a root password";
/// The authenticator most tests use.
pub const AUTHENTICATOR: &str = "s_dingtalk";
/// The plugin's name.
pub const PLUGIN: &str = "nocobase-plugin-auth-dingtalk";

/// When tests happen; with milliseconds, as real times have.
pub const START_MS: i64 = 1_763_600_523_678;

/// A running sidecar with everything around it.
pub struct TestApp {
    /// Its base address.
    pub url: String,
    /// Its clock.
    pub clock: Clock,
    /// Its tables.
    pub store: Store,
    /// The simulated DingTalk.
    pub dingtalk: Control,
    /// The sidecar's client of it.
    pub client: DingTalk,
    /// The organizations that are kept in step.
    pub directory: Directory,
    /// What it does behind an answer's back.
    pub background: Background,
    /// The app registered there.
    pub dingtalk_app: DingTalkApp,
    /// Its folder.
    pub folder: TempDir,
    simulator: Option<Simulator>,
    running: Vec<Running>,
    settings: Vec<(String, String)>,
    limits: Adjust,
    root: Mutex<Option<String>>,
}

/// Changes to how DingTalk is called, which no setting can make.
type Adjust = fn(&mut Limits);

struct Process {
    url: String,
    store: Store,
    client: DingTalk,
    directory: Directory,
    background: Background,
    running: Running,
}

/// A process that answers.
struct Running {
    stop: Stop,
    end: JoinHandle<io::Result<()>>,
}

impl Process {
    async fn start(settings: &[(String, String)], limits: Adjust, clock: &Clock) -> Result<Self, StartError> {
        let pairs: Vec<(&str, &str)> = settings
            .iter()
            .map(|(name, value)| (name.as_str(), value.as_str()))
            .collect();
        let mut config = Config::load(&Sources::of_pairs(&pairs)).unwrap();
        limits(&mut config.limits);
        let app = App::build(config, clock.clone(), Entropy::secure(), None).await?;
        Ok(Self {
            url: format!("http://{}", app.address()),
            store: app.store().clone(),
            client: app.dingtalk().clone(),
            directory: app.directory().clone(),
            background: app.background().clone(),
            running: Running {
                stop: app.stopper(),
                end: tokio::spawn(app.run()),
            },
        })
    }
}

impl TestApp {
    /// A sidecar alone, the plugin enabled, one authenticator with automatic sign-up.
    pub async fn start() -> Self {
        let app = Self::bare(&[]).await;
        app.enable_plugin().await;
        app.add_authenticator(json!({ "public": { "autoSignup": true } }))
            .await;
        app
    }

    /// A sidecar alone as its first start leaves it, with these settings on top.
    pub async fn bare(settings: &[(&str, &str)]) -> Self {
        // On the heap: the compiler gives up on futures that lie too deep in each other.
        Box::pin(Self::with_limits(settings, |_| ())).await
    }

    /// As [`TestApp::bare`], calling DingTalk with other limits.
    pub async fn with_limits(settings: &[(&str, &str)], limits: Adjust) -> Self {
        let dingtalk_app = DingTalkApp::demo("http://127.0.0.1/replaced-below");
        let options = SimulatorOptions {
            apps: vec![dingtalk_app.clone()],
            ..SimulatorOptions::default()
        };
        let simulator = Simulator::start(options).await.unwrap();
        let folder = tempfile::tempdir().unwrap();
        let clock = Clock::manual(DateTime::from_timestamp_millis(START_MS).unwrap());
        let mut all: Vec<(String, String)> = [
            ("SIDECAR_STORAGE", folder.path().to_str().unwrap().to_owned()),
            ("SIDECAR_LISTEN", "127.0.0.1:0".to_owned()),
            ("DINGTALK_LOGIN_URL", simulator.url()),
            ("DINGTALK_API_URL", simulator.url()),
            ("DINGTALK_OAPI_URL", simulator.url()),
            ("DINGTALK_QPS_PER_API", "0".to_owned()),
            ("INIT_ROOT_PASSWORD", ROOT_PASSWORD.to_owned()),
        ]
        .map(|(name, value)| (name.to_owned(), value))
        .into();
        all.extend(
            settings
                .iter()
                .map(|(name, value)| ((*name).to_owned(), (*value).to_owned())),
        );
        let Process {
            url,
            store,
            client,
            directory,
            background,
            running,
        } = Process::start(&all, limits, &clock).await.unwrap();
        let dingtalk = simulator.control();
        let redirect_uri = format!("{url}/api/auth:redirect");
        dingtalk.edit_app(&dingtalk_app.client_id, |app| {
            app.redirect_uris = vec![redirect_uri];
        });
        Self {
            url,
            clock,
            store,
            dingtalk,
            client,
            directory,
            background,
            dingtalk_app,
            folder,
            simulator: Some(simulator),
            running: vec![running],
            settings: all,
            limits,
            root: Mutex::default(),
        }
    }

    /// A second process on the same database, with the same secret: its address.
    pub async fn start_replica(&mut self) -> String {
        let replica = self.replica().await;
        self.running.push(replica.running);
        replica.url
    }

    /// Whether a second process knows of sources of the directory before it answers anybody.
    pub async fn replica_starts_with_sources(&mut self) -> bool {
        let replica = self.replica().await;
        // Nothing else ran since its start: there is no await in between.
        let has_sources = replica.directory.has_sources();
        self.running.push(replica.running);
        has_sources
    }

    async fn replica(&self) -> Process {
        Process::start(&self.settings, self.limits, &self.clock)
            .await
            .unwrap()
    }

    /// Starts once more with one setting changed; it is expected to fail.
    pub async fn fail_to_start(&self, name: &str, value: &str) -> StartError {
        let mut settings = self.settings.clone();
        settings.push((name.to_owned(), value.to_owned()));
        Process::start(&settings, self.limits, &self.clock)
            .await
            .err()
            .unwrap()
    }

    /// Enables the plugin.
    pub async fn enable_plugin(&self) {
        self.store
            .system()
            .set_plugin_enabled(PLUGIN, PLUGIN, "0.1.0", true, self.clock.now())
            .await
            .unwrap();
    }

    /// Adds the authenticator [`AUTHENTICATOR`]; `options` are merged over working credentials.
    pub async fn add_authenticator(&self, options: Value) {
        self.add_authenticator_named(AUTHENTICATOR, options).await;
    }

    /// Adds an authenticator; `options` are merged over working credentials.
    pub async fn add_authenticator_named(&self, name: &str, options: Value) {
        let mut all = json!({
            "clientId": self.dingtalk_app.client_id,
            "clientSecret": self.dingtalk_app.client_secret,
        });
        for (key, value) in options.as_object().unwrap() {
            all[key] = value.clone();
        }
        let body = json!({ "name": name, "authType": "dingtalk", "enabled": true, "options": all });
        let answer = self.root().await.post("authenticators:create", body).await;
        assert_eq!(answer.status, 200, "{}", answer.text);
    }

    /// Replaces the options of [`AUTHENTICATOR`], over working credentials.
    pub async fn set_options(&self, options: Value) {
        let mut all = json!({
            "clientId": self.dingtalk_app.client_id,
            "clientSecret": self.dingtalk_app.client_secret,
        });
        for (key, value) in options.as_object().unwrap() {
            all[key] = value.clone();
        }
        let id = self.authenticator_id().await;
        let body = json!({ "enabled": true, "options": all });
        let answer = self
            .root()
            .await
            .post(&format!("authenticators:update?filterByTk={id}"), body)
            .await;
        assert_eq!(answer.status, 200, "{}", answer.text);
    }

    /// The id of the authenticator's row.
    pub async fn authenticator_id(&self) -> i64 {
        let found = self.store.authenticators().find(AUTHENTICATOR).await;
        found.unwrap().unwrap().id
    }

    /// Adds a user with this phone number.
    pub async fn add_user(&self, nickname: &str, phone: Option<&str>) -> UserId {
        let mut linking = self.store.begin_link("basic").await.unwrap().unwrap();
        let user = NewUser {
            nickname: Some(nickname.to_owned()),
            phone: phone.map(str::to_owned),
        };
        let user = linking.create_user(user, self.clock.now()).await.unwrap();
        linking.commit().await.unwrap();
        user
    }

    /// A browser that has never been here.
    pub fn browser(&self) -> Browser {
        let is_beside = self.settings.iter().any(|(name, _)| name == "DB_DIALECT");
        let bridge = is_beside.then(|| Bridge {
            secret: APP_KEY,
            clock: self.clock.clone(),
        });
        Browser::new(&self.url).through(bridge)
    }

    /// A browser in which the administrator is signed in. The session is one for all callers, because hashing a
    /// password is the slowest thing here.
    pub async fn root(&self) -> Browser {
        let mut browser = self.browser();
        let known = self.root.lock().unwrap().clone();
        if known.is_some() {
            browser.token = known;
            return browser;
        }
        let body = json!({ "account": "nocobase", "password": ROOT_PASSWORD });
        let answer = browser.post("auth:signIn", body).await;
        assert_eq!(answer.status, 200, "{}", answer.text);
        browser.token = answer.json["data"]["token"].as_str().map(str::to_owned);
        browser.jar.clear();
        self.root.lock().unwrap().clone_from(&browser.token);
        browser
    }

    /// Moves the time.
    pub fn wait(&self, by: TimeDelta) {
        self.clock.advance(by);
    }

    /// The simulated DingTalk's address.
    pub fn dingtalk_url(&self) -> String {
        self.simulator.as_ref().unwrap().url()
    }

    /// Stops the sidecar as a service manager does, and waits until all that it does at its end is done, as that one waits
    /// for the process.
    pub async fn stop_gracefully(&mut self) {
        for Running { stop, end } in self.running.drain(..) {
            stop.gracefully().await;
            end.await.unwrap().unwrap();
        }
    }

    /// Stops DingTalk: from now on nobody answers there.
    pub async fn stop_dingtalk(&mut self) {
        self.simulator.take().unwrap().stop().await;
    }
}

impl Drop for TestApp {
    fn drop(&mut self) {
        if let Ok(runtime) = tokio::runtime::Handle::try_current() {
            for Running { stop, .. } in self.running.drain(..) {
                runtime.spawn(async move { stop.now().await });
            }
        }
    }
}
