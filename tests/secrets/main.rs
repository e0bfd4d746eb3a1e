//! Nothing secret is said anywhere: whole journeys with every log line kept, then a search for what must not be there.
//!
//! A process of its own, because there is one logger for each.

#![expect(clippy::unwrap_used, reason = "a test stops at the first surprise")]

use std::sync::{Mutex, PoisonError};

use dingtalk_simulator::{CallKind, DEMO_CORP_ID, Effect, Fault};
use log::{LevelFilter, Log, Metadata, Record};
use nocobase_dingtalk::app::App;
use nocobase_dingtalk::authenticator::{AuthenticatorOptions, Environment};
use nocobase_dingtalk::clock::Clock;
use nocobase_dingtalk::config::{Config, Sources};
use nocobase_dingtalk::dingtalk::Credentials;
use nocobase_dingtalk::entropy::Entropy;
use nocobase_dingtalk::phone::says_phone_numbers;
use nocobase_dingtalk::session::SessionSecret;
use serde_json::{Value, json};

use support::app::{AUTHENTICATOR, ROOT_PASSWORD, TestApp};

#[path = "../it/support/mod.rs"]
#[expect(dead_code, reason = "the harness serves the other tests too")]
mod support;

/// Keeps every line that the program's own logger would write at its most talkative.
struct Lines(Mutex<Vec<String>>);

impl Log for Lines {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        !says_phone_numbers(metadata.target())
    }

    fn log(&self, record: &Record<'_>) {
        if !self.enabled(record.metadata()) {
            return;
        }
        let line = format!("{} {}: {}", record.level(), record.target(), record.args());
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(line);
    }

    fn flush(&self) {}
}

static LINES: Lines = Lines(Mutex::new(Vec::new()));

/// What was said, and what must not have been.
#[derive(Default)]
struct Search {
    said: Vec<(&'static str, String)>,
    secrets: Vec<(&'static str, String)>,
}

impl Search {
    fn secret(&mut self, what: &'static str, value: impl Into<String>) {
        let value = value.into();
        assert!(value.len() >= 5, "{what} is too short to be told from chance");
        self.secrets.push((what, value));
    }

    fn said(&mut self, place: &'static str, text: impl Into<String>) {
        self.said.push((place, text.into()));
    }

    fn assert_none_found(&self) {
        for (what, secret) in &self.secrets {
            for (place, text) in &self.said {
                let line = text.lines().find(|line| line.contains(secret.as_str()));
                assert!(line.is_none(), "{what} in {place}: {}", line.unwrap_or_default());
            }
        }
    }
}

/// Whether there is a run of exactly 32 hexadecimal digits, the shape of DingTalk's codes and tokens.
fn has_dingtalk_token(text: &str) -> bool {
    text.split(|c: char| !c.is_ascii_alphanumeric())
        .any(|word| word.len() == 32 && word.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f')))
}

fn parameter(url: &url::Url, name: &str) -> String {
    url.query_pairs()
        .find(|(key, _)| key == name)
        .unwrap()
        .1
        .into_owned()
}

#[tokio::test]
async fn journeys_leave_no_secret_in_logs_metrics_pages_or_audit() {
    log::set_logger(&LINES).unwrap();
    log::set_max_level(LevelFilter::Trace);
    let mut search = Search::default();
    let app = TestApp::start().await;
    app.set_options(json!({ "subject": "userId", "public": { "autoSignup": true } }))
        .await;
    app.dingtalk.edit_person("li-lei", |person| {
        person.email = Some("canary-mail@example.com".to_owned());
    });
    let person = app.person("li-lei");
    search.secret("the client secret", app.dingtalk_app.client_secret.clone());
    search.secret("a password", ROOT_PASSWORD);
    search.secret("a phone number", person.mobile.unwrap());
    search.secret("a mail address", "canary-mail@example.com");
    search.secret("a union id", person.union_id);
    search.secret("a user id of DingTalk's", "staff-li-lei");
    search.secret(
        "a new user's phone number",
        app.person("han-meimei").mobile.unwrap(),
    );
    search.secret("the session secret", hex::encode(app.secret()));

    // Once well, once with every way of failing after the code was there.
    let exactly = |status, body: &str| Effect::Answer {
        status,
        content_type: "application/json".to_owned(),
        body: body.to_owned(),
    };
    let canary = r#"{"code":"x","message":"canary-message","requestid":"r"}"#;
    search.secret("DingTalk's own words", "canary-message");
    let faults = [
        None,
        Some(Fault::on(CallKind::UserAccessToken, Effect::Page)),
        Some(Fault::on(CallKind::UserAccessToken, exactly(400, canary))),
        Some(Fault::on(CallKind::UserAccessToken, Effect::Reset)),
        Some(Fault::on(CallKind::Profile, exactly(403, canary))),
        Some(Fault::on(CallKind::Profile, Effect::WrongTypes)),
        Some(Fault::on(CallKind::AppAccessToken, exactly(400, canary))),
        Some(Fault::on(CallKind::UserIdByUnionId, Effect::Truncated)),
        Some(Fault::on(CallKind::UserIdByUnionId, Effect::Reset)),
        Some(Fault::on(
            CallKind::UserIdByUnionId,
            exactly(200, r#"{"errcode":88,"sub_code":"x","errmsg":"canary-message"}"#),
        )),
        None,
    ];
    for (index, fault) in faults.into_iter().enumerate() {
        app.dingtalk.clear_faults();
        app.dingtalk.expire_app_tokens();
        if let Some(fault) = fault {
            app.dingtalk.set_fault(fault);
        }
        let who = if index % 2 == 0 { "li-lei" } else { "han-meimei" };
        journey(&app, who, &mut search).await;
    }
    app.dingtalk.clear_faults();
    inside_dingtalk(&app, &mut search).await;
    broken_database(&app, &mut search).await;
    unreachable_database(&mut search).await;
    administration(&app, &mut search).await;
    let lines = LINES.0.lock().unwrap().join("\n");
    assert!(lines.contains("signed in through"), "nothing was logged");
    assert_eq!(lines.lines().find(|line| has_dingtalk_token(line)), None);
    search.said("the log", lines);

    search.assert_none_found();
}

/// From the click to signing out, or to the refusal.
async fn journey(app: &TestApp, who: &str, search: &mut Search) {
    let mut browser = app.browser();
    let at_dingtalk = browser.click(AUTHENTICATOR, "/signin").await;
    let begun: Vec<String> = browser.jar.values().cloned().collect();
    let back = app.dingtalk.approve(&at_dingtalk, who).unwrap();
    search.secret("a state", parameter(&at_dingtalk, "state"));
    search.secret("a code", parameter(&back, "code"));
    let returned = browser.follow(&back).await;
    for value in begun.iter().chain(browser.jar.values()) {
        search.secret("a flow cookie", value);
    }
    search.said("the way back to the sign-in page", returned.location());
    search.said("the body of the return", returned.text);
    let again = browser.clone().follow(&back).await;
    search.said("the page of a second return", again.text);
    let answer = browser.complete_newest(AUTHENTICATOR).await;
    for (name, value) in &browser.jar {
        if name.starts_with("nbdt_") {
            search.secret("a flow cookie after the post", value);
        }
    }
    let Some(token) = answer.json["data"]["token"].as_str() else {
        search.said("a refusal", answer.text);
        return;
    };
    search.secret("a session token", token);
    search.secret("a csrf token", browser.jar["nb_csrf_token_main"].clone());
    browser.token = Some(token.to_owned());
    browser.get("auth:check").await;
    browser.post("auth:signOut", Value::Null).await;
}

/// Codes of DingTalk's client, once well and with every way of failing.
async fn inside_dingtalk(app: &TestApp, search: &mut Search) {
    let name = "inside";
    let options = json!({ "autoLogin": true, "corpId": DEMO_CORP_ID, "public": { "autoSignup": true } });
    app.add_authenticator_named(name, options).await;
    let refused = Effect::Answer {
        status: 200,
        content_type: "application/json".to_owned(),
        body: r#"{"errcode":40079,"errmsg":"canary-message"}"#.to_owned(),
    };
    for fault in [
        Some(Fault::on(CallKind::UserInfo, Effect::Page)),
        Some(Fault::on(CallKind::UserInfo, refused)),
        Some(Fault::on(CallKind::UserInfo, Effect::WrongTypes)),
        Some(Fault::on(CallKind::UserDetails, Effect::Reset)),
        Some(Fault::on(CallKind::UserDetails, Effect::Truncated)),
        None,
        None,
    ] {
        app.dingtalk.clear_faults();
        if let Some(fault) = fault {
            app.dingtalk.set_fault(fault);
        }
        let client_id = &app.dingtalk_app.client_id;
        let code = app.dingtalk.request_auth_code(client_id, DEMO_CORP_ID, "li-lei");
        let code = code.unwrap();
        search.secret("a code of DingTalk's client", code.clone());
        let body = json!({ "authCode": code, "loginType": "internal" });
        let answer = app.browser().post_sign_in(name, body).await;
        match answer.json["data"]["token"].as_str() {
            Some(token) => search.secret("a session token", token),
            None => search.said("a refusal inside DingTalk", answer.text),
        }
    }
}

/// A sign-in that the database refuses half-way.
async fn broken_database(app: &TestApp, search: &mut Search) {
    app.run("ALTER TABLE issuedTokens RENAME TO issuedTokensAway")
        .await;
    journey(app, "li-lei", search).await;
    let (_, refusal) = search.said.last().unwrap();
    assert!(refusal.contains("INTERNAL_ERROR"), "{refusal}");
    app.run("ALTER TABLE issuedTokensAway RENAME TO issuedTokens")
        .await;
}

/// A start on a database whose server is not there.
async fn unreachable_database(search: &mut Search) {
    let folder = tempfile::tempdir().unwrap();
    let closed = std::net::TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap();
    let sources = Sources::of_pairs(&[
        ("DB_DIALECT", "postgres"),
        ("DB_HOST", "127.0.0.1"),
        ("DB_PORT", &closed.port().to_string()),
        ("DB_DATABASE", "nocobase"),
        ("DB_USER", "nocobase"),
        ("DB_PASSWORD", "canary-database-password"),
        ("APP_KEY", "canary-app-key-of-at-least-32-characters"),
        ("SIDECAR_STORAGE", folder.path().to_str().unwrap()),
    ]);
    search.secret("the database's password", "canary-database-password");
    search.secret("NocoBase's key", "canary-app-key-of-at-least-32-characters");
    let config = Config::load(&sources).unwrap();
    let Err(error) = App::build(config, Clock::system(), Entropy::secure(), None).await else {
        panic!("there is no server");
    };
    search.said("a refused start", format!("{error} {error:?}"));
}

/// What administrators and operators see.
async fn administration(app: &TestApp, search: &mut Search) {
    let body = json!({ "account": "canary-account", "password": "canary-password" });
    search.secret("an account that was tried", "canary-account");
    search.secret("a password that was tried", "canary-password");
    search.said(
        "a refused password",
        app.browser().post("auth:signIn", body).await.text,
    );
    let mut root = app.root().await;
    let secret_update = json!({ "enabled": true, "options": { "clientSecret": "canary-new-secret" } });
    search.secret("a saved secret", "canary-new-secret");
    let id = app
        .store
        .authenticators()
        .find(AUTHENTICATOR)
        .await
        .unwrap()
        .unwrap()
        .id;
    let saved = root
        .post(&format!("authenticators:update?filterByTk={id}"), secret_update)
        .await;
    assert_eq!(saved.status, 200, "{}", saved.text);
    search.said("the answer to saving", saved.text);
    search.said(
        "the doctor's findings",
        root.post("dingtalk:diagnose", json!({})).await.text,
    );
    search.said("the metrics", root.visit("/metrics").await.text);
    search.said("the audit", root.get("dingtalk:audit?pageSize=200").await.text);
    search.secret("the administrator's token", root.token.clone().unwrap());
    for place in ["metrics", "audit"] {
        let (_, text) = search
            .said
            .iter()
            .find(|(name, _)| name.ends_with(place))
            .unwrap();
        assert!(!has_dingtalk_token(text), "{text}");
    }
}

#[test]
fn what_holds_a_secret_does_not_print_it() {
    let canary = "canary-0123456789-of-at-least-32-characters";
    let bytes = format!("{:?}", canary.as_bytes());
    let bytes = bytes.trim_matches(['[', ']']);
    let folder = tempfile::tempdir().unwrap();
    let sources = Sources::of_pairs(&[
        ("DB_DIALECT", "postgres"),
        ("DB_HOST", "127.0.0.1"),
        ("DB_DATABASE", "nocobase"),
        ("DB_USER", "nocobase"),
        ("DB_PASSWORD", canary),
        ("APP_KEY", canary),
        ("INIT_ROOT_PASSWORD", canary),
        ("SIDECAR_STORAGE", folder.path().to_str().unwrap()),
        ("STORAGE_PATH", folder.path().to_str().unwrap()),
    ]);
    let options = json!({ "clientId": "ding1", "clientSecret": canary });
    let options = AuthenticatorOptions::parse(&options, &Environment::new(Vec::new(), None)).unwrap();
    let credentials = Credentials {
        client_id: "ding1".to_owned(),
        client_secret: canary.into(),
    };

    for printed in [
        format!("{:?}", Config::load(&sources).unwrap()),
        format!("{options:?}"),
        format!("{credentials:?}"),
        format!("{:?}", SessionSecret::new(canary.as_bytes())),
    ] {
        assert!(!printed.contains(canary) && !printed.contains(bytes), "{printed}");
    }
}
