//! Who is not signed in inside DingTalk, and what they are told.

use chrono::TimeDelta;
use dingtalk_simulator::{CallKind, DEMO_CORP_ID, Effect, Fault, Limit, permission};
use serde_json::{Value, json};

use super::{calls, code_for, post, sign_in, start, start_with};
use crate::support::app::{AUTHENTICATOR, TestApp};
use crate::support::browser::Answer;

fn edit_li_lei(app: &TestApp, edit: impl FnOnce(&mut dingtalk_simulator::Person)) {
    assert!(app.dingtalk.edit_person("li-lei", edit));
}

fn edit_app(app: &TestApp, edit: impl FnOnce(&mut dingtalk_simulator::App)) {
    assert!(app.dingtalk.edit_app(&app.dingtalk_app.client_id, edit));
}

#[track_caller]
fn assert_refused(answer: &Answer, status: u16, code: &str, says: &str) {
    assert_eq!((answer.status, answer.code()), (status, code), "{}", answer.text);
    assert!(answer.text.contains(says), "{}", answer.text);
}

#[tokio::test]
async fn who_may_not_use_the_app_is_told_so() {
    let app = start().await;
    edit_li_lei(&app, |person| person.memberships[0].app_hidden = true);

    let answer = sign_in(&app, "li-lei").await;

    assert_refused(&answer, 502, "APP_NOT_VISIBLE", "visible range");
    assert_eq!(app.rows().await.links, 0);
}

#[tokio::test]
async fn who_has_left_in_between_is_no_member() {
    let app = start().await;
    let gone = r#"{"errcode":60121,"errmsg":"找不到该用户","request_id":"r"}"#;
    let effect = Effect::Answer {
        status: 200,
        content_type: "application/json".to_owned(),
        body: gone.to_owned(),
    };
    app.dingtalk.set_fault(Fault::on(CallKind::UserDetails, effect));

    assert_refused(
        &sign_in(&app, "li-lei").await,
        401,
        "NOT_IN_ORGANIZATION",
        "not a member",
    );
}

#[tokio::test]
async fn a_permission_that_is_missing_is_named() {
    for (name, code) in [
        (permission::BASE, "PERMISSION_MISSING"),
        (permission::GET_MEMBER, "PERMISSION_MISSING"),
        (permission::FIELD_MOBILE, "PHONE_NOT_SHOWN"),
    ] {
        let app = start().await;
        edit_app(&app, |app| assert!(app.permissions.remove(name)));

        let answer = sign_in(&app, "li-lei").await;

        assert_eq!(answer.code(), code, "{name}: {}", answer.text);
        assert!(answer.text.contains(name), "{name}: {}", answer.text);
    }
}

#[tokio::test]
async fn a_returning_person_needs_no_permission_to_see_members() {
    let app = start().await;
    sign_in(&app, "li-lei").await;
    edit_app(&app, |app| {
        app.permissions.remove(permission::GET_MEMBER);
        app.permissions.remove(permission::FIELD_MOBILE);
    });

    assert_eq!(sign_in(&app, "li-lei").await.status, 200);
}

#[tokio::test]
async fn a_server_that_may_not_call_is_told_to_the_administrator() {
    let app = start().await;
    edit_app(&app, |app| {
        app.allowed_addresses = vec!["192.0.2.1".parse().unwrap()];
    });

    assert_refused(
        &sign_in(&app, "li-lei").await,
        502,
        "IP_NOT_ALLOWED",
        "IP allow list",
    );
}

#[tokio::test]
async fn a_month_without_calls_left_is_told_as_that_and_spends_no_code() {
    let app = start().await;
    sign_in(&app, "li-lei").await;
    let code = code_for(&app, "li-lei");
    let used_up = Effect::Limited(Limit::MonthlyQuota);
    app.dingtalk.set_fault(Fault::on(CallKind::UserInfo, used_up));

    let refused = post(&mut app.browser(), &code).await;
    app.dingtalk.clear_faults();
    let later = post(&mut app.browser(), &code).await;

    assert_refused(&refused, 502, "QUOTA_USED_UP", "used up its DingTalk calls");
    assert_eq!(later.status, 200, "{}", later.text);
}

#[tokio::test]
async fn a_busy_dingtalk_spends_no_code_and_says_when_to_come_back() {
    let app = start().await;
    sign_in(&app, "li-lei").await;
    let code = code_for(&app, "li-lei");
    app.dingtalk
        .set_fault(Fault::on(CallKind::UserInfo, Effect::Limited(Limit::AppAndApi)));

    let refused = post(&mut app.browser(), &code).await;
    app.dingtalk.clear_faults();
    let later = post(&mut app.browser(), &code).await;

    assert_refused(&refused, 503, "DINGTALK_BUSY", "");
    assert_ne!(refused.header("retry-after"), "");
    assert_eq!(later.status, 200, "{}", later.text);
}

#[tokio::test]
async fn an_answer_that_is_lost_may_have_spent_the_code() {
    let app = start().await;
    sign_in(&app, "li-lei").await;
    let code = code_for(&app, "li-lei");
    app.dingtalk
        .set_fault(Fault::on(CallKind::UserInfo, Effect::Reset));

    let lost = post(&mut app.browser(), &code).await;
    app.dingtalk.clear_faults();
    let again = post(&mut app.browser(), &code).await;

    assert_refused(&lost, 502, "DINGTALK_UNAVAILABLE", "");
    assert_refused(&again, 401, "FLOW_USED", "");
    assert_eq!(sign_in(&app, "li-lei").await.status, 200, "with a new code");
}

#[tokio::test]
async fn a_system_that_is_busy_is_not_asked_again_about_a_code() {
    let app = start().await;
    app.dingtalk
        .set_fault(Fault::on(CallKind::UserInfo, Effect::SystemBusy));

    let answer = sign_in(&app, "li-lei").await;

    assert_eq!(answer.status, 502, "{}", answer.text);
    assert_eq!(app.dingtalk.calls(CallKind::UserInfo), 1);
}

#[tokio::test]
async fn a_revoked_app_token_is_fetched_anew_once() {
    let app = start().await;
    sign_in(&app, "li-lei").await;
    app.dingtalk.expire_app_tokens();

    let answer = sign_in(&app, "li-lei").await;

    assert_eq!(answer.status, 200, "{}", answer.text);
    assert_eq!(calls(&app)[..3], [3, 1, 2]);
}

#[tokio::test]
async fn the_rules_of_linking_are_those_of_the_button() {
    let app = start_with(json!({ "public": { "autoSignup": false } })).await;
    assert_eq!(sign_in(&app, "han-meimei").await.code(), "NO_MATCHING_USER");
    app.add_user("Chen Chen", Some("13700137000")).await;
    app.add_user("Chen Chen again", Some("+8613700137000")).await;
    assert_eq!(sign_in(&app, "chen-chen").await.code(), "PHONE_AMBIGUOUS");
    app.add_user("Li Lei", Some("13800138000")).await;
    assert_eq!(sign_in(&app, "li-lei").await.status, 200);
    edit_li_lei(&app, |person| "another-union-id".clone_into(&mut person.union_id));

    assert_eq!(sign_in(&app, "li-lei").await.code(), "PHONE_ALREADY_LINKED");
    assert_eq!(app.rows().await.links, 1);
}

#[tokio::test]
async fn a_link_of_other_settings_is_not_taken_for_the_same_person() {
    let app = start_with(json!({ "subject": "userId" })).await;
    sign_in(&app, "li-lei").await;
    app.run(r#"UPDATE "usersAuthenticators" SET "meta" = '{"subject":"mobile"}'"#)
        .await;

    assert_eq!(sign_in(&app, "li-lei").await.code(), "LINK_OF_OTHER_SETTINGS");
}

#[tokio::test]
async fn settings_of_the_community_plugin_know_their_people_and_no_others() {
    let app = start_with(json!({ "public": { "autoSignup": true } })).await;
    sign_in(&app, "li-lei").await;
    app.run(r#"UPDATE "usersAuthenticators" SET "uuid" = 'staff-li-lei', "meta" = NULL"#)
        .await;
    let options = json!({
        "autoLogin": true, "corpId": DEMO_CORP_ID, "public": { "autoSignup": true },
        "internal": { "appKey": app.dingtalk_app.client_id, "appSecret": app.dingtalk_app.client_secret },
    });
    app.run(&format!(
        r#"UPDATE "authenticators" SET "options" = '{options}' WHERE "name" = '{AUTHENTICATOR}'"#
    ))
    .await;
    app.wait(TimeDelta::seconds(3));

    assert_eq!(sign_in(&app, "li-lei").await.status, 200);
    let asked = app.dingtalk.calls(CallKind::UserDetails);
    assert_eq!(sign_in(&app, "han-meimei").await.code(), "MIGRATION_NEEDED");
    assert_eq!(
        app.dingtalk.calls(CallKind::UserDetails),
        asked,
        "there is no use in it"
    );
}

#[tokio::test]
async fn settings_changed_while_dingtalk_is_asked_count() {
    let sign_up_off = json!({ "autoLogin": true, "corpId": DEMO_CORP_ID });
    let other_subject = json!({ "autoLogin": true, "corpId": DEMO_CORP_ID, "subject": "userId" });
    let off = json!({ "corpId": DEMO_CORP_ID });
    for (options, code) in [
        (sign_up_off, "NO_MATCHING_USER"),
        (other_subject, "SETTINGS_CHANGED"),
        (off, "IN_CLIENT_SIGN_IN_OFF"),
    ] {
        let app = start().await;
        app.root().await;
        let before = app.rows().await;
        app.dingtalk
            .set_fault(Fault::on(CallKind::UserInfo, Effect::Late).times(1));
        let (mut browser, posted) = (app.browser(), code_for(&app, "han-meimei"));

        let change = async {
            while app.dingtalk.calls(CallKind::UserInfo) == 0 {
                tokio::task::yield_now().await;
            }
            app.set_options(options).await;
        };
        let (answer, ()) = tokio::join!(post(&mut browser, &posted), change);

        assert_eq!(answer.code(), code, "{}", answer.text);
        assert_eq!(app.rows().await, before, "{code}");
    }
}

#[tokio::test]
async fn a_page_that_runs_wild_is_held_and_its_office_is_not() {
    let app = start().await;
    let mut wild = app.browser().with("User-Agent", "wild");
    let mut answers = Vec::new();
    for number in 0..45 {
        answers.push(post(&mut wild, &format!("made-up-{number}")).await);
    }

    let held = answers.last().unwrap();

    assert_eq!(answers[0].code(), "CODE_REJECTED");
    assert_refused(held, 429, "TOO_MANY_ATTEMPTS", "");
    assert_ne!(held.header("retry-after"), "");
    assert_eq!(app.dingtalk.calls(CallKind::UserInfo), 40);
    assert_eq!(sign_in(&app, "li-lei").await.status, 200, "another program there");
    let through_the_button = app.browser().sign_in(&app.dingtalk, "li-lei").await;
    assert_eq!(through_the_button.status, 200);
    app.wait(TimeDelta::minutes(10));
    let code = code_for(&app, "li-lei");
    assert_eq!(post(&mut wild, &code).await.status, 200);
}

#[tokio::test]
async fn neither_log_nor_audit_tells_a_code() {
    let app = start().await;
    let (good, bad) = (code_for(&app, "li-lei"), "made-up-code-of-nobody");
    post(&mut app.browser(), &good).await;
    post(&mut app.browser(), bad).await;

    let audit = app.root().await.get("dingtalk:audit").await;

    let rows: Vec<Value> = audit.json["data"].as_array().unwrap().clone();
    let ends: Vec<_> = rows
        .iter()
        .filter(|row| row["event"] == "signIn")
        .map(|row| (row["result"].clone(), row["detail"].clone()))
        .collect();
    assert_eq!(
        ends,
        [
            (json!("CODE_REJECTED"), json!("code_rejected")),
            (json!("OK"), json!("in_client")),
        ],
        "{}",
        audit.text
    );
    assert!(!audit.text.contains(bad) && !audit.text.contains(&good));
}
