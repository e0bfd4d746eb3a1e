//! Automatic login among the settings: who may have it.

use dingtalk_simulator::DEMO_CORP_ID;
use serde_json::{Value, json};

use super::{PHONE, start, start_with};
use crate::support::app::{AUTHENTICATOR, TestApp};
use crate::support::browser::Answer;

async fn create(app: &TestApp, name: &str, enabled: bool, options: Value) -> Answer {
    let body = json!({ "name": name, "authType": "dingtalk", "enabled": enabled, "options": options });
    app.root().await.post("authenticators:create", body).await
}

async fn update(app: &TestApp, name: &str, body: Value) -> Answer {
    let found = app.store.authenticators().find(name).await.unwrap().unwrap();
    let action = format!("authenticators:update?filterByTk={}", found.id);
    app.root().await.post(&action, body).await
}

fn automatic() -> Value {
    json!({ "autoLogin": true, "corpId": DEMO_CORP_ID })
}

#[tokio::test]
async fn a_second_one_with_automatic_login_is_refused_and_the_first_is_named() {
    let app = start().await;

    let created = create(&app, "second", true, automatic()).await;

    assert_eq!((created.status, created.code()), (400, "AUTO_LOGIN_TAKEN"));
    assert!(created.text.contains(AUTHENTICATOR), "{}", created.text);
    assert!(app.store.authenticators().find("second").await.unwrap().is_none());
    assert_eq!(
        create(&app, "second", false, automatic()).await.status,
        200,
        "disabled"
    );
    let enabled = update(&app, "second", json!({ "enabled": true })).await;
    assert_eq!(enabled.code(), "AUTO_LOGIN_TAKEN");
    assert_eq!(
        create(&app, "third", true, json!({ "autoLogin": false }))
            .await
            .status,
        200
    );
    let changed = update(&app, "third", json!({ "options": automatic() })).await;
    assert_eq!(changed.code(), "AUTO_LOGIN_TAKEN");
    let by_the_web = json!({ "options": { "autoLogin": true, "autoLoginType": "oauth" } });
    assert_eq!(update(&app, "third", by_the_web).await.code(), "AUTO_LOGIN_TAKEN");
}

#[tokio::test]
async fn it_may_be_given_to_another_once_the_first_has_it_no_more() {
    let app = start().await;
    assert_eq!(
        update(
            &app,
            AUTHENTICATOR,
            json!({ "options": automatic(), "title": "The first" })
        )
        .await
        .status,
        200,
        "its own is no other"
    );
    let refused = create(&app, "second", true, automatic()).await;
    assert!(refused.text.contains("The first"), "{}", refused.text);
    update(&app, AUTHENTICATOR, json!({ "options": {} })).await;

    assert_eq!(create(&app, "second", true, automatic()).await.status, 200);
}

#[tokio::test]
async fn asking_the_client_needs_the_organization() {
    let app = start_with(json!({ "autoLogin": false })).await;
    for (options, field) in [
        (json!({ "autoLogin": true }), "Corp ID"),
        (json!({ "autoLogin": true, "corpId": " " }), "Corp ID"),
        (
            json!({ "autoLogin": true, "autoLoginType": "internal" }),
            "Corp ID",
        ),
        (json!({ "autoLoginType": "silent" }), "autoLoginType"),
        (json!({ "autoLogin": "yes", "corpId": "c" }), "options"),
        (json!({ "agentId": 7 }), "Agent ID"),
    ] {
        let answer = update(&app, AUTHENTICATOR, json!({ "options": options })).await;

        assert_eq!(
            (answer.status, answer.code()),
            (400, "INVALID_FIELD"),
            "{options}"
        );
        assert!(answer.text.contains(field), "{options}: {}", answer.text);
    }
    let by_the_web =
        json!({ "options": { "autoLogin": true, "autoLoginType": "oauth", "agentId": " 2468 " } });
    let answer = update(&app, AUTHENTICATOR, by_the_web).await;
    assert_eq!(
        answer.json["data"][0]["options"]["agentId"], "2468",
        "{}",
        answer.text
    );
}

#[tokio::test]
async fn of_two_in_the_database_the_first_counts_and_one_that_cannot_be_read_is_passed_over() {
    let app = start().await;
    create(&app, "second", false, automatic()).await;
    app.run(r#"UPDATE "authenticators" SET "enabled" = 1"#).await;
    app.wait(chrono::TimeDelta::seconds(3));
    let asked = async || {
        let mut phone = app.browser().with("User-Agent", PHONE);
        let answer = phone.get("dingtalk:checkLogin?isDingTalkBrowser=true").await;
        answer.json["data"]["authenticator"].clone()
    };
    assert_eq!(asked().await, AUTHENTICATOR);

    app.run(&format!(
        r#"UPDATE "authenticators" SET "options" = '{{"clientId": 7, "autoLogin": true}}' WHERE "name" = '{AUTHENTICATOR}'"#
    ))
    .await;
    app.wait(chrono::TimeDelta::seconds(3));

    assert_eq!(asked().await, "second");
}
