//! What goes wrong while an organization is read or written: nobody is taken out for it, and one sentence says what it was.

use chrono::TimeDelta;
use dingtalk_simulator::{CallKind, DEMO_CORP_ID, Effect, Fault, Limit, permission};
use serde_json::{Value, json};

use super::*;

async fn source_id(app: &TestApp) -> i64 {
    app.store.sync_sources().named(SOURCE).await.unwrap().unwrap().id
}

#[tokio::test]
async fn a_reading_that_fails_in_the_middle_takes_nobody_out() {
    let app = start(json!({})).await;
    assert_done(&run(&app).await);
    let before = written(&app).await;
    app.dingtalk.leave("li-lei", DEMO_CORP_ID);
    app.dingtalk.edit_app(&client_id(&app), |dingtalk| {
        dingtalk.permissions.remove(permission::GET_DEPARTMENT_MEMBER);
    });

    let failed = run(&app).await;

    assert_eq!(
        (&failed["state"], &failed["code"]),
        (&json!("failed"), &json!("PERMISSION_MISSING"))
    );
    let message = failed["message"].as_str().unwrap();
    assert!(message.contains(permission::GET_DEPARTMENT_MEMBER), "{message}");
    assert_eq!(written(&app).await, before);
}

#[tokio::test]
async fn a_department_that_was_gone_before_it_was_read_takes_nobody_out() {
    let app = start(json!({})).await;
    assert_done(&run(&app).await);
    app.dingtalk.leave("li-lei", DEMO_CORP_ID);
    let gone = Effect::Answer {
        status: 200,
        content_type: "application/json".to_owned(),
        body: r#"{"errcode":60003,"errmsg":"部门不存在","request_id":"4f9m"}"#.to_owned(),
    };
    app.dingtalk
        .set_fault(Fault::on(CallKind::DepartmentMembers, gone).times(1));

    let done = run(&app).await;

    assert_done(&done);
    assert_eq!(
        (&done["isComplete"], &done["counts"]["remove"]),
        (&json!(false), &json!(0)),
        "{done}"
    );
    assert_eq!(rows(&app, "told").await.last().unwrap().1, "GAP");
}

#[tokio::test]
async fn an_app_that_may_read_nobody_is_told_apart_from_an_organization_without_people() {
    let app = start(json!({})).await;
    app.dingtalk
        .edit_app(&client_id(&app), |dingtalk| dingtalk.readable_departments.clear());

    let failed = run(&app).await;

    assert_eq!(
        (&failed["state"], &failed["code"]),
        (&json!("failed"), &json!("DATA_SCOPE_EMPTY"))
    );
}

#[tokio::test]
async fn while_dingtalk_asks_for_patience_the_run_goes_on_and_without_calls_left_it_ends() {
    let app = start(json!({})).await;
    let throttled = Effect::Limited(Limit::AppAndApi);
    app.dingtalk
        .set_fault(Fault::on(CallKind::DepartmentMembers, throttled).times(5));
    assert_done(&run(&app).await);
    let used_up = Effect::Limited(Limit::MonthlyQuota);
    app.dingtalk
        .set_fault(Fault::on(CallKind::DepartmentsBelow, used_up));
    app.dingtalk.leave("li-lei", DEMO_CORP_ID);

    let failed = run(&app).await;

    assert_eq!(
        (&failed["state"], &failed["code"]),
        (&json!("failed"), &json!("QUOTA_USED_UP"))
    );
    assert!(users(&app).await.contains_key("李雷"));
}

#[tokio::test]
async fn departments_in_a_circle_are_read_once() {
    let app = start(json!({})).await;
    app.dingtalk.add_department(department(301, 1, "Circle"));
    app.dingtalk.add_department(department(1, 301, "Root"));

    assert_done(&run(&app).await);
}

#[tokio::test]
async fn who_cannot_be_made_keeps_nobody_else_from_it_and_is_named() {
    let app = start(json!({ "uniqueField": "unionId" })).await;
    // No plan of numbers knows this country, so that it is found to be taken only when it is written.
    app.add_user("Holder", Some("+999-12345")).await;
    let mut odd = employee("odd", "12345", &[201]);
    odd.state_code = Some("999".to_owned());
    app.dingtalk.add_person(odd);

    let failed = run(&app).await;

    assert_eq!(
        (&failed["state"], &failed["code"]),
        (&json!("failed"), &json!("RUN_FAILURES")),
        "{failed}"
    );
    assert_eq!(failed["counts"]["fail"], 1, "{failed}");
    assert_eq!(
        rows(&app, "fail").await,
        [("staff-odd".to_owned(), "PHONE_TAKEN".to_owned())]
    );
    assert_eq!(failed["counts"]["create"], 5, "{failed}");
    assert!(users(&app).await.contains_key("李雷"));
}

#[tokio::test]
async fn a_run_that_broke_off_is_begun_again() {
    let app = TestApp::start().await;
    app.store.ensure_directory_tables().await.unwrap();
    let broken = json!({ "id": "broken", "state": "writing", "reason": "button" });
    // The first source has this id.
    let state = app.store.directory_state();
    state.put(1, "run", &broken.to_string(), 0).await.unwrap();
    add_source(&app, json!({})).await;
    app.directory.look();

    let resumed = ended(&app).await;

    assert_done(&resumed);
    assert_eq!(
        (&resumed["id"], &resumed["reason"], &resumed["counts"]["create"]),
        (&json!("broken"), &json!("resume"), &json!(4)),
        "{resumed}"
    );
}

#[tokio::test]
async fn while_another_process_has_the_source_it_alone_works_on_it() {
    let app = TestApp::start().await;
    app.store.ensure_directory_tables().await.unwrap();
    let now = app.clock.now().timestamp_millis();
    // The first source has this id.
    assert!(
        app.store
            .directory_state()
            .take_lease(1, "another", now, now + 30_000)
            .await
            .unwrap()
    );
    add_source(&app, json!({})).await;
    assert_eq!(source_id(&app).await, 1);
    let begun = app.root().await.post(&action("startRun"), json!({})).await;

    assert_eq!(begun.json["data"]["state"], "waiting");
    assert_eq!(app.dingtalk.calls(CallKind::AuthScopes), 0);

    // It has died.
    app.wait(TimeDelta::seconds(31));
    assert_done(&ended(&app).await);
}

#[tokio::test]
async fn two_processes_do_one_run() {
    let mut app = start(json!({})).await;
    let replica = app.start_replica().await;
    let mut root = app.root().await;
    let mut elsewhere = Browser::new(&replica);
    elsewhere.token = root.token.clone();

    let here = root.post(&action("startRun"), json!({})).await;
    let there = elsewhere.post(&action("startRun"), json!({})).await;

    assert_eq!((here.status, there.status), (200, 200), "{}", there.text);
    assert_done(&ended(&app).await);
    let told: Value = elsewhere.get(&action("run")).await.json["data"].clone();
    assert_eq!(told["state"], "done");
}

#[tokio::test]
async fn a_run_that_is_under_way_is_told_and_not_begun_twice() {
    let app = start(json!({})).await;
    let mut root = app.root().await;

    let first = root.post(&action("startRun"), json!({})).await;
    let second = root.post(&action("startRun"), json!({})).await;

    assert_eq!(first.status, 200);
    assert_eq!(second.status, 200);
    assert_done(&ended(&app).await);
    assert!(app.dingtalk.calls(CallKind::AuthScopes) <= 2);
}
