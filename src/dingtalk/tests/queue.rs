//! The queue as callers meet it.

use serde_json::json;

use super::*;

#[tokio::test]
async fn a_caller_the_queue_cannot_reach_in_time_is_told_so_and_nothing_is_sent() {
    let script = Script::start(|_, _| Reply::json(200, &json!({ "unionId": "u" }))).await;
    let limits = Limits {
        qps_per_api: 1,
        queue_bound: Duration::from_millis(500),
        ..unlimited(PATIENT)
    };
    let (reports, report) = reports();
    let dingtalk = a_client_with(&script.url, limits, report);
    dingtalk.profile(&credentials(), &a_user_token()).await.unwrap();

    let error = dingtalk
        .profile(&credentials(), &a_user_token())
        .await
        .unwrap_err();

    let ErrorKind::Busy { retry_after } = &error.kind else {
        panic!("{error:?}")
    };
    assert_eq!(error.call, Call::Profile);
    assert!(*retry_after > Duration::from_millis(100), "{retry_after:?}");
    assert!(error.was_not_processed());
    assert_eq!(script.requests().len(), 1);
    assert_eq!(
        outcomes(&reports),
        [(Call::Profile, "ok")],
        "what was not sent is not reported"
    );
    assert_eq!(dingtalk.queue_length(), 0);
}

#[tokio::test]
async fn each_http_call_is_reported_with_its_time_in_the_queue() {
    let script = Script::start(|_, n| match n {
        0 => refusal(403, "Forbidden.AccessDenied.QpsLimitForApi").at_once(),
        _ => Reply::json(200, &json!({ "unionId": "u" })),
    })
    .await;
    let limits = Limits {
        qps_per_api: 20,
        ..unlimited(PATIENT)
    };
    let (reports, report) = reports();
    let dingtalk = a_client_with(&script.url, limits, report);

    dingtalk.profile(&credentials(), &a_user_token()).await.unwrap();

    assert_eq!(
        outcomes(&reports),
        [(Call::Profile, "throttled"), (Call::Profile, "ok")]
    );
    let reports = reports.lock().unwrap();
    assert!(reports.iter().all(|report| report.elapsed > Duration::ZERO));
}

#[tokio::test]
async fn people_in_the_queue_are_counted() {
    let script = Script::start(|_, _| Reply::json(200, &json!({ "unionId": "u" }))).await;
    let dingtalk = a_client_with(
        &script.url,
        Limits {
            qps_per_api: 1,
            ..unlimited(PATIENT)
        },
        |_| {},
    );
    dingtalk.profile(&credentials(), &a_user_token()).await.unwrap();
    let (credentials, token) = (credentials(), a_user_token());
    let mut waiting: Vec<_> = (0..3)
        .map(|_| Box::pin(dingtalk.profile(&credentials, &token)))
        .collect();

    for caller in &mut waiting {
        assert!(futures_util::poll!(caller).is_pending());
    }

    assert_eq!(dingtalk.queue_length(), 3);
    drop(waiting);
    assert_eq!(dingtalk.queue_length(), 0);
}
