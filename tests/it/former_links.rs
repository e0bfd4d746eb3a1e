//! People who were recognized by phone number or user id, on a site that recognizes people by union id now.

use chrono::TimeDelta;
use dingtalk_simulator::{CallKind, DEMO_CORP_ID, Effect, Fault, Person, permission};
use futures_util::future::join_all;
use nocobase_dingtalk::nocobase::{AuthenticatorChanges, UserId};
use serde_json::{Value, json};

use crate::support::app::{AUTHENTICATOR, TestApp};
use crate::support::beside_nocobase::app_beside_nocobase;
use crate::support::browser::Answer;
use crate::support::database::{Kind, on};

fn user_of(answer: &Answer) -> UserId {
    assert_eq!(answer.status, 200, "{}", answer.text);
    UserId(answer.json["data"]["user"]["id"].as_i64().unwrap())
}

async fn sign_in(app: &TestApp, person: &str) -> Answer {
    app.browser().sign_in(&app.dingtalk, person).await
}

/// Changes settings as NocoBase does, and waits until they count.
async fn change(app: &TestApp, wanted: Value) {
    let authenticators = app.store.authenticators();
    let row = authenticators.find(AUTHENTICATOR).await.unwrap().unwrap();
    let mut options = row.options;
    for (key, value) in wanted.as_object().unwrap() {
        options[key] = value.clone();
    }
    let changes = AuthenticatorChanges {
        options: Some(options),
        enabled: Some(true),
        ..AuthenticatorChanges::default()
    };
    let now = app.clock.now();
    assert!(
        authenticators
            .update(row.id, changes, now)
            .await
            .unwrap()
            .is_some()
    );
    app.wait(TimeDelta::seconds(2));
}

async fn recognize_by(app: &TestApp, subject: &str) {
    change(app, json!({ "subject": subject })).await;
}

/// A site on which li-lei is linked by `kind`, and which recognizes people by union id from now on.
async fn was_recognized_by(kind: &str) -> (TestApp, UserId) {
    let app = TestApp::start().await;
    recognize_by(&app, kind).await;
    let user = user_of(&sign_in(&app, "li-lei").await);
    recognize_by(&app, "unionId").await;
    (app, user)
}

async fn link(app: &TestApp) -> (String, Value) {
    let subject = app.value(r#"SELECT uuid FROM "usersAuthenticators""#).await;
    let meta: String = app.value(r#"SELECT json(meta) FROM "usersAuthenticators""#).await;
    (subject, serde_json::from_str(&meta).unwrap())
}

async fn latest_detail(app: &TestApp) -> Value {
    let audit = app.root().await.get("dingtalk:audit?pageSize=1").await;
    audit.json["data"][0].clone()
}

#[tokio::test]
async fn a_link_of_a_user_id_or_a_number_holds_the_union_id_after_the_next_sign_in() {
    for (kind, label) in [("userId", "user_id"), ("mobile", "mobile")] {
        let (app, user) = was_recognized_by(kind).await;
        let before = app.rows().await;

        assert_eq!(user_of(&sign_in(&app, "li-lei").await), user, "{kind}");

        let (subject, meta) = link(&app).await;
        assert_eq!(subject, app.person("li-lei").union_id, "{kind}");
        assert_eq!(
            (meta["subject"].as_str(), meta["matchedBy"].as_str()),
            (Some("unionId"), Some("signUp"))
        );
        let rows = app.rows().await;
        assert_eq!((rows.users, rows.links), (before.users, before.links), "{kind}");
        let entry = latest_detail(&app).await;
        assert_eq!(entry["detail"], format!("link_converted_from_{label}"));
        assert_eq!(
            (&entry["userId"], &entry["matched"]),
            (&json!(user.0), &json!("subject"))
        );
        // From then on, neither number nor user id matter.
        app.dingtalk.edit_person("li-lei", |person| {
            person.mobile = Some("13312340000".to_owned());
            person.memberships.clear();
        });
        assert_eq!(user_of(&sign_in(&app, "li-lei").await), user, "{kind}");
    }
}

#[tokio::test]
async fn whose_number_dingtalk_does_not_give_keeps_the_link_of_the_user_id() {
    let (app, user) = was_recognized_by("userId").await;
    app.dingtalk.edit_person("li-lei", |person| person.mobile = None);

    assert_eq!(user_of(&sign_in(&app, "li-lei").await), user);
}

#[tokio::test]
async fn beside_nocobase_nobody_is_lost_and_many_at_once_are_one() {
    for kind in [Kind::Postgres, Kind::PostgresRenamed, Kind::MariaDb] {
        for former in ["userId", "mobile"] {
            on(kind, move |database| async move {
                let app = app_beside_nocobase(&database, &[]).await;
                recognize_by(&app, former).await;
                let user = user_of(&sign_in(&app, "li-lei").await);
                recognize_by(&app, "unionId").await;
                let users = database.number("SELECT COUNT(*) FROM `@users`").await;

                let answers = join_all((0..8).map(|_| sign_in(&app, "li-lei"))).await;

                for answer in &answers {
                    assert_eq!(user_of(answer), user, "{kind:?} {former}");
                }
                assert_eq!(database.number("SELECT COUNT(*) FROM `@users`").await, users);
                let converted = format!(
                    "SELECT COUNT(*) FROM `@usersAuthenticators` WHERE `uuid` = '{}'",
                    app.person("li-lei").union_id
                );
                assert_eq!(database.number(&converted).await, 1, "{kind:?} {former}");
                assert_eq!(
                    database
                        .number("SELECT COUNT(*) FROM `@usersAuthenticators`")
                        .await,
                    1
                );
                let kinds = app.store.links().kinds(AUTHENTICATOR).await.unwrap();
                assert_eq!((kinds.union_id, kinds.former()), (1, 0), "{kind:?} {former}");
            })
            .await;
        }
    }
}

#[tokio::test]
async fn two_processes_at_once_lose_nobody() {
    let (mut app, user) = was_recognized_by("userId").await;
    let replica = app.start_replica().await;
    let redirect = format!("{replica}/api/auth:redirect");
    app.dingtalk.edit_app(&app.dingtalk_app.client_id, |app| {
        app.redirect_uris.push(redirect);
    });
    let users = app.rows().await.users;

    let here = (0..6).map(|_| app.browser());
    let there = (0..6).map(|_| crate::support::browser::Browser::new(&replica));
    let attempts = here.chain(there).map(|mut browser| {
        let dingtalk = app.dingtalk.clone();
        async move { browser.sign_in(&dingtalk, "li-lei").await }
    });

    for answer in join_all(attempts).await {
        assert_eq!(user_of(&answer), user);
    }
    let rows = app.rows().await;
    assert_eq!((rows.users, rows.links), (users, 1));
}

#[tokio::test]
async fn a_number_leads_to_no_administrator_unless_that_is_allowed() {
    let (app, user) = was_recognized_by("mobile").await;
    app.run(&format!(
        r#"INSERT INTO "rolesUsers" ("roleName", "userId", "createdAt", "updatedAt")
           VALUES ('admin', {user}, '2026-01-01 00:00:00.000 +00:00', '2026-01-01 00:00:00.000 +00:00')"#
    ))
    .await;
    let before = link(&app).await;

    assert_eq!(sign_in(&app, "li-lei").await.code(), "ADMINISTRATOR_NOT_LINKED");
    assert_eq!(link(&app).await, before);

    change(&app, json!({ "bindAdministrators": true })).await;
    assert_eq!(user_of(&sign_in(&app, "li-lei").await), user);
}

#[tokio::test]
async fn a_user_id_leads_to_an_administrator_as_it_did() {
    let (app, user) = was_recognized_by("userId").await;
    app.run(&format!(
        r#"INSERT INTO "rolesUsers" ("roleName", "userId", "createdAt", "updatedAt")
           VALUES ('root', {user}, '2026-01-01 00:00:00.000 +00:00', '2026-01-01 00:00:00.000 +00:00')"#
    ))
    .await;

    assert_eq!(user_of(&sign_in(&app, "li-lei").await), user);
}

#[tokio::test]
async fn only_a_link_counts_and_never_a_user_who_has_the_number() {
    let (app, user) = was_recognized_by("mobile").await;
    // The number of the link is another person's by now, and so is that of the user.
    app.run(&format!(
        "UPDATE users SET phone = '13712340000' WHERE id = {user}"
    ))
    .await;
    app.dingtalk
        .edit_person("li-lei", |person| person.mobile = Some("13912340000".to_owned()));
    app.dingtalk.add_person(Person::employee(
        "newcomer",
        "New",
        "NewcomerUnionIdiEiE",
        "13712340000",
    ));

    assert_eq!(sign_in(&app, "newcomer").await.code(), "PHONE_ALREADY_LINKED");
    assert_ne!(user_of(&sign_in(&app, "li-lei").await), user);
}

/// Makes li-lei's link one that says nothing of itself.
async fn without_note(app: &TestApp, subject: &str) {
    app.run(&format!(
        r#"UPDATE "usersAuthenticators" SET "uuid" = '{subject}', "meta" = NULL"#
    ))
    .await;
}

#[tokio::test]
async fn links_of_the_community_plugin_are_converted_too() {
    let (app, user) = was_recognized_by("userId").await;
    without_note(&app, "staff-li-lei").await;
    app.dingtalk.edit_person("li-lei", |person| person.mobile = None);

    assert_eq!(user_of(&sign_in(&app, "li-lei").await), user);
    assert_eq!(link(&app).await.0, app.person("li-lei").union_id);
}

#[tokio::test]
async fn a_link_without_a_note_is_not_taken_for_a_user_id_that_is_spelt_like_its_number() {
    let (app, victim) = was_recognized_by("mobile").await;
    without_note(&app, "13800138000").await;
    let mut thief = Person::employee("thief", "Thief", "ThiefUnionIdiEiE", "13311112222");
    thief.memberships[0].user_id = "13800138000".to_owned();
    app.dingtalk.add_person(thief);

    assert_ne!(user_of(&sign_in(&app, "thief").await), victim);
    app.wait(TimeDelta::seconds(2));
    assert_eq!(user_of(&sign_in(&app, "li-lei").await), victim);
}

#[tokio::test]
async fn a_user_id_that_another_organization_gave_leads_nowhere() {
    let (app, user) = was_recognized_by("userId").await;
    app.run(r#"UPDATE "usersAuthenticators" SET "meta" = '{"subject":"userId","clientId":"dingother"}'"#)
        .await;

    // Nor does the number, whose user is linked.
    assert_eq!(
        sign_in(&app, "li-lei").await.code(),
        "PHONE_ALREADY_LINKED",
        "{user}"
    );
}

#[tokio::test]
async fn a_call_is_paid_only_while_user_ids_are_left() {
    let (app, _) = was_recognized_by("userId").await;
    let calls = || {
        [
            CallKind::UserAccessToken,
            CallKind::Profile,
            CallKind::UserIdByUnionId,
        ]
        .map(|kind| app.dingtalk.calls(kind))
    };
    let [codes, profiles, ids] = calls();

    sign_in(&app, "han-meimei").await;
    assert_eq!(
        calls(),
        [codes + 1, profiles + 1, ids + 1],
        "somebody new, while one is left"
    );
    sign_in(&app, "han-meimei").await;
    assert_eq!(calls(), [codes + 2, profiles + 2, ids + 1], "who is known");
    sign_in(&app, "li-lei").await;
    assert_eq!(calls(), [codes + 3, profiles + 3, ids + 2], "whose link it is");
    app.wait(TimeDelta::seconds(2));
    sign_in(&app, "chen-chen").await;
    assert_eq!(
        calls(),
        [codes + 4, profiles + 4, ids + 2],
        "somebody new, when none is left"
    );
}

#[tokio::test]
async fn links_of_numbers_cost_no_call() {
    let (app, _) = was_recognized_by("mobile").await;
    let before = app.dingtalk.all_calls();

    sign_in(&app, "li-lei").await;

    assert_eq!(app.dingtalk.all_calls(), before + 2);
}

#[tokio::test]
async fn an_outage_is_not_taken_for_somebody_new() {
    let (app, user) = was_recognized_by("userId").await;
    let before = app.rows().await;
    app.dingtalk
        .set_fault(Fault::on(CallKind::UserIdByUnionId, Effect::SystemBusy));

    let answer = sign_in(&app, "li-lei").await;

    assert!(answer.status >= 500, "{}", answer.text);
    assert_eq!(app.rows().await, before);
    app.dingtalk.clear_faults();
    assert_eq!(user_of(&sign_in(&app, "li-lei").await), user);
}

#[tokio::test]
async fn without_the_permission_nobody_is_taken_for_new_while_user_ids_are_left() {
    let (app, _) = was_recognized_by("userId").await;
    let client_id = app.dingtalk_app.client_id.clone();
    app.dingtalk.edit_app(&client_id, |app| {
        app.permissions.remove(permission::GET_MEMBER);
    });
    let before = app.rows().await;
    assert_eq!(sign_in(&app, "li-lei").await.code(), "PERMISSION_MISSING");
    assert_eq!(app.rows().await, before);

    // Of what says nothing, none can be a user id: the permission was never there.
    without_note(&app, "something-else").await;
    app.wait(TimeDelta::seconds(2));
    assert_eq!(sign_in(&app, "han-meimei").await.status, 200);
}

#[tokio::test]
async fn inside_dingtalk_the_user_id_costs_nothing() {
    let (app, user) = was_recognized_by("userId").await;
    change(&app, json!({ "autoLogin": true, "corpId": DEMO_CORP_ID })).await;
    let client_id = app.dingtalk_app.client_id.clone();
    let code = app
        .dingtalk
        .request_auth_code(&client_id, DEMO_CORP_ID, "li-lei")
        .unwrap();
    let before = app.dingtalk.all_calls();

    let body = json!({ "authCode": code, "loginType": "internal" });
    let answer = app.browser().post_sign_in(AUTHENTICATOR, body).await;

    assert_eq!(user_of(&answer), user);
    assert_eq!(app.dingtalk.all_calls(), before + 1);
    assert_eq!(link(&app).await.0, app.person("li-lei").union_id);
}

#[tokio::test]
async fn how_many_are_left_is_told_to_administrators_and_by_the_doctor() {
    let (app, _) = was_recognized_by("userId").await;
    let mut root = app.root().await;
    let left = async || {
        let mut root = app.root().await;
        let one = root
            .get(&format!("dingtalk:bindings?authenticator={AUTHENTICATOR}"))
            .await;
        let all = root.get("dingtalk:bindings").await;
        assert_eq!(one.json["meta"], all.json["meta"], "{}", all.text);
        one.json["meta"]["former"].clone()
    };

    assert_eq!(left().await, json!({ "mobile": 0, "userId": 1, "unknown": 0 }));
    let report = root
        .post(
            &format!("dingtalk:diagnose?authenticator={AUTHENTICATOR}"),
            json!({}),
        )
        .await;
    let findings = report.json["data"]["findings"].as_array().unwrap();
    let finding = findings.iter().find(|finding| finding["check"] == "former-links");
    let finding = finding.unwrap();
    assert_eq!(finding["status"], "warning");
    assert_eq!(
        finding["message"],
        "Links that do not hold the Union ID yet: 1 (phone numbers: 0, user IDs: 1, unknown kind: 0)."
    );

    sign_in(&app, "li-lei").await;
    assert_eq!(left().await, Value::Null);
    // Where people are recognized by something else, nothing is converted and nothing told.
    recognize_by(&app, "mobile").await;
    assert_eq!(left().await, Value::Null);
}

#[tokio::test]
async fn new_settings_count_at_once_also_where_none_was_left() {
    let app = TestApp::start().await;
    app.wait(TimeDelta::minutes(2));
    sign_in(&app, "han-meimei").await;
    recognize_by(&app, "mobile").await;
    let user = user_of(&sign_in(&app, "li-lei").await);

    // The same as before, and not what was known of them.
    recognize_by(&app, "unionId").await;
    assert_eq!(user_of(&sign_in(&app, "li-lei").await), user);
}

#[tokio::test]
async fn a_link_that_somebody_brings_back_counts_after_a_minute() {
    let (app, user) = was_recognized_by("mobile").await;
    sign_in(&app, "li-lei").await;
    app.wait(TimeDelta::minutes(2));
    sign_in(&app, "han-meimei").await;
    app.run(&format!(
        r#"DELETE FROM "usersAuthenticators" WHERE "userId" <> {user}"#
    ))
    .await;
    without_note(&app, "13800138000").await;
    app.wait(TimeDelta::minutes(1));

    assert_eq!(user_of(&sign_in(&app, "li-lei").await), user);
}
