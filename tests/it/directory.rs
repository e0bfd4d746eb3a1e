//! The organization in DingTalk, kept in step with users and departments, alone.

mod beside;
mod faults;
mod leavers;
mod matching;
mod reread;
mod sources;

use std::collections::BTreeMap;

use chrono::TimeDelta;
use dingtalk_simulator::{CallKind, DEMO_CORP_ID, Department, Person};
use nocobase_dingtalk::nocobase::{NewSyncSource, RecordKind};
use serde_json::{Value, json};

use crate::support::app::{AUTHENTICATOR, TestApp};
use crate::support::browser::Browser;

const SOURCE: &str = "company";

/// A sidecar alone with an authenticator and a source that uses its app; `options` are merged over one that writes at once.
async fn start(options: Value) -> TestApp {
    let app = TestApp::start().await;
    add_source(&app, options).await;
    app
}

async fn add_source(app: &TestApp, options: Value) {
    let mut all = json!({ "authenticator": AUTHENTICATOR, "preview": false, "graceDays": 0 });
    for (key, value) in options.as_object().unwrap() {
        all[key] = value.clone();
    }
    let new = NewSyncSource {
        name: SOURCE.to_owned(),
        display_name: None,
        enabled: true,
        options: all,
        secrets: Vec::new(),
    };
    app.store.ensure_directory_tables().await.unwrap();
    app.store
        .sync_sources()
        .create(new, app.clock.now())
        .await
        .unwrap();
}

/// Changes the source's options.
async fn set_options(app: &TestApp, options: Value) {
    use nocobase_dingtalk::nocobase::SyncSourceChanges;
    let row = app.store.sync_sources().named(SOURCE).await.unwrap().unwrap();
    let mut all = row.options;
    for (key, value) in options.as_object().unwrap() {
        all[key] = value.clone();
    }
    let changes = SyncSourceChanges {
        options: Some(all),
        ..SyncSourceChanges::default()
    };
    let sources = app.store.sync_sources();
    sources.update(row.id, changes, app.clock.now()).await.unwrap();
}

fn action(name: &str) -> String {
    format!("dingtalk:{name}?source={SOURCE}")
}

/// Begins a run, and waits for its end.
async fn run(app: &TestApp) -> Value {
    let begun = app.root().await.post(&action("startRun"), json!({})).await;
    assert_eq!(begun.status, 200, "{}", begun.text);
    ended(app).await
}

/// Confirms what the latest run showed, and waits for the end of the one that does it.
async fn confirm(app: &TestApp, shown: &Value) -> Value {
    let body = json!({ "id": shown["id"] });
    let begun = app.root().await.post(&action("confirmRun"), body).await;
    assert_eq!(begun.status, 200, "{}", begun.text);
    ended(app).await
}

/// The latest run when it has ended.
async fn ended(app: &TestApp) -> Value {
    let mut root = app.root().await;
    loop {
        let answer = root.get(&action("run")).await;
        assert_eq!(answer.status, 200, "{}", answer.text);
        let run = answer.json["data"].clone();
        let state = run["state"].as_str().unwrap();
        if !["waiting", "reading", "comparing", "writing"].contains(&state) {
            return run;
        }
        tokio::task::yield_now().await;
    }
}

fn assert_done(run: &Value) {
    assert_eq!(run["state"], "done", "{run}");
}

/// The rows of the latest run of a kind: uid and reason.
async fn rows(app: &TestApp, kind: &str) -> Vec<(String, String)> {
    let mut root = app.root().await;
    let address = format!("{}&pageSize=200&kind={kind}", action("runRows"));
    let answer = root.get(&address).await;
    assert_eq!(answer.status, 200, "{}", answer.text);
    let rows = answer.json["data"].as_array().unwrap();
    rows.iter()
        .map(|row| {
            let reason = row["detail"]["reason"].as_str().unwrap_or_default();
            (row["uid"].as_str().unwrap().to_owned(), reason.to_owned())
        })
        .collect()
}

async fn uids(app: &TestApp, kind: &str) -> Vec<String> {
    rows(app, kind).await.into_iter().map(|(uid, _)| uid).collect()
}

/// Nickname and phone of all users, by nickname.
async fn users(app: &TestApp) -> BTreeMap<String, Option<String>> {
    let text: String = app
        .value(r#"SELECT json_group_object(COALESCE(nickname, ''), phone) FROM "users""#)
        .await;
    serde_json::from_str(&text).unwrap()
}

/// Everything that a run may write of people and departments.
async fn written(app: &TestApp) -> Vec<String> {
    let mut all = Vec::new();
    for table in [
        "users",
        "rolesUsers",
        "departments",
        "departmentsUsers",
        "usersAuthenticators",
        "userDataSyncRecords",
        "userDataSyncRecordsResources",
    ] {
        let sql =
            format!(r#"SELECT COUNT(*) || ' ' || COALESCE(GROUP_CONCAT("updatedAt"), '') FROM "{table}""#);
        all.push(app.value::<String>(&sql).await);
    }
    all
}

/// The user whom somebody of the organization is.
async fn user_of(app: &TestApp, uid: &str) -> Option<i64> {
    let records = app.store.sync_records();
    let all = records.all(SOURCE, RecordKind::Person).await.unwrap();
    let found = all.into_iter().find(|record| record.uid == uid && record.exists);
    found.and_then(|record| record.resource)
}

fn client_id(app: &TestApp) -> String {
    app.dingtalk.apps()[0].client_id.clone()
}

fn employee(key: &str, mobile: &str, departments: &[i64]) -> Person {
    let mut person = Person::employee(key, key, &format!("union-of-{key}"), mobile);
    person.memberships[0].departments = departments
        .iter()
        .map(|id| if *id == 1 { vec![1] } else { vec![*id, 1] })
        .collect();
    person
}

fn department(id: i64, parent: i64, name: &str) -> Department {
    Department {
        corp_id: DEMO_CORP_ID.to_owned(),
        id,
        parent,
        name: name.to_owned(),
    }
}

#[tokio::test]
async fn people_and_departments_are_written_and_a_second_run_writes_nothing() {
    let app = start(json!({})).await;

    let first = run(&app).await;

    assert_done(&first);
    // Li Lei, Han Meimei, Alex Kim, Chen Chen; Wang Fang has no number, Zhao Yun works elsewhere.
    assert_eq!(first["counts"]["create"], 4, "{first}");
    assert_eq!(first["counts"]["departmentCreate"], 4, "{first}");
    assert_eq!(
        rows(&app, "skip").await,
        [("staff-wang-fang".to_owned(), "NO_PHONE".to_owned())]
    );
    assert_eq!(users(&app).await["李雷"].as_deref(), Some("13800138000"));
    assert!(first["isComplete"].as_bool().unwrap());

    let before = written(&app).await;
    app.wait(TimeDelta::seconds(5));
    let second = run(&app).await;

    assert_done(&second);
    assert_eq!(second["counts"]["unchanged"], 4, "{second}");
    assert_eq!(second["counts"]["create"], 0, "{second}");
    assert_eq!(written(&app).await, before);
}

#[tokio::test]
async fn the_first_run_is_a_preview_and_writes_once_it_is_confirmed() {
    let app = start(json!({ "preview": true })).await;

    let shown = run(&app).await;

    assert_eq!(
        (&shown["state"], &shown["code"]),
        (&json!("preview"), &json!("RUN_PREVIEW"))
    );
    assert_eq!(uids(&app, "create").await.len(), 4);
    assert_eq!(uids(&app, "departmentCreate").await.len(), 4);
    assert!(!users(&app).await.contains_key("李雷"));

    let written = confirm(&app, &shown).await;

    assert_done(&written);
    assert!(users(&app).await.contains_key("李雷"));
    // From now on nobody is asked.
    assert_done(&run(&app).await);
}

#[tokio::test]
async fn a_preview_that_is_discarded_is_shown_no_more() {
    let app = start(json!({ "preview": true })).await;
    let shown = run(&app).await;

    let answer = app.root().await.post(&action("discardRun"), json!({})).await;

    assert_eq!(answer.status, 200, "{}", answer.text);
    assert_eq!(ended(&app).await["state"], "none");
    assert!(uids(&app, "create").await.is_empty());
    let refused = app
        .root()
        .await
        .post(&action("confirmRun"), json!({ "id": shown["id"] }))
        .await;
    assert_eq!((refused.status, refused.code()), (409, "RUN_OUTDATED"));
}

#[tokio::test]
async fn each_department_costs_a_call_and_nobody_is_asked_about_by_themselves() {
    let app = start(json!({})).await;
    for number in 0..250 {
        let key = format!("p{number}");
        app.dingtalk
            .add_person(employee(&key, &format!("139{number:08}"), &[201]));
    }

    assert_done(&run(&app).await);

    let calls = |kind| app.dingtalk.calls(kind);
    assert_eq!(calls(CallKind::AuthScopes), 1);
    assert_eq!(calls(CallKind::MemberCount), 1);
    assert_eq!(calls(CallKind::Department), 1);
    // The root and three more.
    assert_eq!(calls(CallKind::DepartmentsBelow), 4);
    assert_eq!(calls(CallKind::DepartmentMembers), 4 + 2);
    assert_eq!(calls(CallKind::UserDetails), 0);
    assert!(app.dingtalk.unexpected().is_empty());
}

#[tokio::test]
async fn the_report_is_a_table_of_the_rows() {
    let app = start(json!({})).await;
    run(&app).await;

    let report = app.root().await.get(&action("runReport")).await;

    assert_eq!(report.status, 200, "{}", report.text);
    assert!(
        report.text.contains("create,staff-li-lei,李雷"),
        "{}",
        report.text
    );
    assert!(
        report.text.contains("skip,staff-wang-fang,王芳,,,NO_PHONE"),
        "{}",
        report.text
    );
}

#[tokio::test]
async fn the_last_runs_and_the_sources_are_told() {
    let app = start(json!({})).await;
    run(&app).await;
    run(&app).await;
    let mut root = app.root().await;

    let runs = root.get(&action("runs")).await;
    let sources = root.get("dingtalk:sources").await;

    assert_eq!(runs.json["data"].as_array().unwrap().len(), 2);
    assert_eq!(runs.json["data"][0]["state"], "done");
    assert_eq!(sources.json["data"][0]["name"], SOURCE);
    assert_eq!(sources.json["data"][0]["run"]["state"], "done");
}

#[tokio::test]
async fn only_administrators_synchronize_and_only_sources_that_are_there() {
    let app = start(json!({})).await;
    let mut member: Browser = app.browser();
    member.sign_in(&app.dingtalk, "han-meimei").await;

    for answer in [
        member.post(&action("startRun"), json!({})).await,
        member.get(&action("run")).await,
        member.get(&action("runRows")).await,
        member.get(&action("runReport")).await,
        member.get("dingtalk:sources").await,
        member.post(&action("confirmRun"), json!({ "id": "x" })).await,
    ] {
        assert_eq!(
            (answer.status, answer.code()),
            (403, "NO_PERMISSION"),
            "{}",
            answer.text
        );
    }
    let nobody = app
        .root()
        .await
        .post("dingtalk:startRun?source=nobody", json!({}))
        .await;
    assert_eq!((nobody.status, nobody.code()), (404, "SOURCE_NOT_FOUND"));
    assert_eq!(app.dingtalk.calls(CallKind::AuthScopes), 0);
}

#[tokio::test]
async fn a_source_that_cannot_be_used_says_which_field_is_to_blame() {
    for (options, field) in [
        (json!({ "authenticator": "nobody" }), "authenticator"),
        (json!({ "authenticator": "", "clientId": "" }), "clientId"),
        (json!({ "leavers": "all" }), "leavers"),
        (json!({ "titleColumn": "nickname" }), "titleColumn"),
        (json!({ "titleColumn": "nothing" }), "titleColumn"),
    ] {
        let app = start(options.clone()).await;

        let run = run(&app).await;

        assert_eq!(
            (&run["state"], &run["code"]),
            (&json!("failed"), &json!("SOURCE_UNUSABLE")),
            "{options}"
        );
        assert!(run["message"].as_str().unwrap().contains(field), "{run}");
    }
}
