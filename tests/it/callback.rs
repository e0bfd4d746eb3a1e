//! The return from DingTalk: its answer goes into the flow it belongs to, or changes nothing.

use chrono::TimeDelta;
use dingtalk_simulator::LoginAnswer;
use url::Url;

use crate::support::app::{AUTHENTICATOR, TestApp};
use crate::support::browser::{Answer, Browser, cookie_parts, handle_in};

const FOREIGN: &str = "This sign-in was begun in another browser or has expired. Start again.";

/// The return was refused on a page; DingTalk was not asked and the browser keeps what it had.
fn assert_changed_nothing(app: &TestApp, answer: &Answer) {
    assert_eq!(answer.status, 401, "{}", answer.text);
    let sentence = format!("{FOREIGN} Reference: [reference]");
    assert_eq!(answer.page(), ("FLOW_NOT_FOUND".to_owned(), sentence));
    assert!(answer.set_cookies().is_empty());
    assert_eq!(app.dingtalk.all_calls(), 0);
}

/// A browser that was at DingTalk, and where DingTalk sends it back to.
async fn approved(app: &TestApp) -> (Browser, Url) {
    let mut browser = app.browser();
    let at_dingtalk = browser.click(AUTHENTICATOR, "/signin").await;
    let back = app.dingtalk.approve(&at_dingtalk, "li-lei").unwrap();
    (browser, back)
}

fn parameter(url: &Url, name: &str) -> String {
    let mut pairs = url.query_pairs();
    pairs.find(|(key, _)| key == name).unwrap().1.into_owned()
}

#[tokio::test]
async fn the_return_leads_to_the_sign_in_page_with_a_handle_and_no_secret() {
    let app = TestApp::start().await;
    let (mut browser, back) = approved(&app).await;

    let answer = browser.follow(&back).await;

    assert_eq!(answer.status, 302);
    let handle = handle_in(&answer.location());
    assert_eq!(
        answer.location(),
        format!("/signin?authenticator=s_dingtalk&dingtalk={handle}")
    );
    for secret in ["code", "state"] {
        assert!(!answer.location().contains(&parameter(&back, secret)));
    }
    let [cookie] = answer.set_cookies().try_into().unwrap();
    let (name, value, words) = cookie_parts(&cookie);
    assert_eq!(name, format!("nbdt_{handle}"));
    assert!(!value.contains(&parameter(&back, "code")));
    assert_eq!(words, ["HttpOnly", "Max-Age=600", "Path=/", "SameSite=Lax"]);
    assert_eq!(answer.header("cache-control"), "no-store");
    assert_eq!(answer.header("referrer-policy"), "no-referrer");
    assert_eq!(app.dingtalk.all_calls(), 0);
}

#[tokio::test]
async fn a_state_of_another_browser_changes_nothing() {
    let app = TestApp::start().await;
    let (_victim, back) = approved(&app).await;
    let mut other = app.browser();
    other.click(AUTHENTICATOR, "/signin").await;

    let answer = other.follow(&back).await;

    assert_changed_nothing(&app, &answer);
    assert_eq!(other.jar.len(), 1);
}

#[tokio::test]
async fn a_browser_without_any_flow_is_told_so() {
    let app = TestApp::start().await;
    let (_, back) = approved(&app).await;

    let answer = app.browser().follow(&back).await;

    assert_changed_nothing(&app, &answer);
}

#[tokio::test]
async fn a_state_that_is_not_exactly_the_one_given_changes_nothing() {
    let app = TestApp::start().await;
    let (mut browser, back) = approved(&app).await;
    let (code, state) = (parameter(&back, "code"), parameter(&back, "state"));
    let flipped: String = state.chars().rev().collect();
    let before = browser.jar.clone();

    for query in [
        format!("code={code}"),
        format!("authCode={code}"),
        format!("code={code}&state="),
        format!("code={code}&state={}", &state[..state.len() - 1]),
        format!("code={code}&state={state}A"),
        format!("code={code}&state={flipped}"),
        format!("code={code}&state={state}&state={state}"),
        format!("code={code}&state[]={state}"),
        format!("code={code}&STATE={state}"),
        format!("code={code}&state={}", state.to_lowercase()),
        format!("code={code}&state={}", "A".repeat(9000)),
        "state=".to_owned(),
    ] {
        let answer = browser.get(&format!("auth:redirect?{query}")).await;

        assert_changed_nothing(&app, &answer);
        assert_eq!(browser.jar, before, "{query}");
    }
    assert_eq!(
        browser.follow(&back).await.status,
        302,
        "the flow itself is still good"
    );
}

#[tokio::test]
async fn a_flow_is_over_after_ten_minutes() {
    let app = TestApp::start().await;
    let (mut browser, back) = approved(&app).await;
    app.wait(TimeDelta::minutes(10));

    let answer = browser.follow(&back).await;

    assert_changed_nothing(&app, &answer);
}

#[tokio::test]
async fn a_flow_is_good_until_its_last_second() {
    let app = TestApp::start().await;
    let (mut browser, back) = approved(&app).await;
    app.wait(TimeDelta::seconds(599));

    let answer = browser.follow(&back).await;

    assert_eq!(answer.status, 302);
    let words = cookie_parts(&answer.set_cookies()[0]).2;
    assert_eq!(words[1], "Max-Age=1", "a return does not make a flow live longer");
}

#[tokio::test]
async fn a_second_return_with_one_state_changes_nothing() {
    let app = TestApp::start().await;
    let (mut browser, back) = approved(&app).await;
    browser.follow(&back).await;
    let mut forged = back.clone();
    forged.set_query(Some(&format!(
        "code=attackers&state={}",
        parameter(&back, "state")
    )));

    let answer = browser.follow(&forged).await;

    assert_changed_nothing(&app, &answer);
}

#[tokio::test]
async fn either_name_of_the_code_is_enough() {
    for login_answer in [LoginAnswer::AuthCodeOnly, LoginAnswer::CodeOnly] {
        let app = TestApp::start().await;
        app.dingtalk.set_login_answer(login_answer);
        let mut browser = app.browser();

        let answer = browser.sign_in(&app.dingtalk, "li-lei").await;

        assert_eq!(answer.status, 200, "{login_answer:?}: {}", answer.text);
    }
}

#[tokio::test]
async fn dingtalk_sending_another_state_or_none_changes_nothing() {
    for login_answer in [LoginAnswer::WrongState, LoginAnswer::MissingState] {
        let app = TestApp::start().await;
        app.dingtalk.set_login_answer(login_answer);
        let (mut browser, back) = approved(&app).await;

        let answer = browser.follow(&back).await;

        assert_changed_nothing(&app, &answer);
    }
}

#[tokio::test]
async fn a_person_who_refuses_is_back_on_the_sign_in_page() {
    let app = TestApp::start().await;
    let mut browser = app.browser();
    let at_dingtalk = browser.click(AUTHENTICATOR, "/signin?redirect=/admin").await;
    let back = app.dingtalk.refuse(&at_dingtalk).unwrap();

    let answer = browser.follow(&back).await;

    assert_eq!(answer.status, 302);
    assert_eq!(
        answer.refused_at().0,
        "/signin?redirect=/admin&authenticator=s_dingtalk&error=DINGTALK_DENIED"
    );
    assert!(browser.jar.is_empty(), "the flow is over");
    assert_eq!(app.dingtalk.all_calls(), 0);
}

#[tokio::test]
async fn a_refusal_that_also_brings_a_code_is_a_refusal() {
    let app = TestApp::start().await;
    let (mut browser, back) = approved(&app).await;

    let answer = browser
        .visit(&format!(
            "{}?{}&error=access_denied",
            back.path(),
            back.query().unwrap()
        ))
        .await;

    let (page, _) = answer.refused_at();
    assert!(page.ends_with("error=DINGTALK_DENIED"), "{page}");
    assert!(browser.jar.is_empty());
}

#[tokio::test]
async fn the_words_of_an_error_go_nowhere() {
    let app = TestApp::start().await;
    let mut browser = app.browser();
    let at_dingtalk = browser.click(AUTHENTICATOR, "/signin").await;
    let state = parameter(&at_dingtalk, "state");

    let answer = browser
        .get(&format!(
            "auth:redirect?error=%3Cscript%3E&error_description=%0d%0aX:y&state={state}"
        ))
        .await;

    assert_eq!(
        answer.refused_at().0,
        "/signin?authenticator=s_dingtalk&error=DINGTALK_DENIED"
    );
    assert!(answer.headers.get("x").is_none());
}

#[tokio::test]
async fn a_return_whose_code_is_no_code_ends_the_flow() {
    for code in ["", "a%20b", "%E6%9D%8E", "x%00", &"x".repeat(300)] {
        let app = TestApp::start().await;
        let (mut browser, back) = approved(&app).await;
        let state = parameter(&back, "state");

        let answer = browser
            .get(&format!("auth:redirect?code={code}&state={state}"))
            .await;

        assert_eq!(
            answer.refused_at().0,
            "/signin?authenticator=s_dingtalk&error=FLOW_NOT_FOUND",
            "{code:?}"
        );
        assert!(browser.jar.is_empty());
    }
}

#[tokio::test]
async fn a_flow_cookie_that_was_tampered_with_is_none() {
    let app = TestApp::start().await;
    let (mut browser, back) = approved(&app).await;
    let value = browser.jar.values_mut().next().unwrap();
    let middle = value.len() / 2;
    let other = if &value[middle..=middle] == "A" { "B" } else { "A" };
    value.replace_range(middle..=middle, other);

    let answer = browser.follow(&back).await;

    assert_changed_nothing(&app, &answer);
}

#[tokio::test]
async fn cookies_that_cannot_be_read_are_none() {
    let app = TestApp::start().await;
    let (mut browser, back) = approved(&app).await;
    for (name, value) in [
        ("nbdt_", ""),
        ("nbdt_x", "%%%"),
        ("nbdt_y", "=;=;"),
        ("__Host-nbdt_z", "AAAA"),
        ("nbdt_long", &"A".repeat(4000)),
    ] {
        browser.jar.insert(name.to_owned(), value.to_owned());
    }

    let answer = browser.follow(&back).await;

    assert_eq!(answer.status, 302, "{}", answer.text);
}

#[tokio::test]
async fn a_replica_goes_on_with_what_another_process_began() {
    let mut app = TestApp::start().await;
    let replica = app.start_replica().await;
    let (browser, back) = approved(&app).await;
    let mut browser = browser.at(&replica);

    let answer = browser.follow(&back).await;

    assert_eq!(answer.status, 302);
    let handle = handle_in(&answer.location());
    assert_eq!(browser.complete(AUTHENTICATOR, &handle).await.status, 200);
}
