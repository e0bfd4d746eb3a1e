//! The simulator's own page and its control over HTTP.

use dingtalk_simulator::{CallKind, Person, Simulator, SimulatorOptions, permission};
use serde_json::{Value, json};
use tokio::net::TcpStream;

use super::{Bench, REDIRECT_URI};

#[tokio::test]
async fn the_page_lets_no_script_and_no_other_site_in() {
    let bench = Bench::start().await;

    let page = bench.get("/").await;

    assert_eq!(page.status, 200);
    let policy = page.header("Content-Security-Policy");
    assert!(
        policy.contains("default-src 'none'") && policy.contains("frame-ancestors 'none'"),
        "{policy}"
    );
    assert!(
        !policy.contains("script-src") && !policy.contains("unsafe"),
        "{policy}"
    );
    assert!(!page.text.contains("<script") && !page.text.contains("style=\""));
}

#[tokio::test]
async fn the_sign_in_page_may_lead_to_the_app_that_asks_and_nowhere_else() {
    let bench = Bench::start().await;

    let page = bench.send(bench.http.get(bench.authorization_url(&[]))).await;

    let policy = page.header("Content-Security-Policy");
    assert!(
        policy.contains("form-action 'self' http://127.0.0.1:13100;"),
        "{policy}"
    );
}

#[tokio::test]
async fn names_cannot_break_out_of_the_pages() {
    let bench = Bench::start().await;
    bench.control.add_person(Person::employee(
        "mallory",
        "<img src=x>",
        "unionMallory",
        "13700000000",
    ));

    let overview = bench.get("/").await;
    let choosing = bench.send(bench.http.get(bench.authorization_url(&[]))).await;

    for page in [overview, choosing] {
        assert!(page.text.contains("&lt;img src=x&gt;"));
        assert!(!page.text.contains("<img src=x>"));
    }
}

#[tokio::test]
async fn a_script_puts_a_fault_in_force_counts_the_calls_and_resets() {
    let bench = Bench::start().await;
    let fault = json!({"call": "userAccessToken", "effect": {"limited": "app-and-api"}, "times": 1});

    let set = bench.post("/__simulator/faults", fault).await;
    let struck = bench.redeem("any").await;
    let calls = bench.get("/__simulator/calls").await.json();
    let reset = bench.post("/__simulator/reset", json!({})).await;

    assert_eq!((set.status, struck.status, reset.status), (204, 403, 204));
    assert_eq!(calls["calls"]["userAccessToken"], 1);
    assert_eq!(calls["calls"]["profile"], 0);
    assert_eq!(calls["unexpected"], json!([]));
    assert_eq!(bench.control.calls(CallKind::UserAccessToken), 0);
}

#[tokio::test]
async fn the_form_puts_a_fault_in_force_and_returns_to_the_page() {
    let bench = Bench::start().await;
    let form = [
        ("call", "getToken"),
        ("effect", "bad-gateway-page"),
        ("timing", "before"),
        ("times", ""),
    ];

    let set = bench.post_form("/__simulator/faults", &form).await;

    assert_eq!((set.status, set.header("Location")), (303, "/#faults"));
    assert!(
        bench
            .get("/")
            .await
            .text
            .contains("bad-gateway-page, before processing, until cleared")
    );
    assert_eq!(bench.get("/gettoken").await.status, 502);
}

#[tokio::test]
async fn the_forms_change_behaviour_and_the_app() {
    let bench = Bench::start().await;
    let behaviour = [
        ("login_answer", "auth-code-only"),
        ("latency_ms", "0"),
        ("enforce_qps", "1"),
    ];
    let app = [
        ("client_id", bench.app.client_id.as_str()),
        (
            "redirect_uris",
            "https://crm.example.com/a\r\n https://crm.example.com/b \r\n",
        ),
        ("permission", "Contact.User.Read"),
    ];

    assert_eq!(
        bench.post_form("/__simulator/behaviour", &behaviour).await.status,
        303
    );
    let returned = bench
        .control
        .approve(&bench.authorization_url(&[]), "li-lei")
        .unwrap();
    assert_eq!(bench.post_form("/__simulator/app", &app).await.status, 303);

    assert!(!returned.query_pairs().any(|(name, _)| name == "code"));
    let changed = bench.control.apps().remove(0);
    assert_eq!(
        changed.redirect_uris,
        ["https://crm.example.com/a", "https://crm.example.com/b"]
    );
    assert!(changed.may(permission::USER_READ) && !changed.may(permission::USER_MOBILE));
}

#[tokio::test]
async fn a_script_registers_an_app_and_a_person() {
    let bench = Bench::start().await;
    let app = json!({
        "clientId": "dingscript0000000000", "clientSecret": "s", "corpId": "dingscriptcorp",
        "redirectUris": [REDIRECT_URI],
    });
    let person = json!({"key": "script", "name": "Script", "unionId": "unionScript"});

    assert_eq!(bench.post("/__simulator/apps", app).await.status, 204);
    assert_eq!(bench.post("/__simulator/people", person).await.status, 204);

    let asked = bench.authorization_url(&[("client_id", "dingscript0000000000")]);
    assert!(bench.control.approve(&asked, "script").is_ok());
}

#[tokio::test]
async fn what_is_not_understood_says_why() {
    let bench = Bench::start().await;

    let refused = bench
        .post("/__simulator/faults", json!({"effect": "nonsense"}))
        .await;

    assert_eq!(refused.status, 400);
    assert!(refused.json()["error"].as_str().unwrap().contains("nonsense"));
}

#[tokio::test]
async fn a_form_of_another_site_changes_nothing() {
    let bench = Bench::start().await;
    let query = bench.authorization_url(&[]).query().unwrap().to_owned();
    let own = bench.url("/").origin().ascii_serialization();
    let approve = async |origin: &str| {
        let form = bench.http.post(bench.url("/oauth2/approve"));
        let form = form
            .form(&[("person", "li-lei"), ("request", &query)])
            .header("Origin", origin);
        bench.send(form).await.status
    };
    let reset = bench
        .http
        .post(bench.url("/__simulator/reset"))
        .header("Origin", "https://evil.example");

    assert_eq!(approve("https://evil.example").await, 403);
    assert_eq!(approve("null").await, 403);
    assert_eq!(approve(&own).await, 302);
    assert_eq!(bench.send(reset).await.status, 403);
}

#[tokio::test]
async fn what_a_browser_asks_for_by_itself_is_not_unexpected() {
    let bench = Bench::start().await;

    assert_eq!(bench.get("/favicon.ico").await.status, 204);
    assert_eq!(
        bench.get("/__simulator/style.css").await.header("Content-Type"),
        "text/css; charset=utf-8"
    );
    assert_eq!(bench.control.unexpected(), [""; 0]);
}

#[tokio::test]
async fn a_reset_ends_codes_and_brings_people_and_apps_back() {
    let bench = Bench::start().await;
    let code = bench.code_of("li-lei");
    bench
        .control
        .edit_person("li-lei", |person| person.name = "Changed".to_owned());
    bench.edit_app(|app| app.redirect_uris.clear());

    bench.control.reset();

    assert_eq!(bench.redeem(&code).await.status, 400);
    assert_eq!(bench.control.people()[0].name, "李雷");
    assert_eq!(bench.control.apps()[0].redirect_uris, [REDIRECT_URI]);
}

#[tokio::test]
async fn two_simulators_share_nothing() {
    let one = Bench::start().await;
    let other = Bench::start().await;

    let answer: Value = other.redeem(&one.code_of("li-lei")).await.json();

    assert_eq!(answer["code"], "invalidParameter.authCode.notFound");
    assert_eq!(one.control.all_calls(), 0);
}

#[tokio::test]
async fn a_stopped_simulator_answers_neither_new_connections_nor_old_ones() {
    let bench = Bench::start().await;
    let simulator = Simulator::start(SimulatorOptions::default()).await.unwrap();
    let address = simulator.url().replace("http://", "");
    let url = format!("{}/gettoken", simulator.url());

    assert_eq!(bench.http.get(&url).send().await.unwrap().status(), 200);
    simulator.stop().await;

    assert!(bench.http.get(&url).send().await.is_err());
    assert!(TcpStream::connect(address).await.is_err());
}
