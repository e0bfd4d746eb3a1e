//! From DingTalk to the user, with nobody but the app in between.

use std::collections::BTreeSet;

use chrono::TimeDelta;
use dingtalk_simulator::{App as DingTalkApp, CallKind, CallbackAddress, Effect, Fault, Person, Population};
use nocobase_dingtalk::app::demo;
use nocobase_dingtalk::clock::Clock;
use nocobase_dingtalk::config::{Config, Sources};
use nocobase_dingtalk::entropy::Entropy;
use nocobase_dingtalk::nocobase::NewSyncSource;

use super::{DEMO_CORP_ID, KEY, START_MS, TOKEN, eventually, json};
use crate::support::app::{AUTHENTICATOR, TestApp};

/// A source that was synchronized once, and receives events so.
async fn in_step(mode: &str) -> TestApp {
    in_step_with(mode, Population::default()).await
}

/// The same with these people and departments, too.
async fn in_step_with(mode: &str, population: Population) -> TestApp {
    let app = TestApp::start().await;
    app.dingtalk.populate(population);
    app.dingtalk.hold_time();
    app.dingtalk.set_time_of_day(START_MS);
    let new = NewSyncSource {
        name: "company".to_owned(),
        display_name: None,
        enabled: true,
        options: json!({
            "authenticator": AUTHENTICATOR, "preview": false, "graceDays": 0,
            "receiveMode": mode, "token": TOKEN, "encodingAesKey": KEY,
        }),
        secrets: Vec::new(),
    };
    app.store.ensure_directory_tables().await.unwrap();
    app.store
        .sync_sources()
        .create(new, app.clock.now())
        .await
        .unwrap();
    let mut root = app.root().await;
    let begun = root.post("dingtalk:startRun?source=company", json!({})).await;
    assert_eq!(begun.status, 200, "{}", begun.text);
    eventually("the run does not end", async || {
        app.root().await.get("dingtalk:run?source=company").await.json["data"]["state"] == "done"
    })
    .await;
    let client_id = app.dingtalk_app.client_id.clone();
    if mode == "callback" {
        app.dingtalk.set_callback(CallbackAddress {
            client_id,
            url: format!("{}/api/dingtalk-events/company", app.url),
            token: TOKEN.to_owned(),
            encoding_aes_key: KEY.to_owned(),
        });
    } else {
        eventually("the stream is not opened", async || {
            app.dingtalk.streams(&client_id) == 1
        })
        .await;
    }
    app
}

async fn nicknames(app: &TestApp) -> BTreeSet<String> {
    let text: String = app
        .value(r#"SELECT json_group_array(COALESCE(nickname, '')) FROM "users""#)
        .await;
    serde_json::from_str(&text).unwrap()
}

async fn stored(app: &TestApp, count: i64) {
    eventually("the events are not stored", async || {
        app.value::<i64>(r#"SELECT COUNT(*) FROM "dingtalk_events""#)
            .await
            == count
    })
    .await;
    app.wait(TimeDelta::seconds(3));
}

#[tokio::test]
async fn the_demo_has_its_stream_and_its_gauges_from_the_start() {
    let folder = tempfile::tempdir().unwrap();
    let storage = folder.path().to_str().unwrap();
    let settings = [("SIDECAR_STORAGE", storage), ("SIDECAR_LISTEN", "127.0.0.1:0")];
    let config = Config::load(&Sources::of_pairs(&settings)).unwrap();
    let any_port = "127.0.0.1:0".parse().unwrap();

    let demo = demo::build(config, any_port, Clock::system(), Entropy::secure())
        .await
        .unwrap();

    let client_id = DingTalkApp::demo("").client_id;
    eventually("the stream is not opened", async || {
        demo.simulator.control().streams(&client_id) == 1
    })
    .await;
    assert!(demo.app.directory().has_sources());
}

#[tokio::test]
async fn who_changes_and_who_joins_in_dingtalk_does_so_here() {
    for mode in ["callback", "stream"] {
        let app = in_step(mode).await;

        app.dingtalk
            .edit_person("li-lei", |person| person.name = "李磊".to_owned());
        app.dingtalk
            .add_person(Person::employee("new", "新人", "union-of-new", "13911110009"));
        stored(&app, 2).await;

        eventually("nothing has changed here", async || {
            let nicknames = nicknames(&app).await;
            nicknames.contains("李磊") && nicknames.contains("新人") && !nicknames.contains("李雷")
        })
        .await;
    }
}

#[tokio::test]
async fn who_leaves_loses_the_roles_and_an_outage_takes_them_from_nobody() {
    let app = in_step("stream").await;
    let roles = r#"SELECT COUNT(*) FROM "rolesUsers""#;
    let before: i64 = app.value(roles).await;

    app.dingtalk
        .set_fault(Fault::everywhere(Effect::BadGatewayPage).times(2));
    app.dingtalk
        .edit_person("li-lei", |person| person.name = "李磊".to_owned());
    app.dingtalk.leave("han-meimei", DEMO_CORP_ID);
    stored(&app, 2).await;

    eventually("nobody has left", async || {
        app.value::<i64>(roles).await == before - 1
    })
    .await;
}

#[tokio::test]
async fn a_crowd_that_changes_is_read_half_by_one_call_and_half_by_another() {
    const CROWD: usize = 24;
    let app = in_step_with("stream", Population::of_size(DEMO_CORP_ID, CROWD, CROWD)).await;
    let calls = || [CallKind::UserDetails, CallKind::DepartmentMembers].map(|kind| app.dingtalk.calls(kind));
    let before = calls();

    for number in 0..CROWD {
        app.dingtalk.edit_person(&format!("p{number:06}"), |person| {
            person.name = format!("Renamed {number}");
            // The first one is not any more where they were.
            if number == 0 {
                person.memberships[0].departments = vec![vec![10_002, 1]];
            }
        });
    }
    stored(&app, i64::try_from(CROWD).unwrap()).await;

    eventually("nothing has changed here", async || {
        let nicknames = nicknames(&app).await;
        (0..CROWD).all(|number| nicknames.contains(&format!("Renamed {number}")))
    })
    .await;
    let after = calls();
    assert_eq!([after[0] - before[0], after[1] - before[1]], [13, 12]);
}
