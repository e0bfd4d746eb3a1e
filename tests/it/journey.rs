//! The whole way: click, approve, come back, be signed in.

use serde_json::json;

use crate::support::app::{AUTHENTICATOR, TestApp};

#[tokio::test]
async fn a_known_person_is_matched_by_phone_and_signed_in() {
    let app = TestApp::start().await;
    let user = app.add_user("Li Lei", Some("13800138000")).await;
    let mut browser = app.browser();

    let answer = browser.sign_in(&app.dingtalk, "li-lei").await;

    assert_eq!(answer.status, 200, "{}", answer.text);
    assert_eq!(answer.json["data"]["user"]["id"], json!(user.0));
    let check = browser.get("auth:check").await;
    assert_eq!(check.json["data"]["phone"], json!("13800138000"));
    assert_eq!(check.json["data"]["roles"][0]["name"], json!("member"));
    let link = app
        .store
        .links()
        .find_user(AUTHENTICATOR, &subject(&app, "li-lei"))
        .await
        .unwrap();
    assert_eq!(link.unwrap().user.id, user);
}

fn subject(app: &TestApp, person: &str) -> String {
    app.dingtalk
        .people()
        .into_iter()
        .find(|found| found.key == person)
        .unwrap()
        .union_id
}
