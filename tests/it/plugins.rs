//! The plugin manager of a sidecar that runs alone.

use serde_json::{Value, json};

use crate::support::app::{AUTHENTICATOR, PLUGIN, TestApp};
use crate::support::browser::refusal;

fn names(list: &Value) -> Vec<&str> {
    let rows = list["data"].as_array().unwrap();
    rows.iter().map(|row| row["name"].as_str().unwrap()).collect()
}

#[tokio::test]
async fn at_first_the_plugin_is_there_and_not_enabled() {
    let app = TestApp::bare(&[]).await;
    let mut root = app.root().await;

    let plugins = root.get("pm:list").await;
    let types = root.get("authenticators:listTypes").await;
    let enabled = app.browser().get("pm:listEnabled").await;

    assert_eq!(names(&plugins.json), [PLUGIN]);
    assert_eq!(plugins.json["data"][0]["enabled"], json!(false));
    assert_eq!(
        plugins.json["data"][0]["version"],
        json!(env!("CARGO_PKG_VERSION"))
    );
    assert_eq!(names(&types.json), ["Email/Password"]);
    assert_eq!(enabled.json, json!({ "data": [] }));
}

#[tokio::test]
async fn enabling_the_plugin_offers_its_type() {
    let app = TestApp::bare(&[]).await;
    let mut root = app.root().await;

    let answer = root
        .post(&format!("pm:enable?filterByTk={PLUGIN}"), json!({}))
        .await;

    assert_eq!((answer.status, answer.json), (200, json!({ "data": PLUGIN })));
    let types = root.get("authenticators:listTypes").await;
    assert_eq!(
        types.json,
        json!({ "data": [
            { "name": "Email/Password", "title": "{{t(\"Password\",{\"ns\":\"nocobase-plugin-auth-dingtalk\"})}}" },
            { "name": "dingtalk", "title": "{{t(\"DingTalk\",{\"ns\":\"nocobase-plugin-auth-dingtalk\"})}}" },
        ] })
    );
    let enabled = app.browser().get("pm:listEnabled").await;
    assert_eq!(
        enabled.json,
        json!({ "data": [{ "name": PLUGIN, "packageName": PLUGIN, "options": null }] })
    );
}

#[tokio::test]
async fn disabling_the_plugin_hides_its_authenticators_and_enabling_brings_them_back() {
    let app = TestApp::start().await;
    let mut root = app.root().await;

    root.post(&format!("pm:disable?filterByTk={PLUGIN}"), json!({}))
        .await;
    let hidden = app.browser().get("authenticators:publicList").await;
    root.post(&format!("pm:enable/{PLUGIN}"), json!({})).await;
    let shown = app.browser().get("authenticators:publicList").await;

    assert_eq!(names(&hidden.json), ["basic"]);
    assert_eq!(names(&shown.json), ["basic", AUTHENTICATOR]);
}

#[tokio::test]
async fn a_person_signed_in_stays_so_while_the_plugin_is_disabled() {
    let app = TestApp::start().await;
    let mut browser = app.browser();
    browser.sign_in(&app.dingtalk, "li-lei").await;

    app.root()
        .await
        .post(&format!("pm:disable?filterByTk={PLUGIN}"), json!({}))
        .await;

    assert_eq!(browser.get("auth:check").await.status, 200);
}

#[tokio::test]
async fn a_plugin_is_described_in_the_readers_language() {
    let app = TestApp::bare(&[]).await;

    let answer = app
        .root()
        .await
        .with("X-Locale", "de-DE")
        .get(&format!("pm:get?filterByTk={PLUGIN}"))
        .await;

    let described = &answer.json["data"];
    assert!(
        described["homepage"].as_str().unwrap().ends_with("guide.de-DE"),
        "{described}"
    );
    let texts = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/locales/de-DE.json")).unwrap();
    let texts: Value = serde_json::from_str(&texts).unwrap();
    let manifest = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/plugin.json")).unwrap();
    let manifest: Value = serde_json::from_str(&manifest).unwrap();
    for field in ["displayName", "description"] {
        assert_eq!(
            described[field],
            texts[manifest[field].as_str().unwrap()],
            "{field}"
        );
    }
}

#[tokio::test]
async fn other_plugins_are_not_known() {
    let app = TestApp::bare(&[]).await;
    let mut root = app.root().await;

    for action in [
        "pm:enable?filterByTk=other",
        "pm:enable",
        "pm:disable/other",
        "pm:enable?filterByTk[]=nocobase-plugin-auth-dingtalk&filterByTk[]=other",
    ] {
        let answer = root.post(action, json!({})).await;

        assert_eq!(answer.status, 404, "{action}");
        assert_eq!(
            answer.stable(),
            refusal(
                "RECORD_NOT_FOUND",
                "This record does not exist any more. Reload the page."
            )
        );
    }
}
