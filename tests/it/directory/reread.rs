//! A few people and departments that were read again after an event.

use dingtalk_simulator::DEMO_CORP_ID;
use nocobase_dingtalk::dingtalk::{Credentials, DingTalkUserId};
use nocobase_dingtalk::directory::Reread;
use serde_json::json;

use super::*;

async fn source_id(app: &TestApp) -> i64 {
    app.store.sync_sources().named(SOURCE).await.unwrap().unwrap().id
}

fn id(uid: &str) -> DingTalkUserId {
    DingTalkUserId::parse(uid).unwrap()
}

/// Reads these again, and writes what came of it.
async fn apply(app: &TestApp, people: &[&str], departments: &[i64]) {
    let credentials = Credentials {
        client_id: app.dingtalk_app.client_id.clone(),
        client_secret: app.dingtalk_app.client_secret.clone().into(),
    };
    let mut reread = Reread::default();
    for uid in people {
        match app.client.member(&credentials, &id(uid)).await.unwrap() {
            Some(entry) => reread.people.push(entry),
            None => reread.gone.push(id(uid)),
        }
    }
    for department in departments {
        match app.client.department(&credentials, *department).await.unwrap() {
            Some(found) => reread.departments.push(found),
            None => reread.gone_departments.push(*department),
        }
    }
    app.directory.apply(source_id(app).await, reread).await.unwrap();
}

#[tokio::test]
async fn who_joins_changes_or_leaves_is_written_at_once() {
    let app = start(json!({})).await;
    assert_done(&run(&app).await);
    app.dingtalk.add_person(employee("late", "13911110009", &[201]));
    app.dingtalk
        .edit_person("li-lei", |person| "Li Lei II".clone_into(&mut person.name));
    app.dingtalk.leave("han-meimei", DEMO_CORP_ID);
    let gone = user_of(&app, "staff-han-meimei").await.unwrap();

    apply(&app, &["staff-late", "staff-li-lei", "staff-han-meimei"], &[]).await;

    let users = users(&app).await;
    assert!(users.contains_key("late") && users.contains_key("Li Lei II"));
    let roles: i64 = app
        .value(&format!(
            r#"SELECT COUNT(*) FROM "rolesUsers" WHERE "userId" = {gone}"#
        ))
        .await;
    assert_eq!(roles, 0);
    // The latest run and its rows are as they were, and the next one has nothing to do.
    assert_eq!(uids(&app, "create").await.len(), 4);
    let next = run(&app).await;
    assert_eq!(
        (
            &next["counts"]["create"],
            &next["counts"]["change"],
            &next["counts"]["remove"]
        ),
        (&json!(0), &json!(0), &json!(0)),
        "{next}"
    );
}

#[tokio::test]
async fn departments_are_made_moved_and_removed() {
    let app = start(json!({})).await;
    assert_done(&run(&app).await);
    app.dingtalk.add_department(department(301, 201, "New"));
    app.dingtalk.add_department(department(302, 301, "Newer"));
    app.dingtalk.remove_department(DEMO_CORP_ID, 102);
    for person in ["li-lei", "alex-kim"] {
        app.dingtalk.edit_person(person, |person| {
            person.memberships[0].departments = vec![vec![302, 301, 201, 1]];
        });
    }

    apply(&app, &["staff-li-lei", "staff-alex-kim"], &[302, 301, 102]).await;

    let titles: String = app
        .value(r#"SELECT GROUP_CONCAT(title) FROM "departments""#)
        .await;
    assert!(
        titles.contains("New") && titles.contains("Newer") && !titles.contains("Platform"),
        "{titles}"
    );
    let next = run(&app).await;
    assert_eq!(
        (
            &next["counts"]["departmentCreate"],
            &next["counts"]["departmentChange"]
        ),
        (&json!(0), &json!(0)),
        "{next}"
    );
    assert_eq!(next["counts"]["change"], 0, "{next}");
}

#[tokio::test]
async fn a_department_with_others_below_it_is_left_to_the_next_run() {
    let app = start(json!({})).await;
    assert_done(&run(&app).await);
    app.dingtalk.remove_department(DEMO_CORP_ID, 101);

    apply(&app, &[], &[101]).await;

    let titles: String = app
        .value(r#"SELECT GROUP_CONCAT(title) FROM "departments""#)
        .await;
    assert!(titles.contains("Engineering"), "{titles}");
}

#[tokio::test]
async fn before_the_preview_was_confirmed_nothing_is_written() {
    let app = start(json!({ "preview": true })).await;
    run(&app).await;

    apply(&app, &["staff-li-lei"], &[]).await;

    assert!(!users(&app).await.contains_key("李雷"));
}

#[tokio::test]
async fn grace_and_the_brake_hold_for_events_too() {
    let app = start(json!({})).await;
    for number in 0..12 {
        let key = format!("p{number}");
        app.dingtalk
            .add_person(employee(&key, &format!("139{number:08}"), &[201]));
    }
    assert_done(&run(&app).await);
    let with_roles = async || {
        app.value::<i64>(
            r#"SELECT COUNT(DISTINCT "userId") FROM "rolesUsers" JOIN "users" ON id = "userId" WHERE nickname LIKE 'p%'"#,
        )
        .await
    };
    for number in 0..12 {
        let key = format!("p{number}");
        app.dingtalk.leave(&key, DEMO_CORP_ID);
        apply(&app, &[&format!("staff-{key}")], &[]).await;
    }
    assert_eq!(with_roles().await, 2);

    let held = run(&app).await;
    assert_eq!(held["counts"]["remove"], 2, "{held}");

    set_options(&app, json!({ "graceDays": 1 })).await;
    app.dingtalk.leave("li-lei", DEMO_CORP_ID);
    let user = user_of(&app, "staff-li-lei").await.unwrap();
    apply(&app, &["staff-li-lei"], &[]).await;
    let roles: i64 = app
        .value(&format!(
            r#"SELECT COUNT(*) FROM "rolesUsers" WHERE "userId" = {user}"#
        ))
        .await;
    assert_eq!(roles, 1);
}
