//! Sessions of a sidecar that runs alone: NocoBase's tokens, cookies and codes.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chrono::TimeDelta;
use futures_util::future::join_all;
use serde_json::{Value, json};

use crate::support::app::{AUTHENTICATOR, ROOT_PASSWORD, START_MS, TestApp};
use crate::support::app_internals::sign_with;
use crate::support::browser::{Answer, Browser, cookie_parts, refusal};

const OVER: &str = "Your session has expired. Please sign in again.";

async fn with_password(app: &TestApp, account: &str, password: &str) -> Answer {
    let body = json!({ "account": account, "password": password });
    app.browser()
        .with("X-Authenticator", "basic")
        .post("auth:signIn", body)
        .await
}

/// A browser with a session that just began.
async fn signed_in(app: &TestApp) -> Browser {
    let mut browser = app.browser();
    browser.sign_in(&app.dingtalk, "li-lei").await;
    browser
}

fn claims_of(token: &str) -> Value {
    part_of(token, 1)
}

fn part_of(token: &str, index: usize) -> Value {
    let part = token.split('.').nth(index).unwrap();
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(part).unwrap()).unwrap()
}

async fn check_with(app: &TestApp, token: &str) -> Answer {
    let mut browser = app.browser();
    browser.token = Some(token.to_owned());
    browser.get("auth:check").await
}

fn assert_unauthorized(answer: &Answer, code: &str, sentence: &str) {
    assert_eq!(answer.status, 401, "{}", answer.text);
    assert_eq!(answer.stable(), refusal(code, sentence));
}

#[tokio::test]
async fn the_right_password_signs_in() {
    let app = TestApp::bare(&[]).await;

    let answer = with_password(&app, "nocobase", ROOT_PASSWORD).await;

    assert_eq!(answer.status, 200, "{}", answer.text);
    assert_eq!(answer.json["data"]["user"]["username"], json!("nocobase"));
    for hidden in ["password", "resetToken", "sort"] {
        assert!(answer.json["data"]["user"].get(hidden).is_none(), "{hidden}");
    }
}

#[tokio::test]
async fn the_mail_address_is_an_account_too() {
    let app = TestApp::bare(&[]).await;
    let body = json!({ "email": "admin@nocobase.com", "password": ROOT_PASSWORD });

    let answer = app.browser().post("auth:signIn", body).await;

    assert_eq!(answer.status, 200, "{}", answer.text);
}

#[tokio::test]
async fn a_wrong_password_and_an_unknown_account_are_told_the_same() {
    let app = TestApp::start().await;
    app.add_user("Li Lei", Some("13800138000")).await;
    app.run("UPDATE users SET username = 'lilei' WHERE nickname = 'Li Lei'")
        .await;
    let rows = app.rows().await;

    for (account, password) in [
        ("nocobase", "wrong"),
        ("nobody", ROOT_PASSWORD),
        ("lilei", ""),
        ("lilei", "anything"),
        ("' OR 1=1 --", "x"),
        ("%", ROOT_PASSWORD),
    ] {
        let answer = with_password(&app, account, password).await;

        assert_unauthorized(
            &answer,
            "WRONG_PASSWORD",
            "The username/email or password is incorrect, please re-enter.",
        );
        assert!(answer.set_cookies().is_empty());
    }
    assert_eq!(app.rows().await, rows);
}

#[tokio::test]
async fn the_token_says_what_nocobases_tokens_say() {
    let app = TestApp::bare(&[]).await;

    let answer = with_password(&app, "nocobase", ROOT_PASSWORD).await;

    let token = answer.json["data"]["token"].as_str().unwrap();
    let mut claims = claims_of(token);
    let jti = claims["jti"].take();
    assert_eq!(part_of(token, 0), json!({ "alg": "HS256", "typ": "JWT" }));
    assert_eq!(
        claims,
        json!({
            "userId": 1,
            "temp": true,
            "iat": START_MS / 1000,
            "signInTime": START_MS,
            "exp": START_MS / 1000 + 86_400,
            "jti": null,
        })
    );
    let jti = uuid::Uuid::parse_str(jti.as_str().unwrap()).unwrap();
    assert_eq!(jti.get_version_num(), 4);
}

#[tokio::test]
async fn the_token_has_its_row_among_the_issued_tokens() {
    let app = TestApp::start().await;

    let answer = app.browser().sign_in(&app.dingtalk, "li-lei").await;

    let claims = claims_of(answer.json["data"]["token"].as_str().unwrap());
    let row: String = app
        .value(&format!(
            r#"SELECT json_array("issuedTime", "signInTime", "userId", authenticator) FROM "issuedTokens"
               WHERE hex(jti) = '{jti}' OR lower(jti) = '{dashed}'"#,
            jti = claims["jti"].as_str().unwrap().replace('-', "").to_uppercase(),
            dashed = claims["jti"].as_str().unwrap(),
        ))
        .await;
    let row: Value = serde_json::from_str(&row).unwrap();
    assert_eq!(row, json!([START_MS, START_MS, claims["userId"], AUTHENTICATOR]));
    let same: i64 = app
        .value(r#"SELECT COUNT(*) FROM "issuedTokens" WHERE id = jti"#)
        .await;
    assert_eq!(same, 0);
}

#[tokio::test]
async fn a_session_comes_with_exactly_nocobases_four_cookies() {
    let app = TestApp::bare(&[]).await;

    let answer = with_password(&app, "nocobase", ROOT_PASSWORD).await;

    let mut cookies: Vec<_> = answer
        .set_cookies()
        .iter()
        .map(|cookie| cookie_parts(cookie))
        .collect();
    cookies.sort();
    let ends = "Expires=Thu, 27 Nov 2025 01:02:03 GMT";
    let for_scripts = [ends, "Path=/", "SameSite=Lax"];
    let hidden = [ends, "HttpOnly", "Path=/", "SameSite=Lax"];
    let token = answer.json["data"]["token"].as_str().unwrap();
    assert_eq!(cookies.len(), 4);
    for (cookie, (name, value, words)) in cookies.iter().zip([
        ("nb_auth_token_main", Some(token), &hidden[..]),
        ("nb_authenticator_main", Some("basic"), &hidden[..]),
        ("nb_csrf_token_main", None, &for_scripts[..]),
        ("nb_role_main", Some("root"), &for_scripts[..]),
    ]) {
        assert_eq!(cookie.0, name);
        assert!(value.is_none_or(|value| value == cookie.1), "{name}={}", cookie.1);
        assert_eq!(cookie.2, words, "{name}");
    }
    assert_eq!(URL_SAFE_NO_PAD.decode(&cookies[2].1).unwrap().len(), 24);
}

#[tokio::test]
async fn a_check_gives_the_user_with_roles_and_the_end_of_the_session() {
    let app = TestApp::start().await;
    let mut browser = signed_in(&app).await;

    let answer = browser.get("auth:check").await;

    assert_eq!(answer.status, 200);
    let data = &answer.json["data"];
    assert_eq!(data["phone"], json!("13800138000"));
    assert_eq!(data["sessionEndsAt"], json!(START_MS + 7 * 86_400_000));
    assert_eq!(data["roles"].as_array().unwrap().len(), 1);
    assert_eq!(data["roles"][0]["name"], json!("member"));
    assert_eq!(data["roles"][0]["title"], json!(r#"{{t("Member")}}"#));
    for hidden in ["password", "resetToken", "sort"] {
        assert!(data.get(hidden).is_none(), "{hidden}");
    }
}

#[tokio::test]
async fn without_a_token_nobody_is_signed_in() {
    let app = TestApp::start().await;
    let mut browser = signed_in(&app).await;
    browser.token = None;

    let answer = browser.get("auth:check").await;

    assert_unauthorized(
        &answer,
        "EMPTY_TOKEN",
        "Unauthenticated. Please sign in to continue.",
    );
}

#[tokio::test]
async fn the_token_may_stand_in_the_query_as_nocobase_allows() {
    let app = TestApp::start().await;
    let token = signed_in(&app).await.token.unwrap();

    assert_eq!(
        app.browser()
            .get(&format!("auth:check?token={token}"))
            .await
            .status,
        200
    );
}

#[tokio::test]
async fn tokens_of_another_kind_are_no_session() {
    let app = TestApp::start().await;
    let token = signed_in(&app).await.token.unwrap();
    let session = claims_of(&token);
    let with = |change: Value| {
        let mut claims = session.clone();
        for (name, value) in change.as_object().unwrap() {
            claims[name] = value.clone();
        }
        claims
    };
    let payload = token.split('.').nth(1).unwrap();

    for (what, forged) in [
        (
            "an API key",
            app.sign(&json!({ "userId": 1, "roleName": "root", "iat": 1, "exp": 99_999_999_999_i64 })),
        ),
        ("not temporary", app.sign(&with(json!({ "temp": false })))),
        ("a bridge token", app.bridge_token(json!({ "userId": 1 }))),
        (
            "a session with an audience",
            app.sign(&with(json!({ "aud": "nocobase-dingtalk" }))),
        ),
        (
            "another secret",
            sign_with(b"another secret of 32 bytes......", &session),
        ),
        (
            "unsigned",
            format!("eyJhbGciOiJub25lIiwidHlwIjoiSldUIn0.{payload}."),
        ),
        ("cut", token[..token.len() - 3].to_owned()),
        (
            "no jti",
            app.sign(&json!({ "userId": 1, "temp": true, "iat": 1, "signInTime": 1, "exp": 2 })),
        ),
        ("a word", "x".to_owned()),
    ] {
        let answer = check_with(&app, &forged).await;

        assert_eq!(answer.code(), "INVALID_TOKEN", "{what}");
        assert_unauthorized(&answer, "INVALID_TOKEN", OVER);
    }
}

#[tokio::test]
async fn a_role_that_is_not_the_users_is_refused() {
    let app = TestApp::start().await;
    let browser = signed_in(&app).await;

    let answer = browser.clone().with("X-Role", "root").get("auth:check").await;

    assert_unauthorized(
        &answer,
        "ROLE_NOT_FOUND_FOR_USER",
        "The role does not belong to the user. Please sign in again.",
    );
    for role in ["member", "__union__", ""] {
        assert_eq!(
            browser
                .clone()
                .with("X-Role", role)
                .get("auth:check")
                .await
                .status,
            200,
            "{role}"
        );
    }
}

#[tokio::test]
async fn a_user_without_roles_is_refused() {
    let app = TestApp::start().await;
    let mut browser = signed_in(&app).await;
    app.run(r#"DELETE FROM "rolesUsers" WHERE "roleName" = 'member'"#)
        .await;

    let answer = browser.get("auth:check").await;

    assert_unauthorized(
        &answer,
        "USER_HAS_NO_ROLES_ERR",
        "The current user has no roles. Please contact the administrator.",
    );
}

#[tokio::test]
async fn a_user_who_is_gone_is_refused() {
    let app = TestApp::start().await;
    let mut browser = signed_in(&app).await;
    app.run("DELETE FROM users WHERE id > 1").await;

    let answer = browser.get("auth:check").await;

    assert_unauthorized(
        &answer,
        "NOT_EXIST_USER",
        "User not found. Please sign in again to continue.",
    );
}

#[tokio::test]
async fn a_changed_password_ends_the_sessions_before_it() {
    let app = TestApp::start().await;
    let mut browser = signed_in(&app).await;
    app.run(&format!(
        r#"UPDATE users SET "passwordChangeTz" = {}"#,
        START_MS + 1
    ))
    .await;

    let answer = browser.get("auth:check").await;

    assert_unauthorized(
        &answer,
        "INVALID_TOKEN",
        "Your password was changed. Please sign in again.",
    );
}

#[tokio::test]
async fn a_token_is_renewed_after_a_day() {
    let app = TestApp::start().await;
    let mut browser = signed_in(&app).await;
    let old = claims_of(browser.token.as_ref().unwrap());
    app.wait(TimeDelta::seconds(86_401));

    let answer = browser.get("auth:check").await;

    assert_eq!(answer.status, 200, "{}", answer.text);
    let token = answer.header("x-new-token").to_owned();
    let new = claims_of(&token);
    assert_ne!(new["jti"], old["jti"]);
    assert_eq!(new["signInTime"], old["signInTime"]);
    assert_eq!(new["iat"], json!(START_MS / 1000 + 86_401));
    let names: Vec<_> = answer
        .set_cookies()
        .iter()
        .map(|cookie| cookie_parts(cookie).0)
        .collect();
    assert_eq!(names, ["nb_auth_token_main", "nb_authenticator_main"]);
    let again = check_with(&app, &token).await;
    assert_eq!((again.status, again.header("x-new-token")), (200, ""));
}

#[tokio::test]
async fn a_token_is_not_renewed_before_its_time() {
    let app = TestApp::start().await;
    let mut browser = signed_in(&app).await;
    app.wait(TimeDelta::seconds(86_399));

    let answer = browser.get("auth:check").await;

    assert_eq!((answer.status, answer.header("x-new-token")), (200, ""));
}

#[tokio::test]
async fn a_token_is_over_at_its_own_end_and_at_that_of_todays_policy() {
    for (today, seconds) in [("1h", 3601), ("2d", 86_400)] {
        let app = TestApp::start().await;
        let mut browser = signed_in(&app).await;
        app.run(&format!(
            r#"UPDATE "tokenControlConfig" SET "config" = replace("config", '"tokenExpirationTime":"1d"', '"tokenExpirationTime":"{today}"')"#
        ))
        .await;
        app.wait(TimeDelta::seconds(seconds));

        let answer = browser.get("auth:check").await;

        assert_eq!(answer.status, 200, "{}", answer.text);
        assert_ne!(answer.header("x-new-token"), "", "{today}");
    }
}

#[tokio::test]
async fn requests_side_by_side_share_one_renewal() {
    let app = TestApp::start().await;
    let browser = signed_in(&app).await;
    app.wait(TimeDelta::seconds(86_401));

    let answers = join_all((0..8).map(|_| {
        let mut browser = browser.clone();
        async move { browser.get("auth:check").await }
    }))
    .await;

    let first = claims_of(answers[0].header("x-new-token"))["jti"].clone();
    for answer in answers {
        assert_eq!(answer.status, 200, "{}", answer.text);
        assert_eq!(claims_of(answer.header("x-new-token"))["jti"], first);
    }
}

#[tokio::test]
async fn a_renewed_token_is_dead_ten_seconds_later() {
    let app = TestApp::start().await;
    let mut browser = signed_in(&app).await;
    app.wait(TimeDelta::seconds(86_401));
    browser.get("auth:check").await;
    app.wait(TimeDelta::seconds(10));
    assert_eq!(browser.get("auth:check").await.status, 200);
    app.wait(TimeDelta::seconds(1));

    let answer = browser.get("auth:check").await;

    assert_unauthorized(&answer, "TOKEN_RENEW_FAILED", OVER);
}

#[tokio::test]
async fn a_token_without_its_row_cannot_be_renewed() {
    let app = TestApp::start().await;
    let mut browser = signed_in(&app).await;
    app.run(r#"DELETE FROM "issuedTokens""#).await;
    assert_eq!(browser.get("auth:check").await.status, 200);
    app.wait(TimeDelta::seconds(86_401));

    let answer = browser.get("auth:check").await;

    assert_unauthorized(&answer, "TOKEN_RENEW_FAILED", OVER);
}

#[tokio::test]
async fn a_token_is_not_renewed_a_day_after_its_end() {
    let app = TestApp::start().await;
    let mut browser = signed_in(&app).await;
    app.wait(TimeDelta::seconds(2 * 86_400 + 1));

    let answer = browser.get("auth:check").await;

    assert_unauthorized(&answer, "EXPIRED_SESSION", OVER);
}

#[tokio::test]
async fn a_session_is_over_after_seven_days_however_often_it_was_renewed() {
    let app = TestApp::start().await;
    let mut browser = signed_in(&app).await;
    for _ in 0..6 {
        app.wait(TimeDelta::seconds(86_401));
        let answer = browser.get("auth:check").await;
        assert_eq!(answer.status, 200, "{}", answer.text);
        browser.token = Some(answer.header("x-new-token").to_owned());
    }
    app.wait(TimeDelta::seconds(86_400));

    let answer = browser.get("auth:check").await;

    assert_unauthorized(&answer, "EXPIRED_SESSION", OVER);
}

#[tokio::test]
async fn an_event_stream_renews_no_token() {
    let app = TestApp::start().await;
    let browser = signed_in(&app).await;
    app.wait(TimeDelta::seconds(86_401));

    let answer = browser
        .clone()
        .with("Accept", "text/event-stream")
        .get("auth:check")
        .await;

    assert_unauthorized(&answer, "SKIP_TOKEN_RENEW", OVER);
}

#[tokio::test]
async fn a_site_without_a_token_policy_says_that_something_is_wrong() {
    let app = TestApp::start().await;
    app.run(r#"DELETE FROM "tokenControlConfig""#).await;
    app.wait(TimeDelta::seconds(3));

    let answer = app.browser().sign_in(&app.dingtalk, "li-lei").await;

    assert_eq!(answer.status, 500);
    assert_eq!(
        answer.stable(),
        refusal(
            "INTERNAL_ERROR",
            "Something went wrong. Start again, and give your administrator the reference if it happens again."
        )
    );
}

#[tokio::test]
async fn signing_out_ends_the_session_and_takes_the_cookies_back() {
    let app = TestApp::start().await;
    let mut browser = signed_in(&app).await;

    let answer = browser.post("auth:signOut", Value::Null).await;

    assert_eq!((answer.status, answer.json.clone()), (200, json!({})));
    let mut removed: Vec<_> = answer
        .set_cookies()
        .iter()
        .map(|cookie| cookie_parts(cookie).0)
        .collect();
    removed.sort();
    assert_eq!(
        removed,
        [
            "nb_auth_token_main",
            "nb_authenticator_main",
            "nb_csrf_token_main",
            "nb_role_main"
        ]
    );
    // The spent sign-in stays until its ten minutes have passed, so that it is told as what it is.
    assert!(browser.jar.keys().all(|name| name.starts_with("nbdt_")));
    assert_unauthorized(&browser.get("auth:check").await, "BLOCKED_TOKEN", OVER);
}

#[tokio::test]
async fn signing_out_takes_the_cookies_back_whatever_the_token_is() {
    let app = TestApp::start().await;
    let over = signed_in(&app).await.token;
    app.wait(TimeDelta::days(8));

    for token in [None, Some("nonsense".to_owned()), over.clone(), over] {
        let mut browser = app.browser();
        browser.token = token;

        let answer = browser.post("auth:signOut", json!({})).await;

        assert_eq!(
            (answer.status, answer.set_cookies().len()),
            (200, 4),
            "{}",
            answer.text
        );
    }
}

#[tokio::test]
async fn one_session_ending_leaves_the_users_other_sessions() {
    let app = TestApp::start().await;
    let (mut first, mut second) = (signed_in(&app).await, signed_in(&app).await);

    first.post("auth:signOut", Value::Null).await;

    assert_eq!(second.get("auth:check").await.status, 200);
}

#[tokio::test]
async fn cookies_can_be_made_anew_from_the_token() {
    let app = TestApp::start().await;
    let mut browser = signed_in(&app).await;
    let before = browser.jar.clone();
    browser.jar.clear();

    let answer = browser
        .clone()
        .with("X-Authenticator", AUTHENTICATOR)
        .post("auth:syncCookies", json!({}))
        .await;

    assert_eq!(answer.json, json!({ "data": { "synced": true } }));
    let mut made: Vec<_> = answer
        .set_cookies()
        .iter()
        .map(|cookie| cookie_parts(cookie))
        .collect();
    made.sort();
    for ((name, value), made) in before.iter().zip(&made) {
        assert_eq!(&made.0, name);
        assert!(name == "nb_csrf_token_main" || &made.1 == value, "{name}");
    }
    assert_eq!(made.len(), 4);
}

#[tokio::test]
async fn a_password_is_not_asked_of_a_dingtalk_authenticator() {
    let app = TestApp::start().await;
    let body = json!({ "account": "nocobase", "password": ROOT_PASSWORD });

    let answer = app
        .browser()
        .with("X-Authenticator", AUTHENTICATOR)
        .post("auth:signIn", body)
        .await;

    assert_eq!(answer.code(), "FLOW_NOT_FOUND");
}

#[tokio::test]
async fn an_authenticator_that_is_unknown_or_disabled_signs_nobody_in() {
    let app = TestApp::start().await;
    app.run("UPDATE authenticators SET enabled = 0 WHERE name = 'basic'")
        .await;
    let body = json!({ "account": "nocobase", "password": ROOT_PASSWORD });

    for name in ["basic", "nobody", "' OR 1=1 --"] {
        let answer = app
            .browser()
            .with("X-Authenticator", name)
            .post("auth:signIn", body.clone())
            .await;

        assert_eq!(answer.status, 404, "{name}");
        assert_eq!(
            answer.stable(),
            refusal(
                "AUTHENTICATOR_NOT_FOUND",
                "This sign-in method is not available. Choose another one or ask your administrator."
            )
        );
    }
}

#[tokio::test]
async fn a_sign_in_without_account_or_password_names_the_field() {
    let app = TestApp::bare(&[]).await;

    for (body, field) in [
        (json!({}), "account"),
        (json!({ "account": " ", "password": "x" }), "account"),
        (json!({ "account": "nocobase" }), "password"),
        (json!({ "account": "nocobase", "password": 7 }), "password"),
        (json!({ "account": ["nocobase"], "password": "x" }), "account"),
        (json!({ "account": "n".repeat(2000), "password": "x" }), "account"),
    ] {
        let answer = app.browser().post("auth:signIn", body.clone()).await;

        assert_eq!(answer.status, 400, "{body}");
        assert_eq!(
            answer.stable(),
            refusal("INVALID_FIELD", &format!("Please check this field: {field}."))
        );
    }
}
