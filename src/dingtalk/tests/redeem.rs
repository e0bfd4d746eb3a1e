use secrecy::ExposeSecret as _;
use serde_json::json;
use tokio::net::TcpSocket;

use super::*;

fn success() -> Reply {
    Reply::json(
        200,
        &json!({ "expireIn": 7200, "accessToken": "t0", "refreshToken": "r0", "corpId": "dingcorp" }),
    )
}

#[tokio::test]
async fn redeem_posts_the_code_with_the_credentials_as_json() {
    let script = Script::start(|_, _| success()).await;

    a_client(&script).redeem(&credentials(), &a_code()).await.unwrap();

    let [request] = script.requests().try_into().unwrap();
    assert_eq!(request.line, "POST /api/v1.0/oauth2/userAccessToken HTTP/1.1");
    assert_eq!(request.header("content-type"), Some("application/json"));
    assert_eq!(
        request.header("user-agent"),
        Some(concat!("nocobase-dingtalk/", env!("CARGO_PKG_VERSION")))
    );
    assert_eq!(
        request.json(),
        json!({ "clientId": "dingdemo", "clientSecret": "canary-client-secret", "code": "canary-code",
                "grantType": "authorization_code" })
    );
}

#[tokio::test]
async fn redeem_gives_the_token_and_the_organization() {
    let script = Script::start(|_, _| success()).await;

    let token = a_client(&script).redeem(&credentials(), &a_code()).await.unwrap();

    assert_eq!(token.token.expose_secret(), "t0");
    assert_eq!(token.corp_id.as_deref(), Some("dingcorp"));
}

#[tokio::test]
async fn redeem_gives_no_organization_when_dingtalk_tells_none() {
    for corp_id in [json!(null), json!(""), json!("  ")] {
        let body = json!({ "accessToken": "t0", "expireIn": "7200", "corpId": corp_id });
        let script = Script::start(move |_, _| Reply::json(200, &body)).await;

        let token = a_client(&script).redeem(&credentials(), &a_code()).await.unwrap();

        assert_eq!(token.corp_id, None);
    }
}

#[tokio::test]
async fn redeem_tells_refusals_apart_and_sends_none_of_them_twice() {
    for (status, code, expected) in [
        (400, "invalidParameter.authCode.notFound", "code_rejected"),
        (
            400,
            "invalidParameter.idOrSecret.notFound",
            "credentials_rejected",
        ),
        (400, "invalidClientIdOrSecret", "credentials_rejected"),
        (403, "Forbidden.AccessDenied.IpNotInWhiteList", "ip_not_allowed"),
        (403, "Forbidden.AccessDenied.ApiCountLimitForOrg", "quota_used_up"),
        (403, "Forbidden.AccessDenied.QpmLimitForAppkeyAndApi", "throttled"),
        (400, "Missingbody", "refused"),
        (404, "InvalidAction.NotFound", "refused"),
        (500, "unknownError", "refused"),
        (504, "GatewayTimeout", "timed_out"),
        (200, "invalidParameter.authCode.notFound", "code_rejected"),
    ] {
        let script = Script::start(move |_, _| refusal(status, code)).await;

        let error = a_client(&script)
            .redeem(&credentials(), &a_code())
            .await
            .unwrap_err();

        assert_eq!(error.label(), expected, "{code}");
        assert_eq!(error.call, Call::UserAccessToken);
        assert_eq!(error.request_id.as_deref(), Some("REQ-1"), "{code}");
        let is_unused = matches!(expected, "throttled" | "quota_used_up");
        assert_eq!(error.was_not_processed(), is_unused, "{code}");
        assert_eq!(script.requests().len(), 1, "{code}");
        assert!(!printed(&error).contains("canary"), "{}", printed(&error));
    }
}

#[tokio::test]
async fn redeem_gives_up_in_time_and_does_not_send_the_code_again() {
    for reply in [|| Reply::Silence, || Reply::Drip] {
        let script = Script::start(move |_, _| reply()).await;

        let error = an_impatient_client(&script)
            .redeem(&credentials(), &a_code())
            .await
            .unwrap_err();

        assert!(matches!(error.kind, ErrorKind::TimedOut), "{error:?}");
        assert!(!error.was_not_processed());
        assert_eq!(script.requests().len(), 1);
    }
}

#[tokio::test]
async fn redeem_does_not_send_the_code_again_when_the_connection_breaks() {
    for reply in [
        || Reply::HangUp,
        || Reply::Half(b"{\"accessToken\":\"t0\",".to_vec()),
    ] {
        let script = Script::start(move |_, _| reply()).await;

        let error = a_client(&script)
            .redeem(&credentials(), &a_code())
            .await
            .unwrap_err();

        assert!(matches!(error.kind, ErrorKind::Malformed(_)), "{error:?}");
        assert!(!error.was_not_processed());
        assert_eq!(script.requests().len(), 1);
    }
}

#[tokio::test]
async fn redeem_does_not_send_the_code_again_on_a_kept_connection_that_breaks() {
    let script = Script::start(|_, n| if n == 0 { success() } else { Reply::HangUp }).await;
    let dingtalk = a_client(&script);
    dingtalk.redeem(&credentials(), &a_code()).await.unwrap();

    let error = dingtalk.redeem(&credentials(), &a_code()).await.unwrap_err();

    assert!(!error.was_not_processed(), "{error:?}");
    assert_eq!(script.requests().len(), 2);
}

#[tokio::test]
async fn redeem_repeats_what_was_refused_for_its_rate_at_most_twice() {
    let limit = || refusal(403, "Forbidden.AccessDenied.QpsLimitForAppkeyAndApi").at_once();
    let script = Script::start(move |_, n| if n < 2 { limit() } else { success() }).await;
    a_client(&script).redeem(&credentials(), &a_code()).await.unwrap();
    assert_eq!(script.requests().len(), 3);

    let script = Script::start(move |_, _| limit()).await;
    let error = a_client(&script)
        .redeem(&credentials(), &a_code())
        .await
        .unwrap_err();
    assert!(matches!(error.kind, ErrorKind::Throttled { .. }), "{error:?}");
    assert!(error.was_not_processed());
    assert_eq!(script.requests().len(), 3);
}

#[tokio::test]
async fn redeem_does_not_ask_a_gateway_that_blocks_this_address_again() {
    let block = json!({ "status": 1111, "wait": 5, "source": "x5", "punish": "deny", "uuid": "u" });
    let script = Script::start(move |_, _| Reply::json(200, &block)).await;

    let error = a_client(&script)
        .redeem(&credentials(), &a_code())
        .await
        .unwrap_err();

    let ErrorKind::Throttled { retry_after } = error.kind else {
        panic!("{error:?}")
    };
    assert_eq!(retry_after, Duration::from_mins(5));
    assert_eq!(script.requests().len(), 1);
}

#[tokio::test]
async fn redeem_repeats_when_no_connection_came_about() {
    let socket = TcpSocket::new_v4().unwrap();
    socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let base = url::Url::parse(&format!("http://{}", socket.local_addr().unwrap())).unwrap();
    let (reports, report) = reports();
    // The port is bound and refuses; it listens from the first failure on.
    let (socket, script) = (Mutex::new(Some(socket)), Arc::new(Mutex::new(None)));
    let started = Arc::clone(&script);
    let dingtalk = a_client_with(&base, unlimited(PATIENT), move |seen| {
        report(seen);
        if let Some(socket) = socket.lock().unwrap().take() {
            *started.lock().unwrap() = Some(Script::on(socket.listen(16).unwrap(), |_, _| success()));
        }
    });

    dingtalk.redeem(&credentials(), &a_code()).await.unwrap();

    let call = Call::UserAccessToken;
    assert_eq!(outcomes(&reports), [(call, "not_connected"), (call, "ok")]);
    assert_eq!(script.lock().unwrap().as_ref().unwrap().requests().len(), 1);
}

#[tokio::test]
async fn redeem_says_when_nothing_was_sent() {
    let socket = TcpSocket::new_v4().unwrap();
    socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let base = url::Url::parse(&format!("http://{}", socket.local_addr().unwrap())).unwrap();
    let (reports, report) = reports();

    let error = a_client_with(&base, unlimited(PATIENT), report)
        .redeem(&credentials(), &a_code())
        .await
        .unwrap_err();

    assert!(matches!(error.kind, ErrorKind::NotConnected(_)), "{error:?}");
    assert!(error.was_not_processed());
    assert_eq!(outcomes(&reports).len(), 3);
    assert!(!printed(&error).contains(base.as_str()), "{}", printed(&error));
}

#[tokio::test]
async fn two_people_at_once_get_a_token_each() {
    let script = Script::start(|request, _| {
        let code = request.json()["code"].as_str().unwrap().to_owned();
        Reply::json(
            200,
            &json!({ "accessToken": format!("token-of-{code}"), "expireIn": 7200 }),
        )
    })
    .await;
    let dingtalk = a_client(&script);

    let people: Vec<_> = (0..100)
        .map(|n| {
            let dingtalk = dingtalk.clone();
            tokio::spawn(async move {
                let token = dingtalk
                    .redeem(&credentials(), &SecretString::from(n.to_string()))
                    .await;
                assert_eq!(token.unwrap().token.expose_secret(), &format!("token-of-{n}"));
            })
        })
        .collect();

    for person in people {
        person.await.unwrap();
    }
}
