//! A person's own link, and links that administrators make by hand.

use nocobase_dingtalk::nocobase::UserId;
use serde_json::{Value, json};

use crate::support::app::{AUTHENTICATOR, ROOT_PASSWORD, TestApp};
use crate::support::app_internals::sign_with;
use crate::support::beside_nocobase::{APP_KEY, app_beside_nocobase};
use crate::support::browser::{Answer, Browser, refusal};
use crate::support::database::{Kind, on};

const OURS: &str = "dingtalk:unlinkMe?authenticator=s_dingtalk";

/// Signs somebody in through DingTalk: their browser, and who they are here.
async fn signed_in(app: &TestApp, person: &str) -> (Browser, UserId) {
    let mut browser = app.browser();
    let answer = browser.sign_in(&app.dingtalk, person).await;
    assert_eq!(answer.status, 200, "{}", answer.text);
    let user = answer.json["data"]["user"]["id"].as_i64().unwrap();
    (browser, UserId(user))
}

/// Gives a user the administrator's password, and a user name to sign in with.
async fn give_password(app: &TestApp, user: UserId) {
    app.run(&format!(
        "UPDATE users SET username = 'user-{user}', password = (SELECT password FROM users WHERE id = 1) WHERE id = {user}"
    ))
    .await;
}

async fn unlink(browser: &mut Browser, password: &str) -> Answer {
    browser.post(OURS, json!({ "currentPassword": password })).await
}

/// The newest entry of the audit.
async fn latest(app: &TestApp) -> Value {
    let answer = app.root().await.get("dingtalk:audit?pageSize=1").await;
    let mut entry = answer.json["data"][0].clone();
    entry.as_object_mut().unwrap().retain(|field, _| {
        matches!(
            field.as_str(),
            "event" | "result" | "userId" | "actorId" | "authenticator"
        )
    });
    entry
}

fn refused(answer: &Answer) -> (u16, &str) {
    (answer.status, answer.code())
}

#[tokio::test]
async fn everybody_sees_what_they_are_linked_to() {
    let app = TestApp::start().await;
    let (mut browser, user) = signed_in(&app, "han-meimei").await;
    give_password(&app, user).await;

    let own = browser.get("dingtalk:myLink").await;
    let roots = app
        .root()
        .await
        .get("dingtalk:myLink?authenticator=s_dingtalk")
        .await;

    assert_eq!(
        own.json,
        json!({ "data": [{
            "authenticator": "s_dingtalk",
            "title": null,
            "isLinked": true,
            "linkedAt": "2025-11-20T01:02:03.678Z",
            "nickname": "韩梅梅",
            "refusal": null,
        }] })
    );
    assert_eq!(
        roots.json,
        json!({ "data": [{
            "authenticator": "s_dingtalk",
            "title": null,
            "isLinked": false,
            "linkedAt": null,
            "nickname": null,
            "refusal": null,
        }] })
    );
}

#[tokio::test]
async fn nobody_sees_a_sign_in_method_that_is_not_offered() {
    let app = TestApp::start().await;
    app.run("UPDATE authenticators SET enabled = 0 WHERE name = 's_dingtalk'")
        .await;
    app.wait(chrono::TimeDelta::seconds(2));
    let mut root = app.root().await;

    assert_eq!(root.get("dingtalk:myLink").await.json, json!({ "data": [] }));
    for name in ["s_dingtalk", "basic", "nobody"] {
        let answer = root.get(&format!("dingtalk:myLink?authenticator={name}")).await;
        assert_eq!(refused(&answer), (404, "AUTHENTICATOR_NOT_FOUND"), "{name}");
    }
    let answer = unlink(&mut root, ROOT_PASSWORD).await;
    assert_eq!(refused(&answer), (404, "AUTHENTICATOR_NOT_FOUND"));
}

#[tokio::test]
async fn who_is_not_signed_in_has_no_link_of_their_own() {
    let app = TestApp::start().await;
    let mut browser = app.browser();

    for answer in [
        browser.get("dingtalk:myLink").await,
        unlink(&mut browser, "x").await,
    ] {
        assert_eq!(refused(&answer), (401, "EMPTY_TOKEN"), "{}", answer.text);
    }
}

#[tokio::test]
async fn a_person_unlinks_themselves_with_their_password_and_stays_signed_in() {
    let app = TestApp::start().await;
    let (mut browser, user) = signed_in(&app, "li-lei").await;
    give_password(&app, user).await;

    let answer = unlink(&mut browser, ROOT_PASSWORD).await;

    assert_eq!(
        (answer.status, &answer.json),
        (200, &json!({})),
        "{}",
        answer.text
    );
    assert_eq!(app.rows().await.links, 0);
    assert_eq!(browser.get("auth:check").await.status, 200);
    assert_eq!(
        latest(&app).await,
        json!({ "event": "unlink", "result": "OK", "authenticator": "s_dingtalk", "userId": user, "actorId": user })
    );
    let again = unlink(&mut browser, ROOT_PASSWORD).await;
    assert_eq!(refused(&again), (404, "RECORD_NOT_FOUND"));
}

#[tokio::test]
async fn who_does_not_know_the_password_unlinks_nobody_and_keeps_their_session() {
    let app = TestApp::start().await;
    let (mut browser, user) = signed_in(&app, "li-lei").await;
    give_password(&app, user).await;
    let missing = browser.post(OURS, json!({})).await;
    assert_eq!(
        missing.stable(),
        refusal("INVALID_FIELD", "Please check this field: currentPassword.")
    );

    for _ in 0..10 {
        let answer = unlink(&mut browser, "a guess").await;
        // Never 401: the client would sign the person out.
        assert_eq!(refused(&answer), (403, "PASSWORD_REFUSED"), "{}", answer.text);
    }
    let throttled = unlink(&mut browser, ROOT_PASSWORD).await;

    assert_eq!(refused(&throttled), (429, "TOO_MANY_ATTEMPTS"));
    assert_eq!(app.rows().await.links, 1);
    assert_eq!(browser.get("auth:check").await.status, 200);
    let entry = app
        .root()
        .await
        .get("dingtalk:audit?event=unlink&result=PASSWORD_REFUSED")
        .await;
    assert_eq!(entry.json["meta"]["count"], 10);
    assert_eq!(entry.json["data"][0]["userId"], json!(user));
}

#[tokio::test]
async fn a_page_of_another_site_unlinks_nobody() {
    let app = TestApp::start().await;
    let (browser, user) = signed_in(&app, "li-lei").await;
    give_password(&app, user).await;

    let answer = unlink(&mut browser.with("Origin", "https://evil.example"), ROOT_PASSWORD).await;

    assert_eq!(refused(&answer), (403, "INVALID_SIGN_IN_ORIGIN"));
    assert_eq!(app.rows().await.links, 1);
}

#[tokio::test]
async fn nobody_removes_their_last_way_in() {
    for (change, code) in [
        ("UPDATE users SET password = NULL", "LAST_WAY_IN"),
        (
            "UPDATE users SET username = NULL, email = ' ' WHERE id > 1",
            "LAST_WAY_IN",
        ),
        (
            "UPDATE authenticators SET enabled = 0 WHERE name = 'basic'",
            "LAST_WAY_IN",
        ),
        (
            "UPDATE users SET username = NULL, email = 'li@example.com' WHERE id > 1",
            "",
        ),
    ] {
        let app = TestApp::start().await;
        let (mut browser, user) = signed_in(&app, "li-lei").await;
        give_password(&app, user).await;
        let mut root = app.root().await;
        app.run(change).await;
        app.wait(chrono::TimeDelta::seconds(2));

        let seen = browser.get("dingtalk:myLink").await;
        let answer = unlink(&mut browser, ROOT_PASSWORD).await;

        let told = seen.json["data"][0]["refusal"]["code"]
            .as_str()
            .unwrap_or_default();
        assert_eq!((told, answer.code()), (code, code), "{change}");
        if !code.is_empty() {
            assert_eq!(answer.status, 409, "{change}");
            assert_eq!(app.rows().await.links, 1, "{change}");
            let entry = root.get("dingtalk:audit?event=unlink").await;
            assert_eq!(entry.json["data"][0]["result"], code, "{change}");
        }
    }
}

#[tokio::test]
async fn another_link_is_a_way_in_only_while_its_sign_in_method_is_offered() {
    for (enabled, code) in [(1, "PASSWORD_NOT_SET"), (0, "LAST_WAY_IN")] {
        let app = TestApp::start().await;
        app.add_authenticator_named("s_other", json!({ "public": { "autoSignup": true } }))
            .await;
        let (mut browser, user) = signed_in(&app, "li-lei").await;
        app.run(&format!(
            r#"INSERT INTO "usersAuthenticators" (authenticator, "userId", uuid, nickname, avatar, meta, "createdAt", "updatedAt")
               SELECT 's_other', {user}, uuid, nickname, avatar, meta, "createdAt", "updatedAt" FROM "usersAuthenticators""#
        ))
        .await;
        app.run(&format!(
            "UPDATE authenticators SET enabled = {enabled} WHERE name = 's_other'"
        ))
        .await;
        app.wait(chrono::TimeDelta::seconds(2));

        let answer = unlink(&mut browser, "").await;

        assert_eq!(refused(&answer), (409, code), "{}", answer.text);
        assert_eq!(app.rows().await.links, 2);
    }
}

/// Links by hand, as the administrator.
async fn bind(app: &TestApp, user: impl ToString, subject: &str) -> Answer {
    let path = format!(
        "dingtalk:bind?authenticator={AUTHENTICATOR}&userId={}",
        user.to_string()
    );
    app.root().await.post(&path, json!({ "subject": subject })).await
}

#[tokio::test]
async fn an_administrator_links_whom_no_phone_number_leads_to() {
    let app = TestApp::start().await;
    let user = app.add_user("Wang Fang", None).await;
    // DingTalk gives no number of hers.
    let union_id = app.person("wang-fang").union_id;

    let answer = bind(&app, user, &format!(" {union_id} ")).await;

    assert_eq!(
        (answer.status, &answer.json),
        (200, &json!({})),
        "{}",
        answer.text
    );
    assert_eq!(
        latest(&app).await,
        json!({ "event": "link", "result": "OK", "authenticator": "s_dingtalk", "userId": user, "actorId": 1 })
    );
    let (_, who) = signed_in(&app, "wang-fang").await;
    assert_eq!(who, user);
    let meta: String = app.value(r#"SELECT json(meta) FROM "usersAuthenticators""#).await;
    assert_eq!(
        serde_json::from_str::<Value>(&meta).unwrap(),
        json!({ "matchedBy": "administrator", "subject": "unionId", "clientId": app.dingtalk_app.client_id })
    );
    let listed = app.root().await.get("dingtalk:bindings").await;
    assert_eq!(listed.json["data"][0]["matchedBy"], "administrator");
}

#[tokio::test]
async fn a_subject_is_typed_as_people_are_recognized() {
    let app = TestApp::start().await;
    for (subject, typed, person) in [
        ("userId", "staff-li-lei", "li-lei"),
        ("mobile", "+86 139 0013 9001", "han-meimei"),
    ] {
        app.set_options(json!({ "subject": subject })).await;
        let user = app.add_user(person, None).await;

        let answer = bind(&app, user, typed).await;

        assert_eq!(answer.status, 200, "{subject} {}", answer.text);
        assert_eq!(signed_in(&app, person).await.1, user, "{subject}");
    }
}

#[tokio::test]
async fn who_is_linked_is_not_linked_again_by_hand() {
    let app = TestApp::start().await;
    let (_, user) = signed_in(&app, "li-lei").await;
    let other = app.add_user("Somebody", None).await;
    let before = app.rows().await;

    let taken = bind(&app, other, &app.person("li-lei").union_id).await;
    assert_eq!(taken.status, 409);
    assert_eq!(
        taken.stable(),
        refusal(
            "SUBJECT_ALREADY_LINKED",
            "This DingTalk account is linked to another user. That link has to be removed first."
        )
    );
    assert_eq!(
        latest(&app).await,
        json!({
            "event": "link", "result": "SUBJECT_ALREADY_LINKED", "authenticator": "s_dingtalk", "userId": other, "actorId": 1,
        })
    );
    for subject in [app.person("li-lei").union_id, "SomebodyElseiEiE".to_owned()] {
        let linked = bind(&app, user, &subject).await;
        assert_eq!(refused(&linked), (409, "USER_ALREADY_LINKED"), "{subject}");
    }
    assert_eq!(app.rows().await, before);
}

#[tokio::test]
async fn a_link_by_hand_needs_to_know_whom_and_to_what() {
    let app = TestApp::start().await;
    let mut root = app.root().await;
    let before = app.rows().await;

    for (query, body, status, code) in [
        ("", json!({}), 400, "INVALID_FIELD"),
        (
            "?authenticator=s_dingtalk",
            json!({ "subject": "x" }),
            400,
            "INVALID_FIELD",
        ),
        (
            "?authenticator=s_dingtalk&userId=1",
            json!({}),
            400,
            "INVALID_FIELD",
        ),
        (
            "?authenticator=s_dingtalk&userId=1",
            json!({ "subject": 7 }),
            400,
            "INVALID_FIELD",
        ),
        (
            "?authenticator=s_dingtalk&userId=1",
            json!({ "subject": "two words" }),
            400,
            "INVALID_FIELD",
        ),
        (
            "?authenticator=s_dingtalk&userId=999",
            json!({ "subject": "x" }),
            404,
            "RECORD_NOT_FOUND",
        ),
        (
            "?authenticator=basic&userId=1",
            json!({ "subject": "x" }),
            404,
            "AUTHENTICATOR_NOT_FOUND",
        ),
    ] {
        let answer = root.post(&format!("dingtalk:bind{query}"), body.clone()).await;
        assert_eq!(
            refused(&answer),
            (status, code),
            "{query} {body}: {}",
            answer.text
        );
    }
    assert_eq!(app.rows().await, before);
}

#[tokio::test]
async fn a_link_by_hand_takes_the_place_of_one_to_somebody_who_is_gone() {
    let app = TestApp::start().await;
    let (_, gone) = signed_in(&app, "li-lei").await;
    app.run(&format!("DELETE FROM users WHERE id = {gone}")).await;
    let user = app.add_user("Li Lei", None).await;

    let answer = bind(&app, user, &app.person("li-lei").union_id).await;

    assert_eq!(answer.status, 200, "{}", answer.text);
    assert_eq!(app.rows().await.links, 1);
    assert_eq!(signed_in(&app, "li-lei").await.1, user);
}

#[tokio::test]
async fn only_who_is_not_linked_is_offered_for_a_link_by_hand() {
    let app = TestApp::start().await;
    signed_in(&app, "li-lei").await;
    let user = app.add_user("Wang Fang", Some("13900004000")).await;
    let mut root = app.root().await;

    let missing = root.get("dingtalk:unlinkedUsers").await;
    assert_eq!(refused(&missing), (400, "INVALID_FIELD"));
    for (query, expected) in [
        ("", vec![json!(1), json!(user)]),
        ("&search=wang", vec![json!(user)]),
        ("&search=lei", vec![]),
    ] {
        let answer = root
            .get(&format!("dingtalk:unlinkedUsers?authenticator=s_dingtalk{query}"))
            .await;
        let found: Vec<Value> = answer.json["data"]
            .as_array()
            .unwrap()
            .iter()
            .map(|row| row["userId"].clone())
            .collect();
        assert_eq!(found, expected, "{query}");
    }
    let answer = root
        .get("dingtalk:unlinkedUsers?authenticator=s_dingtalk&search=wang")
        .await;
    assert_eq!(
        answer.json["data"][0],
        json!({ "userId": user, "nickname": "Wang Fang", "username": null, "phone": "139****4000" })
    );
}

#[tokio::test]
async fn linked_users_are_exported_without_what_signs_in() {
    let app = TestApp::start().await;
    let (_, user) = signed_in(&app, "li-lei").await;
    app.run(&format!("UPDATE users SET nickname = '=1+1' WHERE id = {user}"))
        .await;
    signed_in(&app, "han-meimei").await;

    let answer = app
        .root()
        .await
        .get("dingtalk:bindings?authenticator=s_dingtalk&format=csv&search=%3D1")
        .await;

    assert_eq!(answer.header("content-type"), "text/csv; charset=utf-8");
    assert_eq!(
        answer.header("content-disposition"),
        r#"attachment; filename="dingtalk-linked-users.csv""#
    );
    let union_id = app.person("li-lei").union_id;
    let (head, tail) = (&union_id[..3], &union_id[union_id.len() - 3..]);
    assert_eq!(
        answer.text,
        format!(
            "\u{feff}authenticator,userId,nickname,phone,subject,matchedBy,createdAt\r\n\
             s_dingtalk,{user},'=1+1,138****8000,{head}***{tail},signUp,2025-11-20T01:02:03.678Z\r\n"
        )
    );
}

#[tokio::test]
async fn beside_nocobase_own_links_and_links_by_hand_are_the_same() {
    for kind in [Kind::Postgres, Kind::PostgresRenamed, Kind::MariaDb] {
        on(kind, |database| async move {
            let app = app_beside_nocobase(&database, &[]).await;
            // As the bridge forwards what NocoBase has let through for its first user.
            let now = app.clock.now().timestamp();
            let host = app.url.split("://").nth(1).unwrap();
            let token = sign_with(
                APP_KEY.as_bytes(),
                &json!({
                    "aud": "nocobase-dingtalk", "app": "main", "iat": now, "exp": now + 60,
                    "host": host, "peer": "127.0.0.1", "actor": 1,
                }),
            );
            let mut first = app.browser().with("X-Dingtalk-Bridge", &token);
            let union_id = app.person("wang-fang").union_id;

            let own = async |browser: &mut Browser| {
                let answer = browser.get("dingtalk:myLink").await;
                answer.json["data"][0]["isLinked"].clone()
            };
            assert_eq!(own(&mut first).await, json!(false), "{kind:?}");
            let choices = first
                .get("dingtalk:unlinkedUsers?authenticator=s_dingtalk&search=%25")
                .await;
            assert_eq!(choices.json, json!({ "data": [] }), "{kind:?}");
            let choices = first.get("dingtalk:unlinkedUsers?authenticator=s_dingtalk").await;
            assert_eq!(choices.json["data"][0]["userId"], 1, "{kind:?} {}", choices.text);

            let bound = first
                .post(
                    "dingtalk:bind?authenticator=s_dingtalk&userId=1",
                    json!({ "subject": union_id }),
                )
                .await;

            assert_eq!(bound.status, 200, "{kind:?} {}", bound.text);
            assert_eq!(own(&mut first).await, json!(true), "{kind:?}");
            assert_eq!(signed_in(&app, "wang-fang").await.1, UserId(1), "{kind:?}");
            let choices = first.get("dingtalk:unlinkedUsers?authenticator=s_dingtalk").await;
            assert_eq!(choices.json, json!({ "data": [] }), "{kind:?}");
            let again = first
                .post(
                    "dingtalk:bind?authenticator=s_dingtalk&userId=1",
                    json!({ "subject": "another" }),
                )
                .await;
            assert_eq!(refused(&again), (409, "USER_ALREADY_LINKED"), "{kind:?}");
            let csv = first.get("dingtalk:bindings?format=csv").await;
            assert_eq!(csv.text.lines().count(), 2, "{kind:?} {}", csv.text);
            let unlinked = unlink(&mut first, "a guess").await;
            assert_eq!(unlinked.status, 403, "{kind:?} {}", unlinked.text);
        })
        .await;
    }
}
