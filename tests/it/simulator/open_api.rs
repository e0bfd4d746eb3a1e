//! The new API: tokens and profile.

use dingtalk_simulator::{AppStatus, CODE_LIFETIME, DEMO_CORP_ID, MobileSharing, TOKEN_LIFETIME, permission};
use serde_json::{Value, json};

use super::{Answered, Bench};

/// Asserts the whole error envelope, with its request id in the form DingTalk uses, in body and header.
#[track_caller]
fn assert_refused(answer: &Answered, status: u16, code: &str) {
    let body = answer.json();
    assert_eq!(
        (answer.status, body["code"].as_str().unwrap()),
        (status, code),
        "{}",
        answer.text
    );
    let request_id = body["requestid"].as_str().unwrap();
    assert_eq!(request_id.len(), 36);
    assert_eq!(request_id, request_id.to_uppercase());
    assert_eq!(answer.header("x-acs-request-id"), request_id);
    assert_eq!(answer.header("Content-Type"), "application/json;charset=utf-8");
    assert!(
        body["message"]
            .as_str()
            .is_some_and(|message| !message.is_empty())
    );
}

#[tokio::test]
async fn a_code_is_good_once_and_a_second_try_is_noted() {
    let bench = Bench::start().await;
    let code = bench.code_of("li-lei");

    let first = bench.redeem(&code).await;
    let second = bench.redeem(&code).await;

    assert_eq!(first.status, 200);
    assert_eq!(first.json()["expireIn"], 7200);
    assert_eq!(first.json()["accessToken"].as_str().unwrap().len(), 32);
    assert!(first.json().get("corpId").is_none());
    assert_eq!(first.header("x-acs-request-id").len(), 36);
    assert_refused(&second, 400, "invalidParameter.authCode.notFound");
    assert_eq!(
        bench.control.unexpected(),
        ["userAccessToken: the code was redeemed before"]
    );
}

#[tokio::test]
async fn a_code_expires_after_five_minutes() {
    let bench = Bench::start().await;
    let code = bench.code_of("li-lei");

    bench.control.advance(CODE_LIFETIME);

    assert_refused(
        &bench.redeem(&code).await,
        400,
        "invalidParameter.authCode.notFound",
    );
    assert_eq!(bench.control.unexpected(), [""; 0]);
}

#[tokio::test]
async fn a_code_of_another_app_is_unknown_and_stays_good_for_its_own() {
    let bench = Bench::start().await;
    let mut other = bench.app.clone();
    other.client_id = "dingother0000000000x".to_owned();
    bench.control.add_app(other.clone());
    let code = bench.code_of("li-lei");
    let mut as_other = bench.redemption(&code);
    as_other["clientId"] = json!(other.client_id);

    let refused = bench.post("/v1.0/oauth2/userAccessToken", as_other).await;

    assert_refused(&refused, 400, "invalidParameter.authCode.notFound");
    assert_eq!(bench.redeem(&code).await.status, 200);
}

#[tokio::test]
async fn wrong_credentials_are_refused_and_leave_the_code_unused() {
    let bench = Bench::start().await;
    let code = bench.code_of("li-lei");
    for (field, value) in [("clientSecret", "wrong"), ("clientId", "dingwrong")] {
        let mut wrong = bench.redemption(&code);
        wrong[field] = json!(value);

        let refused = bench.post("/v1.0/oauth2/userAccessToken", wrong).await;

        assert_refused(&refused, 400, "invalidParameter.idOrSecret.notFound");
    }
    assert_eq!(bench.redeem(&code).await.status, 200);
}

#[tokio::test]
async fn an_app_that_is_not_in_use_has_no_valid_credentials() {
    let bench = Bench::start().await;
    bench.edit_app(|app| app.status = AppStatus::Unpublished);

    let refused = bench.redeem(&bench.code_of("li-lei")).await;

    assert_refused(&refused, 400, "invalidParameter.idOrSecret.notFound");
}

#[tokio::test]
async fn only_camel_case_names_in_json_are_understood() {
    let bench = Bench::start().await;
    let path = "/v1.0/oauth2/userAccessToken";
    let snake_case = json!({"client_id": "a", "client_secret": "b", "code": "c", "grant_type": "d"});

    let snake_case = bench.post(path, snake_case).await;
    let form = bench
        .post_form(path, &[("clientId", "a"), ("clientSecret", "b")])
        .await;
    let nothing = bench.send(bench.http.post(bench.url(path))).await;

    assert_refused(&snake_case, 400, "MissingclientId");
    assert_eq!(
        snake_case.json()["message"],
        "clientId is mandatory for this action."
    );
    assert_refused(&form, 400, "Missingbody");
    assert_refused(&nothing, 400, "Missingbody");
    assert_eq!(bench.control.unexpected().len(), 3);
}

#[tokio::test]
async fn a_wrong_method_or_path_is_not_found_and_noted() {
    let bench = Bench::start().await;

    let method = bench.get("/v1.0/oauth2/accessToken").await;
    let path = bench.post("/v1.0/oauth2/nothing", json!({})).await;

    assert_refused(&method, 404, "InvalidAction.NotFound");
    assert_refused(&path, 404, "InvalidAction.NotFound");
    assert_eq!(
        bench.control.unexpected(),
        ["GET /v1.0/oauth2/accessToken", "POST /v1.0/oauth2/nothing"]
    );
}

#[tokio::test]
async fn a_person_who_signs_in_again_gets_the_same_token_while_it_lives() {
    let bench = Bench::start().await;

    let first = bench.user_token_of("li-lei").await;
    let again = bench.user_token_of("li-lei").await;
    bench.control.advance(TOKEN_LIFETIME);
    let later = bench.user_token_of("li-lei").await;

    assert_eq!(first, again);
    assert_ne!(first, later);
}

#[tokio::test]
async fn a_refresh_token_gives_a_token_again() {
    let bench = Bench::start().await;
    let redeemed = bench.redeem(&bench.code_of("li-lei")).await.json();
    let refresh = |token: &Value| {
        json!({
            "clientId": bench.app.client_id, "clientSecret": bench.app.client_secret,
            "refreshToken": token, "grantType": "refresh_token",
        })
    };

    let refreshed = bench
        .post("/v1.0/oauth2/userAccessToken", refresh(&redeemed["refreshToken"]))
        .await;
    let dead = bench
        .post("/v1.0/oauth2/userAccessToken", refresh(&json!("none")))
        .await;

    assert_eq!(
        bench
            .profile(refreshed.json()["accessToken"].as_str().unwrap())
            .await
            .status,
        200
    );
    assert_refused(&dead, 400, "invalidParameter.authCode.notFound");
}

#[tokio::test]
async fn a_profile_leaves_out_what_there_is_not() {
    let bench = Bench::start().await;

    let li_lei = bench.profile_of("li-lei").await;
    let wang_fang = bench.profile_of("wang-fang").await;

    assert_eq!(li_lei["nick"], "李雷");
    assert_eq!(li_lei["unionId"], "vQR2XRTIXbAUYtz7oy0nfwiEiE");
    assert_eq!(
        (&li_lei["stateCode"], &li_lei["mobile"]),
        (&json!("86"), &json!("13800138000"))
    );
    assert_eq!(li_lei["visitor"], false);
    assert!(li_lei["openId"].as_str().unwrap().ends_with("iEiE"));
    assert!(li_lei.get("avatarUrl").is_none() && li_lei.get("email").is_none());
    assert!(li_lei.get("userid").is_none());
    assert!(wang_fang.get("mobile").is_none());
    assert_eq!(wang_fang["stateCode"], "86");
}

#[tokio::test]
async fn a_profile_gives_the_phone_number_as_the_person_and_the_permission_allow() {
    let bench = Bench::start().await;
    let share = |sharing| {
        assert!(
            bench
                .control
                .edit_person("li-lei", |person| person.mobile_sharing = sharing)
        );
    };

    share(MobileSharing::Masked);
    assert_eq!(bench.profile_of("li-lei").await["mobile"], "138****8000");
    share(MobileSharing::Blank);
    assert_eq!(bench.profile_of("li-lei").await["mobile"], "");
    share(MobileSharing::Withheld);
    assert!(bench.profile_of("li-lei").await.get("mobile").is_none());
    share(MobileSharing::Shown);
    bench.revoke(permission::USER_MOBILE);
    assert!(bench.profile_of("li-lei").await.get("mobile").is_none());
}

#[tokio::test]
async fn a_profile_can_lack_the_union_id_or_be_a_visitors() {
    let bench = Bench::start().await;
    bench.control.edit_person("li-lei", |person| {
        person.withholds_union_id = true;
        person.visitor = true;
    });

    let profile = bench.profile_of("li-lei").await;

    assert!(profile.get("unionId").is_none());
    assert_eq!(profile["visitor"], true);
}

#[tokio::test]
async fn somebody_outside_the_organization_has_a_profile_too() {
    let bench = Bench::start().await;

    assert_eq!(bench.profile_of("zhao-yun").await["nick"], "赵云");
}

#[tokio::test]
async fn a_profile_needs_a_living_user_token_in_the_right_header() {
    let bench = Bench::start().await;
    let token = bench.user_token_of("li-lei").await;

    let bearer = bench
        .http
        .get(bench.url("/v1.0/contact/users/me"))
        .bearer_auth(&token);
    assert_refused(
        &bench.send(bearer).await,
        400,
        "AuthenticationFailed.MissingParameter",
    );
    assert_eq!(bench.control.unexpected().len(), 1);
    assert_refused(&bench.profile("unknown").await, 400, "InvalidAuthentication");
    bench.control.advance(TOKEN_LIFETIME);
    assert_refused(&bench.profile(&token).await, 400, "InvalidAuthentication");
}

#[tokio::test]
async fn a_profile_is_denied_to_an_app_token_and_without_the_permission() {
    let bench = Bench::start().await;
    let user_token = bench.user_token_of("li-lei").await;
    let app_token = bench.app_token().await;

    let with_app_token = bench.profile(&app_token).await;
    bench.revoke(permission::USER_READ);
    let without_permission = bench.profile(&user_token).await;

    for denied in [with_app_token, without_permission] {
        assert_refused(&denied, 403, "Forbidden.AccessDenied.AccessTokenPermissionDenied");
        assert_eq!(
            denied.json()["accessdenieddetail"],
            json!({"requiredScopes": ["Contact.User.Read"]})
        );
    }
}

#[tokio::test]
async fn an_app_token_is_the_same_on_every_path_while_it_lives() {
    let bench = Bench::start().await;
    let (id, secret) = (&bench.app.client_id, &bench.app.client_secret);

    let first = bench.app_token().await;
    let corp = bench
        .post(
            &format!("/v1.0/oauth2/{DEMO_CORP_ID}/token"),
            json!({"client_id": id, "client_secret": secret, "grant_type": "client_credentials"}),
        )
        .await;
    let old = bench
        .get(&format!("/gettoken?appkey={id}&appsecret={secret}"))
        .await;
    bench.control.expire_app_tokens();
    let later = bench.app_token().await;

    assert_eq!(corp.json(), json!({"access_token": first, "expires_in": 7200}));
    assert_eq!(
        old.json(),
        json!({"errcode": 0, "errmsg": "ok", "access_token": first, "expires_in": 7200})
    );
    assert_ne!(first, later);
}

#[tokio::test]
async fn an_app_token_is_refused_in_the_words_of_each_path() {
    let bench = Bench::start().await;
    let token_path = format!("/v1.0/oauth2/{DEMO_CORP_ID}/token");
    let corp = |secret: &str, grant: &str| json!({"client_id": bench.app.client_id, "client_secret": secret, "grant_type": grant});

    let wrong = bench
        .post(
            "/v1.0/oauth2/accessToken",
            json!({"appKey": "a", "appSecret": "b"}),
        )
        .await;
    assert_refused(&wrong, 400, "invalidClientIdOrSecret");
    let wrong = bench.post(&token_path, corp("wrong", "client_credentials")).await;
    assert_refused(&wrong, 400, "invalid.client");
    let wrong = bench.post(&token_path, corp("wrong", "password")).await;
    assert_refused(&wrong, 400, "unsupported.grant.type");
    let wrong = bench
        .post(
            "/v1.0/oauth2/dingnowhere/token",
            corp("wrong", "client_credentials"),
        )
        .await;
    assert_refused(&wrong, 500, "unknownError");
}

#[tokio::test]
async fn calls_from_an_address_that_is_not_allowed_are_refused() {
    let bench = Bench::start().await;
    let token = bench.user_token_of("li-lei").await;
    bench.edit_app(|app| app.allowed_addresses = vec!["203.0.113.7".parse().unwrap()]);

    let refused = bench.profile(&token).await;

    assert_refused(&refused, 403, "Forbidden.AccessDenied.IpNotInWhiteList");
    assert!(
        refused.json()["message"]
            .as_str()
            .unwrap()
            .contains("request ip=127.0.0.1")
    );
}
