//! The organization in DingTalk beside the users: read whole, compared, and nothing changed by it.

use dingtalk_simulator::{
    CallKind, Contact, DEMO_CORP_ID, Department, Effect, Fault, Limit, Person, permission,
};
use serde_json::{Value, json};

use crate::support::app::TestApp;
use crate::support::browser::Browser;

const READ: &str = "dingtalk:readDirectory?authenticator=s_dingtalk";
const STATE: &str = "dingtalk:directory?authenticator=s_dingtalk";
const PEOPLE: &str = "dingtalk:directoryPeople?authenticator=s_dingtalk&pageSize=200";

/// Reads the organization, to the end.
async fn read(app: &TestApp) -> Value {
    let mut root = app.root().await;
    let begun = root.post(READ, json!({})).await;
    assert_eq!(begun.status, 200, "{}", begun.text);
    loop {
        let state = root.get(STATE).await.json["data"].clone();
        if state["state"] != "reading" {
            return state;
        }
        tokio::task::yield_now().await;
    }
}

/// Who was found, with what a sign-in would make of them.
async fn people(root: &mut Browser, outcome: &str) -> Vec<String> {
    let answer = root.get(&format!("{PEOPLE}&outcome={outcome}")).await;
    assert_eq!(answer.status, 200, "{}", answer.text);
    let rows = answer.json["data"].as_array().unwrap();
    rows.iter()
        .map(|row| {
            row["name"]
                .as_str()
                .or(row["nickname"].as_str())
                .unwrap()
                .to_owned()
        })
        .collect()
}

fn client_id(app: &TestApp) -> String {
    app.dingtalk.apps()[0].client_id.clone()
}

fn employee(key: &str, mobile: &str, departments: &[i64]) -> Person {
    let mut person = Person::employee(key, key, &format!("union-of-{key}"), mobile);
    person.memberships[0].departments = departments.iter().map(|id| vec![*id, 1]).collect();
    person
}

#[tokio::test]
async fn everybody_is_found_once_and_nothing_is_changed() {
    let app = TestApp::start().await;
    app.add_user("Ann", Some("13911110001")).await;
    app.add_user("Twin", Some("13911110002")).await;
    app.add_user("Other twin", Some("+86 139-1111-0002")).await;
    let mut signed_in = app.browser();
    let answer = signed_in.sign_in(&app.dingtalk, "han-meimei").await;
    assert_eq!(answer.status, 200, "{}", answer.text);
    for person in [
        employee("ann", "13911110001", &[101, 201]),
        employee("twin", "13911110002", &[102]),
        employee("somebody-new", "13911110003", &[201]),
        Person {
            mobile: None,
            ..employee("no-phone", "", &[201])
        },
    ] {
        app.dingtalk.add_person(person);
    }
    let mut hidden = employee("hidden", "13911110004", &[101]);
    hidden.memberships[0].hidden = true;
    app.dingtalk.add_person(hidden);
    let mut external = employee("external", "13911110005", &[101]);
    external.memberships[0].contact = Contact::External;
    app.dingtalk.add_person(external);
    let before = app.rows().await;

    let state = read(&app).await;

    assert_eq!(state["state"], "ready", "{state}");
    assert_eq!(
        (&state["departments"], &state["hasGap"]),
        (&json!(3), &json!(false))
    );
    let mut root = app.root().await;
    assert_eq!(people(&mut root, "linked").await, ["韩梅梅"]);
    assert_eq!(people(&mut root, "match").await, ["ann"]);
    assert_eq!(people(&mut root, "ambiguous").await, ["twin"]);
    assert_eq!(people(&mut root, "noPhone").await, ["no-phone", "王芳"]);
    assert!(people(&mut root, "missing").await.is_empty());
    let new = people(&mut root, "new").await;
    assert!(
        new.contains(&"somebody-new".to_owned()) && new.contains(&"hidden".to_owned()),
        "{new:?}"
    );
    assert!(!new.contains(&"external".to_owned()), "{new:?}");
    let everybody = root.get(PEOPLE).await;
    let ann = everybody.json["data"]
        .as_array()
        .unwrap()
        .iter()
        .find(|row| row["name"] == "ann");
    assert_eq!(
        ann.unwrap()["departments"],
        json!(["研发部 (Engineering)", "市场部 (Marketing)"])
    );
    assert_eq!(app.rows().await, before);
}

#[tokio::test]
async fn who_was_linked_and_is_not_there_any_more_is_missing() {
    let app = TestApp::start().await;
    let mut browser = app.browser();
    let answer = browser.sign_in(&app.dingtalk, "han-meimei").await;
    assert_eq!(answer.status, 200, "{}", answer.text);
    app.dingtalk
        .edit_person("han-meimei", |person| person.memberships.clear());

    read(&app).await;

    let mut root = app.root().await;
    assert_eq!(people(&mut root, "missing").await, ["韩梅梅"]);
}

#[tokio::test]
async fn who_is_linked_by_what_people_were_recognized_by_earlier_is_not_missing() {
    for former in ["staff-han-meimei", "13900139001"] {
        let app = TestApp::start().await;
        let mut browser = app.browser();
        browser.sign_in(&app.dingtalk, "han-meimei").await;
        app.run(&format!(r#"UPDATE "usersAuthenticators" SET uuid = '{former}'"#))
            .await;

        read(&app).await;

        let mut root = app.root().await;
        assert_eq!(people(&mut root, "linked").await, ["韩梅梅"], "{former}");
        assert!(people(&mut root, "missing").await.is_empty(), "{former}");
    }
}

#[tokio::test]
async fn nobody_is_missing_where_a_department_was_gone_before_it_was_read() {
    let app = TestApp::start().await;
    let mut browser = app.browser();
    browser.sign_in(&app.dingtalk, "han-meimei").await;
    app.dingtalk
        .edit_person("han-meimei", |person| person.memberships.clear());
    let gone = Effect::Answer {
        status: 200,
        content_type: "application/json".to_owned(),
        body: r#"{"errcode":60003,"errmsg":"部门不存在","request_id":"4f9m"}"#.to_owned(),
    };
    app.dingtalk
        .set_fault(Fault::on(CallKind::DepartmentMembers, gone).times(1));

    let state = read(&app).await;

    assert_eq!(
        (&state["state"], &state["hasGap"]),
        (&json!("ready"), &json!(true))
    );
    assert!(people(&mut app.root().await, "missing").await.is_empty());
}

#[tokio::test]
async fn a_reading_that_fails_in_the_middle_says_why_and_compares_nothing() {
    let app = TestApp::start().await;
    app.dingtalk.edit_app(&client_id(&app), |dingtalk| {
        dingtalk.permissions.remove(permission::GET_DEPARTMENT_MEMBER);
    });

    let state = read(&app).await;

    assert_eq!(
        (&state["state"], &state["code"]),
        (&json!("failed"), &json!("PERMISSION_MISSING"))
    );
    let message = state["message"].as_str().unwrap();
    assert!(message.contains(permission::GET_DEPARTMENT_MEMBER), "{message}");
    let rows = app.root().await.get(PEOPLE).await;
    assert_eq!((rows.status, rows.code()), (404, "RECORD_NOT_FOUND"));
}

#[tokio::test]
async fn an_app_that_may_read_nobody_is_told_apart_from_an_organization_without_people() {
    let app = TestApp::start().await;
    app.dingtalk
        .edit_app(&client_id(&app), |dingtalk| dingtalk.readable_departments.clear());

    let state = read(&app).await;

    assert_eq!(
        (&state["state"], &state["code"]),
        (&json!("failed"), &json!("DATA_SCOPE_EMPTY"))
    );
}

#[tokio::test]
async fn each_department_costs_a_call_for_what_is_below_and_one_for_every_hundred_people() {
    let app = TestApp::start().await;
    for number in 0..250 {
        let key = format!("p{number}");
        app.dingtalk
            .add_person(employee(&key, &format!("139{number:08}"), &[201]));
    }

    read(&app).await;

    let calls = |kind| app.dingtalk.calls(kind);
    assert_eq!(calls(CallKind::AuthScopes), 1);
    // The root and three more.
    assert_eq!(calls(CallKind::DepartmentsBelow), 4);
    assert_eq!(calls(CallKind::DepartmentMembers), 4 + 2);
    assert_eq!(calls(CallKind::UserDetails), 0);
}

#[tokio::test]
async fn departments_in_a_circle_are_read_once() {
    let app = TestApp::start().await;
    let department = |id, parent| Department {
        corp_id: DEMO_CORP_ID.to_owned(),
        id,
        parent,
        name: format!("department {id}"),
    };
    app.dingtalk.add_department(department(301, 1));
    app.dingtalk.add_department(department(1, 301));

    let state = read(&app).await;

    assert_eq!(state["state"], "ready", "{state}");
}

#[tokio::test]
async fn while_dingtalk_asks_for_patience_the_reading_goes_on() {
    let app = TestApp::start().await;
    app.dingtalk
        .set_fault(Fault::on(CallKind::DepartmentMembers, Effect::Limited(Limit::AppAndApi)).times(5));

    let state = read(&app).await;

    assert_eq!(state["state"], "ready", "{state}");
}

#[tokio::test]
async fn only_administrators_read_the_organization() {
    let app = TestApp::start().await;
    let mut member = app.browser();
    member.sign_in(&app.dingtalk, "han-meimei").await;

    for answer in [
        member.post(READ, json!({})).await,
        member.get(STATE).await,
        member.get(PEOPLE).await,
    ] {
        assert_eq!(
            (answer.status, answer.code()),
            (403, "NO_PERMISSION"),
            "{}",
            answer.text
        );
    }
    assert_eq!(app.dingtalk.calls(CallKind::AuthScopes), 0);
}

#[tokio::test]
async fn a_name_that_nobody_has_is_refused() {
    let app = TestApp::start().await;

    let answer = app
        .root()
        .await
        .post("dingtalk:readDirectory?authenticator=nobody", json!({}))
        .await;

    assert_eq!((answer.status, answer.code()), (404, "AUTHENTICATOR_NOT_FOUND"));
}
