use secrecy::ExposeSecret as _;
use serde_json::json;

use super::*;

async fn token(dingtalk: &DingTalk) -> String {
    dingtalk
        .app_access_token(&credentials())
        .await
        .unwrap()
        .token
        .expose_secret()
        .to_owned()
}

#[tokio::test]
async fn the_app_token_is_asked_for_with_the_apps_credentials() {
    let script = Script::start(|_, _| an_app_token("a0", 7200)).await;

    assert_eq!(token(&a_client(&script)).await, "a0");

    let [request] = script.requests().try_into().unwrap();
    assert_eq!(request.line, "POST /api/v1.0/oauth2/accessToken HTTP/1.1");
    assert_eq!(
        request.json(),
        json!({ "appKey": "dingdemo", "appSecret": "canary-client-secret" })
    );
}

#[tokio::test]
async fn two_hundred_callers_share_one_fetch() {
    let script = Script::start(|_, n| an_app_token(&format!("a{n}"), 7200)).await;
    let dingtalk = a_client(&script);

    let callers: Vec<_> = (0..200)
        .map(|_| {
            let dingtalk = dingtalk.clone();
            tokio::spawn(async move { token(&dingtalk).await })
        })
        .collect();

    for caller in callers {
        assert_eq!(caller.await.unwrap(), "a0");
    }
    assert_eq!(script.requests().len(), 1);
}

#[tokio::test]
async fn callers_who_wait_for_a_fetch_share_its_failure_and_a_later_one_tries_again() {
    let script = Script::start(|_, _| refusal(400, "invalidClientIdOrSecret")).await;
    let dingtalk = a_client(&script);

    let callers: Vec<_> = (0..50)
        .map(|_| {
            let dingtalk = dingtalk.clone();
            tokio::spawn(async move { dingtalk.app_access_token(&credentials()).await.unwrap_err() })
        })
        .collect();
    for caller in callers {
        assert_eq!(caller.await.unwrap().label(), "credentials_rejected");
    }
    assert_eq!(script.requests().len(), 1);

    dingtalk.app_access_token(&credentials()).await.unwrap_err();
    assert_eq!(script.requests().len(), 2);
}

#[tokio::test]
async fn a_token_without_life_left_is_fetched_anew_each_time() {
    let script = Script::start(|_, n| an_app_token(&format!("a{n}"), 0)).await;
    let dingtalk = a_client(&script);

    assert_eq!(token(&dingtalk).await, "a0");
    assert_eq!(token(&dingtalk).await, "a1");
}

#[tokio::test]
async fn another_secret_or_another_app_has_a_token_of_its_own() {
    let script = Script::start(|_, n| an_app_token(&format!("a{n}"), 7200)).await;
    let dingtalk = a_client(&script);
    let other_secret = Credentials {
        client_secret: SecretString::from("other"),
        ..credentials()
    };
    let other_app = Credentials {
        client_id: "dingother".into(),
        ..credentials()
    };

    for credentials in [credentials(), other_secret, other_app, credentials()] {
        dingtalk.app_access_token(&credentials).await.unwrap();
    }

    assert_eq!(script.requests().len(), 3);
}

#[tokio::test]
async fn the_app_token_tells_refusals_apart() {
    for (status, code, expected) in [
        (400, "invalidClientIdOrSecret", "credentials_rejected"),
        (400, "invalid.client", "credentials_rejected"),
        (401, "unauthorized.client", "credentials_rejected"),
        (403, "Forbidden.AccessDenied.IpNotInWhiteList", "ip_not_allowed"),
        (500, "unknownError", "refused"),
    ] {
        let script = Script::start(move |_, _| refusal(status, code)).await;

        let error = a_client(&script)
            .app_access_token(&credentials())
            .await
            .unwrap_err();

        assert_eq!(error.label(), expected, "{code}");
        assert_eq!(
            (Some(error.call), error.request_id.as_deref()),
            (Some(Call::AppAccessToken), Some("REQ-1"))
        );
        assert!(!printed(&error).contains("canary"), "{}", printed(&error));
    }
}

#[tokio::test]
async fn the_app_token_gives_up_in_time() {
    let script = Script::start(|_, _| Reply::Silence).await;

    let error = an_impatient_client(&script)
        .app_access_token(&credentials())
        .await
        .unwrap_err();

    assert!(matches!(error.kind, ErrorKind::TimedOut), "{error:?}");
}

#[tokio::test]
async fn a_caller_who_goes_away_during_the_fetch_leaves_it_to_the_next() {
    let script = Script::start(|_, n| {
        if n == 0 {
            Reply::Silence
        } else {
            an_app_token("a1", 7200)
        }
    })
    .await;
    let dingtalk = a_client(&script);
    let gone = dingtalk.clone();
    let gone = tokio::spawn(async move { gone.app_access_token(&credentials()).await });
    while script.requests().is_empty() {
        tokio::task::yield_now().await;
    }

    let next = dingtalk.clone();
    let next = tokio::spawn(async move { token(&next).await });
    gone.abort();

    assert_eq!(next.await.unwrap(), "a1");
}
