//! What one address may try: sign-ins that fail or are abandoned, and passwords.

use std::collections::BTreeSet;

use chrono::TimeDelta;
use serde_json::{Value, json};

use crate::support::app::{AUTHENTICATOR, ROOT_PASSWORD, TestApp};
use crate::support::browser::{Answer, Browser};

const START: &str = "auth:redirect?authenticator=s_dingtalk&return=/signin";
const NO_FLOW: &str = "auth:redirect?authCode=x&state=unknown";
const OFFICE: &str = "203.0.113.9";
const ELSEWHERE: &str = "198.51.100.7";

/// A sidecar on which an address may have this many sign-ins that fail.
async fn app_with_limit(most: u32) -> TestApp {
    let most = most.to_string();
    let app = TestApp::bare(&[("SIDECAR_ATTEMPTS_PER_ADDRESS", most.as_str())]).await;
    app.enable_plugin().await;
    app.add_authenticator(json!({ "public": { "autoSignup": true } }))
        .await;
    app
}

/// A browser somewhere; the test's own address is a trusted proxy's.
fn browser_at(app: &TestApp, address: &str) -> Browser {
    app.browser().with("X-Forwarded-For", address)
}

/// Starts sign-ins and gives each up: the statuses.
async fn abandon(app: &TestApp, address: &str, times: usize) -> Vec<u16> {
    let mut statuses = Vec::new();
    for _ in 0..times {
        statuses.push(browser_at(app, address).get(START).await.status);
    }
    statuses
}

/// What the audit holds of sign-ins, newest first.
async fn results(app: &TestApp) -> Vec<String> {
    let query = "dingtalk:audit?pageSize=200&authenticator=";
    let mut all = Vec::new();
    for name in ["", AUTHENTICATOR] {
        let answer = app.root().await.get(&format!("{query}{name}")).await;
        let rows = answer.json["data"].as_array().unwrap().clone();
        let ours = rows.iter().filter(|row| row["event"] == json!("signIn"));
        all.extend(
            ours.filter(|row| row["authenticator"] == json!(name))
                .map(|row| row["result"].as_str().unwrap().to_owned()),
        );
    }
    all
}

fn assert_limited(answer: &Answer, seconds: &str) {
    assert_eq!(answer.status, 429, "{}", answer.text);
    assert_eq!(answer.header("retry-after"), seconds);
}

#[tokio::test]
async fn abandoned_starts_are_refused_with_a_page_that_says_when_to_come_back() {
    let app = app_with_limit(5).await;
    assert_eq!(abandon(&app, OFFICE, 5).await, [302; 5]);

    for language in ["en-US", "zh-CN", "hi-IN", "ru-RU", "de-DE", "id-ID", "tr-TR"] {
        let answer = browser_at(&app, OFFICE)
            .with("X-Locale", language)
            .get(START)
            .await;

        assert_limited(&answer, "120");
        assert_eq!(answer.header("content-type"), "text/html; charset=utf-8");
        let sentence = answer
            .text
            .split("data-code=\"TOO_MANY_ATTEMPTS\">")
            .nth(1)
            .unwrap();
        let sentence = sentence.split("</p>").next().unwrap();
        assert!(sentence.contains("120"), "{language}: {sentence}");
    }
    assert_eq!(abandon(&app, ELSEWHERE, 1).await, [302]);
    app.wait(TimeDelta::seconds(120));
    assert_eq!(abandon(&app, OFFICE, 2).await, [302, 429]);
}

#[tokio::test]
async fn people_of_one_office_who_all_sign_in_are_never_limited() {
    let app = app_with_limit(2).await;

    for _ in 0..10 {
        let answer = browser_at(&app, OFFICE).sign_in(&app.dingtalk, "li-lei").await;
        assert_eq!(answer.status, 200, "{}", answer.text);
    }
}

#[tokio::test]
async fn what_was_begun_is_finished_although_the_limit_is_reached_meanwhile() {
    let app = app_with_limit(4).await;
    let (mut at_dingtalk, mut back) = (browser_at(&app, OFFICE), browser_at(&app, OFFICE));
    let url = at_dingtalk.click(AUTHENTICATOR, "/signin").await;
    let handle = back.return_from_dingtalk(&app.dingtalk, "li-lei").await;
    assert_eq!(abandon(&app, OFFICE, 3).await, [302, 302, 429]);

    let answer = back.complete(AUTHENTICATOR, &handle).await;
    assert_eq!(answer.status, 200, "{}", answer.text);
    // One has been taken back; it goes to somebody else again.
    assert_eq!(abandon(&app, OFFICE, 2).await, [302, 429]);
    let returned = at_dingtalk
        .follow(&app.dingtalk.approve(&url, "han-meimei").unwrap())
        .await;
    assert_eq!(returned.status, 302, "{}", returned.text);
    let answer = at_dingtalk.complete_newest(AUTHENTICATOR).await;
    assert_eq!(answer.status, 200, "{}", answer.text);
}

#[tokio::test]
async fn one_flow_takes_back_one_attempt_however_often_it_is_posted() {
    let app = app_with_limit(3).await;
    let mut browser = browser_at(&app, OFFICE);
    let handle = browser.return_from_dingtalk(&app.dingtalk, "li-lei").await;
    let jar = browser.jar.clone();
    assert_eq!(abandon(&app, OFFICE, 3).await, [302, 302, 429]);

    for status in [200, 401, 401] {
        browser.jar.clone_from(&jar);
        assert_eq!(browser.complete(AUTHENTICATOR, &handle).await.status, status);
    }

    assert_eq!(abandon(&app, OFFICE, 2).await, [302, 429]);
}

#[tokio::test]
async fn what_brings_no_flow_is_counted_and_refused_as_its_reader_reads_it() {
    let app = app_with_limit(2).await;
    let mut browser = browser_at(&app, OFFICE);
    assert_eq!(browser.get(NO_FLOW).await.page().0, "FLOW_NOT_FOUND");
    assert_eq!(
        browser.complete_newest(AUTHENTICATOR).await.code(),
        "FLOW_NOT_FOUND"
    );

    let page = browser.get(NO_FLOW).await;
    assert_limited(&page, "300");
    assert_eq!(page.page().0, "TOO_MANY_ATTEMPTS");
    let envelope = browser.complete_newest(AUTHENTICATOR).await;
    assert_limited(&envelope, "300");
    assert_eq!(envelope.code(), "TOO_MANY_ATTEMPTS");
    assert_eq!(app.counter("limited_total").await, 2);
}

#[tokio::test]
async fn a_stranger_who_makes_up_forwarding_headers_has_one_address() {
    let app = TestApp::bare(&[
        ("SIDECAR_TRUSTED_PROXIES", "10.0.0.0/8"),
        ("SIDECAR_ATTEMPTS_PER_ADDRESS", "3"),
    ])
    .await;
    app.enable_plugin().await;
    app.add_authenticator(json!({})).await;

    for (number, status) in [302, 302, 302, 429].into_iter().enumerate() {
        let address = format!("198.51.100.{number}");
        assert_eq!(abandon(&app, &address, 1).await, [status]);
    }
}

#[tokio::test]
async fn a_stranger_before_nocobase_who_makes_up_forwarding_headers_has_one_address() {
    let app = app_with_limit(3).await;

    for (number, status) in [302, 302, 302, 429].into_iter().enumerate() {
        let token = app.bridge_token(json!({
            "host": "nocobase.example",
            "peer": OFFICE,
            "forwarded": { "for": format!("198.51.100.{number}, 127.0.0.1") },
        }));
        // Neither does what reaches the sidecar beside the token count.
        let made_up = format!("192.0.2.{number}");
        let answer = browser_at(&app, &made_up)
            .with("X-Dingtalk-Bridge", &token)
            .get(START)
            .await;
        assert_eq!(answer.status, status, "{}", answer.text);
    }
    let noted = app
        .root()
        .await
        .get("dingtalk:audit?result=TOO_MANY_ATTEMPTS")
        .await;
    assert_eq!(noted.json["data"][0]["address"], json!(OFFICE));
}

#[tokio::test]
async fn the_addresses_of_one_ipv6_customer_are_one() {
    let app = app_with_limit(2).await;

    for (address, status) in [
        ("2001:db8:1:2::1", 302),
        ("2001:db8:1:2:ffff:ffff:ffff:ffff", 302),
        ("2001:db8:1:2:1:2:3:4", 429),
        ("2001:db8:1:3::1", 302),
    ] {
        assert_eq!(abandon(&app, address, 1).await, [status], "{address}");
    }
}

#[tokio::test]
async fn an_address_over_its_limit_is_recorded_once_a_minute() {
    let app = app_with_limit(1).await;
    abandon(&app, OFFICE, 10).await;
    abandon(&app, ELSEWHERE, 10).await;
    assert_eq!(results(&app).await, ["TOO_MANY_ATTEMPTS"; 2]);

    app.wait(TimeDelta::minutes(1));
    abandon(&app, OFFICE, 10).await;

    assert_eq!(results(&app).await, ["TOO_MANY_ATTEMPTS"; 3]);
}

#[tokio::test]
async fn replaying_one_flow_does_not_fill_the_audit() {
    let app = app_with_limit(4).await;
    let mut refusing = browser_at(&app, OFFICE);
    let url = refusing.click(AUTHENTICATOR, "/signin").await;
    let back = app.dingtalk.refuse(&url).unwrap();
    let jar = refusing.jar.clone();
    for _ in 0..20 {
        refusing.jar.clone_from(&jar);
        refusing.follow(&back).await;
    }
    assert_eq!(results(&app).await, ["DINGTALK_DENIED"; 4]);

    let mut used = browser_at(&app, ELSEWHERE);
    let handle = used.return_from_dingtalk(&app.dingtalk, "li-lei").await;
    let jar = used.jar.clone();
    for _ in 0..20 {
        used.jar.clone_from(&jar);
        used.complete(AUTHENTICATOR, &handle).await;
    }
    let found = results(&app).await;
    assert_eq!(found.iter().filter(|result| *result == "FLOW_USED").count(), 4);
    assert!(found.contains(&"OK".to_owned()));
}

#[tokio::test]
async fn every_refusal_is_in_the_audit_under_the_reference_the_person_was_told() {
    let app = TestApp::start().await;
    let mut browser = browser_at(&app, OFFICE);
    let answers = [
        browser.get("auth:redirect?authenticator=nobody").await,
        browser.get(NO_FLOW).await,
        browser.complete_newest(AUTHENTICATOR).await,
    ];

    for (answer, result) in
        answers
            .iter()
            .zip(["AUTHENTICATOR_NOT_FOUND", "FLOW_NOT_FOUND", "FLOW_NOT_FOUND"])
    {
        let text = answer.json["errors"][0]["message"]
            .as_str()
            .unwrap_or(&answer.text);
        let reference = &text.rsplit("Reference: ").next().unwrap()[..8];
        let found = app
            .root()
            .await
            .get(&format!("dingtalk:audit?reference={reference}"))
            .await;
        assert_eq!(found.json["meta"]["count"], json!(1), "{text}");
        let entry = &found.json["data"][0];
        assert_eq!(
            [
                &entry["event"],
                &entry["result"],
                &entry["address"],
                &entry["authenticator"]
            ],
            [&json!("signIn"), &json!(result), &json!(OFFICE), &json!("")]
        );
    }
}

/// Tries a password as the administrator.
async fn guess(app: &TestApp, address: &str, account: &str, password: &str) -> Answer {
    let body = json!({ "account": account, "password": password });
    browser_at(app, address).post("auth:signIn", body).await
}

#[tokio::test]
async fn an_unknown_account_costs_the_same_hash_and_gets_the_same_answer_as_a_wrong_password() {
    let app = TestApp::bare(&[]).await;
    let mut answers = Vec::new();
    for account in ["nocobase", "nobody", "admin@nocobase.com", "nobody@example.com"] {
        let before = app.counter("password_seconds_count").await;

        let answer = guess(&app, OFFICE, account, "wrong").await;

        assert_eq!(
            app.counter("password_seconds_count").await,
            before + 1,
            "{account}"
        );
        let names: BTreeSet<String> = answer.headers.keys().map(ToString::to_string).collect();
        answers.push((answer.status, answer.stable(), names));
    }
    assert!(answers.windows(2).all(|pair| pair[0] == pair[1]), "{answers:?}");
    assert_eq!(answers[0].0, 401);
}

#[tokio::test]
async fn guessing_at_a_password_has_to_wait_and_keeps_its_owner_from_nowhere_else() {
    let app = TestApp::bare(&[]).await;
    for _ in 0..10 {
        assert_eq!(guess(&app, OFFICE, "nocobase", "wrong").await.status, 401);
    }
    let hashed = app.counter("password_seconds_count").await;

    for password in ["wrong", ROOT_PASSWORD] {
        let answer = guess(&app, OFFICE, "nocobase", password).await;
        assert_limited(&answer, "1");
        assert_eq!(answer.code(), "TOO_MANY_ATTEMPTS");
    }
    assert_eq!(
        app.counter("password_seconds_count").await,
        hashed,
        "no work is done"
    );
    assert_eq!(
        guess(&app, ELSEWHERE, "nocobase", ROOT_PASSWORD).await.status,
        200
    );
    app.wait(TimeDelta::seconds(1));
    assert_eq!(guess(&app, OFFICE, "nocobase", "wrong").await.status, 401);
    assert_limited(&guess(&app, OFFICE, "nocobase", "wrong").await, "2");
    app.wait(TimeDelta::seconds(2));
    assert_eq!(guess(&app, OFFICE, "nocobase", ROOT_PASSWORD).await.status, 200);
    assert_eq!(guess(&app, OFFICE, "nocobase", "wrong").await.status, 401);
}

#[tokio::test]
async fn guesses_sent_side_by_side_gain_nothing() {
    let app = TestApp::bare(&[]).await;

    let guesses = (0..30).map(|number| {
        let (app, password) = (&app, number.to_string());
        async move { guess(app, OFFICE, "nocobase", &password).await.status }
    });
    let statuses = futures_util::future::join_all(guesses).await;

    assert_eq!(statuses.iter().filter(|status| **status == 401).count(), 10);
    assert_eq!(statuses.iter().filter(|status| **status == 429).count(), 20);
    let found = app
        .root()
        .await
        .get("dingtalk:audit?result=TOO_MANY_ATTEMPTS")
        .await;
    let rows: Vec<&Value> = found.json["data"].as_array().unwrap().iter().collect();
    assert_eq!(rows.len(), 1, "{rows:?}");
    assert_eq!(rows[0]["event"], json!("passwordSignIn"));
}

#[tokio::test]
async fn flows_are_counted_as_started_returned_and_finished() {
    let app = TestApp::start().await;
    abandon(&app, OFFICE, 2).await;
    app.browser().return_from_dingtalk(&app.dingtalk, "li-lei").await;
    app.browser().sign_in(&app.dingtalk, "li-lei").await;
    app.browser().sign_in(&app.dingtalk, "wang-fang").await;
    let mut refusing = app.browser();
    let url = refusing.click(AUTHENTICATOR, "/signin").await;
    refusing.follow(&app.dingtalk.refuse(&url).unwrap()).await;

    let mut counts = Vec::new();
    for name in [
        "flows_started_total",
        "flows_returned_total",
        "flows_finished_total",
    ] {
        counts.push(app.counter(name).await);
    }
    assert_eq!(counts, [6, 4, 3]);
}
