//! Faults and limits, each seen from the outside.

use std::time::Duration;

use dingtalk_simulator::{CallKind, Effect, Fault, Limit};
use serde_json::{Value, json};

use super::{Answered, Bench};

const LI_LEI: &str = "vQR2XRTIXbAUYtz7oy0nfwiEiE";

async fn new_api(effect: Effect) -> Answered {
    let bench = Bench::start().await;
    bench
        .control
        .set_fault(Fault::on(CallKind::UserAccessToken, effect));
    bench.redeem(&bench.code_of("li-lei")).await
}

async fn old_api(effect: Effect) -> Answered {
    let bench = Bench::start().await;
    bench
        .control
        .set_fault(Fault::on(CallKind::UserIdByUnionId, effect));
    bench
        .directory("/topapi/user/getbyunionid", json!({"unionid": LI_LEI}))
        .await
}

#[tokio::test]
async fn a_reset_closes_the_connection_without_an_answer() {
    let bench = Bench::start().await;
    bench
        .control
        .set_fault(Fault::on(CallKind::UserAccessToken, Effect::Reset).times(1));
    let code = bench.code_of("li-lei");
    let request = bench
        .http
        .post(bench.url("/v1.0/oauth2/userAccessToken"))
        .json(&bench.redemption(&code));

    let error = request.send().await.unwrap_err();

    assert!(error.is_request() && !error.is_timeout(), "{error:?}");
    assert_eq!(bench.redeem(&code).await.status, 200, "the code was not used");
}

#[tokio::test]
async fn a_fault_after_processing_has_used_the_code() {
    let bench = Bench::start().await;
    let fault = Fault::on(CallKind::UserAccessToken, Effect::Reset)
        .times(1)
        .after_processing();
    bench.control.set_fault(fault);
    let code = bench.code_of("li-lei");
    let request = bench
        .http
        .post(bench.url("/v1.0/oauth2/userAccessToken"))
        .json(&bench.redemption(&code));

    assert!(request.send().await.is_err());

    assert_eq!(
        bench.redeem(&code).await.json()["code"],
        "invalidParameter.authCode.notFound"
    );
    assert_eq!(bench.control.unexpected().len(), 1);
}

#[tokio::test]
async fn a_hang_never_answers() {
    let bench = Bench::start().await;
    bench.control.set_fault(Fault::everywhere(Effect::Hang));
    let request = bench
        .http
        .get(bench.url("/gettoken"))
        .timeout(Duration::from_millis(100));

    assert!(request.send().await.unwrap_err().is_timeout());
}

#[tokio::test]
async fn a_slow_drip_sends_its_head_at_once_and_its_body_byte_by_byte() {
    let bench = Bench::start().await;
    bench.control.set_fault(Fault::everywhere(Effect::SlowDrip));

    let mut response = bench.http.get(bench.url("/gettoken")).send().await.unwrap();

    assert_eq!(response.status(), 200);
    assert_eq!(response.chunk().await.unwrap().unwrap().len(), 1);
}

#[tokio::test]
async fn a_late_answer_is_later_than_a_client_should_wait() {
    let bench = Bench::start().await;
    bench.control.set_fault(Fault::everywhere(Effect::Late));
    let request = bench
        .http
        .get(bench.url("/gettoken"))
        .timeout(Duration::from_millis(100));

    assert!(request.send().await.unwrap_err().is_timeout());
}

#[tokio::test]
async fn latency_is_added_to_every_call() {
    let bench = Bench::start().await;
    bench.control.set_latency(Duration::from_hours(1));
    let request = bench
        .http
        .get(bench.url("/gettoken"))
        .timeout(Duration::from_millis(100));

    assert!(request.send().await.unwrap_err().is_timeout());
}

#[tokio::test]
async fn each_limit_is_refused_in_the_words_of_each_generation() {
    for (limit, code, number) in [
        (
            Limit::AppAndApi,
            "Forbidden.AccessDenied.QpsLimitForAppkeyAndApi",
            "90018",
        ),
        (
            Limit::SuiteAndApi,
            "Forbidden.AccessDenied.QpsLimitForSuitekeyAndOrgAndApi",
            "90005",
        ),
        (
            Limit::AppAndApiPerMinute,
            "Forbidden.AccessDenied.QpmLimitForAppkeyAndApi",
            "90006",
        ),
        (Limit::Api, "Forbidden.AccessDenied.QpsLimitForApi", "90002"),
        (
            Limit::MonthlyQuota,
            "Forbidden.AccessDenied.ApiCountLimitForOrg",
            "90020",
        ),
    ] {
        let new = new_api(Effect::Limited(limit)).await;
        let old = old_api(Effect::Limited(limit)).await;

        assert_eq!((new.status, &new.json()["code"]), (403, &json!(code)));
        assert_eq!((old.status, &old.json()["errcode"]), (200, &json!(88)));
        assert_eq!(old.json()["sub_code"], number);
    }
}

#[tokio::test]
async fn the_limit_per_address_answers_in_nobodys_envelope() {
    for answer in [
        new_api(Effect::LimitedPerAddress).await,
        old_api(Effect::LimitedPerAddress).await,
    ] {
        let body = answer.json();
        assert_eq!(
            (&body["status"], &body["source"], &body["wait"]),
            (&json!(1111), &json!("x5"), &json!(5))
        );
        assert!(body.get("errcode").is_none() && body.get("code").is_none());
    }
}

#[tokio::test]
async fn failures_of_the_platform_have_the_status_and_number_of_each_generation() {
    for (effect, status, code, number) in [
        (Effect::SystemBusy, 500, "unknownError", -1),
        (Effect::GatewayTimeout, 504, "ServiceTimeout", 15),
        (Effect::AuthorizationTimeout, 504, "ServiceTimeout", 88),
    ] {
        let new = new_api(effect.clone()).await;
        let old = old_api(effect).await;

        assert_eq!((new.status, &new.json()["code"]), (status, &json!(code)));
        assert_eq!((old.status, &old.json()["errcode"]), (200, &json!(number)));
        assert!(old.json().get("sub_code").is_none());
    }
}

#[tokio::test]
async fn answers_that_are_no_json_come_with_their_status() {
    for (effect, status, content_type) in [
        (Effect::TooManyRequests, 429, "text/plain"),
        (Effect::BadGatewayPage, 502, "text/html"),
        (Effect::Page, 200, "text/html"),
        (Effect::Empty, 200, "application/json"),
    ] {
        let answer = new_api(effect.clone()).await;

        assert_eq!(
            (answer.status, answer.header("Content-Type")),
            (status, content_type),
            "{effect:?}"
        );
        assert!(serde_json::from_str::<Value>(&answer.text).is_err(), "{effect:?}");
    }
    assert_eq!(new_api(Effect::TooManyRequests).await.header("Retry-After"), "1");
}

#[tokio::test]
async fn a_true_answer_can_be_cut_mistyped_or_blown_up() {
    let cut = new_api(Effect::Truncated).await;
    let mistyped = new_api(Effect::WrongTypes).await;
    let huge = new_api(Effect::Huge).await;

    assert!(cut.text.starts_with('{') && serde_json::from_str::<Value>(&cut.text).is_err());
    assert_eq!(
        (&mistyped.json()["expireIn"], &mistyped.json()["accessToken"]),
        (&json!("many"), &json!(42))
    );
    assert!(huge.text.len() > 5_000_000);
    assert!(huge.json()["accessToken"].is_string());
}

#[tokio::test]
async fn an_answer_can_break_off_and_the_connection_with_it() {
    let bench = Bench::start().await;
    bench.control.set_fault(Fault::everywhere(Effect::CutOff));

    let mut response = bench.http.get(bench.url("/gettoken")).send().await.unwrap();

    let length = response.content_length().unwrap();
    let mut received = 0;
    let error = loop {
        match response.chunk().await {
            Ok(chunk) => received += chunk.unwrap().len() as u64,
            Err(error) => break error,
        }
    };
    assert!(received < length && !error.is_timeout(), "{error:?}");
}

#[tokio::test]
async fn the_connection_can_close_behind_a_true_answer() {
    let answer = new_api(Effect::Closing).await;

    assert_eq!((answer.status, answer.header("Connection")), (200, "close"));
    assert!(answer.json()["accessToken"].is_string());
}

#[tokio::test]
async fn a_fault_can_strike_one_person_at_every_call_that_is_theirs() {
    let bench = Bench::start().await;
    let token = bench.user_token_of("li-lei").await;
    let other = bench.user_token_of("han-meimei").await;
    bench
        .control
        .set_fault(Fault::everywhere(Effect::TooManyRequests).of("li-lei"));
    let member = async |union_id: &str| {
        bench
            .directory("/topapi/user/getbyunionid", json!({ "unionid": union_id }))
            .await
            .status
    };

    assert_eq!(bench.redeem(&bench.code_of("li-lei")).await.status, 429);
    assert_eq!(bench.profile(&token).await.status, 429);
    assert_eq!(member(LI_LEI).await, 429);
    assert_eq!(bench.redeem(&bench.code_of("han-meimei")).await.status, 200);
    assert_eq!(bench.profile(&other).await.status, 200);
    assert_eq!(member("somebody").await, 200);
    assert_eq!(bench.control.calls_of(CallKind::UserAccessToken, "li-lei"), 2);
    assert_eq!(bench.control.redeemed("li-lei"), 1, "a struck code is unused");
}

#[tokio::test]
async fn a_redirect_leads_where_nobody_should_go() {
    let answer = new_api(Effect::Redirect).await;
    let bench = Bench::start().await;

    bench.post(answer.header("Location"), json!({})).await;

    assert_eq!(answer.status, 302);
    assert_eq!(bench.control.unexpected().len(), 1);
}

#[tokio::test]
async fn an_error_can_come_with_status_200() {
    let bench = Bench::start().await;
    bench
        .control
        .set_fault(Fault::on(CallKind::UserAccessToken, Effect::Status200));

    let answer = bench.redeem("unknown").await;

    assert_eq!(answer.status, 200);
    assert_eq!(answer.json()["code"], "invalidParameter.authCode.notFound");
}

#[tokio::test]
async fn the_error_number_can_be_text_or_hidden_in_the_message() {
    let as_text = old_api(Effect::ErrcodeAsText).await.json();
    let bench = Bench::start().await;
    bench
        .control
        .set_fault(Fault::on(CallKind::UserIdByUnionId, Effect::SubcodeOnlyInMessage));
    let hidden = bench
        .post("/topapi/user/getbyunionid?access_token=wrong", json!({}))
        .await
        .json();

    assert_eq!(as_text["errcode"], "0");
    assert_eq!(as_text["result"]["userid"], "staff-li-lei");
    assert_eq!(hidden["errcode"], 88);
    assert!(hidden.get("sub_code").is_none() && hidden.get("sub_msg").is_none());
    assert!(hidden["errmsg"].as_str().unwrap().contains("subcode=40014"));
}

#[tokio::test]
async fn an_answer_can_be_dictated() {
    let answer = new_api(Effect::Answer {
        status: 418,
        content_type: "text/x-tea".to_owned(),
        body: "short and stout".to_owned(),
    })
    .await;

    assert_eq!(
        (answer.status, answer.header("Content-Type")),
        (418, "text/x-tea")
    );
    assert_eq!(answer.text, "short and stout");
}

#[tokio::test]
async fn a_fault_strikes_its_own_operation_as_often_as_it_was_told() {
    let bench = Bench::start().await;
    bench
        .control
        .set_fault(Fault::on(CallKind::AppAccessToken, Effect::Page).times(2));
    bench
        .control
        .set_fault(Fault::on(CallKind::AppAccessToken, Effect::TooManyRequests).times(1));
    let credentials = json!({"appKey": bench.app.client_id, "appSecret": bench.app.client_secret});
    let ask = async || {
        let answer = bench.post("/v1.0/oauth2/accessToken", credentials.clone()).await;
        (answer.status, answer.header("Content-Type").to_owned())
    };

    assert_eq!(bench.redeem(&bench.code_of("li-lei")).await.status, 200);
    assert_eq!(ask().await, (200, "text/html".to_owned()));
    assert_eq!(ask().await, (200, "text/html".to_owned()));
    assert_eq!(ask().await.0, 429);
    assert_eq!(ask().await, (200, "application/json;charset=utf-8".to_owned()));
    assert_eq!(bench.control.calls(CallKind::AppAccessToken), 4);
    assert_eq!(bench.control.all_calls(), 5);
}

#[tokio::test]
async fn a_fault_stays_until_it_is_cleared() {
    let bench = Bench::start().await;
    bench.control.set_fault(Fault::everywhere(Effect::BadGatewayPage));

    assert_eq!(bench.get("/gettoken").await.status, 502);
    assert_eq!(bench.get("/gettoken").await.status, 502);
    bench.control.clear_faults();
    assert_eq!(bench.get("/gettoken").await.status, 200);
}

#[tokio::test]
async fn the_calls_of_one_second_are_limited_for_each_app_and_operation() {
    let bench = Bench::start().await;
    bench.control.enforce_qps(Some(2));
    let codes: Vec<String> = (0..4).map(|_| bench.code_of("li-lei")).collect();

    assert_eq!(bench.redeem(&codes[0]).await.status, 200);
    bench.control.advance(Duration::from_millis(600));
    assert_eq!(bench.redeem(&codes[1]).await.status, 200);
    let refused = bench.redeem(&codes[2]).await;
    assert_eq!(refused.status, 403);
    assert_eq!(
        refused.json()["code"],
        "Forbidden.AccessDenied.QpsLimitForAppkeyAndApi"
    );

    bench.app_token().await;
    bench.control.advance(Duration::from_millis(400));
    assert_eq!(
        bench.redeem(&codes[2]).await.status,
        200,
        "refused for the limit is not redeemed"
    );
    assert_eq!(bench.redeem(&codes[3]).await.status, 403, "the window slides");
    assert_eq!(bench.control.unexpected(), [""; 0]);
}

#[tokio::test]
async fn the_limit_is_told_by_the_old_api_within_number_88() {
    let bench = Bench::start().await;
    let path = format!(
        "/topapi/user/getbyunionid?access_token={}",
        bench.app_token().await
    );
    bench.control.enforce_qps(Some(1));
    let ask = async || bench.post(&path, json!({"unionid": LI_LEI})).await.json();

    assert_eq!(ask().await["errcode"], 0);
    assert_eq!(ask().await["sub_code"], "90018");
}
