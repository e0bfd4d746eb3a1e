//! The sign-in page, from the authorization URL to the answer.

use std::collections::HashMap;

use dingtalk_simulator::{
    AppStatus, DEMO_CORP_ID, LoginAnswer, LoginRefused, Membership, OTHER_CORP_ID, RedirectMatch,
};
use url::Url;

use super::{Bench, REDIRECT_URI};

fn parameters(url: &Url) -> HashMap<String, String> {
    url.query_pairs().into_owned().collect()
}

#[tokio::test]
async fn a_person_is_chosen_approves_and_the_browser_returns_with_a_code() {
    let bench = Bench::start().await;
    let asked = bench.authorization_url(&[]);

    let choosing = bench.send(bench.http.get(asked.clone())).await;
    let query = asked.query().unwrap();
    let approving = bench
        .send(
            bench
                .http
                .get(bench.url("/oauth2/approve"))
                .query(&[("person", "li-lei"), ("request", query)]),
        )
        .await;
    let approved = bench
        .post_form("/oauth2/approve", &[("person", "li-lei"), ("request", query)])
        .await;

    assert_eq!(choosing.status, 200);
    assert!(choosing.text.contains("李雷") && choosing.text.contains(&bench.app.client_id));
    assert_eq!(approving.status, 200);
    assert!(approving.text.contains("Approve as"));
    assert_eq!(approved.status, 302);
    let location = Url::parse(approved.header("Location")).unwrap();
    assert!(location.as_str().starts_with(REDIRECT_URI));
    let returned = parameters(&location);
    assert_eq!(returned["state"], "the-state");
    assert_eq!(returned["code"], returned["authCode"]);
    assert_eq!(bench.redeem(&returned["authCode"]).await.status, 200);
    assert_eq!(bench.control.unexpected(), [""; 0]);
}

#[tokio::test]
async fn refusing_returns_an_error_and_the_state_without_a_code() {
    let bench = Bench::start().await;
    let query = bench.authorization_url(&[]).query().unwrap().to_owned();

    let refused = bench.post_form("/oauth2/refuse", &[("request", &query)]).await;

    assert_eq!(refused.status, 302);
    let returned = parameters(&Url::parse(refused.header("Location")).unwrap());
    assert_eq!(returned["error"], "access_denied");
    assert_eq!(returned["state"], "the-state");
    assert!(!returned.contains_key("code") && !returned.contains_key("authCode"));
}

#[tokio::test]
async fn the_control_approves_and_refuses_as_the_pages_do() {
    let bench = Bench::start().await;
    let asked = bench.authorization_url(&[]);

    let approved = bench.control.approve(&asked, "han-meimei").unwrap();
    let refused = bench.control.refuse(&asked).unwrap();

    assert_eq!(bench.redeem(&parameters(&approved)["code"]).await.status, 200);
    assert_eq!(parameters(&refused)["error"], "access_denied");
    assert_eq!(
        bench.control.approve(&asked, "nobody"),
        Err(LoginRefused::UnknownPerson)
    );
}

#[tokio::test]
async fn an_unknown_client_is_refused_on_the_page() {
    let bench = Bench::start().await;

    let refused = bench
        .send(
            bench
                .http
                .get(bench.authorization_url(&[("client_id", "dingelse")])),
        )
        .await;

    assert_eq!(refused.status, 400);
    assert!(refused.text.contains("No app has this client_id."));
    assert_eq!(refused.header("Location"), "");
}

#[tokio::test]
async fn an_app_without_a_published_version_is_refused_on_the_page() {
    let bench = Bench::start().await;
    bench.edit_app(|app| app.status = AppStatus::Unpublished);

    let refused = bench.control.approve(&bench.authorization_url(&[]), "li-lei");

    assert_eq!(refused, Err(LoginRefused::AppUnavailable));
}

#[tokio::test]
async fn a_redirect_uri_must_agree_character_for_character() {
    let bench = Bench::start().await;
    for uri in [
        "http://127.0.0.1:13100/api/auth:redirect/",
        "http://127.0.0.1:13100/api/auth:redirect?x=1",
        "http://localhost:13100/api/auth:redirect",
        "https://127.0.0.1:13100/api/auth:redirect",
    ] {
        let refused = bench
            .send(bench.http.get(bench.authorization_url(&[("redirect_uri", uri)])))
            .await;

        assert_eq!(refused.status, 400, "{uri}");
        assert!(refused.text.contains("not registered"), "{uri}");
        assert_eq!(refused.header("Location"), "", "{uri}");
    }
}

#[tokio::test]
async fn an_app_may_compare_only_the_origin_of_a_redirect_uri() {
    let bench = Bench::start().await;
    bench.edit_app(|app| app.redirect_match = RedirectMatch::Origin);
    let approve = |uri: &str| {
        bench
            .control
            .approve(&bench.authorization_url(&[("redirect_uri", uri)]), "li-lei")
    };

    let with_query = approve("http://127.0.0.1:13100/elsewhere?kept=1").unwrap();

    assert_eq!(parameters(&with_query)["kept"], "1");
    assert!(parameters(&with_query).contains_key("code"));
    assert!(matches!(
        approve("http://127.0.0.1:13101/elsewhere"),
        Err(LoginRefused::RedirectNotRegistered { .. })
    ));
}

#[tokio::test]
async fn a_parameter_that_is_missing_or_wrong_is_refused_and_noted() {
    let bench = Bench::start().await;
    for (parameter, value) in [
        ("response_type", ""),
        ("response_type", "token"),
        ("prompt", ""),
        ("prompt", "none"),
        ("scope", ""),
        ("scope", "corpid"),
        ("scope", "openid+corpid"),
        ("scope", "openid email"),
        ("redirect_uri", ""),
    ] {
        bench.control.reset();

        let refused = bench
            .send(bench.http.get(bench.authorization_url(&[(parameter, value)])))
            .await;

        assert_eq!(refused.status, 400, "{parameter}={value}");
        let noted = format!("/oauth2/auth: {parameter} is missing or wrong");
        assert_eq!(bench.control.unexpected(), [noted], "{parameter}={value}");
    }
}

#[tokio::test]
async fn a_parameter_given_twice_is_refused() {
    let bench = Bench::start().await;
    let mut asked = bench.authorization_url(&[]);
    asked.query_pairs_mut().append_pair("state", "another");

    let refused = bench.control.approve(&asked, "li-lei");

    assert_eq!(refused, Err(LoginRefused::Malformed { parameter: "state" }));
}

#[tokio::test]
async fn an_organization_may_be_named_only_when_one_is_asked_for() {
    let bench = Bench::start().await;

    let refused = bench
        .control
        .approve(&bench.authorization_url(&[("corpId", DEMO_CORP_ID)]), "li-lei");

    assert_eq!(refused, Err(LoginRefused::Malformed { parameter: "corpId" }));
}

#[tokio::test]
async fn the_organization_comes_with_the_token_only_when_it_was_asked_for() {
    let bench = Bench::start().await;
    let redeemed = async |changes: &[(&str, &str)]| {
        let returned = bench
            .control
            .approve(&bench.authorization_url(changes), "li-lei")
            .unwrap();
        bench.redeem(&parameters(&returned)["code"]).await.json()
    };

    assert_eq!(redeemed(&[]).await.get("corpId"), None);
    assert_eq!(
        redeemed(&[("scope", "openid corpid")]).await["corpId"],
        DEMO_CORP_ID
    );
}

#[tokio::test]
async fn somebody_outside_cannot_approve_for_the_organization_that_was_named() {
    let bench = Bench::start().await;
    let asked = bench.authorization_url(&[("scope", "openid corpid"), ("corpId", DEMO_CORP_ID)]);
    let query = asked.query().unwrap();

    let refused = bench
        .send(
            bench
                .http
                .get(bench.url("/oauth2/approve"))
                .query(&[("person", "zhao-yun"), ("request", query)]),
        )
        .await;

    assert_eq!(refused.status, 400);
    assert!(refused.text.contains("not a member of the organization"));
    assert_eq!(
        bench.control.approve(&asked, "zhao-yun"),
        Err(LoginRefused::NotInOrganization)
    );
    assert!(bench.control.approve(&asked, "li-lei").is_ok());
}

#[tokio::test]
async fn somebody_outside_signs_in_with_their_own_organization_when_none_was_named() {
    let bench = Bench::start().await;
    let asked = bench.authorization_url(&[("scope", "openid corpid")]);

    let returned = bench.control.approve(&asked, "zhao-yun").unwrap();

    let redeemed = bench.redeem(&parameters(&returned)["code"]).await.json();
    assert_eq!(redeemed["corpId"], OTHER_CORP_ID);
}

#[tokio::test]
async fn a_member_of_two_organizations_chooses_one_on_the_page() {
    let bench = Bench::start().await;
    bench.control.edit_person("li-lei", |person| {
        person
            .memberships
            .push(Membership::employee(OTHER_CORP_ID, "second-job"));
    });
    let asked = bench.authorization_url(&[("scope", "openid corpid")]);

    let chosen = [
        ("person", "li-lei"),
        ("request", asked.query().unwrap()),
        ("corp_id", OTHER_CORP_ID),
    ];
    let approved = bench.post_form("/oauth2/approve", &chosen).await;

    let returned = parameters(&Url::parse(approved.header("Location")).unwrap());
    assert_eq!(
        bench.redeem(&returned["code"]).await.json()["corpId"],
        OTHER_CORP_ID
    );
}

#[tokio::test]
async fn the_answer_of_the_sign_in_page_can_be_spoilt() {
    let bench = Bench::start().await;
    let answer = |kind| {
        bench.control.set_login_answer(kind);
        parameters(
            &bench
                .control
                .approve(&bench.authorization_url(&[]), "li-lei")
                .unwrap(),
        )
    };

    let auth_code_only = answer(LoginAnswer::AuthCodeOnly);
    let code_only = answer(LoginAnswer::CodeOnly);
    let missing_state = answer(LoginAnswer::MissingState);
    let wrong_state = answer(LoginAnswer::WrongState);

    assert!(auth_code_only.contains_key("authCode") && !auth_code_only.contains_key("code"));
    assert!(code_only.contains_key("code") && !code_only.contains_key("authCode"));
    assert!(missing_state.contains_key("code") && !missing_state.contains_key("state"));
    assert!(wrong_state.contains_key("state") && wrong_state["state"] != "the-state");
}
