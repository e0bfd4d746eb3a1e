//! The sign-in itself: one flow gives at most one session, and nothing but its own browser can use it.

use std::time::Duration;

use chrono::TimeDelta;
use dingtalk_simulator::{CallKind, Effect, Fault, Limit};
use futures_util::future::join_all;
use serde_json::json;

use crate::support::app::{AUTHENTICATOR, PLUGIN, TestApp};
use crate::support::browser::{cookie_parts, handle_in, refusal};

/// DingTalk answers exactly this.
fn exactly(status: u16, body: &str) -> Effect {
    Effect::Answer {
        status,
        content_type: "application/json".to_owned(),
        body: body.to_owned(),
    }
}

#[tokio::test]
async fn a_signed_in_person_gets_user_and_token_in_nocobases_envelope() {
    let app = TestApp::start().await;
    let user = app.add_user("Li Lei", Some("13800138000")).await;
    let mut browser = app.browser();

    let answer = browser.sign_in(&app.dingtalk, "li-lei").await;

    let mut body = answer.json.clone();
    let token = body["data"]["token"].take();
    assert_eq!(token.as_str().unwrap().split('.').count(), 3);
    assert_eq!(
        body,
        json!({ "data": { "token": null, "user": {
            "id": user.0,
            "nickname": "Li Lei",
            "username": null,
            "email": null,
            "phone": "13800138000",
            "appLang": null,
            "passwordChangeTz": null,
            "systemSettings": {},
            "createdById": null,
            "updatedById": null,
            "createdAt": "2025-11-20T01:02:03.678Z",
            "updatedAt": "2025-11-20T01:02:03.678Z",
        } } })
    );
    assert_eq!(answer.header("x-dingtalk-created-user"), "");
}

#[tokio::test]
async fn a_signed_in_browser_has_nocobases_four_cookies_and_no_flow_that_opens_anything() {
    let app = TestApp::start().await;
    let mut browser = app.browser();

    let answer = browser.sign_in(&app.dingtalk, "li-lei").await;

    let names: Vec<&str> = browser.jar.keys().map(String::as_str).collect();
    assert!(
        names[4].starts_with("nbdt_"),
        "what tells who comes back that it was used"
    );
    assert_eq!(
        names[..4],
        [
            "nb_auth_token_main",
            "nb_authenticator_main",
            "nb_csrf_token_main",
            "nb_role_main"
        ]
    );
    assert_eq!(browser.jar["nb_auth_token_main"], answer.json["data"]["token"]);
    assert_eq!(browser.jar["nb_authenticator_main"], AUTHENTICATOR);
    assert_eq!(browser.jar["nb_role_main"], "member");
    assert_eq!(
        browser.complete_newest(AUTHENTICATOR).await.code(),
        "FLOW_NOT_FOUND"
    );
}

#[tokio::test]
async fn a_flow_gives_one_session() {
    let app = TestApp::start().await;
    let mut browser = app.browser();
    let handle = browser.return_from_dingtalk(&app.dingtalk, "li-lei").await;
    let mut again = browser.clone();
    assert_eq!(browser.complete(AUTHENTICATOR, &handle).await.status, 200);
    let rows = app.rows().await;

    let answer = again.complete(AUTHENTICATOR, &handle).await;

    assert_eq!(answer.status, 401);
    assert_eq!(
        answer.stable(),
        refusal("FLOW_USED", "This sign-in has already been used. Start again.")
    );
    assert_eq!(answer.set_cookies(), Vec::<String>::new());
    assert_eq!(app.rows().await, rows);
    assert_eq!(app.calls(), [1, 1, 0, 0]);
}

#[tokio::test]
async fn of_fifty_at_once_with_one_flow_exactly_one_succeeds() {
    let app = TestApp::start().await;
    let mut browser = app.browser();
    let handle = browser.return_from_dingtalk(&app.dingtalk, "han-meimei").await;
    let before = app.rows().await;

    let attempts = (0..50).map(|_| {
        let (mut browser, handle) = (browser.clone(), handle.clone());
        async move { browser.complete(AUTHENTICATOR, &handle).await }
    });
    let answers = join_all(attempts).await;

    let successes = answers.iter().filter(|answer| answer.status == 200).count();
    let used = answers
        .iter()
        .filter(|answer| answer.code() == "FLOW_USED")
        .count();
    assert_eq!((successes, used), (1, 49));
    assert_eq!(app.calls(), [1, 1, 0, 0]);
    let after = app.rows().await;
    assert_eq!(
        (after.users, after.links, after.tokens),
        (before.users + 1, 1, before.tokens + 1)
    );
    assert_eq!(app.dingtalk.unexpected(), Vec::<String>::new());
}

#[tokio::test]
async fn a_flow_used_in_one_process_gives_no_session_in_another() {
    let mut app = TestApp::start().await;
    let replica = app.start_replica().await;
    let mut browser = app.browser();
    let handle = browser.return_from_dingtalk(&app.dingtalk, "li-lei").await;
    let mut there = browser.clone().at(&replica);
    assert_eq!(browser.complete(AUTHENTICATOR, &handle).await.status, 200);

    let answer = there.complete(AUTHENTICATOR, &handle).await;

    assert_eq!(answer.status, 401);
    assert_eq!(
        answer.stable(),
        refusal(
            "CODE_REJECTED",
            "DingTalk no longer accepts this sign-in. Start again."
        )
    );
}

#[tokio::test]
async fn a_code_that_dingtalk_takes_twice_still_gives_one_session() {
    let mut app = TestApp::start().await;
    let replica = app.start_replica().await;
    let mut browser = app.browser();
    let handle = browser.return_from_dingtalk(&app.dingtalk, "li-lei").await;
    let mut there = browser.clone().at(&replica);
    assert_eq!(browser.complete(AUTHENTICATOR, &handle).await.status, 200);
    let rows = app.rows().await;
    let union_id = app.person("li-lei").union_id;
    let token = json!({ "accessToken": "again", "refreshToken": "again", "expireIn": 7200 });
    let profile = json!({ "unionId": union_id, "mobile": "13800138000", "stateCode": "86" });
    for (call, body) in [(CallKind::UserAccessToken, token), (CallKind::Profile, profile)] {
        app.dingtalk
            .set_fault(Fault::on(call, exactly(200, &body.to_string())));
    }

    let answer = there.complete(AUTHENTICATOR, &handle).await;

    assert_eq!(answer.status, 401);
    assert_eq!(
        answer.stable(),
        refusal("FLOW_USED", "This sign-in has already been used. Start again.")
    );
    assert_eq!(app.rows().await, rows);
}

#[tokio::test]
async fn a_refused_flow_is_dead_even_when_the_reason_is_gone() {
    let app = TestApp::start().await;
    app.set_options(json!({ "public": { "autoSignup": false } }))
        .await;
    let mut browser = app.browser();
    let handle = browser.return_from_dingtalk(&app.dingtalk, "han-meimei").await;
    let mut again = browser.clone();
    assert_eq!(
        browser.complete(AUTHENTICATOR, &handle).await.code(),
        "NO_MATCHING_USER"
    );
    assert!(browser.jar.is_empty());
    app.set_options(json!({ "public": { "autoSignup": true } })).await;

    let answer = again.complete(AUTHENTICATOR, &handle).await;

    assert_eq!(answer.code(), "FLOW_USED");
}

#[tokio::test]
async fn a_flow_is_over_ten_minutes_after_the_click() {
    let app = TestApp::start().await;
    let mut browser = app.browser();
    let handle = browser.return_from_dingtalk(&app.dingtalk, "li-lei").await;
    app.wait(TimeDelta::minutes(10));

    let answer = browser.complete(AUTHENTICATOR, &handle).await;

    assert_eq!(answer.status, 401);
    assert_eq!(
        answer.stable(),
        refusal(
            "FLOW_NOT_FOUND",
            "This sign-in was begun in another browser or has expired. Start again."
        )
    );
    assert_eq!(app.dingtalk.all_calls(), 0);
}

#[tokio::test]
async fn a_handle_without_its_cookie_is_nothing() {
    let app = TestApp::start().await;
    let handle = app.browser().return_from_dingtalk(&app.dingtalk, "li-lei").await;

    let answer = app.browser().complete(AUTHENTICATOR, &handle).await;

    assert_eq!(answer.code(), "FLOW_NOT_FOUND");
    assert!(answer.set_cookies().is_empty());
    assert_eq!(app.dingtalk.all_calls(), 0);
}

#[tokio::test]
async fn a_flow_that_did_not_come_back_from_dingtalk_cannot_be_completed() {
    let app = TestApp::start().await;
    let mut browser = app.browser();
    browser.click(AUTHENTICATOR, "/signin").await;
    let handle = browser
        .jar
        .keys()
        .next()
        .unwrap()
        .strip_prefix("nbdt_")
        .unwrap()
        .to_owned();

    let answer = browser.complete(AUTHENTICATOR, &handle).await;

    assert_eq!(answer.code(), "FLOW_NOT_FOUND");
    assert_eq!(browser.jar.len(), 1, "it may still come back");
    assert_eq!(app.dingtalk.all_calls(), 0);
}

#[tokio::test]
async fn two_tabs_of_one_browser_both_sign_in() {
    let app = TestApp::start().await;
    let mut browser = app.browser();
    let first = browser.click(AUTHENTICATOR, "/signin?tab=1").await;
    let second = browser.click(AUTHENTICATOR, "/signin?tab=2").await;
    let back_second = app.dingtalk.approve(&second, "li-lei").unwrap();
    let back_first = app.dingtalk.approve(&first, "li-lei").unwrap();

    let of_second = browser.follow(&back_second).await.location();
    let of_first = browser.follow(&back_first).await.location();
    let first_answer = browser.complete(AUTHENTICATOR, &handle_in(&of_first)).await;
    let second_answer = browser.complete(AUTHENTICATOR, &handle_in(&of_second)).await;

    assert!(of_first.starts_with("/signin?tab=1&") && of_second.starts_with("/signin?tab=2&"));
    assert_eq!((first_answer.status, second_answer.status), (200, 200));
    assert_eq!(
        first_answer.json["data"]["user"]["id"],
        second_answer.json["data"]["user"]["id"]
    );
}

#[tokio::test]
async fn a_flow_of_one_authenticator_is_nothing_to_another() {
    let app = TestApp::start().await;
    app.add_authenticator_named("second", json!({})).await;
    let mut browser = app.browser();
    let handle = browser.return_from_dingtalk(&app.dingtalk, "li-lei").await;

    let answer = browser.complete("second", &handle).await;

    assert_eq!(answer.status, 401);
    assert_eq!(answer.code(), "FLOW_NOT_FOUND");
    assert_eq!(app.dingtalk.all_calls(), 0);
    assert_eq!(browser.complete(AUTHENTICATOR, &handle).await.status, 200);
}

#[tokio::test]
async fn an_empty_body_takes_the_newest_flow_that_came_back() {
    let app = TestApp::start().await;
    let mut browser = app.browser();
    browser.return_from_dingtalk(&app.dingtalk, "li-lei").await;
    app.wait(TimeDelta::seconds(5));
    browser.return_from_dingtalk(&app.dingtalk, "han-meimei").await;
    app.wait(TimeDelta::seconds(5));
    browser.click(AUTHENTICATOR, "/signin").await;

    let answer = browser.complete_newest(AUTHENTICATOR).await;

    assert_eq!(answer.json["data"]["user"]["phone"], json!("13900139001"));
}

#[tokio::test]
async fn an_authenticator_disabled_meanwhile_signs_nobody_in() {
    let app = TestApp::start().await;
    let mut browser = app.browser();
    let handle = browser.return_from_dingtalk(&app.dingtalk, "li-lei").await;
    app.run("UPDATE authenticators SET enabled = 0 WHERE name = 's_dingtalk'")
        .await;

    let answer = browser.complete(AUTHENTICATOR, &handle).await;

    assert_eq!(answer.status, 404);
    assert_eq!(
        answer.stable(),
        refusal(
            "AUTHENTICATOR_NOT_FOUND",
            "This sign-in method is not available. Choose another one or ask your administrator."
        )
    );
    assert_eq!(app.dingtalk.all_calls(), 0);
}

#[tokio::test]
async fn a_plugin_disabled_meanwhile_signs_nobody_in() {
    let app = TestApp::start().await;
    let mut browser = app.browser();
    let handle = browser.return_from_dingtalk(&app.dingtalk, "li-lei").await;
    let disabled = app
        .root()
        .await
        .post(&format!("pm:disable?filterByTk={PLUGIN}"), json!({}))
        .await;
    assert_eq!(disabled.status, 200, "{}", disabled.text);

    let answer = browser.complete(AUTHENTICATOR, &handle).await;

    assert_eq!(answer.code(), "AUTHENTICATOR_NOT_FOUND");
    assert_eq!(app.dingtalk.all_calls(), 0);
}

#[tokio::test]
async fn what_another_process_changes_counts_after_two_seconds() {
    let app = TestApp::start().await;
    let mut browser = app.browser();
    browser.click(AUTHENTICATOR, "/signin").await;
    app.run("UPDATE authenticators SET enabled = 0 WHERE name = 's_dingtalk'")
        .await;
    app.wait(TimeDelta::seconds(2));

    let answer = browser.get("auth:redirect?authenticator=s_dingtalk").await;

    assert_eq!(answer.status, 404);
    assert_eq!(answer.page().0, "AUTHENTICATOR_NOT_FOUND");
}

#[tokio::test]
async fn what_administrators_change_here_counts_at_once() {
    let app = TestApp::start().await;
    let mut browser = app.browser();
    browser.click(AUTHENTICATOR, "/signin").await;
    let id = app.authenticator_id().await;

    let body = json!({ "enabled": false });
    app.root()
        .await
        .post(&format!("authenticators:update?filterByTk={id}"), body)
        .await;

    let answer = browser.get("auth:redirect?authenticator=s_dingtalk").await;
    assert_eq!(answer.status, 404);
}

#[tokio::test]
async fn a_page_of_another_site_cannot_complete_a_flow() {
    let app = TestApp::start().await;
    let mut browser = app.browser();
    let handle = browser.return_from_dingtalk(&app.dingtalk, "li-lei").await;

    for (name, value) in [
        ("Origin", "https://evil.example"),
        ("Origin", "null"),
        ("Referer", "https://evil.example/page"),
    ] {
        let answer = browser
            .clone()
            .with(name, value)
            .complete(AUTHENTICATOR, &handle)
            .await;

        assert_eq!(answer.status, 403, "{name}: {value}");
        assert_eq!(
            answer.stable(),
            refusal("INVALID_SIGN_IN_ORIGIN", "Invalid sign-in origin.")
        );
    }
    let own = app.url.clone();
    assert_eq!(
        browser
            .with("Origin", &own)
            .complete(AUTHENTICATOR, &handle)
            .await
            .status,
        200
    );
}

#[tokio::test]
async fn signing_in_as_another_person_replaces_every_cookie() {
    let app = TestApp::start().await;
    let mut browser = app.browser();
    browser.sign_in(&app.dingtalk, "li-lei").await;
    let of_li_lei = browser.jar.clone();

    let answer = browser.sign_in(&app.dingtalk, "han-meimei").await;

    assert_eq!(answer.json["data"]["user"]["phone"], json!("13900139001"));
    assert_ne!(browser.jar["nb_auth_token_main"], of_li_lei["nb_auth_token_main"]);
    assert_ne!(browser.jar["nb_csrf_token_main"], of_li_lei["nb_csrf_token_main"]);
    assert_eq!(browser.jar["nb_auth_token_main"], answer.json["data"]["token"]);
}

#[tokio::test]
async fn people_who_sign_in_at_the_same_time_are_not_mixed_up() {
    let app = TestApp::start().await;
    let (li_lei, han_meimei) = (app.person("li-lei"), app.person("han-meimei"));

    for _ in 0..10 {
        let (mut a, mut b) = (app.browser(), app.browser());
        let (a, b) = tokio::join!(
            a.sign_in(&app.dingtalk, "li-lei"),
            b.sign_in(&app.dingtalk, "han-meimei")
        );

        assert_eq!(a.json["data"]["user"]["phone"].as_str(), li_lei.mobile.as_deref());
        assert_eq!(
            b.json["data"]["user"]["phone"].as_str(),
            han_meimei.mobile.as_deref()
        );
    }
}

#[tokio::test]
async fn behind_https_every_cookie_is_secure() {
    let app = TestApp::start().await;
    let mut browser = app.browser().with("X-Forwarded-Proto", "https");
    let redirect_uri = format!("{}/api/auth:redirect", app.url.replace("http:", "https:"));
    app.dingtalk.edit_app(&app.dingtalk_app.client_id, |app| {
        app.redirect_uris = vec![redirect_uri];
    });

    let answer = browser.sign_in(&app.dingtalk, "li-lei").await;

    assert_eq!(answer.status, 200, "{}", answer.text);
    let cookies = answer.set_cookies();
    assert_eq!(cookies.len(), 5);
    for cookie in cookies {
        assert!(cookie_parts(&cookie).2.contains(&"Secure".to_owned()), "{cookie}");
    }
}

#[tokio::test]
async fn a_code_that_dingtalk_no_longer_knows_is_refused() {
    let app = TestApp::start().await;
    app.dingtalk.hold_time();
    let mut browser = app.browser();
    let handle = browser.return_from_dingtalk(&app.dingtalk, "li-lei").await;
    app.dingtalk.advance(Duration::from_secs(301));

    let answer = browser.complete(AUTHENTICATOR, &handle).await;

    assert_eq!(answer.status, 401);
    assert_eq!(
        answer.stable(),
        refusal(
            "CODE_REJECTED",
            "DingTalk no longer accepts this sign-in. Start again."
        )
    );
    assert!(browser.jar.is_empty());
}

#[tokio::test]
async fn a_wrong_client_secret_is_named() {
    let app = TestApp::start().await;
    app.set_options(json!({ "clientSecret": "wrong" })).await;

    let answer = app.browser().sign_in(&app.dingtalk, "li-lei").await;

    assert_eq!(answer.status, 502);
    assert_eq!(
        answer.stable(),
        refusal(
            "CREDENTIALS_REJECTED",
            "DingTalk does not accept the Client ID or the Client Secret. Ask your administrator to check them."
        )
    );
}

#[tokio::test]
async fn a_missing_permission_is_named() {
    let app = TestApp::start().await;
    app.dingtalk.edit_app(&app.dingtalk_app.client_id, |app| {
        app.permissions.remove("Contact.User.Read");
    });

    let answer = app.browser().sign_in(&app.dingtalk, "li-lei").await;

    assert_eq!(answer.status, 502);
    assert_eq!(
        answer.stable(),
        refusal(
            "PERMISSION_MISSING",
            "The DingTalk app lacks a permission: Contact.User.Read. Ask your administrator to grant it in the \
             DingTalk developer console."
        )
    );
}

#[tokio::test]
async fn a_missing_permission_of_the_old_api_is_named() {
    let app = TestApp::start().await;
    app.set_options(json!({ "subject": "userId" })).await;
    app.dingtalk.edit_app(&app.dingtalk_app.client_id, |app| {
        app.permissions.remove("qyapi_get_member");
    });

    let answer = app.browser().sign_in(&app.dingtalk, "li-lei").await;

    assert_eq!(answer.status, 502);
    assert_eq!(
        answer.stable(),
        refusal(
            "PERMISSION_MISSING",
            "The DingTalk app lacks a permission: qyapi_get_member. Ask your administrator to grant it in the \
             DingTalk developer console."
        )
    );
}

#[tokio::test]
async fn an_address_that_dingtalk_does_not_allow_is_said_so() {
    let app = TestApp::start().await;
    app.dingtalk.edit_app(&app.dingtalk_app.client_id, |app| {
        app.allowed_addresses = vec!["203.0.113.1".parse().unwrap()];
    });

    let answer = app.browser().sign_in(&app.dingtalk, "li-lei").await;

    assert_eq!(answer.status, 502);
    assert_eq!(
        answer.stable(),
        refusal(
            "IP_NOT_ALLOWED",
            "DingTalk does not accept calls from this server. Ask your administrator to add its address to the app's \
             IP allow list."
        )
    );
}

#[tokio::test]
async fn a_throttled_redemption_keeps_the_flow_for_another_try() {
    let app = TestApp::start().await;
    let mut browser = app.browser();
    let handle = browser.return_from_dingtalk(&app.dingtalk, "li-lei").await;
    let limit = Effect::Limited(Limit::AppAndApiPerMinute);
    app.dingtalk
        .set_fault(Fault::on(CallKind::UserAccessToken, limit).times(1));

    let answer = browser.complete(AUTHENTICATOR, &handle).await;

    assert_eq!(answer.status, 503);
    assert_eq!(
        answer.stable(),
        refusal(
            "DINGTALK_BUSY",
            "Many people are signing in right now. Try again in 60 s."
        )
    );
    assert_eq!(answer.header("retry-after"), "60");
    assert_eq!(browser.jar.len(), 1, "the flow is kept");
    assert_eq!(browser.complete(AUTHENTICATOR, &handle).await.status, 200);
}

#[tokio::test]
async fn being_throttled_after_the_redemption_goes_on_without_a_second_one() {
    let app = TestApp::start().await;
    let limit = Effect::Limited(Limit::AppAndApiPerMinute);
    app.dingtalk
        .set_fault(Fault::on(CallKind::Profile, limit).times(1));
    let mut browser = app.browser();
    let handle = browser.return_from_dingtalk(&app.dingtalk, "li-lei").await;

    let busy = browser.complete(AUTHENTICATOR, &handle).await;
    let answer = browser.complete(AUTHENTICATOR, &handle).await;

    assert_eq!(busy.status, 503);
    assert_eq!(
        busy.stable(),
        refusal(
            "DINGTALK_BUSY",
            "Many people are signing in right now. Try again in 60 s."
        )
    );
    let (name, _, words) = cookie_parts(&busy.set_cookies()[0]);
    assert_eq!(name, format!("nbdt_{handle}"));
    assert_eq!(words, ["HttpOnly", "Max-Age=600", "Path=/", "SameSite=Lax"]);
    assert_eq!(answer.status, 200, "{}", answer.text);
    assert_eq!(app.calls(), [1, 2, 0, 0]);
    assert_eq!(app.dingtalk.unexpected(), Vec::<String>::new());
}

#[tokio::test]
async fn the_fence_holds_for_a_flow_that_goes_on() {
    let app = TestApp::start().await;
    app.set_options(json!({ "subject": "userId", "public": { "autoSignup": true } }))
        .await;
    let limit = Effect::Limited(Limit::AppAndApiPerMinute);
    app.dingtalk
        .set_fault(Fault::on(CallKind::AppAccessToken, limit).times(1));
    let mut browser = app.browser();
    let handle = browser.return_from_dingtalk(&app.dingtalk, "li-lei").await;
    assert_eq!(
        browser.complete(AUTHENTICATOR, &handle).await.code(),
        "DINGTALK_BUSY"
    );
    let options = json!({ "subject": "userId", "corpId": "dingother", "public": { "autoSignup": true } });
    app.set_options(options).await;

    let answer = browser.complete(AUTHENTICATOR, &handle).await;

    assert_eq!(answer.code(), "NOT_IN_ORGANIZATION");
}

#[tokio::test]
async fn a_redemption_without_an_answer_uses_the_code_up() {
    let app = TestApp::start().await;
    let mut browser = app.browser();
    let handle = browser.return_from_dingtalk(&app.dingtalk, "li-lei").await;
    let mut again = browser.clone();
    let fault = Fault::on(CallKind::UserAccessToken, Effect::GatewayTimeout);
    app.dingtalk.set_fault(fault.after_processing().times(1));

    let answer = browser.complete(AUTHENTICATOR, &handle).await;

    assert_eq!(answer.status, 504);
    assert_eq!(
        answer.stable(),
        refusal(
            "DINGTALK_TIMEOUT",
            "DingTalk did not answer in time. Start again in a moment."
        )
    );
    assert!(browser.jar.is_empty());
    assert_eq!(again.complete(AUTHENTICATOR, &handle).await.code(), "FLOW_USED");
    assert_eq!(app.calls(), [1, 0, 0, 0]);
    assert_eq!(app.dingtalk.unexpected(), Vec::<String>::new());
}

#[tokio::test]
async fn a_dingtalk_that_cannot_be_reached_keeps_the_flow() {
    let mut app = TestApp::start().await;
    let mut browser = app.browser();
    let handle = browser.return_from_dingtalk(&app.dingtalk, "li-lei").await;
    app.stop_dingtalk().await;

    let answer = browser.complete(AUTHENTICATOR, &handle).await;

    assert_eq!(answer.status, 502);
    assert_eq!(
        answer.stable(),
        refusal(
            "DINGTALK_UNAVAILABLE",
            "DingTalk gave no usable answer. Start again in a moment."
        )
    );
    assert_eq!(browser.jar.len(), 1, "the flow is kept");
}

#[tokio::test]
async fn what_is_no_answer_signs_nobody_in() {
    let app = TestApp::start().await;
    let before = app.rows().await;

    for call in [CallKind::UserAccessToken, CallKind::Profile] {
        for effect in [
            Effect::Reset,
            Effect::Page,
            Effect::Empty,
            Effect::Truncated,
            Effect::WrongTypes,
            Effect::Huge,
            Effect::Redirect,
            Effect::BadGatewayPage,
        ] {
            app.dingtalk.clear_faults();
            app.dingtalk.set_fault(Fault::on(call, effect.clone()));
            let mut browser = app.browser();

            let answer = browser.sign_in(&app.dingtalk, "li-lei").await;

            assert_eq!(answer.status, 502, "{call:?} {effect:?}: {}", answer.text);
            assert_eq!(
                answer.stable(),
                refusal(
                    "DINGTALK_UNAVAILABLE",
                    "DingTalk gave no usable answer. Start again in a moment."
                )
            );
            assert!(browser.jar.is_empty(), "{call:?} {effect:?}");
        }
    }
    assert_eq!(app.rows().await, before);
    assert_eq!(app.dingtalk.unexpected(), Vec::<String>::new());
}

#[tokio::test]
async fn a_success_without_an_identity_is_none() {
    let app = TestApp::start().await;
    let before = app.rows().await;
    for body in [
        r#"{"unionId":null,"mobile":"13800138000","stateCode":"86"}"#,
        r#"{"unionId":"","mobile":"13800138000","stateCode":"86"}"#,
        r#"{"openId":"x","mobile":"13800138000","stateCode":"86"}"#,
    ] {
        app.dingtalk.clear_faults();
        app.dingtalk
            .set_fault(Fault::on(CallKind::Profile, exactly(200, body)));

        let answer = app.browser().sign_in(&app.dingtalk, "li-lei").await;

        assert_eq!(answer.code(), "DINGTALK_UNAVAILABLE", "{body}");
    }
    assert_eq!(app.rows().await, before);
}

#[tokio::test]
async fn dingtalks_own_words_reach_nobody() {
    let app = TestApp::start().await;
    let body =
        r#"{"code":"x.<script>alert(1)</script>","message":"canary <b>words</b>","requestid":"R\r\nX: y"}"#;
    app.dingtalk
        .set_fault(Fault::on(CallKind::Profile, exactly(400, body)));

    let answer = app.browser().sign_in(&app.dingtalk, "li-lei").await;

    assert_eq!(answer.code(), "DINGTALK_REFUSED");
    assert!(
        !answer.text.contains("script") && !answer.text.contains("canary"),
        "{}",
        answer.text
    );
    assert!(
        answer
            .headers
            .values()
            .all(|value| !value.as_bytes().windows(6).any(|w| w == b"canary"))
    );
}
