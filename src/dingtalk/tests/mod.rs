//! The client against a scripted DingTalk: for each call its request, its success, its refusals, its time limit.

mod app_access_token;
mod broken_answers;
mod find_user_id;
mod in_client;
mod organization;
mod profile;
mod queue;
mod redeem;

use std::sync::{Arc, Mutex};
use std::time::Duration;

use secrecy::SecretString;
use serde_json::{Value, json};

use super::testing::{Reply, Script};
use super::{
    Call, CallReport, Credentials, DingTalk, DingTalkError, Endpoints, ErrorKind, Limits, UnionId,
    UserAccessToken,
};

/// Far beyond any honest answer on a busy machine.
const PATIENT: Duration = Duration::from_secs(20);
/// For tests that wait for the limit itself.
const IMPATIENT: Duration = Duration::from_millis(150);

/// A client of the script, with next to no pauses between repeats.
fn a_client(script: &Script) -> DingTalk {
    a_client_with(&script.url, unlimited(PATIENT), |_| {})
}

/// A client that gives up soon.
fn an_impatient_client(script: &Script) -> DingTalk {
    a_client_with(&script.url, unlimited(IMPATIENT), |_| {})
}

fn unlimited(call_timeout: Duration) -> Limits {
    Limits {
        qps_per_api: 0,
        connect_timeout: call_timeout,
        call_timeout,
        window: Duration::from_millis(1),
        ..Limits::default()
    }
}

fn a_client_with(
    base: &url::Url,
    limits: Limits,
    observer: impl Fn(&CallReport) + Send + Sync + 'static,
) -> DingTalk {
    let endpoints = Endpoints {
        login: base.join("login/").unwrap(),
        api: base.join("api/").unwrap(),
        oapi: base.join("oapi").unwrap(),
    };
    DingTalk::new(&endpoints, limits, Arc::new(observer)).unwrap()
}

fn credentials() -> Credentials {
    Credentials {
        client_id: "dingdemo".into(),
        client_secret: SecretString::from("canary-client-secret"),
    }
}

fn a_code() -> SecretString {
    SecretString::from("canary-code")
}

fn a_user_token() -> UserAccessToken {
    UserAccessToken {
        token: SecretString::from("canary-user-token"),
        corp_id: None,
    }
}

fn a_union_id() -> UnionId {
    UnionId::parse("canary-union-id").unwrap()
}

/// A refusal of the newer API.
fn refusal(status: u16, code: &str) -> Reply {
    Reply::json(
        status,
        &json!({ "code": code, "requestid": "REQ-1", "message": "canary-message <script>" }),
    )
}

/// A refusal by the gateway of the older API.
fn gateway_refusal(sub_code: &str) -> Reply {
    let errmsg = format!("ding talk error[subcode={sub_code},submsg=canary-message]");
    Reply::json(
        200,
        &json!({ "errcode": 88, "sub_code": sub_code, "sub_msg": "canary-message", "errmsg": errmsg,
                 "request_id": "16l4ew3d47pdp" }),
    )
}

fn an_app_token(token: &str, life: u64) -> Reply {
    Reply::json(200, &json!({ "accessToken": token, "expireIn": life }))
}

/// Everything an error can print, with its chain.
fn printed(error: &DingTalkError) -> String {
    let mut text = format!("{error} {error:?}");
    let mut source = std::error::Error::source(error);
    while let Some(cause) = source {
        text = format!("{text} {cause} {cause:?}");
        source = cause.source();
    }
    text
}

/// A place to put the reports of a client.
fn reports() -> (
    Arc<Mutex<Vec<CallReport>>>,
    impl Fn(&CallReport) + Send + Sync + 'static,
) {
    let reports = Arc::new(Mutex::new(Vec::new()));
    let sink = Arc::clone(&reports);
    (reports, move |report: &CallReport| {
        sink.lock().unwrap().push(report.clone());
    })
}

fn outcomes(reports: &Mutex<Vec<CallReport>>) -> Vec<(Call, &'static str)> {
    reports
        .lock()
        .unwrap()
        .iter()
        .map(|report| (report.call, report.outcome))
        .collect()
}

fn body_with(mut body: Value, name: &str, value: Value) -> Value {
    body[name] = value;
    body
}
