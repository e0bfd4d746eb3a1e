//! Callbacks: forged, replayed, foreign and old ones are refused; true ones are stored before they are acknowledged.

use dingtalk_simulator::{CallKind, CallbackAddress, OrgEvent, PushManner, Spelling};

use super::*;

#[tokio::test]
async fn the_console_sees_that_the_address_answers_and_nothing_is_stored() {
    let site = Site::receiving("callback").await;

    let is_verified = site.app.dingtalk.verify_callback(site.client_id()).await;

    assert!(is_verified);
    assert_eq!(site.stored().await, 0);
    assert_eq!(site.app.dingtalk.unexpected(), [] as [String; 0]);
}

#[tokio::test]
async fn a_forged_foreign_or_old_callback_is_refused_and_nothing_is_stored() {
    let site = Site::receiving("callback").await;
    let old = 11 * 60 * 1000;
    for (manner, status) in [
        (
            PushManner {
                bad_signature: true,
                ..PushManner::default()
            },
            403,
        ),
        (
            PushManner {
                owner: Some("dingsomebodyelse".to_owned()),
                ..PushManner::default()
            },
            403,
        ),
        (
            PushManner {
                age_ms: old,
                ..PushManner::default()
            },
            403,
        ),
        (
            PushManner {
                age_ms: -old,
                ..PushManner::default()
            },
            403,
        ),
    ] {
        let manner = PushManner {
            retries_at_once: true,
            ..manner
        };
        site.app.dingtalk.set_push_manner(manner);
        site.fire("user_modify_org", "staff-li-lei");
        site.pushed().await;
        let last = site.app.dingtalk.pushes().pop().unwrap();
        assert_eq!(
            (last.attempt, last.status, last.is_accepted),
            (3, Some(status), false)
        );
    }
    assert_eq!(site.stored().await, 0);
}

#[tokio::test]
async fn the_same_request_again_is_refused() {
    let site = Site::receiving("callback").await;
    site.fire("user_modify_org", "staff-li-lei");
    site.pushed().await;
    assert_eq!(site.stored().await, 1);

    let status = site.app.dingtalk.replay_callback(site.client_id()).await;

    assert_eq!(status, Some(403));
    assert_eq!(site.stored().await, 1);
}

#[tokio::test]
async fn what_is_no_callback_is_refused_by_its_status_alone() {
    let site = Site::receiving("callback").await;
    let mut browser = site.app.browser();
    let signed = "signature=00&timestamp=1763600523678&nonce=n";

    for (path, body, status) in [
        (format!("dingtalk-events/s%20dingtalk?{signed}"), json!({}), 400),
        (
            format!("dingtalk-events/s%20dingtalk?{signed}"),
            json!({"encrypt": 7}),
            400,
        ),
        (
            "dingtalk-events/s%20dingtalk".to_owned(),
            json!({"encrypt": "AA"}),
            400,
        ),
        (
            format!("dingtalk-events/s%20dingtalk?{signed}"),
            json!({"encrypt": "AA"}),
            403,
        ),
        (
            format!("dingtalk-events/nobody?{signed}"),
            json!({"encrypt": "AA"}),
            404,
        ),
        (
            format!("dingtalk-events/s%20dingtalk?{signed}"),
            json!({"encrypt": "A".repeat(70_000)}),
            413,
        ),
    ] {
        let answer = browser.post(&path, body).await;
        assert_eq!((answer.status, answer.text.as_str()), (status, ""), "{path}");
    }
    assert_eq!(browser.get("dingtalk-events/s%20dingtalk").await.status, 405);
    assert_eq!(site.stored().await, 0);
}

#[tokio::test]
async fn a_source_that_is_off_or_receives_nothing_has_no_address() {
    let site = Site::receiving("stream").await;
    site.app.dingtalk.set_callback(CallbackAddress {
        client_id: site.client_id().to_owned(),
        url: format!("{}/api/dingtalk-events/s%20dingtalk", site.app.url),
        token: TOKEN.to_owned(),
        encoding_aes_key: KEY.to_owned(),
    });

    assert!(!site.app.dingtalk.verify_callback(site.client_id()).await);

    assert_eq!(site.app.dingtalk.pushes()[0].status, Some(404));
}

#[tokio::test]
async fn both_spellings_are_understood() {
    let site = Site::receiving("callback").await;
    for spelling in [Spelling::Older, Spelling::Current] {
        let manner = PushManner {
            spelling,
            ..PushManner::default()
        };
        site.app.dingtalk.set_push_manner(manner);
        site.fire("user_add_org", "staff-li-lei");
        site.app
            .dingtalk
            .fire(DEMO_CORP_ID, &OrgEvent::of_department("org_dept_modify", 101));
        site.pushed().await;
    }

    let mut pending: Vec<String> = site
        .pending()
        .await
        .iter()
        .map(|event| format!("{} {}", event.event_type, event.subjects.join(",")))
        .collect();

    pending.sort_unstable();
    assert_eq!(
        pending,
        [
            "org_dept_modify 101",
            "org_dept_modify 101",
            "user_add_org staff-li-lei",
            "user_add_org staff-li-lei"
        ]
    );
}

#[tokio::test]
async fn an_event_that_is_delivered_again_is_stored_once() {
    let site = Site::receiving("callback").await;
    let manner = PushManner {
        duplicate: true,
        ..PushManner::default()
    };
    site.app.dingtalk.set_push_manner(manner);

    site.fire("user_modify_org", "staff-li-lei");
    site.pushed().await;

    let pushes = site.app.dingtalk.pushes();
    assert_eq!(pushes.iter().filter(|push| push.is_accepted).count(), 2);
    assert_eq!(site.stored().await, 1);
}

#[tokio::test]
async fn an_event_that_concerns_nothing_here_is_acknowledged_and_dropped() {
    let site = Site::receiving("callback").await;

    site.fire("org_admin_add", "staff-li-lei");
    site.pushed().await;

    assert!(site.app.dingtalk.pushes()[0].is_accepted);
    assert_eq!(site.stored().await, 0);
}

#[tokio::test]
async fn what_could_not_be_stored_is_not_acknowledged_and_is_stored_when_it_is_sent_again() {
    let site = Site::receiving("callback").await;
    site.app.run(BREAK_EVENTS).await;
    site.fire("user_modify_org", "staff-li-lei");
    eventually("nothing was sent", async || {
        !site.app.dingtalk.pushes().is_empty()
    })
    .await;
    let first = site.app.dingtalk.pushes().remove(0);
    assert_eq!((first.status, first.is_accepted), (Some(503), false));

    site.app.run(MEND_EVENTS).await;
    site.app.dingtalk.advance(Duration::from_secs(10));
    site.pushed().await;

    assert!(site.app.dingtalk.pushes()[1].is_accepted);
    assert_eq!(site.stored().await, 1);
    assert_eq!(site.app.dingtalk.given_up_pushes(site.client_id()), 0);
}

#[tokio::test]
async fn a_request_that_failed_is_no_replay_when_it_comes_again() {
    let site = Site::receiving("callback").await;
    site.app.run(BREAK_EVENTS).await;
    site.fire("user_modify_org", "staff-li-lei");
    eventually("nothing was sent", async || {
        !site.app.dingtalk.pushes().is_empty()
    })
    .await;
    site.app.run(MEND_EVENTS).await;

    let status = site.app.dingtalk.replay_callback(site.client_id()).await;

    assert_eq!(status, Some(200));
    assert_eq!(site.stored().await, 1);
}

#[tokio::test]
async fn what_dingtalk_gave_up_during_an_outage_is_fetched_afterwards() {
    let site = Site::receiving("callback").await;
    let held = site.hold_callbacks();
    eventually("the list was not looked at", async || {
        site.app.dingtalk.calls(CallKind::FailedCallbacks) == 1
    })
    .await;
    site.app.run(BREAK_EVENTS).await;
    let manner = PushManner {
        retries_at_once: true,
        ..PushManner::default()
    };
    site.app.dingtalk.set_push_manner(manner);
    for user_id in ["staff-li-lei", "staff-han-meimei"] {
        site.fire("user_modify_org", user_id);
    }
    site.pushed().await;
    assert_eq!(site.app.dingtalk.given_up_pushes(site.client_id()), 2);
    site.app.run(MEND_EVENTS).await;

    site.missed.notify_one();
    eventually("the list was not fetched", async || site.stored().await == 2).await;
    site.app.wait(chrono::TimeDelta::seconds(1));

    site.applied(&["staff-han-meimei 韩梅梅", "staff-li-lei 李雷"])
        .await;
    held.stop().await;
}
