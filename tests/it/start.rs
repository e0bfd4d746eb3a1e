//! The start of a sign-in: off to DingTalk with a flow in a cookie, or a page that says why not.

use chrono::TimeDelta;
use serde_json::json;
use url::Url;

use crate::support::app::{AUTHENTICATOR, TestApp};
use crate::support::browser::{Answer, Browser, cookie_parts};

const START: &str = "auth:redirect?authenticator=s_dingtalk";

/// The start was refused on a page, and left nothing behind.
fn assert_refused(app: &TestApp, answer: &Answer, status: u16, code: &str, sentence: &str) {
    assert_eq!(answer.status, status, "{}", answer.text);
    let sentence = format!("{sentence} Reference: [reference]");
    assert_eq!(answer.page(), (code.to_owned(), sentence));
    assert!(answer.set_cookies().is_empty());
    assert_eq!(app.dingtalk.all_calls(), 0);
}

/// What DingTalk is asked, as name and value.
fn asked(url: &Url, name: &str) -> Option<String> {
    let mut pairs = url.query_pairs();
    pairs
        .find(|(key, _)| key == name)
        .map(|(_, value)| value.into_owned())
}

#[tokio::test]
async fn a_click_leads_to_dingtalks_sign_in_page() {
    let app = TestApp::start().await;

    let url = app.browser().click(AUTHENTICATOR, "/signin").await;

    let state = asked(&url, "state").unwrap();
    let names: Vec<String> = url.query_pairs().map(|(name, _)| name.into_owned()).collect();
    assert_eq!(url.path(), "/oauth2/auth");
    assert_eq!(asked(&url, "client_id"), Some(app.dingtalk_app.client_id.clone()));
    assert_eq!(
        asked(&url, "redirect_uri"),
        Some(format!("{}/api/auth:redirect", app.url))
    );
    assert_eq!(asked(&url, "response_type").as_deref(), Some("code"));
    assert_eq!(asked(&url, "prompt").as_deref(), Some("consent"));
    assert_eq!(asked(&url, "scope").as_deref(), Some("openid"));
    assert_eq!(asked(&url, "corpId"), None);
    assert_eq!(state.len(), 32);
    assert_eq!(names.len(), 6, "{names:?}");
    assert_eq!(app.dingtalk.all_calls(), 0);
}

#[tokio::test]
async fn a_corp_id_is_asked_for_at_dingtalk() {
    let app = TestApp::start().await;
    app.set_options(json!({ "corpId": "ding3f9c" })).await;

    let url = app.browser().click(AUTHENTICATOR, "/signin").await;

    assert_eq!(asked(&url, "scope").as_deref(), Some("openid corpid"));
    assert_eq!(asked(&url, "corpId").as_deref(), Some("ding3f9c"));
}

#[tokio::test]
async fn on_plain_http_the_flow_cookie_is_kept_from_scripts_and_other_sites() {
    let app = TestApp::start().await;

    let answer = app.browser().get(START).await;

    let [cookie] = answer.set_cookies().try_into().unwrap();
    let (name, value, words) = cookie_parts(&cookie);
    assert_eq!(name.strip_prefix("nbdt_").unwrap().len(), 16);
    assert!(value.len() <= 1536);
    assert_eq!(words, ["HttpOnly", "Max-Age=600", "Path=/", "SameSite=Lax"]);
    assert_eq!(answer.header("cache-control"), "no-store");
    assert_eq!(answer.header("referrer-policy"), "no-referrer");
}

#[tokio::test]
async fn behind_https_the_flow_cookie_belongs_to_the_host() {
    let app = TestApp::start().await;
    let mut browser = app
        .browser()
        .with("X-Forwarded-Proto", "https")
        .with("X-Forwarded-Host", "crm.example.com");

    let answer = browser.get(START).await;

    let [cookie] = answer.set_cookies().try_into().unwrap();
    let (name, _, words) = cookie_parts(&cookie);
    assert!(name.starts_with("__Host-nbdt_"), "{name}");
    assert_eq!(
        words,
        ["HttpOnly", "Max-Age=600", "Path=/", "SameSite=Lax", "Secure"]
    );
    let url = Url::parse(&answer.location()).unwrap();
    assert_eq!(
        asked(&url, "redirect_uri").as_deref(),
        Some("https://crm.example.com/api/auth:redirect")
    );
}

#[tokio::test]
async fn forwarding_headers_of_a_stranger_change_nothing() {
    let app = TestApp::bare(&[("SIDECAR_TRUSTED_PROXIES", "10.0.0.0/8")]).await;
    app.enable_plugin().await;
    app.add_authenticator(json!({})).await;
    let mut browser = app
        .browser()
        .with("X-Forwarded-Proto", "https")
        .with("X-Forwarded-Host", "evil.example")
        .with("Forwarded", "host=evil.example;proto=https");

    let answer = browser.get(START).await;

    let url = Url::parse(&answer.location()).unwrap();
    assert_eq!(
        asked(&url, "redirect_uri"),
        Some(format!("{}/api/auth:redirect", app.url))
    );
    assert!(answer.set_cookies()[0].starts_with("nbdt_"));
}

#[tokio::test]
async fn the_public_url_of_the_settings_wins_over_the_request() {
    let app = TestApp::bare(&[("SIDECAR_PUBLIC_URL", "https://crm.example.com/")]).await;
    app.enable_plugin().await;
    app.add_authenticator(json!({})).await;

    let answer = app
        .browser()
        .with("X-Forwarded-Host", "other.example")
        .get(&format!("{START}&moved=1"))
        .await;

    let url = Url::parse(&answer.location()).unwrap();
    assert_eq!(
        asked(&url, "redirect_uri").as_deref(),
        Some("https://crm.example.com/api/auth:redirect")
    );
    assert!(answer.set_cookies()[0].starts_with("__Host-nbdt_"));
}

#[tokio::test]
async fn a_sub_path_is_part_of_redirect_uri_and_api() {
    let mut app = TestApp::bare(&[("APP_PUBLIC_PATH", "/nocobase/")]).await;
    app.url = format!("{}/nocobase", app.url);
    app.enable_plugin().await;
    app.add_authenticator(json!({})).await;

    let answer = app.browser().get(START).await;

    let url = Url::parse(&answer.location()).unwrap();
    let redirect_uri = format!("{}/api/auth:redirect", app.url);
    assert_eq!(asked(&url, "redirect_uri"), Some(redirect_uri));
}

#[tokio::test]
async fn an_unknown_authenticator_starts_nothing() {
    let app = TestApp::start().await;

    let answer = app.browser().get("auth:redirect?authenticator=nobody").await;

    assert_refused(
        &app,
        &answer,
        404,
        "AUTHENTICATOR_NOT_FOUND",
        "This sign-in method is not available. Choose another one or ask your administrator.",
    );
}

#[tokio::test]
async fn names_that_are_no_enabled_dingtalk_authenticator_are_all_unknown() {
    let app = TestApp::start().await;
    app.add_authenticator_named("off", json!({})).await;
    app.run("UPDATE authenticators SET enabled = 0 WHERE name = 'off'")
        .await;

    for query in [
        "",
        "?authenticator=",
        "?authenticator=off",
        "?authenticator=basic",
        "?authenticator=S_DINGTALK",
        "?authenticator=s_dingtalk%00",
        "?authenticator=s_dingtalk&authenticator=s_dingtalk",
        "?authenticator[]=s_dingtalk",
    ] {
        let answer = app.browser().get(&format!("auth:redirect{query}")).await;

        assert_refused(
            &app,
            &answer,
            404,
            "AUTHENTICATOR_NOT_FOUND",
            "This sign-in method is not available. Choose another one or ask your administrator.",
        );
    }
}

#[tokio::test]
async fn while_the_plugin_is_disabled_nothing_starts() {
    let app = TestApp::start().await;
    app.store
        .system()
        .set_plugin_enabled(
            crate::support::app::PLUGIN,
            crate::support::app::PLUGIN,
            "0.1.0",
            false,
            app.clock.now(),
        )
        .await
        .unwrap();

    let answer = app.browser().get(START).await;

    assert_refused(
        &app,
        &answer,
        404,
        "AUTHENTICATOR_NOT_FOUND",
        "This sign-in method is not available. Choose another one or ask your administrator.",
    );
}

#[tokio::test]
async fn without_a_client_id_nothing_starts() {
    let app = TestApp::start().await;
    app.set_options(json!({ "clientId": null })).await;

    let answer = app.browser().get(START).await;

    assert_refused(
        &app,
        &answer,
        500,
        "CONFIGURATION_INCOMPLETE",
        "DingTalk sign-in is not set up completely. Ask your administrator to finish it in the authentication settings.",
    );
}

#[tokio::test]
async fn settings_of_another_type_start_nothing() {
    let app = TestApp::start().await;
    app.run(
        r#"UPDATE authenticators SET options = '{"clientId":7,"clientSecret":[]}' WHERE name = 's_dingtalk'"#,
    )
    .await;

    let answer = app.browser().get(START).await;

    assert_refused(
        &app,
        &answer,
        500,
        "CONFIGURATION_INCOMPLETE",
        "DingTalk sign-in is not set up completely. Ask your administrator to finish it in the authentication settings.",
    );
}

#[tokio::test]
async fn the_page_of_a_refusal_runs_no_script_and_leads_to_the_sign_in_page() {
    let app = TestApp::start().await;

    let answer = app.browser().get("auth:redirect?authenticator=nobody").await;

    let policy = answer.header("content-security-policy");
    assert!(
        policy.starts_with("default-src 'none'; style-src 'nonce-"),
        "{policy}"
    );
    assert!(policy.contains("frame-ancestors 'none'"), "{policy}");
    assert_eq!(answer.header("x-content-type-options"), "nosniff");
    assert_eq!(answer.header("cache-control"), "no-store");
    assert!(
        answer.text.contains(r#"<a href="/signin">Start again</a>"#),
        "{}",
        answer.text
    );
    assert!(!answer.text.contains("<script"), "{}", answer.text);
}

#[tokio::test]
async fn a_fifth_start_drops_the_oldest_flow() {
    let app = TestApp::start().await;
    let mut browser = app.browser();
    let mut begun = Vec::new();

    for _ in 0..5 {
        let answer = browser.get(START).await;
        let cookies = answer.set_cookies();
        begun.push(cookie_parts(cookies.last().unwrap()).0);
        app.wait(TimeDelta::seconds(1));
    }

    let kept: Vec<&String> = browser.jar.keys().collect();
    let mut newest: Vec<&String> = begun.iter().skip(1).collect();
    newest.sort();
    assert_eq!(kept, newest);
}

#[tokio::test]
async fn a_start_removes_flow_cookies_that_are_dead() {
    let app = TestApp::start().await;
    let mut browser = app.browser();
    browser.get(START).await;
    app.wait(TimeDelta::minutes(10));
    browser.jar.insert("nbdt_forged".to_owned(), "AAAA".to_owned());
    browser.jar.insert("someone_elses".to_owned(), "x".to_owned());

    browser.get(START).await;

    let names: Vec<&str> = browser.jar.keys().map(String::as_str).collect();
    assert_eq!(names.len(), 2, "{names:?}");
    assert!(
        names.contains(&"someone_elses") && !names.contains(&"nbdt_forged"),
        "{names:?}"
    );
}

/// Two names of this machine, as two addresses of one site.
fn under_another_name(app: &TestApp) -> (String, String) {
    let host = app.url.replace("http://127.0.0.1", "localhost");
    (host.clone(), format!("http://{host}"))
}

#[tokio::test]
async fn the_callback_origin_moves_the_start_once() {
    let app = TestApp::start().await;
    let (host, origin) = under_another_name(&app);
    app.set_options(json!({ "callbackOrigin": origin })).await;

    let moved = app
        .browser()
        .get("auth:redirect?authenticator=s_dingtalk&return=/signin?redirect=/admin")
        .await;

    assert_eq!(moved.status, 302);
    assert!(moved.set_cookies().is_empty());
    let target = format!(
        "{origin}/api/auth:redirect?authenticator=s_dingtalk&return=%2Fsignin%3Fredirect%3D%2Fadmin&moved=1"
    );
    assert_eq!(moved.location(), target);

    let path = target.strip_prefix(&origin).unwrap();
    let there = app.browser().with("Host", &host).visit(path).await;
    let url = Url::parse(&there.location()).unwrap();
    assert_eq!(
        asked(&url, "redirect_uri"),
        Some(format!("{origin}/api/auth:redirect"))
    );
    assert_eq!(there.set_cookies().len(), 1);
}

#[tokio::test]
async fn a_proxy_that_hides_the_host_does_not_send_the_browser_round_for_ever() {
    let app = TestApp::start().await;
    let (_, origin) = under_another_name(&app);
    app.set_options(json!({ "callbackOrigin": origin })).await;

    let answer = app
        .browser()
        .get("auth:redirect?authenticator=s_dingtalk&moved=1")
        .await;

    let url = Url::parse(&answer.location()).unwrap();
    assert_eq!(url.path(), "/oauth2/auth");
    assert_eq!(
        asked(&url, "redirect_uri"),
        Some(format!("{origin}/api/auth:redirect"))
    );
}

/// Where the browser is after a start with this return and an approval, without what the return adds.
async fn page_after(app: &TestApp, browser: &mut Browser, page: &str) -> String {
    let at_dingtalk = browser.click(AUTHENTICATOR, page).await;
    let back = app.dingtalk.approve(&at_dingtalk, "li-lei").unwrap();
    let answer = browser.follow(&back).await;
    let location = answer.location();
    let (page, ours) = location.split_at(location.find("authenticator=s_dingtalk&dingtalk=").unwrap());
    assert!(
        !ours.contains("code") && !ours.contains("state") && !ours.contains("token"),
        "{ours}"
    );
    page.trim_end_matches(['?', '&']).to_owned()
}

#[tokio::test]
async fn the_page_a_person_came_from_is_returned_to() {
    let app = TestApp::start().await;
    let mut browser = app.browser();

    for page in [
        "/signin",
        "/signin?redirect=/admin/abc",
        "/v/signin?redirect=%2Fv%2Fadmin%2F1%3Ftab%3Dx%26y%3D1",
        "/signin?name=%E6%9D%8E",
    ] {
        assert_eq!(page_after(&app, &mut browser, page).await, page);
    }
}

#[tokio::test]
async fn what_an_earlier_return_added_is_not_carried_along() {
    let app = TestApp::start().await;

    let page = "/signin?authenticator=other&redirect=/admin&dingtalk=old&error=FLOW_USED&x=1";
    let returned = page_after(&app, &mut app.browser(), page).await;

    assert_eq!(returned, "/signin?redirect=/admin&x=1");
}

#[tokio::test]
async fn a_return_that_leaves_the_site_becomes_the_sign_in_page() {
    let app = TestApp::start().await;

    for page in [
        "//evil.example/signin",
        "/\\evil.example",
        "\\\\evil.example",
        "https://evil.example/",
        "https:evil.example",
        "/\t/evil.example",
        "/%09/../..//evil.example",
        "/..//evil.example",
        "/./\\evil.example",
        "@evil.example",
        "javascript:alert(1)//v2/",
        "/signin\r\nSet-Cookie: a=b",
        "",
    ] {
        assert_eq!(
            page_after(&app, &mut app.browser(), page).await,
            "/signin",
            "{page:?}"
        );
    }
}

#[tokio::test]
async fn a_return_given_twice_becomes_the_sign_in_page() {
    let app = TestApp::start().await;
    let mut browser = app.browser();
    let start = format!("{START}&return=/a&return=/b");

    let answer = browser.get(&start).await;

    let back = app
        .dingtalk
        .approve(&Url::parse(&answer.location()).unwrap(), "li-lei")
        .unwrap();
    assert!(browser.follow(&back).await.location().starts_with("/signin?"));
}

#[tokio::test]
async fn a_long_return_loses_its_query_and_the_sign_in_goes_on() {
    let app = TestApp::start().await;
    let mut browser = app.browser();

    let returned = page_after(
        &app,
        &mut browser,
        &format!("/v/signin?redirect=/{}", "x".repeat(3000)),
    )
    .await;

    assert_eq!(returned, "/v/signin");
    assert_eq!(browser.complete_newest(AUTHENTICATOR).await.status, 200);
}

#[tokio::test]
async fn the_longest_return_that_is_kept_fits_into_the_cookie_with_its_code() {
    let app = TestApp::start().await;
    let mut browser = app.browser();
    let page = format!(
        "/signin?redirect=/{}",
        "x".repeat(800 - "/signin?redirect=/".len())
    );

    let returned = page_after(&app, &mut browser, &page).await;

    assert_eq!(returned, page);
    assert!(browser.jar.values().all(|value| value.len() <= 1536));
    assert_eq!(browser.complete_newest(AUTHENTICATOR).await.status, 200);
}

#[tokio::test]
async fn a_start_that_was_forwarded_twice_is_answered_with_a_page() {
    let app = TestApp::start().await;

    let answer = app.browser().with("X-Dingtalk-Hop", "2").get(START).await;

    assert_refused(
        &app,
        &answer,
        508,
        "LOOP_DETECTED",
        "The address of the sidecar leads back to itself. Correct SIDECAR_URL or DINGTALK_SIDECAR_URL.",
    );
}

#[tokio::test]
async fn a_start_forwarded_by_a_bridge_with_another_secret_is_answered_with_a_page() {
    let app = TestApp::start().await;

    let answer = app.browser().with("X-Dingtalk-Bridge", "a.b.c").get(START).await;

    assert_refused(
        &app,
        &answer,
        403,
        "SECRET_MISMATCH",
        "NocoBase and the DingTalk sidecar do not share one secret. Ask your administrator to start the sidecar with NocoBase's settings file.",
    );
}

#[tokio::test]
async fn the_bridge_says_under_which_origin_nocobase_was_asked() {
    let app = TestApp::start().await;
    let token = app.bridge_token(json!({
        "host": "10.9.9.9:13000",
        "peer": "127.0.0.1",
        "forwarded": { "for": "203.0.113.9", "proto": "https", "host": "crm.example.com" },
    }));

    let answer = app.browser().with("X-Dingtalk-Bridge", &token).get(START).await;

    let url = Url::parse(&answer.location()).unwrap();
    assert_eq!(
        asked(&url, "redirect_uri").as_deref(),
        Some("https://crm.example.com/api/auth:redirect")
    );
    assert!(answer.set_cookies()[0].starts_with("__Host-nbdt_"));
}
