//! Requests that are not what they should be, and a database that is not there: a clear answer, and nothing half-written.

use chrono::TimeDelta;
use nocobase_dingtalk::app::StartError;
use sea_orm::ConnectionTrait as _;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::support::app::{AUTHENTICATOR, TestApp};
use crate::support::app_internals::sign_with;
use crate::support::browser::{Answer, refusal};

/// Posts this body to the sign-in.
async fn post(app: &TestApp, body: &[u8]) -> Answer {
    let headers = [("Content-Type", "application/json")];
    app.browser()
        .request("POST", "/api/auth:signIn", &headers, body.to_vec())
        .await
}

/// What a server answers to these bytes.
async fn raw(app: &TestApp, request: &[u8]) -> String {
    let address = app.url.strip_prefix("http://").unwrap();
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.write_all(request).await.unwrap();
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).await.unwrap();
    String::from_utf8_lossy(&answer).into_owned()
}

#[tokio::test]
async fn a_body_that_is_no_json_object_is_refused() {
    let app = TestApp::bare(&[]).await;

    for body in [
        &b"{"[..],
        b"[]",
        b"[{\"flow\":\"x\"}]",
        b"\"flow\"",
        b"1",
        b"flow=x",
        b"\xff\xfe",
        b"{\"flow\":\"\xff\"}",
        b"{\"flow\":\"\\ud800\"}",
        b"{} {}",
        "[".repeat(16_000).as_bytes(),
        "{\"a\":".repeat(3_000).as_bytes(),
    ] {
        let answer = post(&app, body).await;

        assert_eq!(answer.status, 400, "{}", answer.text);
        assert_eq!(
            answer.stable(),
            refusal("INVALID_JSON", "The body of the request is not a JSON object.")
        );
    }
}

#[tokio::test]
async fn nothing_and_null_are_bodies_without_fields() {
    let app = TestApp::start().await;

    for body in [&b""[..], b"null", b" \n", b"{}"] {
        let headers = [("X-Authenticator", AUTHENTICATOR)];
        let answer = app
            .browser()
            .request("POST", "/api/auth:signIn", &headers, body.to_vec())
            .await;

        assert_eq!(answer.code(), "FLOW_NOT_FOUND", "{body:?}");
    }
}

#[tokio::test]
async fn a_body_over_the_limit_is_refused() {
    let app = TestApp::bare(&[]).await;
    for size in [16 * 1024, 300 * 1024] {
        let body = format!(r#"{{"flow":"{}"}}"#, "x".repeat(size));

        let answer = post(&app, body.as_bytes()).await;

        assert_eq!(answer.status, 413);
        assert_eq!(
            answer.stable(),
            refusal("BODY_TOO_LARGE", "The request is too large.")
        );
    }
}

#[tokio::test]
async fn a_flow_that_is_no_text_is_named() {
    let app = TestApp::start().await;

    for flow in [
        json!(7),
        json!(["x"]),
        json!({}),
        json!(true),
        json!("x".repeat(2000)),
    ] {
        let answer = app
            .browser()
            .with("X-Authenticator", AUTHENTICATOR)
            .post("auth:signIn", json!({ "flow": flow }))
            .await;

        assert_eq!(answer.status, 400, "{flow}");
        assert_eq!(
            answer.stable(),
            refusal("INVALID_FIELD", "Please check this field: flow.")
        );
    }
}

#[tokio::test]
async fn a_method_that_an_action_does_not_take_is_refused() {
    let app = TestApp::start().await;
    let before = app.rows().await;

    for (method, action) in [
        ("GET", "auth:signIn"),
        ("GET", "auth:signOut"),
        ("GET", "auth:syncCookies"),
        ("GET", "authenticators:create"),
        ("GET", "authenticators:update"),
        ("GET", "authenticators:destroy?filterByTk=1"),
        ("GET", "authenticators:move"),
        ("GET", "pm:disable?filterByTk=nocobase-plugin-auth-dingtalk"),
        ("GET", "dingtalk:diagnose"),
        ("GET", "dingtalk:bind?authenticator=s_dingtalk&userId=1"),
        ("GET", "dingtalk:unbind?authenticator=s_dingtalk&userId=1"),
        ("GET", "dingtalk:unlinkMe?authenticator=s_dingtalk"),
        ("POST", "dingtalk:audit"),
        ("DELETE", "authenticators:destroy?filterByTk=1"),
        ("PUT", "auth:check"),
        ("PATCH", "authenticators:update"),
    ] {
        let mut root = app.root().await;
        let answer = root
            .request(method, &format!("/api/{action}"), &[], Vec::new())
            .await;

        assert_eq!(answer.status, 405, "{method} {action}: {}", answer.text);
        assert_eq!(
            answer.stable(),
            refusal("METHOD_NOT_ALLOWED", "This address takes another HTTP method.")
        );
        let allowed = answer.headers["allow"].to_str().unwrap();
        assert!(
            !allowed.is_empty() && !allowed.split(", ").any(|one| one == method),
            "{method} {action}: {allowed}"
        );
    }
    assert_eq!(app.rows().await, before);
}

#[tokio::test]
async fn an_action_that_does_not_exist_is_said_so_in_json() {
    let app = TestApp::bare(&[]).await;

    for path in [
        "/api/users:list",
        "/api/auth:signUp",
        "/api/",
        "/api/auth",
        "/api/auth:check:x",
        "/api/AUTH:CHECK",
        "/nothing",
        "/api/auth:check%00",
    ] {
        let answer = app.browser().visit(path).await;

        assert_eq!(answer.status, 404, "{path}: {}", answer.text);
        assert_eq!(
            answer.stable(),
            refusal("NOT_FOUND", "There is nothing at this address.")
        );
    }
}

#[tokio::test]
async fn a_person_who_is_lost_gets_a_page() {
    let app = TestApp::bare(&[]).await;

    let answer = app
        .browser()
        .with("Accept", "text/html,*/*;q=0.8")
        .visit("/nothing")
        .await;

    assert_eq!(answer.status, 404);
    assert_eq!(answer.header("content-type"), "text/html; charset=utf-8");
    assert!(
        answer
            .text
            .contains(r#"data-code="NOT_FOUND">There is nothing at this address.</p>"#),
        "{}",
        answer.text
    );
    assert!(answer.text.contains(r#"href="/signin""#));
    assert!(
        answer
            .header("content-security-policy")
            .contains("default-src 'none'")
    );
}

#[tokio::test]
async fn every_page_and_file_can_be_asked_for_without_its_content() {
    let app = TestApp::start().await;

    for path in [
        "/healthz",
        "/readyz",
        "/metrics",
        "/openapi.json",
        "/plugin.tgz",
        "/docs/guide.hi-IN",
        "/api/__health_check",
        "/signin",
        "/console/app.js",
    ] {
        let answer = app.browser().request("HEAD", path, &[], Vec::new()).await;

        assert_eq!((answer.status, answer.text.as_str()), (200, ""), "{path}");
    }
}

#[tokio::test]
async fn a_header_that_is_no_text_is_refused() {
    let app = TestApp::start().await;

    for name in ["X-Authenticator", "Origin", "Referer"] {
        let answer = app
            .browser()
            .with_bytes(name, b"\xff\xfe")
            .post("auth:signIn", json!({}))
            .await;

        assert_eq!(answer.status, 400, "{name}: {}", answer.text);
        let sentence = format!(
            "The header {name} of the request cannot be read. If it is not your browser's, ask your administrator to look \
             at the proxy."
        );
        assert_eq!(answer.stable(), refusal("INVALID_HEADER", &sentence));
    }
    for name in [
        "Authorization",
        "X-Role",
        "X-Dingtalk-Hop",
        "X-Dingtalk-Bridge",
        "Accept",
    ] {
        let mut browser = app.root().await;
        if name == "Authorization" {
            browser.token = None;
        }
        let answer = browser.with_bytes(name, b"Bearer \xff").get("auth:check").await;

        assert_eq!((answer.status, answer.code()), (400, "INVALID_HEADER"), "{name}");
    }
}

#[tokio::test]
async fn headers_that_nobody_relies_on_may_be_anything() {
    let app = TestApp::bare(&[]).await;

    for name in [
        "Cookie",
        "X-Locale",
        "Accept-Language",
        "X-Forwarded-For",
        "X-Timezone",
    ] {
        let answer = app
            .browser()
            .with_bytes(name, b"\xff;=\xfe")
            .get("app:getLang")
            .await;

        assert_eq!(answer.status, 200, "{name}: {}", answer.text);
        assert_eq!(answer.json["data"]["lang"], json!("en-US"));
    }
}

#[tokio::test]
async fn a_host_that_is_no_host_is_refused() {
    let app = TestApp::start().await;

    for request in [
        "GET /api/auth:check HTTP/1.0\r\n\r\n".to_owned(),
        "GET /api/auth:check HTTP/1.1\r\nHost: a/b\r\nConnection: close\r\n\r\n".to_owned(),
        "GET /api/auth:check HTTP/1.1\r\nHost: a@b\r\nConnection: close\r\n\r\n".to_owned(),
    ] {
        let answer = raw(&app, request.as_bytes()).await;

        assert!(
            answer.starts_with("HTTP/1.") && answer.contains(" 400 "),
            "{request}: {answer}"
        );
    }
}

#[tokio::test]
async fn what_is_no_http_does_no_harm() {
    let app = TestApp::bare(&[]).await;

    for request in [
        &b"\x16\x03\x01\x02\x00\x01\x00\r\n\r\n"[..],
        b"GET\r\n\r\n",
        b"GET / HTTP/9.9\r\n\r\n",
        b"POST /api/auth:signIn HTTP/1.1\r\nHost: a\r\nContent-Length: -1\r\n\r\n",
        b"POST /api/auth:signIn HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nContent-Length: 2\r\nConnection: close\r\n\r\nx",
        b"POST /api/auth:signIn HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nContent-Length: 5\r\nConnection: close\r\n\r\n0\r\n\r\n",
    ] {
        let answer = raw(&app, request).await;

        assert!(!answer.contains(" 200 ") && !answer.contains(" 500 "), "{answer}");
    }
    assert_eq!(app.browser().visit("/healthz").await.status, 200);
}

#[tokio::test]
async fn odd_queries_are_no_error_of_ours() {
    let app = TestApp::start().await;

    for query in [
        "%ff=%fe",
        "authenticator=%ff",
        "&&&=&",
        "state=%00",
        "authenticator=s_dingtalk%0d%0aX:y",
        &format!("authenticator={}", "x".repeat(20_000)),
        "state=x&code=%F0%9F%98%80",
    ] {
        let answer = app.browser().get(&format!("auth:redirect?{query}")).await;

        assert!(
            (400..500).contains(&answer.status),
            "{query}: {} {}",
            answer.status,
            answer.text
        );
        assert!(answer.set_cookies().is_empty());
    }
}

#[tokio::test]
async fn a_request_that_was_here_before_is_refused() {
    let app = TestApp::start().await;

    let once = app.browser().with("X-Dingtalk-Hop", "1").get("app:getLang").await;
    let twice = app.browser().with("X-Dingtalk-Hop", "2").get("app:getLang").await;

    assert_eq!(once.status, 200);
    assert_eq!(twice.status, 508);
    assert_eq!(
        twice.stable(),
        refusal(
            "LOOP_DETECTED",
            "The address of the sidecar leads back to itself. Correct SIDECAR_URL or DINGTALK_SIDECAR_URL."
        )
    );
}

#[tokio::test]
async fn only_a_token_of_the_bridge_is_one() {
    let app = TestApp::start().await;
    let session = app.root().await.token.unwrap();
    let now = app.clock.now().timestamp();
    let good = json!({ "aud": "nocobase-dingtalk", "iat": now, "exp": now + 60 });
    let with = |name: &str, value: Value| {
        let mut claims = good.clone();
        claims[name] = value;
        app.sign(&claims)
    };

    for (what, token) in [
        (
            "another secret",
            sign_with(b"another secret of 32 bytes......", &good),
        ),
        ("a session token", session),
        ("another audience", with("aud", json!("somebody"))),
        ("no audience", with("aud", Value::Null)),
        ("also a session", with("temp", json!(true))),
        ("long-lived", with("exp", json!(now + 3600))),
        ("of another application", with("app", json!("a_sub_app"))),
        ("over before it began", with("exp", json!(now - 10))),
        ("nothing", String::new()),
    ] {
        let answer = app
            .browser()
            .with("X-Dingtalk-Bridge", &token)
            .with("X-Authenticator", AUTHENTICATOR)
            .post("auth:signIn", json!({}))
            .await;

        assert_eq!(answer.status, 403, "{what}: {}", answer.text);
        assert_eq!(
            answer.stable(),
            refusal(
                "SECRET_MISMATCH",
                "NocoBase and the DingTalk sidecar do not share one secret. Ask your administrator to start the \
                 sidecar with NocoBase's settings file."
            ),
            "{what}"
        );
    }
}

#[tokio::test]
async fn alone_a_bridge_makes_nobody_an_administrator() {
    let app = TestApp::start().await;
    let token = app.bridge_token(json!({ "userId": 1, "peer": "127.0.0.1", "host": "a" }));

    let answer = app
        .browser()
        .with("X-Dingtalk-Bridge", &token)
        .get("dingtalk:audit")
        .await;

    assert_eq!((answer.status, answer.code()), (401, "EMPTY_TOKEN"));
}

#[tokio::test]
async fn pages_of_other_origins_read_answers_and_send_no_credentials() {
    let app = TestApp::bare(&[]).await;

    let stranger = app
        .browser()
        .with("Origin", "https://other.example")
        .get("app:getLang")
        .await;
    let own = app.browser().with("Origin", &app.url).get("app:getLang").await;

    assert_eq!(
        stranger.header("access-control-allow-origin"),
        "https://other.example"
    );
    assert_eq!(stranger.header("access-control-allow-credentials"), "");
    assert_eq!(own.header("access-control-allow-credentials"), "true");
    assert_eq!(own.header("access-control-expose-headers"), "x-new-token");
    assert_eq!(own.header("vary"), "Origin");
}

#[tokio::test]
async fn with_a_whitelist_other_origins_read_nothing() {
    let app = TestApp::bare(&[("CORS_ORIGIN_WHITELIST", "https://friend.example")]).await;

    let stranger = app
        .browser()
        .with("Origin", "https://other.example")
        .get("app:getLang")
        .await;
    let friend = app
        .browser()
        .with("Origin", "https://friend.example")
        .get("app:getLang")
        .await;

    assert_eq!(stranger.header("access-control-allow-origin"), "");
    assert_eq!(
        friend.header("access-control-allow-origin"),
        "https://friend.example"
    );
    assert_eq!(friend.header("access-control-allow-credentials"), "true");
}

const AWAY: &str = "The database is not available. Try again in a moment.";

#[tokio::test]
async fn a_locked_database_signs_nobody_up_and_leaves_nothing() {
    let app = TestApp::start().await;
    let before = app.rows().await;
    let lock = app.tables().await;
    let transaction = sea_orm::TransactionTrait::begin(&lock).await.unwrap();
    transaction
        .execute_unprepared("UPDATE users SET sort = sort")
        .await
        .unwrap();

    let answer = app.browser().sign_in(&app.dingtalk, "han-meimei").await;

    assert_eq!(answer.status, 503, "{}", answer.text);
    assert_eq!(answer.stable(), refusal("DATABASE_UNAVAILABLE", AWAY));
    transaction.rollback().await.unwrap();
    assert_eq!(app.rows().await, before);
    assert_eq!(
        app.browser().sign_in(&app.dingtalk, "han-meimei").await.status,
        200
    );
}

#[tokio::test]
async fn a_session_that_cannot_be_recorded_is_not_given() {
    let app = TestApp::start().await;
    app.run(
        r#"CREATE TRIGGER full BEFORE INSERT ON "issuedTokens" BEGIN SELECT RAISE(FAIL, 'disk full'); END"#,
    )
    .await;
    let before = app.rows().await;

    let answer = app.browser().sign_in(&app.dingtalk, "li-lei").await;

    assert!(answer.status >= 500, "{}", answer.text);
    let names: Vec<String> = answer
        .set_cookies()
        .iter()
        .map(|cookie| cookie[..5].to_owned())
        .collect();
    assert_eq!(names, ["nbdt_"]);
    assert_eq!(app.rows().await.tokens, before.tokens);
}

#[tokio::test]
async fn without_its_tables_a_start_says_so_on_a_page() {
    let app = TestApp::start().await;
    app.run("DROP TABLE authenticators").await;

    let answer = app.browser().get("auth:redirect?authenticator=s_dingtalk").await;

    assert_eq!(answer.status, 500);
    assert_eq!(answer.page().0, "INTERNAL_ERROR");
    assert!(!answer.text.contains("authenticators"), "{}", answer.text);
}

#[tokio::test]
async fn a_database_whose_rows_are_nonsense_gives_no_details_away() {
    let app = TestApp::start().await;
    app.run("UPDATE authenticators SET options = 'canary{' WHERE name = 's_dingtalk'")
        .await;

    let list = app.root().await.get("authenticators:list").await;
    let start = app.browser().get("auth:redirect?authenticator=s_dingtalk").await;

    assert_eq!((list.status, list.code()), (500, "INTERNAL_ERROR"));
    assert!(!list.text.contains("canary") && !start.text.contains("canary"));
}

#[tokio::test]
async fn a_port_in_use_is_named_at_the_start() {
    let app = TestApp::bare(&[]).await;
    let address = app.url.strip_prefix("http://").unwrap();

    let error = app.fail_to_start("SIDECAR_LISTEN", address).await;

    assert!(matches!(error, StartError::Listen { .. }), "{error:?}");
    assert_eq!(error.to_string(), format!("cannot listen on {address}"));
}

#[tokio::test]
async fn a_file_that_is_no_database_is_named_at_the_start() {
    let app = TestApp::bare(&[]).await;
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(
        folder.path().join("nocobase-dingtalk.sqlite"),
        "not a database, ".repeat(100),
    )
    .unwrap();

    let error = app
        .fail_to_start("SIDECAR_STORAGE", folder.path().to_str().unwrap())
        .await;

    assert!(matches!(error, StartError::Database(_)), "{error:?}");
}

#[tokio::test]
async fn health_says_whether_anyone_can_be_signed_in() {
    let app = TestApp::bare(&[]).await;
    let mut browser = app.browser();

    for (path, status) in [("/healthz", 200), ("/readyz", 200), ("/api/__health_check", 200)] {
        let answer = browser.visit(path).await;

        assert_eq!((answer.status, answer.text.as_str()), (status, "ok"), "{path}");
    }
}

#[tokio::test]
async fn a_start_in_the_same_folder_finds_everything_as_it_was() {
    let mut app = TestApp::start().await;
    let mut browser = app.browser();
    browser.sign_in(&app.dingtalk, "li-lei").await;
    let rows = app.rows().await;
    app.wait(TimeDelta::hours(1));

    let replica = app.start_replica().await;

    assert_eq!(app.rows().await, rows);
    assert_eq!(
        browser.at(&replica).get("auth:check").await.status,
        200,
        "the secret is the same"
    );
}
