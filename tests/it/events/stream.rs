//! Stream mode: acknowledged after the write, replaced before it ends, opened again whatever happens.

use chrono::TimeDelta;
use dingtalk_simulator::{CallKind, StreamOrder};

use super::*;

fn statuses(site: &Site) -> Vec<String> {
    let acks = site.app.dingtalk.stream_acks();
    acks.into_iter().map(|ack| ack.status).collect()
}

#[tokio::test]
async fn an_event_is_acknowledged_when_it_is_stored_and_not_before() {
    let site = Site::receiving("stream").await;
    let held = site.hold(Receive::Stream);
    site.connected().await;

    site.app.run(BREAK_EVENTS).await;
    site.fire("user_modify_org", "staff-li-lei");
    eventually("no answer", async || statuses(&site) == ["LATER"]).await;
    assert_eq!(site.app.dingtalk.unacknowledged(), 1);

    site.app.run(MEND_EVENTS).await;
    site.app.dingtalk.redeliver();
    eventually("no answer", async || statuses(&site) == ["LATER", "SUCCESS"]).await;

    assert_eq!(site.stored().await, 1);
    assert_eq!(site.app.dingtalk.unacknowledged(), 0);
    held.stop().await;
    assert_eq!(site.app.dingtalk.unexpected(), [] as [String; 0]);
    assert_eq!(site.status().await["state"], "stopped");
}

#[tokio::test]
async fn an_event_that_is_delivered_again_is_stored_once_and_acknowledged_again() {
    let site = Site::receiving("stream").await;
    let held = site.hold(Receive::Stream);
    site.connected().await;
    site.app.dingtalk.ignore_stream_acks(true);

    site.fire("user_modify_org", "staff-li-lei");
    eventually("no answer", async || statuses(&site).len() == 1).await;
    site.app.dingtalk.redeliver();
    eventually("no answer", async || statuses(&site).len() == 2).await;

    assert_eq!(site.stored().await, 1);
    held.stop().await;
}

#[tokio::test]
async fn a_ping_is_answered_with_what_it_said_and_an_unknown_event_is_acknowledged() {
    let site = Site::receiving("stream").await;
    let held = site.hold(Receive::Stream);
    site.connected().await;

    site.app.dingtalk.ping_stream(site.client_id(), "are you there");
    eventually("no answer", async || !site.app.dingtalk.stream_pongs().is_empty()).await;
    site.fire("label_user_change", "staff-li-lei");
    eventually("no answer", async || statuses(&site) == ["SUCCESS"]).await;

    assert_eq!(
        site.app.dingtalk.stream_pongs(),
        [r#"{"opaque":"are you there"}"#]
    );
    assert_eq!(site.stored().await, 0);
    held.stop().await;
}

#[tokio::test]
async fn a_stream_that_ends_is_replaced_first_and_nothing_is_lost() {
    let site = Site::receiving("stream").await;
    let held = site.hold(Receive::Stream);
    site.connected().await;

    site.fire("user_modify_org", "staff-li-lei");
    site.app.dingtalk.disconnect_stream(site.client_id());
    eventually("it was not replaced", async || {
        site.app.dingtalk.streams_opened() == 2 && site.app.dingtalk.streams(site.client_id()) == 1
    })
    .await;
    site.fire("user_modify_org", "staff-han-meimei");

    eventually("not all were acknowledged", async || {
        statuses(&site) == ["SUCCESS", "SUCCESS"]
    })
    .await;
    assert_eq!((site.stored().await, site.app.dingtalk.lost_events()), (2, 0));
    assert_eq!(site.status().await["code"], Value::Null);
    held.stop().await;
}

#[tokio::test]
async fn a_stream_that_is_cut_is_opened_again() {
    let site = Site::receiving("stream").await;
    let held = site.hold(Receive::Stream);
    site.connected().await;

    for opened in 2..=3 {
        site.app.dingtalk.order_stream(site.client_id(), StreamOrder::Cut);
        eventually("it was not opened again", async || {
            site.app.dingtalk.streams_opened() == opened && site.app.dingtalk.streams(site.client_id()) == 1
        })
        .await;
    }

    site.fire("user_modify_org", "staff-li-lei");
    eventually("no answer", async || statuses(&site) == ["SUCCESS"]).await;
    held.stop().await;
}

#[tokio::test]
async fn a_stream_at_whose_end_nobody_answers_is_opened_again() {
    let site = Site::receiving("stream").await;
    let mut context = site.context();
    context.pace.patience.idle = Duration::from_millis(50);
    context.pace.patience.pong = Duration::from_millis(50);
    let held = site.hold_with(context, Receive::Stream);
    site.connected().await;

    site.app
        .dingtalk
        .order_stream(site.client_id(), StreamOrder::FallSilent);

    eventually("it was not opened again", async || {
        site.app.dingtalk.streams_opened() == 2
    })
    .await;
    held.stop().await;
}

#[tokio::test]
async fn a_little_garbage_is_ignored_and_much_of_it_begins_the_stream_anew() {
    let site = Site::receiving("stream").await;
    let held = site.hold(Receive::Stream);
    site.connected().await;
    let garbage = |count: usize| {
        for number in 0..count {
            let order = match number % 3 {
                0 => StreamOrder::Bytes(vec![0, 159, 146]),
                1 => StreamOrder::Text("{".to_owned()),
                _ => StreamOrder::Text(r#"{"type":"EVENT","headers":null}"#.to_owned()),
            };
            site.app.dingtalk.order_stream(site.client_id(), order);
        }
    };

    garbage(19);
    site.fire("user_modify_org", "staff-li-lei");
    eventually("no answer", async || statuses(&site) == ["SUCCESS"]).await;
    assert_eq!(site.app.dingtalk.streams_opened(), 1);
    garbage(20);

    eventually("it was not begun anew", async || {
        site.app.dingtalk.streams_opened() == 2
    })
    .await;
    held.stop().await;
}

#[tokio::test]
async fn a_message_without_an_end_begins_the_stream_anew() {
    let site = Site::receiving("stream").await;
    let held = site.hold(Receive::Stream);
    site.connected().await;

    let order = StreamOrder::Text("x".repeat(1024 * 1024 + 1));
    site.app.dingtalk.order_stream(site.client_id(), order);

    eventually("it was not begun anew", async || {
        site.app.dingtalk.streams_opened() == 2
    })
    .await;
    held.stop().await;
}

#[tokio::test]
async fn refused_credentials_are_not_tried_again_for_minutes() {
    let site = Site::receiving("stream").await;
    site.app.dingtalk.edit_app(site.client_id(), |app| {
        app.client_secret = "another".to_owned();
    });

    let held = site.hold(Receive::Stream);
    eventually("nothing is known of it", async || {
        site.status().await["state"] == "waiting"
    })
    .await;
    site.app.run("SELECT 1").await;

    assert_eq!(site.status().await["code"], "CREDENTIALS_REJECTED");
    assert_eq!(site.app.dingtalk.calls(CallKind::OpenStream), 1);
    held.stop().await;
}

#[tokio::test]
async fn dingtalk_that_fails_is_asked_again_until_it_answers() {
    use dingtalk_simulator::{Effect, Fault};

    let site = Site::receiving("stream").await;
    site.app
        .dingtalk
        .set_fault(Fault::on(CallKind::OpenStream, Effect::BadGatewayPage).times(3));

    let held = site.hold(Receive::Stream);
    site.connected().await;

    assert_eq!(site.app.dingtalk.calls(CallKind::OpenStream), 4);
    assert_eq!(site.status().await["code"], Value::Null);
    held.stop().await;
}

#[tokio::test]
async fn after_minutes_without_a_stream_everything_is_to_be_compared() {
    let site = Site::receiving("stream").await;
    let held = site.hold(Receive::Stream);
    site.connected().await;
    held.stop().await;

    for (away, is_wanted) in [(TimeDelta::seconds(170), false), (TimeDelta::seconds(190), true)] {
        site.app.wait(away);
        let held = site.hold(Receive::Stream);
        site.connected().await;
        let wanted = tokio::time::timeout(Duration::ZERO, site.comparison_wanted.notified()).await;
        assert_eq!(wanted.is_ok(), is_wanted, "{away}");
        held.stop().await;
    }
}
