//! The headers that every answer has, over a table of every address, and what each kind of page may load.

use serde_json::Value;

use crate::support::app::{AUTHENTICATOR, TestApp};
use crate::support::browser::{Answer, Browser};

/// Every address of the description, which `documents.rs` compares with the code, and what a browser may also ask for.
fn paths() -> Vec<String> {
    let description: Value = serde_json::from_str(include_str!("../../../docs/openapi.json")).unwrap();
    let described = description["paths"].as_object().unwrap().keys().map(|path| {
        path.replace("{guide}", "guide.en-US")
            .replace("{package}.tgz", "no-such-package-0.0.0.tgz")
    });
    let others = [
        "/",
        "/signin",
        "/admin",
        "/admin/settings/auth/authenticators",
        "/console/app.js",
        "/console/style.css",
        "/console/none.js",
        "/console/../Cargo.toml",
        "/docs/guide.xx",
        "/none",
        "/api/",
        "/api/none:none",
        "/api/auth:redirect?state=x&code=y",
        "/api/auth:redirect?error=access_denied&state=x",
        "/api/auth:redirect?authenticator=none",
        "/api/auth:redirect?authenticator=s_dingtalk&return=//evil.example",
    ];
    described.chain(others.map(str::to_owned)).collect()
}

fn assert_hardened(answer: &Answer, what: &str) {
    for (name, value) in [
        ("referrer-policy", "no-referrer"),
        ("x-content-type-options", "nosniff"),
        ("x-frame-options", "DENY"),
        ("cross-origin-opener-policy", "same-origin"),
    ] {
        assert_eq!(answer.header(name), value, "{name} of {what}");
    }
    // The console's files are asked for again each time, and may be kept until they differ.
    let is_file = what.contains("/console/") && answer.status == 200;
    let caching = if is_file { "no-cache" } else { "no-store" };
    assert_eq!(answer.header("cache-control"), caching, "{what}");
    let policy = answer.header("content-security-policy");
    let rules: Vec<&str> = policy.split(';').map(str::trim).collect();
    assert!(rules.contains(&"frame-ancestors 'none'"), "{what}: {policy}");
    assert!(
        rules.contains(&"default-src 'none'") || rules.contains(&"default-src 'self'"),
        "{what}: {policy}"
    );
    for loose in ["unsafe", "*", "http:", "https:"] {
        assert!(!policy.contains(loose), "{what}: {policy}");
    }
    if answer.header("content-type").starts_with("text/html") {
        assert!(rules.contains(&"base-uri 'none'"), "{what}: {policy}");
    }
}

#[tokio::test]
async fn every_answer_of_every_address_carries_the_protective_headers() {
    let app = TestApp::start().await;
    let mut stranger = app.browser().with("Accept", "text/html");
    let mut administrator = app.root().await.with("Accept", "application/json");
    let mut statuses = std::collections::BTreeSet::new();

    for path in paths() {
        for method in ["GET", "HEAD", "POST", "PUT", "OPTIONS"] {
            for (who, browser) in [("a stranger", &mut stranger), ("root", &mut administrator)] {
                // Signing out would make the rest of the table a stranger's.
                if who == "root" && path.ends_with("auth:signOut") {
                    continue;
                }
                let answer = browser.request(method, &path, &[], Vec::new()).await;
                statuses.insert(answer.status);
                assert_hardened(&answer, &format!("{method} {path} by {who}: {}", answer.status));
            }
        }
    }
    for status in [200, 204, 302, 401, 404, 405] {
        assert!(statuses.contains(&status), "{status} is not among {statuses:?}");
    }
}

#[tokio::test]
async fn every_refusal_of_a_sign_in_carries_the_protective_headers() {
    let app = TestApp::start().await;
    let mut browser = app.browser();
    let handle = browser.return_from_dingtalk(&app.dingtalk, "li-lei").await;
    let mut again = browser.clone();
    let large = vec![b'x'; 300 * 1024];

    let done = browser.complete(AUTHENTICATOR, &handle).await;
    let used = again.complete(AUTHENTICATOR, &handle).await;
    let unknown = app.browser().complete(AUTHENTICATOR, "none").await;
    let foreign = Browser::new(&app.url)
        .with("Origin", "https://evil.example")
        .complete(AUTHENTICATOR, &handle)
        .await;
    let too_large = app
        .browser()
        .request(
            "POST",
            "/api/auth:signIn",
            &[("Content-Type", "application/json")],
            large,
        )
        .await;

    let answers = [
        (200, done),
        (401, used),
        (401, unknown),
        (403, foreign),
        (413, too_large),
    ];
    for (status, answer) in answers {
        assert_eq!(answer.status, status, "{}", answer.text);
        assert_hardened(&answer, &format!("a sign-in that ends with {status}"));
    }
}
