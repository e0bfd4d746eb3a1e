//! Signing in by a code on the sign-in page: DingTalk's page in a frame.

use serde_json::{Value, json};
use url::Url;

use crate::support::app::{AUTHENTICATOR, TestApp};
use crate::support::browser::{Answer, Browser};

async fn with_code() -> TestApp {
    let app = TestApp::start().await;
    app.set_options(json!({ "public": { "autoSignup": true, "qrCode": true } }))
        .await;
    app
}

async fn open(browser: &mut Browser) -> Answer {
    browser
        .headers
        .push(("X-Authenticator".to_owned(), AUTHENTICATOR.into()));
    browser
        .post(
            "dingtalk:qrCode",
            json!({ "return": "/signin?redirect=%2Fadmin%2Forders" }),
        )
        .await
}

fn policy(page: &Answer) -> String {
    page.header("content-security-policy").to_owned()
}

#[tokio::test]
async fn the_frame_is_dingtalks_and_its_answer_goes_on_as_after_the_button() {
    let app = with_code().await;
    let mut browser = app.browser();

    let opened = open(&mut browser).await;

    assert_eq!(opened.status, 200, "{}", opened.text);
    assert_eq!(
        opened.json["data"]["origin"],
        Value::from(app.dingtalk_url().trim_end_matches('/'))
    );
    let frame = Url::parse(opened.json["data"]["url"].as_str().unwrap()).unwrap();
    assert!(frame.as_str().starts_with(&app.dingtalk_url()), "{frame}");
    assert_eq!(
        frame
            .query_pairs()
            .filter(|(name, value)| name == "iframe" && value == "true")
            .count(),
        1
    );
    assert_eq!(browser.jar.len(), 1, "the flow's cookie");
    let answer = app.dingtalk.approve(&frame, "li-lei").unwrap();
    let landed = browser.follow(&answer).await.location();
    assert!(
        landed.starts_with("/signin?redirect=%2Fadmin%2Forders&authenticator=s_dingtalk&dingtalk="),
        "{landed}"
    );
    assert_eq!(browser.complete_newest(AUTHENTICATOR).await.status, 200);
}

#[tokio::test]
async fn another_browser_gains_nothing_by_the_answer_of_a_frame() {
    let app = with_code().await;
    let opened = open(&mut app.browser()).await;
    let frame = Url::parse(opened.json["data"]["url"].as_str().unwrap()).unwrap();
    let answer = app.dingtalk.approve(&frame, "li-lei").unwrap();

    let page = app.browser().follow(&answer).await;

    assert_eq!(page.page().0, "FLOW_NOT_FOUND");
}

#[tokio::test]
async fn without_the_option_there_is_no_code() {
    let app = TestApp::start().await;

    let refused = open(&mut app.browser()).await;

    assert_eq!((refused.status, refused.code()), (404, "AUTHENTICATOR_NOT_FOUND"));
    assert!(refused.set_cookies().is_empty());
    assert!(!policy(&app.browser().visit("/signin").await).contains("frame-src"));
}

#[tokio::test]
async fn the_console_lets_in_dingtalks_frame_and_no_other() {
    let app = with_code().await;

    let policy = policy(&app.browser().visit("/signin").await);

    let frame: Vec<&str> = policy
        .split("; ")
        .filter(|part| part.starts_with("frame-src"))
        .collect();
    assert_eq!(
        frame,
        [format!("frame-src {}", app.dingtalk_url().trim_end_matches('/'))]
    );
    let listed = app.browser().get("authenticators:publicList").await.json;
    let ours = listed["data"]
        .as_array()
        .unwrap()
        .iter()
        .find(|row| row["authType"] == "dingtalk");
    assert_eq!(ours.unwrap()["options"]["qrCode"], true);
}

#[tokio::test]
async fn codes_count_against_the_limit_of_starts() {
    let app = TestApp::bare(&[("SIDECAR_ATTEMPTS_PER_ADDRESS", "2")]).await;
    app.enable_plugin().await;
    app.add_authenticator(json!({ "public": { "qrCode": true } }))
        .await;

    for _ in 0..2 {
        assert_eq!(open(&mut app.browser()).await.status, 200);
    }

    assert_eq!(open(&mut app.browser()).await.code(), "TOO_MANY_ATTEMPTS");
}

#[tokio::test]
async fn where_dingtalk_answers_another_address_no_code_is_shown() {
    let app = with_code().await;
    app.set_options(json!({ "callbackOrigin": "https://elsewhere.example", "public": { "qrCode": true } }))
        .await;

    let refused = open(&mut app.browser()).await;

    assert_eq!((refused.status, refused.code()), (409, "OPENED_ELSEWHERE"));
    assert!(refused.set_cookies().is_empty());
}

#[tokio::test]
async fn a_page_of_another_site_begins_nothing() {
    let app = with_code().await;

    let refused = open(&mut app.browser().with("Origin", "https://evil.example")).await;

    assert_eq!((refused.status, refused.code()), (403, "INVALID_SIGN_IN_ORIGIN"));
    assert!(refused.set_cookies().is_empty());
    let nameless = app.browser().post("dingtalk:qrCode", json!({})).await;
    assert_eq!(nameless.code(), "INVALID_HEADER");
}
