//! One's own password, where the sidecar takes passwords.

use chrono::TimeDelta;
use serde_json::{Value, json};

use crate::support::app::{ROOT_PASSWORD, TestApp};
use crate::support::browser::Answer;

const NEW: &str = "another password";

async fn change(app: &TestApp, old: &str, new: &str) -> Answer {
    let body = json!({ "oldPassword": old, "newPassword": new, "confirmPassword": new });
    app.root().await.post("auth:changePassword", body).await
}

async fn sign_in(app: &TestApp, password: &str) -> Answer {
    let body = json!({ "account": "nocobase", "password": password });
    app.browser().post("auth:signIn", body).await
}

#[tokio::test]
async fn after_a_change_neither_the_old_password_nor_an_old_session_is_good() {
    let app = TestApp::start().await;
    let mut elsewhere = app.root().await;

    let changed = change(&app, ROOT_PASSWORD, NEW).await;

    assert_eq!(changed.status, 200, "{}", changed.text);
    app.wait(TimeDelta::seconds(2));
    assert_eq!(elsewhere.get("auth:check").await.code(), "INVALID_TOKEN");
    assert_eq!(sign_in(&app, ROOT_PASSWORD).await.code(), "WRONG_PASSWORD");
    let signed_in = sign_in(&app, NEW).await;
    assert_eq!(signed_in.status, 200, "{}", signed_in.text);
    let mut browser = app.browser();
    browser.token = signed_in.json["data"]["token"].as_str().map(str::to_owned);
    assert_eq!(browser.get("auth:check").await.status, 200);
}

#[tokio::test]
async fn a_password_is_not_changed_to_a_short_one_nor_by_who_does_not_know_it() {
    let app = TestApp::start().await;

    for (old, new, code) in [
        (ROOT_PASSWORD, "seven77", "PASSWORD_TOO_SHORT"),
        (ROOT_PASSWORD, "密码密码密码密", "PASSWORD_TOO_SHORT"),
        // Not 401, which would end the session in the browser.
        ("not the password", NEW, "PASSWORD_REFUSED"),
        ("", NEW, "PASSWORD_REFUSED"),
    ] {
        let answer = change(&app, old, new).await;
        let status = if code == "PASSWORD_REFUSED" { 403 } else { 400 };
        assert_eq!((answer.status, answer.code()), (status, code), "{old} {new}");
    }
    let body = json!({ "oldPassword": ROOT_PASSWORD, "newPassword": NEW, "confirmPassword": "another" });
    let unequal = app.root().await.post("auth:changePassword", body.clone()).await;
    assert_eq!(unequal.code(), "INVALID_FIELD");
    assert_eq!(
        app.browser().post("auth:changePassword", body).await.code(),
        "EMPTY_TOKEN"
    );
    assert_eq!(sign_in(&app, ROOT_PASSWORD).await.status, 200);
}

#[tokio::test]
async fn an_open_session_is_no_place_to_guess_a_password_faster() {
    let app = TestApp::start().await;
    for _ in 0..10 {
        assert_eq!(change(&app, "guess", NEW).await.code(), "PASSWORD_REFUSED");
    }

    let refused = change(&app, ROOT_PASSWORD, NEW).await;

    assert_eq!((refused.status, refused.code()), (429, "TOO_MANY_ATTEMPTS"));
}

/// The events of the audit, oldest first: event, result, what was done, who did it.
async fn events(app: &TestApp) -> Vec<[Value; 4]> {
    let answer = app.root().await.get("dingtalk:audit?pageSize=200").await;
    assert_eq!(answer.status, 200, "{}", answer.text);
    let mut entries = answer.json["data"].as_array().unwrap().clone();
    entries.reverse();
    let entries = entries.into_iter();
    entries
        .map(|mut entry| ["event", "result", "detail", "actorId"].map(|field| entry[field].take()))
        .collect()
}

#[tokio::test]
async fn nothing_that_an_auditor_asks_for_is_missing_from_the_audit() {
    let app = TestApp::start().await;
    let mut member = app.browser();
    member.sign_in(&app.dingtalk, "li-lei").await;
    let id = member.get("auth:check").await.json["data"]["id"].clone();
    let before = events(&app).await.len();

    assert_eq!(member.get("dingtalk:audit").await.code(), "NO_PERMISSION");
    let mut forged = app.browser().with("X-Dingtalk-Bridge", "forged");
    assert_eq!(forged.get("dingtalk:bindings").await.code(), "SECRET_MISMATCH");
    member.post("auth:signOut", json!({})).await;
    let mut root = app.root().await;
    let plugin = format!("filterByTk={}", crate::support::app::PLUGIN);
    root.post(&format!("pm:disable?{plugin}"), json!({})).await;
    root.post(&format!("pm:enable?{plugin}"), json!({})).await;
    let row = app
        .store
        .authenticators()
        .find("s_dingtalk")
        .await
        .unwrap()
        .unwrap()
        .id;
    let update = format!("authenticators:update?filterByTk={row}");
    for enabled in [false, true] {
        root.post(&update, json!({ "enabled": enabled })).await;
    }
    change(&app, "guess", NEW).await;

    let found = events(&app).await.split_off(before);
    assert_eq!(
        found,
        [
            [
                json!("access"),
                json!("NO_PERMISSION"),
                json!("dingtalk:audit"),
                id
            ],
            [
                json!("access"),
                json!("SECRET_MISMATCH"),
                json!("dingtalk:bindings"),
                Value::Null
            ],
            [json!("signOut"), json!("OK"), Value::Null, Value::Null],
            [json!("pluginChange"), json!("OK"), json!("disabled"), json!(1)],
            [json!("pluginChange"), json!("OK"), json!("enabled"), json!(1)],
            [json!("settingsChange"), json!("OK"), json!("disabled"), json!(1)],
            [json!("settingsChange"), json!("OK"), json!("enabled"), json!(1)],
            [
                json!("passwordChange"),
                json!("PASSWORD_REFUSED"),
                Value::Null,
                json!(1)
            ],
        ]
    );
}

#[tokio::test]
async fn refusals_of_access_fill_no_disk() {
    let app = TestApp::bare(&[("SIDECAR_ATTEMPTS_PER_ADDRESS", "5")]).await;
    let before = events(&app).await.len();

    for _ in 0..20 {
        let mut forged = app.browser().with("X-Dingtalk-Bridge", "forged");
        assert_eq!(forged.get("dingtalk:bindings").await.code(), "SECRET_MISMATCH");
    }

    assert_eq!(events(&app).await.len() - before, 5);
}
