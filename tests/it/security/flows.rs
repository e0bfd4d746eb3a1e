//! A flow belongs to one browser, gives one session, and a refusal of it leaves nothing behind.

use dingtalk_simulator::{CallKind, Effect, Fault, Limit};
use futures_util::future::join_all;
use serde_json::json;

use crate::support::app::{AUTHENTICATOR, TestApp};
use crate::support::browser::handle_in;

#[tokio::test]
async fn a_duplicate_of_a_post_that_keeps_its_flow_leaves_the_flow_alone() {
    let app = TestApp::start().await;
    let limit = Effect::Limited(Limit::AppAndApiPerMinute);
    app.dingtalk
        .set_fault(Fault::on(CallKind::Profile, limit).times(1));
    let mut browser = app.browser();
    let handle = browser.return_from_dingtalk(&app.dingtalk, "li-lei").await;

    let posts = (0..20).map(|_| {
        let (mut browser, handle) = (browser.clone(), handle.clone());
        async move {
            let answer = browser.complete(AUTHENTICATOR, &handle).await;
            (answer, browser)
        }
    });
    let (used, mut others): (Vec<_>, Vec<_>) = join_all(posts)
        .await
        .into_iter()
        .partition(|(answer, _)| answer.code() == "FLOW_USED");

    assert_eq!((used.len(), others.len()), (19, 1));
    for (answer, duplicate) in &used {
        assert_eq!(answer.set_cookies(), Vec::<String>::new());
        assert_eq!(duplicate.jar, browser.jar);
    }
    let (busy, mut browser) = others.remove(0);
    assert_eq!(busy.code(), "DINGTALK_BUSY");
    assert_eq!(browser.complete(AUTHENTICATOR, &handle).await.status, 200);
    assert_eq!(app.calls(), [1, 2, 0, 0]);
    assert_eq!(app.dingtalk.unexpected(), Vec::<String>::new());
}

#[tokio::test]
async fn a_late_duplicate_does_not_redeem_a_redeemed_code_again() {
    let app = TestApp::start().await;
    let limit = Effect::Limited(Limit::AppAndApiPerMinute);
    app.dingtalk
        .set_fault(Fault::on(CallKind::Profile, limit).times(1));
    let mut browser = app.browser();
    let handle = browser.return_from_dingtalk(&app.dingtalk, "li-lei").await;
    let mut late = browser.clone();
    assert_eq!(
        browser.complete(AUTHENTICATOR, &handle).await.code(),
        "DINGTALK_BUSY"
    );

    let answer = late.complete(AUTHENTICATOR, &handle).await;

    assert_eq!(answer.code(), "FLOW_USED");
    assert_eq!(answer.set_cookies(), Vec::<String>::new());
    assert_eq!(app.dingtalk.calls(CallKind::UserAccessToken), 1);
    assert_eq!(browser.complete(AUTHENTICATOR, &handle).await.status, 200);
}

#[tokio::test]
async fn of_fifty_returns_with_one_state_one_session_comes() {
    let app = TestApp::start().await;
    let mut browser = app.browser();
    let at_dingtalk = browser.click(AUTHENTICATOR, "/signin").await;
    let back = app.dingtalk.approve(&at_dingtalk, "li-lei").unwrap();

    let attempts = (0..50).map(|_| {
        let (mut browser, back) = (browser.clone(), back.clone());
        async move {
            let returned = browser.follow(&back).await;
            let handle = handle_in(&returned.location());
            browser.complete(AUTHENTICATOR, &handle).await.status
        }
    });
    let answers = join_all(attempts).await;

    let successes = answers.iter().filter(|status| **status == 200).count();
    assert_eq!(successes, 1, "{answers:?}");
    assert_eq!(app.dingtalk.calls(CallKind::UserAccessToken), 1);
}

#[tokio::test]
async fn a_return_with_neither_cookie_nor_state_asks_nobody() {
    let app = TestApp::start().await;
    let client_id = &app.dingtalk_app.client_id;
    let code = app.dingtalk.issue_code(client_id, "li-lei", None);

    for query in [
        format!("code={code}"),
        format!("authCode={code}"),
        format!("code={code}&state="),
        "state=".to_owned(),
    ] {
        let mut browser = app.browser();
        let answer = browser.get(&format!("auth:redirect?{query}")).await;

        assert_eq!(answer.status, 401, "{query}");
        assert_eq!(answer.page().0, "FLOW_NOT_FOUND");
        assert!(browser.jar.is_empty());
    }
    assert_eq!(app.dingtalk.all_calls(), 0);
}

#[tokio::test]
async fn a_code_has_no_other_way_in_than_the_return() {
    let app = TestApp::start().await;
    let client_id = &app.dingtalk_app.client_id;
    let code = app.dingtalk.issue_code(client_id, "li-lei", None);
    let before = app.rows().await;
    let form = format!("code={code}&authCode={code}&state=x&flow=x");
    let json = json!({ "code": code, "authCode": code, "state": "x", "flow": null }).to_string();
    let header = [
        ("X-Authenticator", AUTHENTICATOR),
        ("X-Code", &code),
        ("X-Auth-Code", &code),
        ("Authorization", &code),
    ];

    for (method, path, kind, body) in [
        (
            "POST",
            "/api/auth:redirect".to_owned(),
            "application/x-www-form-urlencoded",
            form.clone(),
        ),
        (
            "POST",
            "/api/auth:redirect".to_owned(),
            "application/json",
            json.clone(),
        ),
        (
            "POST",
            "/api/auth:signIn".to_owned(),
            "application/json",
            json.clone(),
        ),
        (
            "POST",
            format!("/api/auth:signIn?{form}"),
            "application/json",
            String::new(),
        ),
        (
            "POST",
            "/api/auth:signIn".to_owned(),
            "application/x-www-form-urlencoded",
            form.clone(),
        ),
        (
            "GET",
            format!("/api/auth:signIn?{form}"),
            "application/json",
            String::new(),
        ),
        (
            "GET",
            format!("/api/auth:redirect?{form}"),
            "application/json",
            String::new(),
        ),
        (
            "HEAD",
            format!("/api/auth:redirect?{form}"),
            "application/json",
            String::new(),
        ),
    ] {
        let mut headers = header.to_vec();
        headers.push(("Content-Type", kind));
        let mut browser = app.browser();
        let answer = browser.request(method, &path, &headers, body.into_bytes()).await;

        // A look that changes nothing is not even refused.
        assert!(
            (400..500).contains(&answer.status) || (method == "HEAD" && answer.status == 204),
            "{method} {path}: {}",
            answer.status
        );
        assert!(browser.jar.is_empty(), "{method} {path}");
    }
    assert_eq!(app.dingtalk.all_calls(), 0);
    assert_eq!(app.rows().await, before);
}

#[tokio::test]
async fn a_flow_is_gone_after_every_failure_that_may_have_used_it() {
    let app = TestApp::start().await;
    app.set_options(json!({ "subject": "userId", "public": { "autoSignup": true } }))
        .await;
    let before = app.rows().await;
    let answer = |status, body: &str| Effect::Answer {
        status,
        content_type: "application/json".to_owned(),
        body: body.to_owned(),
    };
    let calls = [
        CallKind::UserAccessToken,
        CallKind::Profile,
        CallKind::AppAccessToken,
        CallKind::UserIdByUnionId,
    ];

    for call in calls {
        for effect in [
            answer(400, r#"{"code":"refused","message":"x"}"#),
            answer(500, r#"{"code":"broken","message":"x"}"#),
            Effect::GatewayTimeout,
            Effect::Truncated,
            Effect::Reset,
        ] {
            app.dingtalk.clear_faults();
            app.dingtalk.expire_app_tokens();
            let mut browser = app.browser();
            let handle = browser.return_from_dingtalk(&app.dingtalk, "li-lei").await;
            let mut again = browser.clone();
            let fault = Fault::on(call, effect.clone());
            app.dingtalk.set_fault(fault.after_processing());

            let refused = browser.complete(AUTHENTICATOR, &handle).await;

            assert!(refused.status >= 400, "{call:?} {effect:?}: {}", refused.text);
            assert!(browser.jar.is_empty(), "{call:?} {effect:?}: {:?}", browser.jar);
            app.dingtalk.clear_faults();
            let redeemed = app.dingtalk.calls(CallKind::UserAccessToken);
            let second = again.complete(AUTHENTICATOR, &handle).await;
            assert_eq!(second.code(), "FLOW_USED", "{call:?} {effect:?}");
            assert_eq!(app.dingtalk.calls(CallKind::UserAccessToken), redeemed);
        }
    }
    assert_eq!(app.rows().await, before);
}

#[tokio::test]
async fn a_flow_is_gone_when_the_database_fails_and_leaves_no_row() {
    for statement in ["users", "rolesUsers", "usersAuthenticators", "issuedTokens"] {
        let app = TestApp::start().await;
        let before = app.rows().await;
        app.run(&format!(
            r#"CREATE TRIGGER fail BEFORE INSERT ON "{statement}" BEGIN SELECT RAISE(ABORT, 'canary'); END"#
        ))
        .await;
        let mut browser = app.browser();
        let handle = browser.return_from_dingtalk(&app.dingtalk, "han-meimei").await;
        let mut again = browser.clone();

        let refused = browser.complete(AUTHENTICATOR, &handle).await;

        assert!(refused.status >= 500, "{statement}: {}", refused.text);
        assert!(!refused.text.contains("canary"), "{}", refused.text);
        assert!(browser.jar.is_empty(), "{statement}");
        let after = app.rows().await;
        if statement == "issuedTokens" {
            // The person is known from here on; only the session did not come about.
            assert_eq!((after.links, after.tokens), (1, before.tokens));
        } else {
            assert_eq!(after, before, "{statement}");
        }
        assert_eq!(
            again.complete(AUTHENTICATOR, &handle).await.code(),
            "FLOW_USED",
            "{statement}"
        );
        app.run("DROP TRIGGER fail").await;
        assert_eq!(
            app.browser().sign_in(&app.dingtalk, "han-meimei").await.status,
            200
        );
    }
}

#[tokio::test]
async fn a_sign_in_links_whom_dingtalk_names_whatever_the_request_says() {
    let app = TestApp::start().await;
    let li_lei = app.add_user("Li Lei", Some("13800138000")).await;
    let other = app.add_user("Other", None).await;
    let root = app.root().await;
    let mut browser = app.browser();
    let handle = browser.return_from_dingtalk(&app.dingtalk, "li-lei").await;
    browser.token = root.token;
    let body = json!({ "flow": handle, "userId": other.0, "user_id": other.0, "id": other.0, "user": { "id": other.0 } });
    let path = format!("/api/auth:signIn?userId={0}&filterByTk={0}&user_id={0}", other.0);
    let headers = [
        ("X-Authenticator", AUTHENTICATOR),
        ("Content-Type", "application/json"),
    ];

    let answer = browser
        .request("POST", &path, &headers, body.to_string().into_bytes())
        .await;

    assert_eq!(answer.status, 200, "{}", answer.text);
    assert_eq!(answer.json["data"]["user"]["id"], json!(li_lei.0));
    let linked: i64 = app.value(r#"SELECT "userId" FROM "usersAuthenticators""#).await;
    assert_eq!(linked, li_lei.0);
}

#[tokio::test]
async fn every_rule_that_refuses_leaves_no_session_no_user_and_no_link() {
    let sign_up = json!({ "autoSignup": true });
    for (rule, options, person, code) in [
        (
            "organization",
            json!({ "corpId": "dingother", "public": sign_up }),
            "han-meimei",
            "NOT_IN_ORGANIZATION",
        ),
        (
            "no sign-up",
            json!({ "public": { "autoSignup": false } }),
            "han-meimei",
            "NO_MATCHING_USER",
        ),
        (
            "administrator",
            json!({ "public": sign_up }),
            "li-lei",
            "ADMINISTRATOR_NOT_LINKED",
        ),
        (
            "ambiguous",
            json!({ "public": sign_up }),
            "li-lei",
            "PHONE_AMBIGUOUS",
        ),
        (
            "recycled",
            json!({ "public": sign_up }),
            "li-lei",
            "PHONE_ALREADY_LINKED",
        ),
    ] {
        let app = TestApp::start().await;
        match rule {
            "administrator" => {
                app.run("UPDATE users SET phone = '13800138000' WHERE id = 1")
                    .await;
            }
            "ambiguous" => {
                app.add_user("One", Some("13800138000")).await;
                app.add_user("Two", Some("+86-13800138000")).await;
            }
            "recycled" => {
                app.browser().sign_in(&app.dingtalk, "li-lei").await;
                app.dingtalk.edit_person("li-lei", |person| {
                    person.union_id = "another".to_owned();
                });
            }
            _ => {}
        }
        let before = app.rows().await;
        let mut browser = app.browser();
        let handle = browser.return_from_dingtalk(&app.dingtalk, person).await;
        // DingTalk itself would not let the first of them through a fence that was there from the start.
        app.set_options(options).await;

        let answer = browser.complete(AUTHENTICATOR, &handle).await;

        assert_eq!(answer.code(), code, "{rule}");
        assert_eq!(answer.json.as_object().unwrap().len(), 1, "{rule}");
        assert!(browser.jar.is_empty(), "{rule}: {:?}", browser.jar);
        assert_eq!(app.rows().await, before, "{rule}");
    }
}

#[tokio::test]
async fn headers_that_name_a_person_make_nobody_one() {
    let app = TestApp::start().await;
    for name in [
        "X-Userinfo",
        "X_Userinfo",
        "X-User",
        "X_User",
        "X-User-Id",
        "X-UserId",
        "Remote-User",
        "Remote_User",
        "X-Remote-User",
        "X-Forwarded-User",
        "X_Forwarded_User",
        "X-Forwarded-Email",
        "X-Forwarded-Preferred-Username",
        "X-Auth-Request-User",
        "X_Auth_Request_User",
        "X-Auth-Request-Email",
        "X-WEBAUTH-USER",
        "X-Authenticated-User",
        "X-Role",
        "x-role",
        "From",
        "X-Original-User",
    ] {
        for value in [
            "1",
            "nocobase",
            "root",
            "admin@example.com",
            r#"{"id":1,"unionId":"x"}"#,
        ] {
            let mut browser = app.browser().with(name, value);
            for action in ["auth:check", "authenticators:list", "dingtalk:audit"] {
                let answer = browser.get(action).await;
                assert_eq!(answer.status, 401, "{name}: {value}: {action}: {}", answer.text);
            }
        }
    }
}
