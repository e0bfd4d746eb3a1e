//! Sources, administered alone; what was brought over; what doctor and metrics say of it.

use dingtalk_simulator::permission;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;

use super::{SOURCE, action, assert_done, client_id, run, start};
use crate::support::app::TestApp;
use crate::support::browser::Browser;

const MASK: &str = "********";

async fn create(root: &mut Browser, name: &str, options: Value) -> (u16, Value) {
    let body = json!({ "name": name, "sourceType": "dingtalk", "enabled": true, "options": options });
    let answer = root.post("userDataSyncSources:create", body).await;
    (answer.status, answer.json)
}

#[tokio::test]
async fn a_secret_is_never_shown_again_and_saving_the_mask_keeps_it() {
    let app = TestApp::start().await;
    let mut root = app.root().await;
    let secrets = json!({
        "clientId": "ding1", "clientSecret": "first secret", "receiveMode": "callback", "token": "second secret",
        "encodingAesKey": "third secret",
    });

    let (status, made) = create(&mut root, "staff", secrets).await;

    assert_eq!(status, 200, "{made}");
    let id = made["data"]["id"].as_i64().unwrap();
    let list = root.get("userDataSyncSources:list").await;
    let one = root
        .get(&format!("userDataSyncSources:get?filterByTk={id}"))
        .await;
    for answer in [&list, &one] {
        assert_eq!(answer.status, 200, "{}", answer.text);
        assert!(!answer.text.contains("secret\""), "{}", answer.text);
    }
    let options = &one.json["data"]["options"];
    for field in ["clientSecret", "token", "encodingAesKey"] {
        assert_eq!(options[field], MASK, "{field}");
    }
    let kept = || async { app.store.kept_secrets().of_source(id).await.unwrap() };
    let before: Vec<String> = kept().await.into_iter().map(|secret| secret.value).collect();
    assert_eq!(before.len(), 3);
    let update = format!("userDataSyncSources:update?filterByTk={id}");
    let saved = root.post(&update, json!({ "options": options })).await;
    assert_eq!(saved.status, 200, "{}", saved.text);
    let after: Vec<String> = kept().await.into_iter().map(|secret| secret.value).collect();
    assert_eq!(after, before);

    let without = json!({ "options": { "clientId": "ding1", "token": "" } });
    root.post(&update, without).await;

    assert!(kept().await.is_empty());
}

#[tokio::test]
async fn what_cannot_be_followed_is_not_saved_and_the_field_is_named() {
    let app = TestApp::start().await;
    let mut root = app.root().await;
    for (name, options, field) in [
        ("a b", json!({}), "name"),
        ("staff", json!({ "uniqueField": "email" }), "uniqueField"),
        ("staff", json!({ "graceDays": -1 }), "graceDays"),
        (
            "staff",
            json!({ "allowDepartments": "sales" }),
            "allowDepartments",
        ),
        ("staff", json!({ "scheduleAt": "25:00" }), "scheduleAt"),
        ("staff", json!("options"), "options"),
    ] {
        let (status, answer) = create(&mut root, name, options).await;

        assert_eq!(status, 400, "{answer}");
        assert_eq!(answer["errors"][0]["code"], "INVALID_FIELD", "{answer}");
        let message = answer["errors"][0]["message"].as_str().unwrap();
        assert!(message.contains(field), "{message}");
    }
    assert!(app.store.sync_sources().all().await.unwrap().is_empty());
}

#[tokio::test]
async fn a_source_keeps_its_name_and_goes_when_it_is_deleted() {
    let app = start(json!({})).await;
    let mut root = app.root().await;
    let id = app.store.sync_sources().named(SOURCE).await.unwrap().unwrap().id;
    let update = format!("userDataSyncSources:update?filterByTk={id}");

    let renamed = root.post(&update, json!({ "name": "other" })).await;
    let disabled = root
        .post(&update, json!({ "enabled": false, "displayName": "Staff" }))
        .await;
    let begun = root.post(&action("startRun"), json!({})).await;
    let again = create(&mut root, SOURCE, json!({})).await;
    let deleted = root
        .post(&format!("userDataSyncSources:destroy?filterByTk={id}"), json!({}))
        .await;

    assert_eq!(renamed.status, 400, "{}", renamed.text);
    assert_eq!(
        disabled.json["data"][0]["displayName"], "Staff",
        "{}",
        disabled.text
    );
    assert_eq!(
        (begun.status, begun.code()),
        (404, "SOURCE_NOT_FOUND"),
        "{}",
        begun.text
    );
    assert_eq!(again.0, 400, "{}", again.1);
    assert_eq!(deleted.json["data"], 1, "{}", deleted.text);
    let audit = root.get("dingtalk:audit?event=settingsChange").await;
    for done in ["source disabled", "source deleted"] {
        assert!(audit.text.contains(done), "{}", audit.text);
    }
}

#[tokio::test]
async fn a_disabled_source_still_shows_its_latest_run() {
    let app = start(json!({})).await;
    assert_done(&run(&app).await);
    let mut root = app.root().await;
    let id = app.store.sync_sources().named(SOURCE).await.unwrap().unwrap().id;

    let update = format!("userDataSyncSources:update?filterByTk={id}");
    root.post(&update, json!({ "enabled": false })).await;

    for name in ["run", "runs", "runRows", "runReport"] {
        let answer = root.get(&action(name)).await;
        assert_eq!(answer.status, 200, "{name}: {}", answer.text);
    }
}

#[tokio::test]
async fn people_and_departments_that_came_over_are_shown_with_each_other() {
    let app = start(json!({})).await;
    assert_done(&run(&app).await);
    let mut root = app.root().await;

    let people = root.get(&action("syncedPeople")).await;
    let found = root.get(&format!("{}&search=李", action("syncedPeople"))).await;
    let departments = root.get(&action("syncedDepartments")).await;

    let rows = people.json["data"].as_array().unwrap();
    assert_eq!(rows.len(), 4, "{}", people.text);
    let li_lei = rows.iter().find(|row| row["uid"] == "staff-li-lei").unwrap();
    assert_eq!(li_lei["phone"], "13800138000");
    assert_eq!(li_lei["departments"], json!(["平台组 (Platform)"]));
    assert_eq!(li_lei["hasLeft"], false);
    assert_eq!(found.json["data"].as_array().unwrap().len(), 1, "{}", found.text);
    let rows = departments.json["data"].as_array().unwrap();
    let platform = rows.iter().find(|row| row["uid"] == "102").unwrap();
    assert_eq!(
        platform["parentTitle"], "研发部 (Engineering)",
        "{}",
        departments.text
    );
}

#[tokio::test]
async fn the_address_for_events_is_under_the_origin_people_use_and_holds_the_name_as_one_part() {
    let app = start(json!({})).await;
    let mut root = app.root().await;

    let answer = root.get("dingtalk:callbackAddress?source=a%2Fb%20c").await;
    let form = root.get(&format!("dingtalk:sourceForm?source={SOURCE}")).await;

    let expected = format!("{}/api/dingtalk-events/a%2Fb%20c", app.url);
    assert_eq!(answer.json["data"]["address"], expected, "{}", answer.text);
    assert!(
        form.text.contains(&format!("/api/dingtalk-events/{SOURCE}")),
        "{}",
        form.text
    );
    assert!(!form.text.contains("CALLBACK_ADDRESS"));
}

async fn findings(app: &TestApp) -> Vec<Value> {
    let answer = app.root().await.post("dingtalk:diagnose", json!({})).await;
    assert_eq!(answer.status, 200, "{}", answer.text);
    answer.json["data"]["findings"].as_array().unwrap().clone()
}

fn finding<'a>(findings: &'a [Value], check: &str) -> &'a Value {
    let found = findings.iter().find(|finding| finding["check"] == check);
    found.unwrap_or_else(|| panic!("{check} in {findings:?}"))
}

#[tokio::test]
async fn the_doctor_names_a_missing_permission_with_the_address_at_which_it_is_granted() {
    for (wanted, name) in [
        (permission::GET_DEPARTMENT_LIST, "qyapi_get_department_list"),
        (permission::GET_DEPARTMENT_MEMBER, "qyapi_get_department_member"),
        (permission::FIELD_MOBILE, "fieldMobile"),
    ] {
        let app = start(json!({})).await;
        let client_id = client_id(&app);
        app.dingtalk.edit_app(&client_id, |app| {
            app.permissions.retain(|granted| granted != wanted);
        });

        let findings = findings(&app).await;

        let link = format!("https://open-dev.dingtalk.com/appscope/apply?content={client_id}%23{name}");
        let is_told = findings.iter().any(|finding| {
            finding["check"].as_str().unwrap().starts_with("source-")
                && finding["status"] == "error"
                && finding["action"].as_str().unwrap_or_default().contains(&link)
        });
        assert!(is_told, "{link} in {findings:?}");
    }
}

#[tokio::test]
async fn the_doctor_says_how_the_latest_synchronization_ended() {
    // The pause between two reports is real time, so each is one of a site of its own.
    let app = start(json!({})).await;
    assert_eq!(finding(&findings(&app).await, "source-run")["status"], "warning");

    let app = start(json!({ "preview": true })).await;
    assert_eq!(run(&app).await["state"], "preview");
    assert_eq!(finding(&findings(&app).await, "source-run")["status"], "warning");

    let app = start(json!({})).await;
    assert_done(&run(&app).await);
    let all = findings(&app).await;
    for check in [
        "source-run",
        "source-settings",
        "source-permissions",
        "source-scope",
    ] {
        assert_eq!(finding(&all, check)["status"], "ok", "{all:?}");
    }
}

/// What the doctor says of the address of a source that receives callbacks, where the site is open under this host.
async fn callback_address(host: Option<&str>) -> Value {
    let keys = json!({ "receiveMode": "callback", "token": "a token", "encodingAesKey": "k".repeat(43) });
    let app = start(keys).await;
    let root = app.root().await;
    let mut root = match host {
        Some(host) => root.with("Host", host),
        None => root,
    };
    let answer = root.post("dingtalk:diagnose", json!({})).await;
    assert_eq!(answer.status, 200, "{}", answer.text);
    let findings = answer.json["data"]["findings"].as_array().unwrap().clone();
    finding(&findings, "source-callback-address").clone()
}

/// A server that answers each request so, and its host.
async fn answering(response: &'static str) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let host = listener.local_addr().unwrap().to_string();
    tokio::spawn(async move {
        loop {
            let (mut stream, _) = listener.accept().await.unwrap();
            let mut request = [0; 4096];
            let _ = stream.read(&mut request).await;
            let _ = stream.write_all(response.as_bytes()).await;
        }
    });
    host
}

#[tokio::test]
async fn the_doctor_asks_the_address_of_callbacks_as_dingtalk_does() {
    let found = callback_address(None).await;

    // It answered: what is wrong with it is that only this computer can ask.
    assert_eq!(found["status"], "warning", "{found}");
    let message = found["message"].as_str().unwrap();
    assert!(
        message.contains("/api/dingtalk-events/company answers"),
        "{found}"
    );
}

#[tokio::test]
async fn the_doctor_says_what_stands_between_dingtalk_and_the_address_of_callbacks() {
    for (response, said) in [
        (
            "HTTP/1.1 302 Found\r\nlocation: /signin\r\ncontent-length: 0\r\n\r\n",
            "redirects (status 302)",
        ),
        (
            "HTTP/1.1 200 OK\r\ncontent-length: 7\r\n\r\nsuccess",
            "does not answer as DingTalk expects (status 200)",
        ),
        (
            "HTTP/1.1 401 Unauthorized\r\ncontent-length: 0\r\n\r\n",
            "does not answer as DingTalk expects (status 401)",
        ),
        ("no answer at all", "could not be reached"),
    ] {
        let host = answering(response).await;

        let found = callback_address(Some(&host)).await;

        let message = found["message"].as_str().unwrap();
        assert!(message.contains(said), "{found}");
        assert!(message.contains(&host), "{found}");
    }
}

#[tokio::test]
async fn the_doctor_names_the_setting_of_a_source_that_cannot_be_used() {
    let app = start(json!({ "titleColumn": "password" })).await;

    let all = findings(&app).await;

    let settings = finding(&all, "source-settings");
    assert_eq!(settings["status"], "error");
    assert!(
        settings["message"].as_str().unwrap().contains("titleColumn"),
        "{settings}"
    );
}

#[tokio::test]
async fn a_process_knows_which_sources_there_are_before_it_answers() {
    let mut app = start(json!({ "receiveMode": "off" })).await;

    assert!(app.replica_starts_with_sources().await);
}

#[tokio::test]
async fn the_metrics_say_how_each_source_is() {
    let app = start(json!({ "receiveMode": "off" })).await;
    let value = async |name: &str| -> Option<f64> {
        let text = reqwest::get(format!("{}/metrics", app.url))
            .await
            .unwrap()
            .text()
            .await
            .unwrap();
        let line = format!("nocobase_dingtalk_directory_{name}{{source=\"{SOURCE}\"}} ");
        text.lines()
            .find_map(|found| found.strip_prefix(&line))
            .map(|value| value.parse().unwrap())
    };
    assert_eq!(value("last_success_timestamp_seconds").await, None);

    assert_done(&run(&app).await);

    let now = app.clock.now().timestamp();
    assert_eq!(
        value("last_success_timestamp_seconds").await,
        Some(f64::from(i32::try_from(now).unwrap()))
    );
    assert_eq!(value("failed").await, Some(0.0));
    assert_eq!(value("held").await, Some(0.0));
    assert_eq!(value("events_pending").await, Some(0.0));
    assert_eq!(value("stream_connected").await, None);

    app.set_options(json!({ "clientSecret": "wrong" })).await;
    app.wait(chrono::TimeDelta::seconds(10));
    let failed = run(&app).await;

    assert_eq!(failed["state"], "failed", "{failed}");
    assert_eq!(value("failed").await, Some(1.0));
    // The one before it ended well.
    assert_eq!(
        value("last_success_timestamp_seconds").await,
        Some(f64::from(i32::try_from(now).unwrap()))
    );
}
