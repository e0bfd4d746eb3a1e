//! What attackers and careless programs found at the edge, each under the name of what must not happen.

use std::fmt::Write as _;

use chrono::TimeDelta;
use reqwest::header::{CONTENT_SECURITY_POLICY, COOKIE};
use serde_json::{Value, json};
use url::Url;

use crate::support::app::{AUTHENTICATOR, TestApp};
use crate::support::beside_nocobase::app_beside_nocobase;
use crate::support::browser::{Answer, Browser, handle_in, refusal};
use crate::support::database::{Kind, on};

const START: &str = "auth:redirect?authenticator=s_dingtalk&return=/signin";
const OFFICE: &str = "203.0.113.9";
const ELSEWHERE: &str = "198.51.100.7";

/// A browser that was at DingTalk, and where DingTalk sends it back to.
async fn approved(app: &TestApp) -> (Browser, Url) {
    let mut browser = app.browser();
    let at_dingtalk = browser.click(AUTHENTICATOR, "/signin").await;
    let back = app.dingtalk.approve(&at_dingtalk, "li-lei").unwrap();
    (browser, back)
}

async fn ask(app: &TestApp, method: &str, path: &str, headers: &[(&str, &str)]) -> Answer {
    app.browser().request(method, path, headers, Vec::new()).await
}

#[tokio::test]
async fn past_nocobase_and_its_hooks_nobody_signs_in() {
    for kind in [Kind::Postgres, Kind::MariaDb] {
        on(kind, |database| async move {
            let app = app_beside_nocobase(&database, &[]).await;
            let mut past = app.browser().through(None);
            let handle = past.return_from_dingtalk(&app.dingtalk, "li-lei").await;

            let answer = past.complete(AUTHENTICATOR, &handle).await;

            assert_eq!((answer.status, answer.code()), (403, "NOT_SERVED_HERE"));
            assert_eq!(app.dingtalk.all_calls(), 0);
            let mut through = app.browser();
            through.jar = past.jar;
            assert_eq!(through.complete(AUTHENTICATOR, &handle).await.status, 200);
        })
        .await;
    }
}

#[tokio::test]
async fn a_zero_in_a_name_is_no_fault_of_ours_on_any_database() {
    for kind in [Kind::Postgres, Kind::MariaDb] {
        on(kind, |database| async move {
            let app = app_beside_nocobase(&database, &[]).await;
            let administrator = |app: &TestApp| {
                let claims = json!({
                    "aud": "nocobase-dingtalk", "iat": app.clock.now().timestamp(),
                    "exp": app.clock.now().timestamp() + 60, "host": "a", "peer": "127.0.0.1", "actor": 1,
                });
                crate::support::app_internals::sign_with(
                    crate::support::beside_nocobase::APP_KEY.as_bytes(),
                    &claims,
                )
            };
            for action in [
                "auth:redirect?authenticator=a%00",
                "dingtalk:configForm?authenticator=a%00",
                "dingtalk:bindings?authenticator=a%00&search=%00",
                "dingtalk:bindings?page=18446744073709551615",
            ] {
                let token = administrator(&app);
                let answer = app.browser().with("X-Dingtalk-Bridge", &token).get(action).await;

                assert!(answer.status < 500, "{action}: {} {}", answer.status, answer.text);
            }
        })
        .await;
    }
}

#[tokio::test]
async fn no_page_number_is_a_fault_of_ours() {
    let app = TestApp::start().await;
    for page in [
        "18446744073709551615",
        "9223372036854775808",
        "99999999999999999999",
        "-1",
        "0",
        "1e9",
        "NaN",
    ] {
        for action in ["authenticators:list", "dingtalk:bindings", "dingtalk:audit"] {
            for size in ["20", "18446744073709551615", "0"] {
                let query = format!("{action}?page={page}&pageSize={size}");
                let answer = app.root().await.get(&query).await;

                assert_eq!(answer.status, 200, "{query}: {}", answer.text);
                assert!(answer.json["data"].is_array());
            }
        }
    }
}

#[tokio::test]
async fn a_flow_sealed_for_plain_http_is_none_behind_https() {
    let app = TestApp::start().await;
    let (browser, back) = approved(&app).await;
    let mut planted = browser.clone().with("X-Forwarded-Proto", "https");

    let answer = planted.follow(&back).await;
    assert_eq!((answer.status, answer.page().0.as_str()), (401, "FLOW_NOT_FOUND"));

    let mut returned = browser;
    let handle = returned.come_back(&back).await;
    let mut planted = returned.with("X-Forwarded-Proto", "https");
    let answer = planted.complete(AUTHENTICATOR, &handle).await;
    assert_eq!((answer.status, answer.code()), (401, "FLOW_NOT_FOUND"));
    assert_eq!(app.dingtalk.all_calls(), 0);
}

#[tokio::test]
async fn a_refused_return_leaves_neither_code_nor_state_in_the_address_bar() {
    let app = TestApp::start().await;

    let refused = app.browser().get("auth:redirect?code=c&state=s").await;
    let start = app.browser().get("auth:redirect?authenticator=nobody").await;

    let policy = refused.headers[CONTENT_SECURITY_POLICY].to_str().unwrap();
    let nonce = refused
        .text
        .split("<script nonce=\"")
        .nth(1)
        .unwrap()
        .split('"')
        .next()
        .unwrap();
    assert!(
        policy.contains(&format!("script-src 'nonce-{nonce}'")),
        "{policy}"
    );
    assert!(
        refused
            .text
            .contains(r#"history.replaceState(null, "", document.querySelector("a").href)"#)
    );
    assert!(refused.text.contains(r#"<a href="/signin">"#));
    assert!(
        !start.text.contains("<script"),
        "a start may be tried again by reloading it"
    );
}

#[tokio::test]
async fn a_return_that_is_asked_for_twice_is_not_shown_as_another_browsers() {
    let app = TestApp::start().await;
    let (mut browser, back) = approved(&app).await;
    let first = browser.follow(&back).await;

    let second = browser.follow(&back).await;

    assert_eq!((second.status, second.location()), (302, first.location()));
    assert_eq!(second.set_cookies(), Vec::<String>::new());
    assert_eq!(app.counter("flows_returned_total").await, 1);
    let handle = handle_in(&first.location());
    assert_eq!(browser.complete(AUTHENTICATOR, &handle).await.status, 200);
    // Back and reload, after it succeeded.
    let third = browser.follow(&back).await;
    assert_eq!(
        third.refused_at().0,
        "/signin?authenticator=s_dingtalk&error=FLOW_USED"
    );
    let again = browser.complete(AUTHENTICATOR, &handle).await;
    assert_eq!((again.status, again.code()), (401, "FLOW_USED"));
    assert_eq!(app.dingtalk.all_calls(), 2);
}

#[tokio::test]
async fn what_looks_ahead_begins_takes_and_ends_nothing() {
    let app = TestApp::start().await;
    let (mut browser, back) = approved(&app).await;
    let before = (browser.jar.clone(), app.counter("flows_started_total").await);
    let path = format!("{}?{}", back.path(), back.query().unwrap());
    let start = format!("/api/{START}");

    for target in [path.as_str(), &start] {
        let head = browser.request("HEAD", target, &[], Vec::new()).await;
        assert_eq!((head.status, head.location()), (204, String::new()), "{target}");
        for (name, value) in [
            ("Sec-Purpose", "prefetch"),
            ("Sec-Purpose", "prefetch;prerender"),
            ("Purpose", "prefetch"),
            ("X-Moz", "prefetch"),
        ] {
            let answer = browser.request("GET", target, &[(name, value)], Vec::new()).await;
            assert_eq!(
                (answer.status, answer.location()),
                (503, String::new()),
                "{name}: {value}"
            );
        }
    }

    assert_eq!(
        (browser.jar.clone(), app.counter("flows_started_total").await),
        before
    );
    assert_eq!(browser.follow(&back).await.status, 302);
}

#[tokio::test]
async fn pictures_on_pages_of_other_sites_use_up_nobodys_starts() {
    let app = TestApp::bare(&[("SIDECAR_ATTEMPTS_PER_ADDRESS", "3")]).await;
    app.enable_plugin().await;
    app.add_authenticator(json!({})).await;
    let path = format!("/api/{START}");
    let embedded: [&[(&str, &str)]; 4] = [
        &[
            ("Sec-Fetch-Site", "cross-site"),
            ("Sec-Fetch-Mode", "no-cors"),
            ("Sec-Fetch-Dest", "image"),
        ],
        &[
            ("Sec-Fetch-Site", "cross-site"),
            ("Sec-Fetch-Mode", "navigate"),
            ("Sec-Fetch-Dest", "iframe"),
        ],
        &[
            ("Sec-Fetch-Site", "same-site"),
            ("Sec-Fetch-Mode", "cors"),
            ("Sec-Fetch-Dest", "empty"),
        ],
        &[("Sec-Fetch-Mode", "no-cors")],
    ];
    for _ in 0..5 {
        for headers in embedded {
            let answer = ask(&app, "GET", &path, headers).await;
            assert_eq!(
                (answer.status, answer.page().0.as_str()),
                (403, "INVALID_SIGN_IN_ORIGIN")
            );
            assert!(answer.set_cookies().is_empty());
        }
    }

    for site in ["same-origin", "cross-site", "none"] {
        let headers = [
            ("Sec-Fetch-Site", site),
            ("Sec-Fetch-Mode", "navigate"),
            ("Sec-Fetch-Dest", "document"),
        ];
        assert_eq!(ask(&app, "GET", &path, &headers).await.status, 302, "{site}");
    }
    let audit = app
        .root()
        .await
        .get("dingtalk:audit?result=INVALID_SIGN_IN_ORIGIN")
        .await;
    assert_eq!(audit.json["meta"]["count"], json!(0));
}

#[tokio::test]
async fn hundreds_of_planted_cookies_do_not_make_an_answer_that_nocobase_cannot_read() {
    let app = TestApp::start().await;
    let mut cookies = String::new();
    for number in 0..180 {
        write!(cookies, "nbdt_dead{number:03}=AAAA; ").unwrap();
    }
    let mut planted: Vec<String> = Vec::new();
    for _ in 0..2 {
        let path = format!("/api/{START}");
        let answer = ask(&app, "GET", &path, &[(COOKIE.as_str(), &cookies)]).await;

        let head: usize = answer
            .headers
            .iter()
            .map(|(name, value)| name.as_str().len() + value.len() + 4)
            .sum();
        assert_eq!(answer.status, 302);
        assert!(head < 8 * 1024, "{head} bytes");
        planted.extend(
            answer
                .set_cookies()
                .into_iter()
                .filter(|cookie| cookie.contains("Max-Age=0")),
        );
    }
    assert_eq!(planted.len(), 40, "a part of them each time");
}

#[tokio::test]
async fn signing_out_again_and_again_fills_no_table() {
    let app = TestApp::start().await;
    let mut browser = app.browser();
    browser.sign_in(&app.dingtalk, "li-lei").await;
    for _ in 0..5 {
        assert_eq!(browser.post("auth:signOut", Value::Null).await.status, 200);
    }
    assert_eq!(
        app.value::<i64>(r#"SELECT COUNT(*) FROM "tokenBlacklist""#).await,
        1
    );

    let mut late = app.browser();
    late.sign_in(&app.dingtalk, "li-lei").await;
    app.wait(TimeDelta::days(400));
    assert_eq!(late.post("auth:signOut", Value::Null).await.status, 200);
    assert_eq!(
        app.value::<i64>(r#"SELECT COUNT(*) FROM "tokenBlacklist""#).await,
        1
    );
}

/// A flow that came back with a code that DingTalk does not know.
async fn with_made_up_code(app: &TestApp, address: &str) -> (Browser, String) {
    let mut browser = app.browser().with("X-Forwarded-For", address);
    let url = browser.click(AUTHENTICATOR, "/signin").await;
    let state = url
        .query_pairs()
        .find(|(name, _)| name == "state")
        .unwrap()
        .1
        .into_owned();
    let answer = browser
        .get(&format!("auth:redirect?authCode=madeup&state={state}"))
        .await;
    let handle = handle_in(&answer.location());
    (browser, handle)
}

#[tokio::test]
async fn made_up_codes_of_one_address_do_not_go_on_asking_dingtalk() {
    let app = TestApp::bare(&[("SIDECAR_ATTEMPTS_PER_ADDRESS", "100")]).await;
    app.enable_plugin().await;
    app.add_authenticator(json!({ "public": { "autoSignup": true } }))
        .await;
    for _ in 0..10 {
        let (mut browser, handle) = with_made_up_code(&app, OFFICE).await;
        assert_eq!(
            browser.complete(AUTHENTICATOR, &handle).await.code(),
            "CODE_REJECTED"
        );
    }
    let calls = app.dingtalk.all_calls();
    let (mut browser, handle) = with_made_up_code(&app, OFFICE).await;

    let answer = browser.complete(AUTHENTICATOR, &handle).await;

    assert_eq!((answer.status, answer.code()), (429, "TOO_MANY_ATTEMPTS"));
    assert_eq!(answer.header("retry-after"), "60");
    assert_eq!(app.dingtalk.all_calls(), calls);
    let mut honest = app.browser().with("X-Forwarded-For", ELSEWHERE);
    assert_eq!(honest.sign_in(&app.dingtalk, "li-lei").await.status, 200);
    // The flow was kept.
    app.wait(TimeDelta::seconds(60));
    assert_eq!(
        browser.complete(AUTHENTICATOR, &handle).await.code(),
        "CODE_REJECTED"
    );
}

#[tokio::test]
async fn a_start_on_another_host_than_the_public_one_can_be_finished() {
    let app = TestApp::bare(&[("SIDECAR_PUBLIC_URL", "https://crm.example.com")]).await;
    app.enable_plugin().await;
    app.add_authenticator(json!({})).await;
    let at = |host: &str| app.browser().with("X-Forwarded-Host", host);

    let moved = at("intranet.example").get(START).await;
    let location = moved.location();
    assert_eq!(
        location,
        "https://crm.example.com/api/auth:redirect?authenticator=s_dingtalk&return=%2Fsignin&moved=1"
    );
    assert!(
        moved.set_cookies().is_empty(),
        "a cookie here would never come back"
    );
    assert_eq!(app.counter("flows_started_total").await, 0);
    // There the host is right, or hidden by a proxy: one move is enough.
    let path = location.strip_prefix("https://crm.example.com/api/").unwrap();
    for host in ["crm.example.com", "127.0.0.1:13100"] {
        let begun = at(host).get(path).await;
        assert!(
            begun.location().starts_with(&app.dingtalk_url()),
            "{}",
            begun.location()
        );
        assert!(begun.set_cookies()[0].starts_with("__Host-nbdt_"));
    }
    // The proxy hides only that people use https.
    let begun = at("crm.example.com").get(START).await;
    assert!(
        begun.location().starts_with(&app.dingtalk_url()),
        "{}",
        begun.location()
    );
    let findings = at("intranet.example");
    let mut root = app.root().await;
    root.headers = findings.headers;
    let told = root.post("dingtalk:diagnose", json!({})).await;
    assert!(
        told.text.contains("intranet.example") && told.text.contains("SIDECAR_PUBLIC_URL"),
        "{}",
        told.text
    );
}

#[tokio::test]
async fn a_callback_origin_is_a_remedy_also_with_a_public_url() {
    let app = TestApp::bare(&[("SIDECAR_PUBLIC_URL", "https://crm.example.com")]).await;
    app.enable_plugin().await;
    app.add_authenticator(json!({ "callbackOrigin": "https://login.example.com" }))
        .await;
    let at = |host: &str| {
        app.browser()
            .with("X-Forwarded-Host", host)
            .with("X-Forwarded-Proto", "https")
    };

    let moved = at("crm.example.com").get(START).await;
    assert!(
        moved
            .location()
            .starts_with("https://login.example.com/api/auth:redirect?")
    );
    let begun = at("login.example.com").get(START).await;
    assert!(
        begun.location().starts_with(&app.dingtalk_url()),
        "{}",
        begun.location()
    );
}

#[tokio::test]
async fn a_clock_that_is_two_minutes_off_is_not_told_as_another_secret() {
    let app = TestApp::start().await;
    for seconds in [-120, 120] {
        let now = app.clock.now().timestamp() + seconds;
        let token =
            app.sign(&json!({ "aud": "nocobase-dingtalk", "iat": now, "exp": now + 60, "host": "a" }));
        let mut browser = app.browser().with("X-Dingtalk-Bridge", &token);

        let answer = browser.post("auth:signIn", json!({})).await;

        assert_eq!(answer.status, 403);
        assert_eq!(
            answer.stable(),
            refusal(
                "CLOCK_MISMATCH",
                "The clocks of NocoBase's machine and of the DingTalk sidecar's differ. Ask your administrator to set \
                 both by a time server."
            )
        );
    }
}

#[tokio::test]
async fn https_that_the_proxy_does_not_tell_of_is_not_told_as_another_site() {
    let app = TestApp::start().await;
    let host = app.url.strip_prefix("http://").unwrap();
    let page = format!("https://{host}/signin");

    let start = app.browser().with("Referer", &page).get(START).await;
    let last = app
        .browser()
        .with("Origin", &format!("https://{host}"))
        .complete(AUTHENTICATOR, "x")
        .await;
    let foreign = app
        .browser()
        .with("Origin", "https://evil.example")
        .complete(AUTHENTICATOR, "x")
        .await;

    assert_eq!(
        (start.status, start.page().0.as_str()),
        (403, "HTTPS_NOT_FORWARDED")
    );
    assert_eq!((last.status, last.code()), (403, "HTTPS_NOT_FORWARDED"));
    assert_eq!((foreign.status, foreign.code()), (403, "INVALID_SIGN_IN_ORIGIN"));
}

#[tokio::test]
async fn a_scheme_that_two_proxies_do_not_agree_on_is_named_and_not_guessed() {
    let app = TestApp::start().await;
    for proto in ["https, http", "on", "wss"] {
        let answer = app.browser().with("X-Forwarded-Proto", proto).get(START).await;

        assert_eq!(answer.status, 400, "{proto}");
        let (code, sentence) = answer.page();
        assert_eq!(code, "INVALID_HEADER");
        assert!(
            sentence.starts_with("The header X-Forwarded-Proto of the request"),
            "{sentence}"
        );
    }
}

#[tokio::test]
async fn a_cookie_of_another_program_does_not_hide_ours() {
    let app = TestApp::start().await;
    let (browser, back) = approved(&app).await;
    let (name, value) = browser.jar.iter().next().unwrap();
    let ours = format!("{name}={value}");
    let foreign = b"username=\xe5\xbc\xa0\xe4\xb8\x89; gbk=\xd5\xc5; ".as_slice();
    let cookie = [foreign, ours.as_bytes()].concat();
    let mut shared = app.browser().with_bytes("Cookie", &cookie);

    assert_eq!(shared.follow(&back).await.status, 302);
}
