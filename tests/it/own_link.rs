//! A person's own link, and links that administrators make by hand.

use dingtalk_simulator::{CallKind, Effect, Fault};
use nocobase_dingtalk::nocobase::UserId;
use serde_json::{Value, json};
use url::Url;

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
    browser.post(OURS, json!({ "password": password })).await
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
        refusal("INVALID_FIELD", "Please check this field: password.")
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

const LINK: &str = "dingtalk:link?authenticator=s_dingtalk";
const PAGE: &str = "/admin/orders?tab=2";

/// Begins to link the user of this browser.
async fn start(browser: &mut Browser, password: &str) -> Answer {
    let body = json!({ "password": password, "return": PAGE });
    browser.post(LINK, body).await
}

/// Begins, approves at DingTalk as `person`, and comes back: the handle of the flow.
async fn come_back(app: &TestApp, browser: &mut Browser, person: &str) -> String {
    let answer = start(browser, ROOT_PASSWORD).await;
    assert_eq!(answer.status, 200, "{}", answer.text);
    let at_dingtalk = Url::parse(answer.json["data"]["url"].as_str().unwrap()).unwrap();
    let back = app.dingtalk.approve(&at_dingtalk, person).unwrap();
    let answer = browser.follow(&back).await;
    assert_eq!(answer.status, 302, "{}", answer.text);
    let location = answer.location();
    let handle = location.strip_prefix(&format!("{PAGE}&dingtalkLink="));
    handle.unwrap_or_else(|| panic!("{location}")).to_owned()
}

async fn finish(browser: &mut Browser, handle: &str) -> Answer {
    browser.post("dingtalk:link", json!({ "flow": handle })).await
}

#[tokio::test]
async fn a_person_links_themselves_and_signs_in_as_who_they_were() {
    let app = TestApp::start().await;
    let mut root = app.root().await;

    let handle = come_back(&app, &mut root, "wang-fang").await;
    let calls = app.dingtalk.all_calls();
    assert_eq!(app.rows().await.links, 0, "not before the page asks for it");
    let answer = finish(&mut root, &handle).await;

    assert_eq!(answer.status, 200, "{}", answer.text);
    assert_eq!(answer.json["data"]["isLinked"], true);
    assert_eq!(answer.json["data"]["nickname"], app.person("wang-fang").name);
    assert_eq!(app.dingtalk.all_calls() - calls, 2, "the code and the profile");
    assert_eq!(
        latest(&app).await,
        json!({ "event": "link", "result": "OK", "authenticator": "s_dingtalk", "userId": 1, "actorId": 1 })
    );
    let meta: String = app.value(r#"SELECT json(meta) FROM "usersAuthenticators""#).await;
    assert_eq!(
        serde_json::from_str::<Value>(&meta).unwrap(),
        json!({ "matchedBy": "person", "subject": "unionId", "clientId": app.dingtalk_app.client_id })
    );
    // The number that DingTalk withholds finds nobody; the link does.
    assert_eq!(signed_in(&app, "wang-fang").await.1, UserId(1));
}

#[tokio::test]
async fn a_link_begins_with_the_password_and_only_where_it_may_be_made() {
    let app = TestApp::start().await;
    let (mut linked, user) = signed_in(&app, "li-lei").await;
    give_password(&app, user).await;
    let (mut bare, without) = signed_in(&app, "han-meimei").await;
    app.run(&format!(
        r#"DELETE FROM "usersAuthenticators" WHERE "userId" = {without}"#
    ))
    .await;
    let mut root = app.root().await;

    for (answer, status, code) in [
        (start(&mut root, "a guess").await, 403, "PASSWORD_REFUSED"),
        (
            start(&mut linked, ROOT_PASSWORD).await,
            409,
            "USER_ALREADY_LINKED",
        ),
        (start(&mut bare, "").await, 409, "PASSWORD_NOT_SET"),
        (root.post("dingtalk:link", json!({})).await, 400, "INVALID_FIELD"),
        (root.post(LINK, json!({})).await, 400, "INVALID_FIELD"),
        (
            root.post(
                "dingtalk:link?authenticator=basic",
                json!({ "password": ROOT_PASSWORD }),
            )
            .await,
            404,
            "AUTHENTICATOR_NOT_FOUND",
        ),
        (start(&mut app.browser(), ROOT_PASSWORD).await, 401, "EMPTY_TOKEN"),
        (
            start(
                &mut app.root().await.with("Origin", "https://evil.example"),
                ROOT_PASSWORD,
            )
            .await,
            403,
            "INVALID_SIGN_IN_ORIGIN",
        ),
    ] {
        assert_eq!(refused(&answer), (status, code), "{}", answer.text);
        assert!(answer.set_cookies().is_empty(), "{code}");
    }
    for _ in 0..9 {
        start(&mut root, "a guess").await;
    }
    assert_eq!(
        refused(&start(&mut root, ROOT_PASSWORD).await),
        (429, "TOO_MANY_ATTEMPTS")
    );
}

#[tokio::test]
async fn a_flow_for_a_link_never_signs_in_and_one_for_a_sign_in_never_links() {
    let app = TestApp::start().await;
    let mut root = app.root().await;
    let before = app.rows().await;

    let to_link = come_back(&app, &mut root, "li-lei").await;
    for answer in [
        root.complete(AUTHENTICATOR, &to_link).await,
        root.complete_newest(AUTHENTICATOR).await,
    ] {
        assert_eq!(refused(&answer), (401, "FLOW_NOT_FOUND"), "{}", answer.text);
    }
    let to_sign_in = root.return_from_dingtalk(&app.dingtalk, "li-lei").await;
    let answer = finish(&mut root, &to_sign_in).await;

    // Never 401: the client would sign the person out.
    assert_eq!(refused(&answer), (403, "FLOW_NOT_FOUND"), "{}", answer.text);
    assert_eq!(app.rows().await, before);
    assert_eq!(app.dingtalk.all_calls(), 0);
}

#[tokio::test]
async fn nobody_is_linked_who_did_not_begin_it() {
    let app = TestApp::start().await;
    let (other, user) = signed_in(&app, "li-lei").await;
    app.run(r#"DELETE FROM "usersAuthenticators""#).await;
    let mut root = app.root().await;
    let handle = come_back(&app, &mut root, "han-meimei").await;
    let calls = app.dingtalk.all_calls();

    // The same browser, in which somebody else has signed in meanwhile.
    root.token.clone_from(&other.token);
    let answer = finish(&mut root, &handle).await;

    assert_eq!(answer.status, 409);
    assert_eq!(
        answer.stable(),
        refusal(
            "SESSION_CHANGED",
            "You are signed in as another user than when you began. Start again."
        )
    );
    assert_eq!(app.rows().await.links, 0);
    assert_eq!(app.dingtalk.all_calls(), calls);
    assert_eq!(
        latest(&app).await,
        json!({ "event": "link", "result": "SESSION_CHANGED", "authenticator": "", "userId": user, "actorId": user })
    );
    // Another browser of the same user has no such flow.
    let answer = finish(&mut app.root().await, &handle).await;
    assert_eq!(refused(&answer), (403, "FLOW_NOT_FOUND"));
}

#[tokio::test]
async fn a_link_is_made_once_from_a_flow() {
    let app = TestApp::start().await;
    let mut root = app.root().await;
    let handle = come_back(&app, &mut root, "li-lei").await;
    assert_eq!(finish(&mut root, &handle).await.status, 200);

    let answer = finish(&mut root, &handle).await;

    assert_eq!(refused(&answer), (403, "FLOW_USED"), "{}", answer.text);
    app.wait(chrono::TimeDelta::minutes(10));
    let answer = finish(&mut root, &handle).await;
    assert_eq!(refused(&answer), (403, "FLOW_NOT_FOUND"), "{}", answer.text);
}

#[tokio::test]
async fn a_dingtalk_account_that_is_linked_elsewhere_is_refused() {
    let app = TestApp::start().await;
    let (_, user) = signed_in(&app, "li-lei").await;
    let mut root = app.root().await;
    let handle = come_back(&app, &mut root, "li-lei").await;

    let answer = finish(&mut root, &handle).await;

    assert_eq!(
        refused(&answer),
        (409, "SUBJECT_ALREADY_LINKED"),
        "{}",
        answer.text
    );
    let linked: i64 = app.value(r#"SELECT "userId" FROM "usersAuthenticators""#).await;
    assert_eq!(UserId(linked), user);
    assert_eq!(
        latest(&app).await,
        json!({
            "event": "link",
            "result": "SUBJECT_ALREADY_LINKED",
            "userId": 1,
            "actorId": 1,
            "authenticator": "s_dingtalk",
        })
    );
    assert!(root.jar.is_empty(), "the flow is over");
}

#[tokio::test]
async fn who_was_linked_meanwhile_is_not_linked_twice() {
    let app = TestApp::start().await;
    let mut root = app.root().await;
    let handle = come_back(&app, &mut root, "li-lei").await;
    assert_eq!(bind(&app, 1, "SomebodyiEiE").await.status, 200);

    let answer = finish(&mut root, &handle).await;

    assert_eq!(refused(&answer), (409, "USER_ALREADY_LINKED"), "{}", answer.text);
    assert_eq!(app.rows().await.links, 1);
}

#[tokio::test]
async fn who_says_no_at_dingtalk_comes_back_to_the_page_and_is_told() {
    let app = TestApp::start().await;
    let mut root = app.root().await;
    let answer = start(&mut root, ROOT_PASSWORD).await;
    let at_dingtalk = Url::parse(answer.json["data"]["url"].as_str().unwrap()).unwrap();
    let back = app.dingtalk.refuse(&at_dingtalk).unwrap();

    let answer = root.follow(&back).await;

    let (page, _) = answer.refused_at();
    assert_eq!(page, format!("{PAGE}&dingtalkLinkError=DINGTALK_DENIED"));
    assert_eq!(
        latest(&app).await,
        json!({ "event": "link", "result": "DINGTALK_DENIED", "authenticator": "s_dingtalk", "userId": 1, "actorId": 1 })
    );
}

#[tokio::test]
async fn what_dingtalk_refuses_ends_no_session() {
    let app = TestApp::start().await;
    let mut root = app.root().await;
    for (effect, status, code, keeps_flow) in [
        (
            Effect::Answer {
                status: 503,
                content_type: "application/json".to_owned(),
                body: r#"{"code":"ServiceUnavailable.Busy"}"#.to_owned(),
            },
            502,
            "DINGTALK_UNAVAILABLE",
            false,
        ),
        (
            Effect::Answer {
                status: 400,
                content_type: "application/json".to_owned(),
                body: r#"{"code":"invalidParameter.authCode.notFound"}"#.to_owned(),
            },
            403,
            "CODE_REJECTED",
            false,
        ),
    ] {
        app.dingtalk.clear_faults();
        let handle = come_back(&app, &mut root, "li-lei").await;
        app.dingtalk
            .set_fault(Fault::on(CallKind::UserAccessToken, effect));

        let answer = finish(&mut root, &handle).await;

        assert_eq!(refused(&answer), (status, code), "{}", answer.text);
        assert_eq!(!root.jar.is_empty(), keeps_flow, "{code}");
        assert_eq!(root.get("auth:check").await.status, 200);
    }
}

#[tokio::test]
async fn at_another_address_than_flows_come_back_to_nobody_is_sent_away() {
    let app = TestApp::start().await;
    app.set_options(json!({ "callbackOrigin": "https://nocobase.example.com" }))
        .await;

    let answer = start(&mut app.root().await, ROOT_PASSWORD).await;

    assert_eq!(answer.status, 409);
    assert_eq!(
        answer.stable(),
        refusal(
            "OPENED_ELSEWHERE",
            "At this address of the site that cannot be done. Open https://nocobase.example.com, sign in there \
             and start again."
        )
    );
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
