//! Which departments of DingTalk may sign in.

use chrono::TimeDelta;
use dingtalk_simulator::{CallKind, DEMO_CORP_ID, Effect, Fault, permission};
use serde_json::{Value, json};

use crate::in_client;
use crate::support::app::{AUTHENTICATOR, TestApp};
use crate::support::browser::Answer;

/// Li Lei works in department 7, below 3, below the root; and in 9.
const DEPARTMENTS: [&[i64]; 2] = [&[7, 3, 1], &[9, 1]];

/// A sidecar alone whose authenticator also takes codes of the client; `options` come on top.
async fn start(options: Value) -> TestApp {
    let app = TestApp::bare(&[]).await;
    app.enable_plugin().await;
    app.add_authenticator(with_defaults(options)).await;
    let departments = DEPARTMENTS.map(<[i64]>::to_vec).to_vec();
    app.dingtalk.edit_person("li-lei", |person| {
        person.memberships[0].departments = departments;
    });
    app
}

fn with_defaults(options: Value) -> Value {
    let mut all = json!({ "autoLogin": true, "corpId": DEMO_CORP_ID, "public": { "autoSignup": true } });
    let Value::Object(options) = options else {
        panic!("options are an object");
    };
    all.as_object_mut().unwrap().extend(options);
    all
}

async fn both_ways(app: &TestApp) -> [Answer; 2] {
    let through_the_button = app.browser().sign_in(&app.dingtalk, "li-lei").await;
    [through_the_button, in_client::sign_in(app, "li-lei").await]
}

/// The calls DingTalk has had: user id, departments, entry of the directory.
fn calls(app: &TestApp) -> [usize; 3] {
    [
        CallKind::UserIdByUnionId,
        CallKind::DepartmentsOfUser,
        CallKind::UserDetails,
    ]
    .map(|kind| app.dingtalk.calls(kind))
}

#[tokio::test]
async fn members_of_a_department_come_in_and_who_is_denied_does_not_whatever_else_is_allowed() {
    let app = start(json!({})).await;
    for (allowed, denied, admitted) in [
        ("7", "", true),
        ("3, 4", "", true),
        ("1", "", true),
        ("4 9", "", true),
        ("4", "", false),
        ("", "4", true),
        ("", "7", false),
        ("", "3", false),
        ("7", "9", false),
        ("7", "7", false),
    ] {
        let options = json!({ "allowedDepartments": allowed, "deniedDepartments": denied });
        app.set_options(with_defaults(options)).await;

        for answer in both_ways(&app).await {
            let expected = if admitted { "" } else { "DEPARTMENT_NOT_ALLOWED" };
            assert_eq!(answer.code(), expected, "{allowed}/{denied}: {}", answer.text);
            assert_eq!(answer.status, if admitted { 200 } else { 401 });
        }
    }
    assert_eq!(app.dingtalk.unexpected(), Vec::<String>::new());
}

#[tokio::test]
async fn the_departments_cost_two_calls_through_the_page_and_one_inside_dingtalk() {
    let app = start(json!({ "allowedDepartments": "3" })).await;
    app.add_user("Li Lei", Some("13800138000")).await;

    app.browser().sign_in(&app.dingtalk, "li-lei").await;
    assert_eq!(calls(&app), [1, 1, 0]);
    in_client::sign_in(&app, "li-lei").await;
    assert_eq!(calls(&app), [1, 2, 0]);
}

#[tokio::test]
async fn without_lists_and_rules_nobody_is_asked_about() {
    let app = start(json!({})).await;
    app.add_user("Li Lei", Some("13800138000")).await;

    app.browser().sign_in(&app.dingtalk, "li-lei").await;
    in_client::sign_in(&app, "li-lei").await;

    // Only whether they belong to the organization of the Corp ID.
    assert_eq!(calls(&app), [1, 0, 0]);
}

#[tokio::test]
async fn somebody_who_was_here_before_stays_outside_too() {
    let app = start(json!({})).await;
    for answer in both_ways(&app).await {
        assert_eq!(answer.status, 200, "{}", answer.text);
    }
    let before = app.rows().await;
    app.set_options(with_defaults(json!({ "deniedDepartments": "3" })))
        .await;

    for answer in both_ways(&app).await {
        assert_eq!(answer.code(), "DEPARTMENT_NOT_ALLOWED");
    }
    assert_eq!(app.rows().await, before);
}

#[tokio::test]
async fn while_dingtalk_does_not_tell_the_departments_nobody_is_let_in() {
    let app = start(json!({ "deniedDepartments": "4" })).await;
    app.add_user("Li Lei", Some("13800138000")).await;
    let before = app.rows().await;

    for (effect, code) in [
        (Effect::Page, "DINGTALK_UNAVAILABLE"),
        (Effect::GatewayTimeout, "DINGTALK_TIMEOUT"),
    ] {
        app.dingtalk
            .set_fault(Fault::on(CallKind::DepartmentsOfUser, effect));
        for answer in both_ways(&app).await {
            assert_eq!(answer.code(), code, "{}", answer.text);
        }
        app.dingtalk.clear_faults();
    }
    // An answer without any department is none.
    app.dingtalk
        .edit_person("li-lei", |person| person.memberships[0].departments.clear());
    for answer in both_ways(&app).await {
        assert_eq!(answer.code(), "DINGTALK_UNAVAILABLE", "{}", answer.text);
    }
    assert_eq!(app.rows().await, before);
}

#[tokio::test]
async fn a_missing_permission_keeps_everybody_out_and_is_named() {
    let app = start(json!({ "allowedDepartments": "7" })).await;
    for missing in [permission::GET_DEPARTMENT_LIST, permission::GET_MEMBER] {
        app.dingtalk.edit_app(&app.dingtalk_app.client_id, |registered| {
            registered.permissions.remove(missing);
        });
    }

    let answer = app.browser().sign_in(&app.dingtalk, "li-lei").await;
    assert_eq!(answer.code(), "PERMISSION_MISSING");
    assert!(answer.text.contains("qyapi_get_member"), "{}", answer.text);
    let answer = in_client::sign_in(&app, "li-lei").await;
    assert_eq!(answer.code(), "PERMISSION_MISSING");
    assert!(
        answer.text.contains("qyapi_get_department_list"),
        "{}",
        answer.text
    );
}

#[tokio::test]
async fn who_does_not_belong_to_the_organization_belongs_to_none_of_its_departments() {
    let app = TestApp::start().await;
    app.set_options(json!({ "deniedDepartments": "4", "public": { "autoSignup": true } }))
        .await;

    let answer = app.browser().sign_in(&app.dingtalk, "zhao-yun").await;

    assert_eq!(answer.code(), "NOT_IN_ORGANIZATION", "{}", answer.text);
}

#[tokio::test]
async fn a_list_that_cannot_be_read_lets_nobody_in() {
    let app = start(json!({})).await;
    app.run(&format!(
        "UPDATE authenticators SET options = json_set(options, '$.deniedDepartments', 'sales') WHERE name = '{AUTHENTICATOR}'"
    ))
    .await;
    app.wait(TimeDelta::seconds(3));

    let start = app
        .browser()
        .visit(&format!("/api/auth:redirect?authenticator={AUTHENTICATOR}"))
        .await;

    assert_eq!(start.page().0, "CONFIGURATION_INCOMPLETE");
    assert_eq!(
        in_client::sign_in(&app, "li-lei").await.code(),
        "CONFIGURATION_INCOMPLETE"
    );
}
