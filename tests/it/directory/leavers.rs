//! Who has left is taken out, and nobody else is.

use chrono::TimeDelta;
use dingtalk_simulator::DEMO_CORP_ID;
use nocobase_dingtalk::nocobase::{RecordKind, UserId};
use serde_json::{Value, json};

use super::*;

async fn roles(app: &TestApp, user: i64) -> Vec<String> {
    let roles = app.store.roles().of(UserId(user)).await.unwrap();
    roles.into_iter().map(|role| role.name).collect()
}

/// Adds so many people to a department.
fn crowd(app: &TestApp, count: usize) {
    for number in 0..count {
        let key = format!("p{number}");
        app.dingtalk
            .add_person(employee(&key, &format!("139{number:08}"), &[201]));
    }
}

fn leave(app: &TestApp, keys: impl IntoIterator<Item = usize>) {
    for number in keys {
        assert!(app.dingtalk.leave(&format!("p{number}"), DEMO_CORP_ID));
    }
}

async fn audited(app: &TestApp, event: &str) -> Vec<Value> {
    let address = format!("dingtalk:audit?event={event}");
    let answer = app.root().await.get(&address).await;
    answer.json["data"].as_array().unwrap().clone()
}

#[tokio::test]
async fn who_has_left_loses_roles_and_sessions_and_comes_back_as_the_same_user_with_the_same_roles() {
    let app = start(json!({})).await;
    assert_done(&run(&app).await);
    let user = user_of(&app, "staff-han-meimei").await.unwrap();
    let mut browser = app.browser();
    let signed_in = browser.sign_in(&app.dingtalk, "han-meimei").await;
    assert_eq!(signed_in.json["data"]["user"]["id"], user, "{}", signed_in.text);
    let before = roles(&app, user).await;
    app.wait(TimeDelta::seconds(2));
    app.dingtalk.leave("han-meimei", DEMO_CORP_ID);

    let left = run(&app).await;

    assert_done(&left);
    assert_eq!(left["counts"]["remove"], 1, "{left}");
    assert_eq!(uids(&app, "remove").await, ["staff-han-meimei"]);
    assert!(roles(&app, user).await.is_empty());
    let answer = browser.get("auth:check").await;
    assert_eq!(
        (answer.status, answer.code()),
        (401, "INVALID_TOKEN"),
        "{}",
        answer.text
    );
    let departures = audited(&app, "departure").await;
    assert_eq!(departures[0]["userId"], user);
    assert!(departures[0]["detail"].as_str().unwrap().contains("rolesRemoved"));
    // Once is enough.
    assert_eq!(run(&app).await["counts"]["remove"], 0);

    app.dingtalk.join("han-meimei", DEMO_CORP_ID, "staff-anew");
    let back = run(&app).await;

    assert_done(&back);
    assert_eq!(back["counts"]["restore"], 1, "{back}");
    assert_eq!(user_of(&app, "staff-anew").await, Some(user));
    assert_eq!(roles(&app, user).await, before);
    assert_eq!(audited(&app, "return").await.len(), 1);
    assert_eq!(run(&app).await["counts"]["restore"], 0);
}

#[tokio::test]
async fn for_a_time_of_grace_somebody_is_only_missing() {
    let app = start(json!({ "graceDays": 1 })).await;
    assert_done(&run(&app).await);
    let user = user_of(&app, "staff-li-lei").await.unwrap();
    app.dingtalk.leave("li-lei", DEMO_CORP_ID);

    let first = run(&app).await;

    assert_eq!(first["counts"]["remove"], 0, "{first}");
    assert_eq!(
        rows(&app, "told").await,
        [("staff-li-lei".to_owned(), "MISSING".to_owned())]
    );
    app.wait(TimeDelta::hours(23));
    assert_eq!(run(&app).await["counts"]["remove"], 0);
    assert!(!roles(&app, user).await.is_empty());
    app.wait(TimeDelta::hours(2));
    assert_eq!(run(&app).await["counts"]["remove"], 1);
    assert!(roles(&app, user).await.is_empty());
}

#[tokio::test]
async fn who_is_back_within_the_time_of_grace_begins_it_anew_the_next_time() {
    let app = start(json!({ "graceDays": 1 })).await;
    assert_done(&run(&app).await);
    app.dingtalk.leave("li-lei", DEMO_CORP_ID);
    assert_done(&run(&app).await);
    app.dingtalk.join("li-lei", DEMO_CORP_ID, "staff-li-lei");
    assert_done(&run(&app).await);
    app.wait(TimeDelta::hours(30));
    app.dingtalk.leave("li-lei", DEMO_CORP_ID);

    assert_eq!(run(&app).await["counts"]["remove"], 0);
}

#[tokio::test]
async fn more_leavers_than_usual_are_looked_at_first_and_no_more_than_these_are_taken_out() {
    let app = start(json!({})).await;
    crowd(&app, 20);
    assert_done(&run(&app).await);
    leave(&app, 0..11);

    let held = run(&app).await;

    assert_eq!(
        (&held["state"], &held["code"]),
        (&json!("held"), &json!("RUN_HELD"))
    );
    assert_eq!(held["removals"], 11);
    assert!(
        held["message"].as_str().unwrap().starts_with("11 people"),
        "{held}"
    );
    assert_eq!(uids(&app, "remove").await.len(), 11);
    let p0 = user_of(&app, "staff-p0").await.unwrap();
    assert!(!roles(&app, p0).await.is_empty());

    leave(&app, 11..12);
    let held_again = confirm(&app, &held).await;

    assert_eq!(
        (&held_again["state"], &held_again["removals"]),
        (&json!("held"), &json!(12))
    );
    assert!(!roles(&app, p0).await.is_empty());

    let done = confirm(&app, &held_again).await;

    assert_done(&done);
    assert_eq!(done["counts"]["remove"], 12, "{done}");
    assert!(roles(&app, p0).await.is_empty());
}

#[tokio::test]
async fn ten_leavers_are_nothing_unusual() {
    let app = start(json!({})).await;
    crowd(&app, 20);
    assert_done(&run(&app).await);
    leave(&app, 0..10);

    assert_eq!(run(&app).await["counts"]["remove"], 10);
}

#[tokio::test]
async fn a_scope_that_became_narrower_takes_nobody_out() {
    let app = start(json!({})).await;
    assert_done(&run(&app).await);
    app.dingtalk.edit_app(&client_id(&app), |dingtalk| {
        dingtalk.readable_departments = vec![201];
    });

    let held = run(&app).await;

    assert_eq!(
        (&held["state"], &held["code"]),
        (&json!("held"), &json!("SCOPE_NARROWED"))
    );
    let user = user_of(&app, "staff-li-lei").await.unwrap();
    assert!(!roles(&app, user).await.is_empty());

    // Also when somebody confirms: DingTalk does not say that they have left.
    let done = confirm(&app, &held).await;

    assert_done(&done);
    assert_eq!(done["counts"]["remove"], 0, "{done}");
    assert!(
        rows(&app, "told")
            .await
            .contains(&("staff-li-lei".to_owned(), "NOT_IN_SCOPE".to_owned()))
    );
    assert!(!roles(&app, user).await.is_empty());
}

#[tokio::test]
async fn who_is_outside_of_the_chosen_departments_has_not_left() {
    let app = start(json!({})).await;
    assert_done(&run(&app).await);
    set_options(&app, json!({ "denyDepartments": "101" })).await;

    let done = run(&app).await;

    assert_done(&done);
    assert_eq!(done["counts"]["remove"], 0, "{done}");
    assert!(
        rows(&app, "told")
            .await
            .contains(&("staff-li-lei".to_owned(), "STILL_THERE".to_owned()))
    );
}

#[tokio::test]
async fn an_organization_that_has_many_more_people_than_were_read_takes_nobody_out() {
    let app = start(json!({})).await;
    crowd(&app, 20);
    assert_done(&run(&app).await);
    for number in 0..15 {
        app.dingtalk.edit_person(&format!("p{number}"), |person| {
            person.memberships[0].out_of_scope = true;
        });
    }

    let done = run(&app).await;

    assert_done(&done);
    assert_eq!(
        (&done["isComplete"], &done["counts"]["remove"]),
        (&json!(false), &json!(0))
    );
    assert_eq!(
        rows(&app, "told").await,
        [(String::new(), "COUNT_DIFFERS".to_owned())]
    );
}

#[tokio::test]
async fn nobody_loses_the_last_role_root_and_nobody_takes_themselves_out() {
    let app = start(json!({})).await;
    assert_done(&run(&app).await);
    let root: i64 = app
        .value(r#"SELECT "userId" FROM "rolesUsers" WHERE "roleName" = 'root'"#)
        .await;
    let record = json!({ "uid": "ghost" });
    app.store
        .sync_records()
        .tie(
            SOURCE,
            RecordKind::Person,
            ("ghost", &record, root),
            app.clock.now(),
        )
        .await
        .unwrap();

    let done = run(&app).await;

    assert_eq!(done["counts"]["remove"], 0, "{done}");
    assert_eq!(
        rows(&app, "told").await,
        [("ghost".to_owned(), "ACTOR".to_owned())]
    );
    // By the schedule, nobody has asked.
    set_options(&app, json!({ "schedule": "hourly" })).await;
    scheduled(&app).await;
    app.wait(TimeDelta::hours(1));
    let done = another_run(&app, &done).await;
    assert_eq!(done["reason"], "schedule");
    assert_eq!(
        rows(&app, "told").await,
        [("ghost".to_owned(), "LAST_ROOT".to_owned())]
    );
    assert!(roles(&app, root).await.contains(&"root".to_owned()));
}

/// Waits until the schedule was seen.
async fn scheduled(app: &TestApp) {
    let id = app.store.sync_sources().named(SOURCE).await.unwrap().unwrap().id;
    while app
        .store
        .directory_state()
        .get(id, "scheduled")
        .await
        .unwrap()
        .is_none()
    {
        tokio::task::yield_now().await;
    }
}

/// Waits for a run that nobody asked for.
async fn another_run(app: &TestApp, former: &Value) -> Value {
    loop {
        let run = ended(app).await;
        if run["id"] != former["id"] {
            return run;
        }
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn leavers_are_deleted_or_only_told_as_the_settings_say() {
    let app = start(json!({ "leavers": "report" })).await;
    assert_done(&run(&app).await);
    let user = user_of(&app, "staff-li-lei").await.unwrap();
    app.dingtalk.leave("li-lei", DEMO_CORP_ID);

    assert_eq!(run(&app).await["counts"]["remove"], 0);
    assert_eq!(uids(&app, "told").await, ["staff-li-lei"]);
    assert!(!roles(&app, user).await.is_empty());

    set_options(&app, json!({ "leavers": "delete" })).await;

    assert_eq!(run(&app).await["counts"]["remove"], 1);
    assert!(!users(&app).await.contains_key("李雷"));

    app.dingtalk.join("li-lei", DEMO_CORP_ID, "staff-li-lei");
    let back = run(&app).await;
    assert_eq!(back["counts"]["create"], 1, "{back}");
}
