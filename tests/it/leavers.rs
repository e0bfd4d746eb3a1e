//! People who leave the organization: refused, their sessions ended, and let in again when they come back.

use chrono::TimeDelta;
use dingtalk_simulator::{CallKind, Contact, DEMO_CORP_ID, Effect, Fault, Limit, Person, permission};
use nocobase_dingtalk::nocobase::{AuthenticatorChanges, Store, UserId};
use serde_json::{Value, json};

use crate::languages::{assert_says, text};
use crate::support::app::{AUTHENTICATOR, TestApp};
use crate::support::app_internals::sign_with;
use crate::support::beside_nocobase::{APP_KEY, app_beside_nocobase};
use crate::support::browser::{Answer, Browser, refusal};
use crate::support::database::{Kind, on};

const LEFT: &str = "You no longer belong to the DingTalk organization that may sign in here. If you have come \
                    back, ask your organization's DingTalk administrator to add you, then start again.";
const PERSON: &str = "li-lei";

/// An app for the members of the organization; `options` come on top.
async fn app_with(options: Value) -> TestApp {
    let app = TestApp::start().await;
    let mut all = json!({ "corpId": DEMO_CORP_ID, "public": { "autoSignup": true } });
    all.as_object_mut()
        .unwrap()
        .extend(options.as_object().unwrap().clone());
    app.set_options(all).await;
    app
}

/// Signs somebody in, and lets a second pass: tokens and the end of sessions count by it.
async fn signed_in(app: &TestApp, person: &str) -> (Browser, UserId) {
    let mut browser = app.browser();
    let answer = browser.sign_in(&app.dingtalk, person).await;
    assert_eq!(answer.status, 200, "{}", answer.text);
    app.wait(TimeDelta::seconds(1));
    let user = answer.json["data"]["user"]["id"].as_i64().unwrap();
    (browser.with("X-Authenticator", AUTHENTICATOR), UserId(user))
}

/// Approves at DingTalk, and leaves before the sign-in is completed.
async fn sign_in_while_leaving(app: &TestApp, person: &str) -> Answer {
    let mut browser = app.browser();
    let handle = browser.return_from_dingtalk(&app.dingtalk, person).await;
    assert!(app.dingtalk.leave(person, DEMO_CORP_ID));
    browser.complete(AUTHENTICATOR, &handle).await
}

async fn status(browser: &mut Browser) -> (u16, String) {
    let answer = browser.get("auth:check").await;
    (answer.status, answer.code().to_owned())
}

fn ended() -> (u16, String) {
    (401, "INVALID_TOKEN".to_owned())
}

fn going_on() -> (u16, String) {
    (200, String::new())
}

/// The session is over once what is asked behind an answer's back is.
async fn assert_ends(app: &TestApp, browser: &mut Browser) {
    status(browser).await;
    app.background.done().await;
    assert_eq!(status(browser).await, ended());
}

/// Asks until DingTalk was asked so often, and a few times more: the session goes on.
async fn assert_goes_on(app: &TestApp, browser: &mut Browser, call: CallKind, times: usize) {
    for _ in 0..500 {
        assert_eq!(status(browser).await, going_on());
        if app.dingtalk.calls(call) >= times {
            break;
        }
    }
    for _ in 0..5 {
        assert_eq!(status(browser).await, going_on());
    }
    assert_eq!(app.dingtalk.calls(call), times);
}

/// The newest entries of the audit, as far as they say what became of whom.
async fn audit(app: &TestApp, count: usize) -> Vec<Value> {
    let answer = app
        .root()
        .await
        .get(&format!("dingtalk:audit?pageSize={count}"))
        .await;
    let entries = answer.json["data"].as_array().unwrap().iter();
    entries
        .map(|entry| {
            json!([
                entry["event"],
                entry["result"],
                entry["userId"],
                entry["detail"],
                entry["authenticator"]
            ])
        })
        .collect()
}

/// Changes options where the sidecar itself does not, beside NocoBase.
async fn change_options(app: &TestApp, store: &Store, more: Value) {
    let row = store.authenticators().find(AUTHENTICATOR).await.unwrap().unwrap();
    let mut options = row.options;
    options
        .as_object_mut()
        .unwrap()
        .extend(more.as_object().unwrap().clone());
    let changes = AuthenticatorChanges {
        options: Some(options),
        ..AuthenticatorChanges::default()
    };
    let outcome = store
        .authenticators()
        .update(row.id, changes, app.clock.now())
        .await;
    outcome.unwrap();
}

#[tokio::test]
async fn who_has_left_is_refused_in_plain_words_and_their_sessions_end() {
    let app = app_with(json!({})).await;
    let (mut elsewhere, user) = signed_in(&app, PERSON).await;
    let (mut neighbour, _) = signed_in(&app, "han-meimei").await;
    assert_eq!(status(&mut elsewhere).await, going_on());
    let before = app.rows().await;

    let answer = sign_in_while_leaving(&app, PERSON).await;

    assert_eq!(answer.status, 401);
    assert_eq!(answer.stable(), refusal("LEFT_ORGANIZATION", LEFT));
    assert_eq!(
        answer.header("x-dingtalk-left-user"),
        "",
        "a browser is told of no id"
    );
    assert_eq!(status(&mut elsewhere).await, ended());
    assert_eq!(status(&mut neighbour).await, going_on());
    assert_eq!(app.rows().await, before);
    assert_eq!(
        audit(&app, 2).await,
        [
            json!(["signIn", "LEFT_ORGANIZATION", user, null, AUTHENTICATOR]),
            json!(["sessionsEnded", "OK", user, "left_organization", AUTHENTICATOR]),
        ]
    );
}

#[tokio::test]
async fn who_has_left_is_told_so_in_their_language() {
    let app = app_with(json!({})).await;
    signed_in(&app, PERSON).await;
    let mut browser = app.browser().with("X-Locale", "de-DE");
    let handle = browser.return_from_dingtalk(&app.dingtalk, PERSON).await;
    app.dingtalk.leave(PERSON, DEMO_CORP_ID);

    let answer = browser.complete(AUTHENTICATOR, &handle).await;

    assert_says(&answer, "de-DE", &text("de-DE", LEFT));
}

#[tokio::test]
async fn who_never_was_here_is_no_leaver() {
    let app = app_with(json!({})).await;

    let answer = sign_in_while_leaving(&app, PERSON).await;

    assert_eq!((answer.status, answer.code()), (401, "NOT_IN_ORGANIZATION"));
    assert_eq!(app.rows().await.links, 0);
}

#[tokio::test]
async fn whom_the_organization_knows_from_outside_is_no_member() {
    let app = app_with(json!({})).await;
    let mut browser = app.browser();
    let handle = browser.return_from_dingtalk(&app.dingtalk, PERSON).await;
    app.dingtalk.edit_person(PERSON, |person| {
        person.memberships[0].contact = Contact::External;
    });

    let answer = browser.complete(AUTHENTICATOR, &handle).await;

    assert_eq!(answer.code(), "NOT_IN_ORGANIZATION");
}

#[tokio::test]
async fn a_number_that_was_another_persons_ends_nobodys_session() {
    let app = app_with(json!({ "subject": "mobile" })).await;
    let (mut elsewhere, _) = signed_in(&app, PERSON).await;
    let mobile = app.person(PERSON).mobile;
    app.dingtalk
        .edit_person(PERSON, |person| person.mobile = Some("13900009999".to_owned()));
    app.dingtalk
        .edit_person("han-meimei", |person| person.mobile = mobile);

    let answer = sign_in_while_leaving(&app, "han-meimei").await;

    assert_eq!(answer.code(), "NOT_IN_ORGANIZATION");
    assert_eq!(status(&mut elsewhere).await, going_on());
}

#[tokio::test]
async fn a_missing_permission_keeps_nobody_out_and_is_paid_for_once_in_a_while() {
    let app = app_with(json!({})).await;
    app.dingtalk.edit_app(&app.dingtalk_app.client_id, |app| {
        app.permissions.remove(permission::GET_MEMBER);
    });
    signed_in(&app, PERSON).await;
    signed_in(&app, PERSON).await;
    assert_eq!(app.dingtalk.calls(CallKind::UserIdByUnionId), 1);
    app.dingtalk.edit_app(&app.dingtalk_app.client_id, |app| {
        app.permissions.insert(permission::GET_MEMBER.to_owned());
    });

    app.wait(TimeDelta::minutes(10));
    let answer = sign_in_while_leaving(&app, PERSON).await;

    assert_eq!(answer.code(), "LEFT_ORGANIZATION");
    assert_eq!(app.dingtalk.calls(CallKind::UserIdByUnionId), 2);
}

#[tokio::test]
async fn who_is_out_of_the_apps_sight_is_not_taken_for_a_leaver() {
    let app = app_with(json!({})).await;
    app.dingtalk.edit_person(PERSON, |person| {
        person.memberships[0].out_of_scope = true;
    });

    let answer = app.browser().sign_in(&app.dingtalk, PERSON).await;

    assert_eq!(answer.status, 200, "{}", answer.text);
}

#[tokio::test]
async fn an_outage_is_no_word_about_anybody() {
    let app = app_with(json!({})).await;
    let (mut elsewhere, _) = signed_in(&app, PERSON).await;
    for (effect, expected, is_kept) in [
        (Effect::Limited(Limit::AppAndApi), (503, "DINGTALK_BUSY"), true),
        (Effect::Limited(Limit::MonthlyQuota), (502, "QUOTA_USED_UP"), true),
        (Effect::GatewayTimeout, (504, "DINGTALK_TIMEOUT"), false),
        (Effect::BadGatewayPage, (502, "DINGTALK_UNAVAILABLE"), false),
        (Effect::Empty, (502, "DINGTALK_UNAVAILABLE"), false),
        (Effect::WrongTypes, (502, "DINGTALK_UNAVAILABLE"), false),
    ] {
        let mut browser = app.browser();
        let handle = browser.return_from_dingtalk(&app.dingtalk, PERSON).await;
        app.dingtalk
            .set_fault(Fault::on(CallKind::UserIdByUnionId, effect.clone()));

        let answer = browser.complete(AUTHENTICATOR, &handle).await;

        assert_eq!((answer.status, answer.code()), expected, "{effect:?}");
        assert_eq!(status(&mut elsewhere).await, going_on(), "{effect:?}");
        app.dingtalk.clear_faults();
        app.wait(TimeDelta::minutes(1));
        let again = browser.complete(AUTHENTICATOR, &handle).await;
        assert_eq!(again.status == 200, is_kept, "{effect:?} {}", again.text);
    }
}

#[tokio::test]
async fn who_comes_back_gets_the_old_user_also_under_another_user_id() {
    let app = app_with(json!({})).await;
    let (_, user) = signed_in(&app, PERSON).await;
    sign_in_while_leaving(&app, PERSON).await;
    app.wait(TimeDelta::seconds(1));
    let before = app.rows().await;

    app.dingtalk.join(PERSON, DEMO_CORP_ID, "staff-again");
    let (mut browser, returned) = signed_in(&app, PERSON).await;

    assert_eq!(returned, user);
    assert_eq!(status(&mut browser).await, going_on());
    assert_eq!(app.rows().await.users, before.users);
    assert_eq!(app.rows().await.links, before.links);
}

#[tokio::test]
async fn who_comes_back_in_the_second_in_which_their_sessions_ended_is_in() {
    let app = app_with(json!({})).await;
    signed_in(&app, PERSON).await;
    sign_in_while_leaving(&app, PERSON).await;

    app.dingtalk.join(PERSON, DEMO_CORP_ID, "staff-again");
    let (mut browser, _) = signed_in(&app, PERSON).await;

    assert_eq!(status(&mut browser).await, going_on());
}

#[tokio::test]
async fn by_user_id_who_comes_back_under_another_one_is_found_by_phone_again() {
    let app = app_with(json!({ "subject": "userId" })).await;
    let (_, user) = signed_in(&app, PERSON).await;
    let before = app.rows().await;

    app.dingtalk.join(PERSON, DEMO_CORP_ID, "staff-again");
    let (_, returned) = signed_in(&app, PERSON).await;

    assert_eq!(returned, user);
    assert_eq!(app.dingtalk.calls(CallKind::UserDetails), 1);
    assert_eq!(app.rows().await.links, before.links);
    let subject: String = app.value(r#"SELECT uuid FROM "usersAuthenticators""#).await;
    assert_eq!(subject, "staff-again");
    assert_eq!(
        audit(&app, 1).await,
        [json!([
            "signIn",
            "OK",
            user,
            "leavers_link_replaced",
            AUTHENTICATOR
        ])]
    );
    signed_in(&app, PERSON).await;
    assert_eq!(app.dingtalk.calls(CallKind::UserDetails), 1);
}

#[tokio::test]
async fn a_link_whose_owner_is_still_there_or_cannot_be_asked_about_is_not_replaced() {
    for (noted, expected) in [
        // The old id is somebody else's, who is here.
        (json!({ "uuid": "staff-chen-chen" }), "PHONE_ALREADY_LINKED"),
        // Of another kind, of another organization, and of nobody knows what.
        (json!({ "subject": "unionId" }), "PHONE_ALREADY_LINKED"),
        (json!({ "corpId": "dingother" }), "PHONE_ALREADY_LINKED"),
        (json!({ "clientId": "another" }), "PHONE_ALREADY_LINKED"),
        (json!({}), "DINGTALK_TIMEOUT"),
    ] {
        let app = app_with(json!({ "subject": "userId" })).await;
        signed_in(&app, PERSON).await;
        for (name, value) in noted.as_object().unwrap() {
            let value = value.as_str().unwrap();
            app.run(&match name.as_str() {
                "uuid" => format!(r#"UPDATE "usersAuthenticators" SET "uuid" = '{value}'"#),
                name => format!(
                    r#"UPDATE "usersAuthenticators" SET "meta" = json_set("meta", '$.{name}', '{value}')"#
                ),
            })
            .await;
        }
        let before = app.rows().await;
        app.dingtalk.join(PERSON, DEMO_CORP_ID, "staff-again");
        if expected == "DINGTALK_TIMEOUT" {
            app.dingtalk
                .set_fault(Fault::on(CallKind::UserDetails, Effect::GatewayTimeout));
        }

        let answer = app.browser().sign_in(&app.dingtalk, PERSON).await;

        assert_eq!(answer.code(), expected, "{noted}");
        assert_eq!(app.rows().await, before, "{noted}");
    }
}

#[tokio::test]
async fn an_administrator_who_came_back_under_another_id_is_not_found_by_phone() {
    let app = app_with(json!({ "subject": "userId" })).await;
    let (_, user) = signed_in(&app, PERSON).await;
    app.run(&format!(
        r#"UPDATE "rolesUsers" SET "roleName" = 'admin' WHERE "userId" = {user}"#
    ))
    .await;

    app.dingtalk.join(PERSON, DEMO_CORP_ID, "staff-again");
    let answer = app.browser().sign_in(&app.dingtalk, PERSON).await;

    assert_eq!(answer.code(), "ADMINISTRATOR_NOT_LINKED");
}

#[tokio::test]
async fn the_last_root_is_refused_and_stays_signed_in() {
    let app = app_with(json!({})).await;
    let union_id = app.person(PERSON).union_id;
    let bound = app
        .root()
        .await
        .post(
            "dingtalk:bind?authenticator=s_dingtalk&userId=1",
            json!({ "subject": union_id }),
        )
        .await;
    assert_eq!(bound.status, 200, "{}", bound.text);
    let (mut elsewhere, root) = signed_in(&app, PERSON).await;
    assert_eq!(root, UserId(1));

    let answer = sign_in_while_leaving(&app, PERSON).await;

    assert_eq!(answer.code(), "LEFT_ORGANIZATION");
    assert_eq!(status(&mut elsewhere).await, going_on());
    assert_eq!(
        audit(&app, 2).await[1],
        json!([
            "sessionsEnded",
            "LAST_ROOT",
            1,
            "left_organization",
            AUTHENTICATOR
        ])
    );

    app.dingtalk.join(PERSON, DEMO_CORP_ID, "staff-li-lei");
    let other = app.add_user("Another root", None).await;
    app.run(&format!(
        r#"UPDATE "rolesUsers" SET "roleName" = 'root' WHERE "userId" = {other}"#
    ))
    .await;
    sign_in_while_leaving(&app, PERSON).await;
    assert_eq!(status(&mut elsewhere).await, ended());
}

fn looking() -> Value {
    json!({ "membershipAtRenewal": true })
}

#[tokio::test]
async fn by_a_setting_the_session_of_who_has_left_ends_within_the_hour() {
    for (subject, call) in [
        ("unionId", CallKind::UserIdByUnionId),
        ("userId", CallKind::UserDetails),
    ] {
        let app = app_with(json!({ "subject": subject, "membershipAtRenewal": true })).await;
        let (mut browser, user) = signed_in(&app, PERSON).await;
        let before = app.dingtalk.calls(call);
        assert_goes_on(&app, &mut browser, call, before + 1).await;
        app.dingtalk.leave(PERSON, DEMO_CORP_ID);
        app.wait(TimeDelta::minutes(59));
        assert_goes_on(&app, &mut browser, call, before + 1).await;

        app.wait(TimeDelta::minutes(1));
        assert_ends(&app, &mut browser).await;

        assert_eq!(app.dingtalk.calls(call), before + 2, "{subject}");
        assert_eq!(
            audit(&app, 1).await,
            [json!([
                "sessionsEnded",
                "OK",
                user,
                "left_organization",
                AUTHENTICATOR
            ])]
        );
    }
}

#[tokio::test]
async fn without_the_setting_or_where_it_cannot_be_asked_nobody_is_looked_at() {
    for options in [
        json!({}),
        json!({ "subject": "mobile", "membershipAtRenewal": true }),
        json!({ "corpId": null, "membershipAtRenewal": true }),
    ] {
        let app = app_with(options.clone()).await;
        let (mut browser, _) = signed_in(&app, PERSON).await;
        app.dingtalk.leave(PERSON, DEMO_CORP_ID);
        let before = app.dingtalk.all_calls();

        for _ in 0..10 {
            assert_eq!(status(&mut browser).await, going_on(), "{options}");
        }

        assert_eq!(app.dingtalk.all_calls(), before, "{options}");
    }
}

#[tokio::test]
async fn an_outage_ends_no_session_and_is_not_asked_about_again_within_the_hour() {
    for effect in [
        Effect::Limited(Limit::AppAndApi),
        Effect::Limited(Limit::MonthlyQuota),
        Effect::GatewayTimeout,
        Effect::Empty,
    ] {
        let app = app_with(looking()).await;
        let (mut browser, _) = signed_in(&app, PERSON).await;
        app.dingtalk.leave(PERSON, DEMO_CORP_ID);
        let before = app.dingtalk.calls(CallKind::UserIdByUnionId);
        app.dingtalk
            .set_fault(Fault::on(CallKind::UserIdByUnionId, effect));

        assert_goes_on(&app, &mut browser, CallKind::UserIdByUnionId, before + 1).await;

        app.dingtalk.clear_faults();
        app.wait(TimeDelta::hours(1));
        assert_ends(&app, &mut browser).await;
    }
}

#[tokio::test]
async fn of_a_crowd_a_few_are_asked_about_at_a_time() {
    const AT_ONCE: usize = 8;
    let app = app_with(looking()).await;
    let mut browsers = Vec::new();
    for number in 0..AT_ONCE + 4 {
        let key = format!("person-{number}");
        let mobile = format!("139{number:08}");
        app.dingtalk
            .add_person(Person::employee(&key, &key, &format!("union-{key}"), &mobile));
        browsers.push(signed_in(&app, &key).await.0);
    }
    let before = app.dingtalk.calls(CallKind::UserIdByUnionId);
    app.dingtalk
        .set_fault(Fault::on(CallKind::UserIdByUnionId, Effect::Hang));

    for browser in &mut browsers {
        assert_eq!(status(browser).await, going_on());
    }

    let last = browsers.last_mut().unwrap();
    assert_goes_on(&app, last, CallKind::UserIdByUnionId, before + AT_ONCE).await;
}

#[tokio::test]
async fn without_the_permission_nobody_is_thrown_out() {
    for subject in ["unionId", "userId"] {
        let app = app_with(json!({ "subject": subject, "membershipAtRenewal": true })).await;
        let (mut browser, _) = signed_in(&app, PERSON).await;
        app.dingtalk.leave(PERSON, DEMO_CORP_ID);
        app.dingtalk.edit_app(&app.dingtalk_app.client_id, |app| {
            app.permissions.remove(permission::GET_MEMBER);
        });
        let (call, before) = if subject == "userId" {
            (CallKind::UserDetails, 0)
        } else {
            (CallKind::UserIdByUnionId, 1)
        };

        assert_goes_on(&app, &mut browser, call, before + 1).await;
    }
}

#[tokio::test]
async fn a_link_made_under_other_settings_throws_nobody_out() {
    let app = app_with(looking()).await;
    let (mut browser, _) = signed_in(&app, PERSON).await;
    app.run(r#"UPDATE "usersAuthenticators" SET "meta" = json_set("meta", '$.clientId', 'an earlier app')"#)
        .await;
    app.dingtalk.leave(PERSON, DEMO_CORP_ID);
    let before = app.dingtalk.all_calls();

    for _ in 0..10 {
        assert_eq!(status(&mut browser).await, going_on());
    }

    assert_eq!(app.dingtalk.all_calls(), before);
}

/// What the bridge says with a request of this user.
fn bridge(app: &TestApp, user: UserId) -> Browser {
    let now = app.clock.now().timestamp();
    let host = app.url.split("://").nth(1).unwrap();
    let claims = json!({
        "aud": "nocobase-dingtalk", "app": "main", "iat": now, "exp": now + 60,
        "host": host, "peer": "127.0.0.1", "actor": user,
    });
    let token = sign_with(APP_KEY.as_bytes(), &claims);
    app.browser().with("X-Dingtalk-Bridge", &token)
}

#[tokio::test]
async fn beside_nocobase_the_bridge_is_told_and_ends_the_sessions() {
    for kind in [Kind::Postgres, Kind::PostgresRenamed, Kind::MariaDb] {
        on(kind, |database| async move {
            let app = app_beside_nocobase(&database, &[]).await;
            let store = &database.store;
            let members_only = json!({ "corpId": DEMO_CORP_ID, "membershipAtRenewal": true });
            change_options(&app, store, members_only).await;
            let (_, user) = signed_in(&app, PERSON).await;
            let membership = async |app: &TestApp| {
                let asked = "dingtalk:membership?authenticator=s_dingtalk";
                let answer = bridge(app, user).get(asked).await;
                assert_eq!(answer.status, 200, "{kind:?} {}", answer.text);
                answer.json["data"]["membership"].clone()
            };
            assert_eq!(membership(&app).await, "member", "{kind:?}");

            let answer = sign_in_while_leaving(&app, PERSON).await;

            assert_eq!(answer.code(), "LEFT_ORGANIZATION", "{kind:?}");
            assert_eq!(
                answer.header("x-dingtalk-left-user"),
                user.to_string(),
                "{kind:?}"
            );
            let found = store.users().find(user).await.unwrap().unwrap();
            assert_eq!(
                found.password_change_tz, None,
                "{kind:?}: NocoBase would not see it"
            );
            assert_eq!(membership(&app).await, "left", "{kind:?}");
            app.dingtalk
                .set_fault(Fault::on(CallKind::UserIdByUnionId, Effect::GatewayTimeout));
            let unanswered = bridge(&app, user)
                .get("dingtalk:membership?authenticator=s_dingtalk")
                .await;
            assert_eq!(unanswered.status, 504, "{kind:?}");
            app.dingtalk.clear_faults();

            for (body, status) in [
                (json!({ "outcome": "ended", "apiKeys": 2 }), 200),
                (json!({ "outcome": "lastRoot", "apiKeys": 0 }), 200),
                (json!({ "outcome": "failed", "apiKeys": 0 }), 200),
                (json!({ "outcome": "perhaps", "apiKeys": 0 }), 400),
                (json!({ "outcome": "ended" }), 400),
            ] {
                let told = bridge(&app, user)
                    .post("dingtalk:sessionsEnded?authenticator=s_dingtalk", body.clone())
                    .await;
                assert_eq!(told.status, status, "{kind:?} {body} {}", told.text);
            }
            let entries = bridge(&app, user).get("dingtalk:audit?event=sessionsEnded").await;
            let told: Vec<Value> = entries.json["data"]
                .as_array()
                .unwrap()
                .iter()
                .map(|entry| json!([entry["result"], entry["userId"], entry["detail"]]))
                .collect();
            assert_eq!(
                told,
                [
                    json!(["INTERNAL_ERROR", user, "left_organization"]),
                    json!(["LAST_ROOT", user, "left_organization"]),
                    json!(["OK", user, "left_organization, api_keys=2"]),
                ],
                "{kind:?}"
            );

            app.dingtalk.join(PERSON, DEMO_CORP_ID, "staff-again");
            assert_eq!(signed_in(&app, PERSON).await.1, user, "{kind:?}");
        })
        .await;
    }
}

#[tokio::test]
async fn beside_nocobase_by_user_id_who_comes_back_is_found_by_phone_again() {
    for kind in [Kind::Postgres, Kind::PostgresRenamed, Kind::MariaDb] {
        on(kind, |database| async move {
            let app = app_beside_nocobase(&database, &[]).await;
            let store = &database.store;
            change_options(&app, store, json!({ "subject": "userId" })).await;
            let (_, user) = signed_in(&app, PERSON).await;

            app.dingtalk.join(PERSON, DEMO_CORP_ID, "staff-again");

            assert_eq!(signed_in(&app, PERSON).await.1, user, "{kind:?}");
            assert_eq!(
                database
                    .number("SELECT COUNT(*) FROM `@usersAuthenticators`")
                    .await,
                1
            );
        })
        .await;
    }
}

#[tokio::test]
async fn only_the_bridge_asks_and_tells_about_leavers() {
    let app = TestApp::start().await;
    let (mut browser, _) = signed_in(&app, PERSON).await;
    for action in ["dingtalk:membership", "dingtalk:sessionsEnded"] {
        let action = format!("{action}?authenticator=s_dingtalk");
        let is_post = action.contains("sessionsEnded");
        let answer = if is_post {
            browser
                .post(&action, json!({ "outcome": "ended", "apiKeys": 0 }))
                .await
        } else {
            browser.get(&action).await
        };
        assert_eq!(answer.status, 404, "{action} {}", answer.text);
    }
    on(Kind::Postgres, |database| async move {
        let app = app_beside_nocobase(&database, &[]).await;
        let mut browser = app.browser();
        let asked = browser.get("dingtalk:membership?authenticator=s_dingtalk").await;
        assert_eq!((asked.status, asked.code()), (403, "NO_PERMISSION"));
        let told = browser
            .post(
                "dingtalk:sessionsEnded?authenticator=s_dingtalk",
                json!({ "outcome": "ended", "apiKeys": 0 }),
            )
            .await;
        assert_eq!((told.status, told.code()), (403, "NO_PERMISSION"));
    })
    .await;
}

#[tokio::test]
async fn an_account_without_a_phone_number_has_a_way_in_once_it_is_linked_by_hand() {
    let app = app_with(json!({ "autoLogin": true, "exclusiveLogin": true })).await;
    let union_id = app.person("wang-fang").union_id;
    app.dingtalk
        .edit_person("wang-fang", |person| person.state_code = None);
    let refused = app.browser().sign_in(&app.dingtalk, "wang-fang").await;
    assert_eq!(refused.code(), "PHONE_MISSING");
    let user = app.add_user("Wang Fang", None).await;
    let bound = app
        .root()
        .await
        .post(
            &format!("dingtalk:bind?authenticator=s_dingtalk&userId={user}"),
            json!({ "subject": union_id }),
        )
        .await;
    assert_eq!(bound.status, 200, "{}", bound.text);

    let (_, by_web) = signed_in(&app, "wang-fang").await;
    let code = app
        .dingtalk
        .request_auth_code(&app.dingtalk_app.client_id, DEMO_CORP_ID, "wang-fang")
        .unwrap();
    let body = json!({ "authCode": code, "loginType": "internal" });
    let in_client = app.browser().post_sign_in(AUTHENTICATOR, body).await;

    assert_eq!(by_web, user);
    assert_eq!(in_client.json["data"]["user"]["id"], user.0, "{}", in_client.text);
}
