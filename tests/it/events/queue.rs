//! The queue: whom events name is read anew, a moment later, and nothing is done before it is applied.

use chrono::TimeDelta;
use dingtalk_simulator::{CallKind, Department, Effect, Fault, Limit, Person};

use super::*;

async fn site() -> (Site, EventsHandle) {
    let site = Site::receiving("stream").await;
    let held = site.hold(Receive::Stream);
    site.connected().await;
    (site, held)
}

async fn arrived(site: &Site, count: usize) {
    eventually("the events did not arrive", async || {
        usize::try_from(site.stored().await).unwrap() == count
    })
    .await;
}

#[tokio::test]
async fn somebody_who_joins_is_read_when_their_departments_are_settled() {
    let (site, held) = site().await;

    site.app
        .dingtalk
        .add_person(Person::employee("new", "新人", "union-of-new", "13911110009"));
    arrived(&site, 1).await;
    site.app.wait(TimeDelta::milliseconds(2999));
    site.fire("user_modify_org", "staff-li-lei");
    arrived(&site, 2).await;
    // Had it been due, it would have been read with the one before.
    site.app.wait(TimeDelta::milliseconds(1));
    site.applied(&["staff-new 新人"]).await;
    assert_eq!(site.app.dingtalk.calls(CallKind::UserDetails), 1);
    site.app.wait(TimeDelta::milliseconds(999));

    site.applied(&["staff-new 新人", "staff-li-lei 李雷"]).await;
    held.stop().await;
    assert!(site.pending().await.is_empty());
}

#[tokio::test]
async fn order_and_repetition_do_not_matter_because_what_counts_is_who_is_there() {
    let (site, held) = site().await;

    site.fire("user_leave_org", "staff-li-lei");
    site.fire("user_add_org", "staff-li-lei");
    site.fire("user_add_org", "staff-nobody");
    site.fire("user_leave_org", "staff-nobody");
    site.fire("user_modify_org", "staff-nobody");
    arrived(&site, 5).await;
    site.app.wait(TimeDelta::seconds(3));

    site.applied(&["gone staff-nobody", "staff-li-lei 李雷"]).await;
    held.stop().await;
    assert_eq!(site.app.dingtalk.calls(CallKind::UserDetails), 2);
}

#[tokio::test]
async fn a_changed_department_is_read_with_its_people() {
    let (site, held) = site().await;

    site.app
        .dingtalk
        .edit_department(DEMO_CORP_ID, 102, |department| {
            department.name = "平台部".to_owned();
        });
    site.app.dingtalk.add_department(Department {
        id: 301,
        name: "新部门".to_owned(),
        ..Department::demo()[0].clone()
    });
    site.app.dingtalk.remove_department(DEMO_CORP_ID, 201);
    arrived(&site, 3).await;
    site.app.wait(TimeDelta::seconds(1));

    site.applied(&[
        "department 102 平台部",
        "department 301 新部门",
        "gone department 201",
        "staff-alex-kim Alex Kim",
        "staff-li-lei 李雷",
    ])
    .await;
    held.stop().await;
}

#[tokio::test]
async fn an_outage_of_dingtalks_makes_nobody_a_leaver_and_is_waited_for() {
    for effect in [Effect::Reset, Effect::Limited(Limit::AppAndApi), Effect::Page] {
        let (site, held) = site().await;
        site.app
            .dingtalk
            .set_fault(Fault::on(CallKind::UserDetails, effect).times(1));

        site.fire("user_modify_org", "staff-li-lei");
        arrived(&site, 1).await;
        site.app.wait(TimeDelta::seconds(1));

        site.applied(&["staff-li-lei 李雷"]).await;
        held.stop().await;
        assert!(site.pending().await.is_empty());
    }
}

#[tokio::test]
async fn what_was_not_applied_stays_and_is_applied_by_whoever_holds_the_source_next() {
    let (site, held) = site().await;
    *site.failures.lock().unwrap() = u32::MAX;
    site.fire("user_modify_org", "staff-li-lei");
    arrived(&site, 1).await;
    site.app.wait(TimeDelta::seconds(1));
    eventually("it was not tried", async || {
        *site.failures.lock().unwrap() < u32::MAX
    })
    .await;
    held.stop().await;
    assert_eq!(site.pending().await.len(), 1);

    *site.failures.lock().unwrap() = 0;
    let held = site.hold(Receive::Stream);

    site.applied(&["staff-li-lei 李雷"]).await;
    held.stop().await;
    assert!(site.pending().await.is_empty());
}

#[tokio::test]
async fn somebody_whom_the_app_may_not_see_is_neither_changed_nor_gone() {
    let (site, held) = site().await;
    site.app.dingtalk.edit_person("li-lei", |person| {
        person.memberships[0].out_of_scope = true;
    });
    site.fire("user_modify_org", "staff-han-meimei");
    arrived(&site, 2).await;
    site.app.wait(TimeDelta::seconds(1));

    site.applied(&["staff-han-meimei 韩梅梅"]).await;
    held.stop().await;
    assert!(site.pending().await.is_empty());
}

#[tokio::test]
async fn many_events_are_applied_in_parts_each_person_once() {
    let (site, held) = site().await;
    for number in 0..130 {
        site.fire("user_modify_org", &format!("staff-nobody-{number:03}"));
        site.fire("user_modify_org", "staff-li-lei");
        // What finds no room is asked for later, and this DingTalk sends nothing again by itself.
        if number % 10 == 9 {
            arrived(&site, 2 * (number + 1)).await;
        }
    }
    site.app.wait(TimeDelta::seconds(1));

    eventually("not all are done", async || site.pending().await.is_empty()).await;
    held.stop().await;
    let applied = site.applied.lock().unwrap().clone();
    let gone: Vec<&String> = applied.iter().filter(|line| line.starts_with("gone")).collect();
    assert_eq!(gone.len(), 130);
}

#[tokio::test]
async fn whom_dingtalk_will_not_answer_for_keeps_nobody_waiting_and_is_not_gone() {
    let (site, held) = site().await;
    let refused = Effect::Answer {
        status: 200,
        content_type: "application/json".to_owned(),
        body: r#"{"errcode":400999,"errmsg":"no"}"#.to_owned(),
    };
    site.app
        .dingtalk
        .set_fault(Fault::on(CallKind::UserDetails, refused).times(1));
    site.fire("user_modify_org", "staff-li-lei");
    arrived(&site, 1).await;
    site.app.wait(TimeDelta::seconds(1));
    eventually("it still waits", async || site.pending().await.is_empty()).await;

    site.fire("user_modify_org", "staff-han-meimei");
    arrived(&site, 2).await;
    site.app.wait(TimeDelta::seconds(1));

    site.applied(&["staff-han-meimei 韩梅梅"]).await;
    held.stop().await;
}
