//! What an operator sees of what happened.

use chrono::TimeDelta;
use nocobase_dingtalk::call_counts::saved_in;
use serde_json::{Value, json};

use crate::support::app::TestApp;

/// Without the administrator, who signs in with a password.
const OURS: &str = "?authenticator=s_dingtalk";

/// All that stands in the files.
fn written(app: &TestApp) -> String {
    let files = std::fs::read_dir(app.folder.path().join("audit")).unwrap();
    files
        .map(|file| std::fs::read_to_string(file.unwrap().path()).unwrap())
        .collect()
}

/// The newest entries.
async fn entries(app: &TestApp, query: &str) -> Vec<Value> {
    let answer = app.root().await.get(&format!("dingtalk:audit{query}")).await;
    assert_eq!(answer.status, 200, "{}", answer.text);
    answer.json["data"].as_array().unwrap().clone()
}

#[tokio::test]
async fn a_sign_in_is_recorded_with_how_the_person_was_found() {
    let app = TestApp::start().await;
    let answer = app.browser().sign_in(&app.dingtalk, "han-meimei").await;

    let [mut entry, _configured] = <[Value; 2]>::try_from(entries(&app, OURS).await).unwrap();

    assert_eq!(entry["reference"].take().as_str().unwrap().len(), 8);
    assert_eq!(
        entry,
        json!({
            "time": "2025-11-20T01:02:03.678Z",
            "reference": null,
            "authenticator": "s_dingtalk",
            "event": "signIn",
            "result": "OK",
            "matched": "signUp",
            "userId": answer.json["data"]["user"]["id"],
            "nickname": "韩梅梅",
            "address": "127.0.0.1",
        })
    );
}

#[tokio::test]
async fn a_refusal_is_recorded_under_the_reference_the_person_was_told() {
    let app = TestApp::start().await;
    let answer = app.browser().sign_in(&app.dingtalk, "wang-fang").await;
    let message = answer.json["errors"][0]["message"].as_str().unwrap();
    let reference = message.rsplit(' ').next().unwrap();

    let found = entries(&app, &format!("?reference={reference}")).await;

    assert_eq!(found.len(), 1);
    assert_eq!(found[0]["result"], json!("PHONE_UNAVAILABLE"));
    assert!(found[0].get("userId").is_none() && found[0].get("matched").is_none());
}

#[tokio::test]
async fn where_somebody_came_from_is_recorded_whatever_they_were_refused() {
    let app = TestApp::start().await;
    let mut member = app.browser();
    member.sign_in(&app.dingtalk, "han-meimei").await;
    assert_eq!(member.get("authenticators:list").await.status, 403);
    app.browser()
        .post_sign_in("basic", json!({ "account": "nobody", "password": "wrong" }))
        .await;

    for event in ["access", "passwordSignIn"] {
        let found = entries(&app, &format!("?event={event}&result=REFUSED")).await;

        assert_eq!(found.len(), 1, "{event}");
        assert_eq!(found[0]["address"], json!("127.0.0.1"), "{event}");
    }
}

#[tokio::test]
async fn dingtalks_number_of_a_failed_call_is_kept_for_its_support() {
    let app = TestApp::start().await;
    app.set_options(json!({ "clientSecret": "wrong" })).await;
    app.browser().sign_in(&app.dingtalk, "li-lei").await;

    let found = entries(&app, "").await;

    assert_eq!(found[0]["result"], json!("CREDENTIALS_REJECTED"));
    let request_id = found[0]["dingtalkRequestId"].as_str().unwrap();
    assert!(uuid::Uuid::parse_str(request_id).is_ok(), "{request_id}");
}

#[tokio::test]
async fn a_person_who_refused_at_dingtalk_is_recorded_under_the_reference_of_the_sign_in_page() {
    let app = TestApp::start().await;
    let mut browser = app.browser();
    let at_dingtalk = browser.click("s_dingtalk", "/signin").await;
    let answer = browser.follow(&app.dingtalk.refuse(&at_dingtalk).unwrap()).await;

    let (_, reference) = answer.refused_at();
    let found = entries(&app, &format!("?reference={reference}")).await;
    assert_eq!(found[0]["result"], json!("DINGTALK_DENIED"));
}

#[tokio::test]
async fn who_comes_back_to_a_completed_sign_in_is_recorded_under_the_reference_of_the_sign_in_page() {
    let app = TestApp::start().await;
    let mut browser = app.browser();
    let at_dingtalk = browser.click("s_dingtalk", "/signin").await;
    let back = app.dingtalk.approve(&at_dingtalk, "li-lei").unwrap();
    let handle = browser.come_back(&back).await;
    assert_eq!(browser.complete("s_dingtalk", &handle).await.status, 200);

    let answer = browser.follow(&back).await;

    let (_, reference) = answer.refused_at();
    let found = entries(&app, &format!("?reference={reference}")).await;
    assert_eq!(found[0]["result"], json!("FLOW_USED"));
}

#[tokio::test]
async fn who_comes_back_again_and_again_does_not_fill_the_audit() {
    let app = TestApp::bare(&[("SIDECAR_ATTEMPTS_PER_ADDRESS", "3")]).await;
    app.enable_plugin().await;
    app.add_authenticator(json!({ "public": { "autoSignup": true } }))
        .await;
    let mut browser = app.browser();
    let at_dingtalk = browser.click("s_dingtalk", "/signin").await;
    let back = app.dingtalk.approve(&at_dingtalk, "li-lei").unwrap();
    let handle = browser.come_back(&back).await;
    assert_eq!(browser.complete("s_dingtalk", &handle).await.status, 200);

    for _ in 0..10 {
        browser.follow(&back).await;
    }

    assert_eq!(entries(&app, "?result=FLOW_USED").await.len(), 3);
}

#[tokio::test]
async fn an_entry_says_what_its_people_are_called_now_and_no_file_does() {
    let app = TestApp::start().await;
    let user = app.add_user("Li Lei", Some("13800138000")).await;
    app.browser().sign_in(&app.dingtalk, "li-lei").await;
    app.run("UPDATE users SET nickname = 'Lei Li' WHERE nickname = 'Li Lei'")
        .await;
    let path = format!("dingtalk:unbind?authenticator=s_dingtalk&userId={}", user.0);
    assert!(app.root().await.post(&path, json!({})).await.status < 300);

    let found = entries(&app, "?search=lei").await;

    let [unlinked, signed_in] = <[Value; 2]>::try_from(found).unwrap();
    assert_eq!(signed_in["nickname"], json!("Lei Li"));
    assert!(signed_in.get("actorNickname").is_none());
    assert_eq!(unlinked["event"], json!("unlink"));
    assert_eq!(unlinked["nickname"], json!("Lei Li"));
    assert_eq!(unlinked["actorNickname"], json!("Super Admin"));
    let only = entries(&app, "?event=unlink").await;
    assert_eq!(only, [unlinked]);
    assert!(!written(&app).contains("Lei"));
}

#[tokio::test]
async fn entries_are_found_by_person_and_by_having_been_refused() {
    let app = TestApp::start().await;
    app.add_user("Li Lei", Some("13800138000")).await;
    for person in ["li-lei", "han-meimei", "wang-fang"] {
        app.browser().sign_in(&app.dingtalk, person).await;
    }

    for (query, results) in [
        ("?search=li%20lei", vec!["OK"]),
        ("?search=13800138", vec!["OK"]),
        ("?search=nobody", vec![]),
        ("?result=REFUSED", vec!["PHONE_UNAVAILABLE"]),
        ("?result=REFUSED&search=li", vec![]),
        ("?authenticator=s_dingtalk&result=OK&search=li&userId=0", vec![]),
    ] {
        let found = entries(&app, query).await;
        let found: Vec<&Value> = found.iter().map(|entry| &entry["result"]).collect();
        assert_eq!(found, results, "{query}");
    }
}

#[tokio::test]
async fn passwords_right_and_wrong_are_recorded_without_the_account() {
    let app = TestApp::bare(&[]).await;
    let body = json!({ "account": "canary@example.com", "password": "wrong" });
    app.browser().post("auth:signIn", body).await;

    let answer = app.root().await.get("dingtalk:audit?authenticator=basic").await;

    let found = answer.json["data"].as_array().unwrap();
    let results: Vec<&Value> = found.iter().map(|entry| &entry["result"]).collect();
    assert_eq!(results, ["OK", "WRONG_PASSWORD"]);
    assert!(
        found
            .iter()
            .all(|entry| entry["event"] == json!("passwordSignIn"))
    );
    assert!(!answer.text.contains("canary"), "{}", answer.text);
}

#[tokio::test]
async fn an_address_is_believed_only_from_a_trusted_proxy() {
    for (trusted, address) in [("127.0.0.0/8", "203.0.113.9"), ("10.0.0.0/8", "127.0.0.1")] {
        let app = TestApp::bare(&[("SIDECAR_TRUSTED_PROXIES", trusted)]).await;
        app.enable_plugin().await;
        app.add_authenticator(json!({})).await;
        let mut browser = app.browser().with("X-Forwarded-For", "6.6.6.6, 203.0.113.9");

        browser.sign_in(&app.dingtalk, "li-lei").await;

        assert_eq!(entries(&app, "").await[0]["address"], json!(address));
    }
}

#[tokio::test]
async fn an_address_that_a_proxy_adds_in_a_line_of_its_own_counts_before_the_clients_line() {
    let app = TestApp::start().await;
    let mut browser = app
        .browser()
        .with("X-Forwarded-For", "6.6.6.6")
        .with("X-Forwarded-For", "203.0.113.9");

    browser.sign_in(&app.dingtalk, "li-lei").await;

    assert_eq!(entries(&app, "").await[0]["address"], json!("203.0.113.9"));
}

#[tokio::test]
async fn whoever_makes_changes_or_deletes_a_sign_in_method_is_recorded() {
    let app = TestApp::start().await;
    app.add_authenticator_named("s_second", json!({})).await;
    let row = app.root().await.get("authenticators:list").await.json["data"]
        .as_array()
        .unwrap()
        .iter()
        .find(|row| row["name"] == json!("s_second"))
        .unwrap()["id"]
        .to_string();
    let update = format!("authenticators:update?filterByTk={row}");
    let destroy = format!("authenticators:destroy?filterByTk={row}");
    app.root().await.post(&update, json!({ "title": "Second" })).await;
    app.root().await.post(&destroy, json!({})).await;

    let found = entries(&app, "?authenticator=s_second").await;

    assert_eq!(found.len(), 3);
    for entry in found {
        assert_eq!(
            (&entry["event"], &entry["actorId"]),
            (&json!("settingsChange"), &json!(1))
        );
    }
}

#[tokio::test]
async fn a_removed_link_is_recorded_with_who_removed_it() {
    let app = TestApp::start().await;
    let answer = app.browser().sign_in(&app.dingtalk, "li-lei").await;
    let user = answer.json["data"]["user"]["id"].clone();
    let unbind = format!("dingtalk:unbind?authenticator=s_dingtalk&userId={user}");
    app.root().await.post(&unbind, json!({})).await;

    let found = entries(&app, "").await;

    assert_eq!(found[0]["event"], json!("unlink"));
    assert_eq!((&found[0]["userId"], &found[0]["actorId"]), (&user, &json!(1)));
}

#[tokio::test]
async fn entries_are_filtered_and_paged_newest_first() {
    let app = TestApp::start().await;
    for person in ["li-lei", "wang-fang", "han-meimei"] {
        app.browser().sign_in(&app.dingtalk, person).await;
        app.wait(TimeDelta::minutes(1));
    }
    let mut root = app.root().await;

    for (query, count) in [
        (OURS, 4),
        ("?result=OK&authenticator=s_dingtalk", 3),
        ("?result=PHONE_UNAVAILABLE", 1),
        ("?authenticator=other", 0),
        ("?userId=2", 1),
        ("?authenticator=s_dingtalk&from=2025-11-20T01:03:00Z", 2),
        ("?authenticator=s_dingtalk&to=2025-11-20T01:03:00Z", 2),
        ("?from=2025-11-20T09:03:00%2B08:00&to=2025-11-20T01:04:00Z", 1),
    ] {
        let answer = root.get(&format!("dingtalk:audit{query}")).await;

        assert_eq!(answer.json["meta"]["count"], json!(count), "{query}");
    }
    let page = root
        .get("dingtalk:audit?authenticator=s_dingtalk&page=2&pageSize=2")
        .await;
    assert_eq!(
        page.json["meta"],
        json!({ "count": 4, "page": 2, "pageSize": 2, "totalPage": 2 })
    );
    assert_eq!(page.json["data"][0]["time"], json!("2025-11-20T01:02:03.678Z"));
}

#[tokio::test]
async fn a_filter_that_cannot_be_read_is_named() {
    let app = TestApp::start().await;
    let mut root = app.root().await;

    for (query, field) in [
        ("?from=yesterday", "from"),
        ("?to=1", "to"),
        ("?userId=me", "userId"),
        ("?event=somethingElse", "event"),
    ] {
        let answer = root.get(&format!("dingtalk:audit{query}")).await;

        assert_eq!((answer.status, answer.code()), (400, "INVALID_FIELD"), "{query}");
        assert!(answer.text.contains(field), "{}", answer.text);
    }
}

#[tokio::test]
async fn the_audit_is_a_table_for_a_spreadsheet_too() {
    let app = TestApp::start().await;
    app.browser().sign_in(&app.dingtalk, "li-lei").await;

    let answer = app
        .root()
        .await
        .get("dingtalk:audit?authenticator=s_dingtalk&format=csv")
        .await;

    assert_eq!(answer.header("content-type"), "text/csv; charset=utf-8");
    assert_eq!(
        answer.header("content-disposition"),
        r#"attachment; filename="dingtalk-sign-ins.csv""#
    );
    let mut lines = answer.text.lines();
    assert_eq!(
        lines.next(),
        Some(
            "\u{feff}time,reference,authenticator,event,result,matched,userId,nickname,actorId,actorNickname,address,dingtalkRequestId,detail"
        )
    );
    let row: Vec<&str> = lines.next().unwrap().split(',').collect();
    assert_eq!(row[0], "2025-11-20T01:02:03.678Z");
    assert_eq!(
        row[2..],
        [
            "s_dingtalk",
            "signIn",
            "OK",
            "signUp",
            "2",
            "李雷",
            "",
            "",
            "127.0.0.1",
            "",
            ""
        ]
    );
    assert!(lines.next().unwrap().contains(",s_dingtalk,settingsChange,OK,"));
    assert_eq!(lines.next(), None);
}

#[tokio::test]
async fn the_files_of_the_audit_hold_nothing_personal() {
    let app = TestApp::start().await;
    let (li_lei, han_meimei) = (app.person("li-lei"), app.person("han-meimei"));
    app.browser().sign_in(&app.dingtalk, "li-lei").await;
    app.browser().sign_in(&app.dingtalk, "han-meimei").await;

    let text = written(&app);

    assert!(text.contains("signUp"), "{text}");
    for person in [li_lei, han_meimei] {
        assert!(!text.contains(&person.union_id) && !text.contains(&person.name));
        assert!(!text.contains(person.mobile.as_deref().unwrap()));
    }
}

#[tokio::test]
async fn an_audit_that_cannot_be_written_keeps_nobody_out() {
    let app = TestApp::start().await;
    std::fs::remove_dir_all(app.folder.path().join("audit")).unwrap();
    std::fs::write(app.folder.path().join("audit"), "in the way").unwrap();

    let answer = app.browser().sign_in(&app.dingtalk, "li-lei").await;

    assert_eq!(answer.status, 200, "{}", answer.text);
}

#[tokio::test]
async fn calls_to_dingtalk_are_counted_by_app_api_and_day() {
    let app = TestApp::start().await;
    app.browser().sign_in(&app.dingtalk, "li-lei").await;
    app.browser().sign_in(&app.dingtalk, "han-meimei").await;

    let answer = app
        .root()
        .await
        .get("dingtalk:calls?authenticator=s_dingtalk")
        .await;

    let of_day =
        |call| json!({ "day": "2025-11-20", "app": app.dingtalk_app.client_id, "call": call, "count": 2 });
    assert_eq!(
        answer.json,
        json!({ "data": [of_day("profile"), of_day("user_access_token")], "meta": { "today": "2025-11-20" } })
    );
    for (query, status) in [("?authenticator=basic", 200), ("?authenticator=nobody", 404)] {
        let answer = app.root().await.get(&format!("dingtalk:calls{query}")).await;
        assert_eq!(
            (answer.status, answer.json["data"].as_array().map_or(0, Vec::len)),
            (status, 0)
        );
    }
}

#[tokio::test]
async fn counted_calls_outlive_the_process() {
    let mut app = TestApp::start().await;
    app.browser().sign_in(&app.dingtalk, "li-lei").await;

    app.stop_gracefully().await;

    let saved = saved_in(&app.folder.path().join("calls"), app.clock.now())
        .await
        .unwrap();
    assert_eq!(saved.of(&app.dingtalk_app.client_id), 2);
}

#[tokio::test]
async fn counted_calls_that_cannot_be_read_keep_the_doctor_from_nothing() {
    let app = TestApp::start().await;
    std::fs::write(app.folder.path().join("calls"), "in the way").unwrap();

    let answer = app.root().await.post("dingtalk:diagnose", json!({})).await;

    let findings = answer.json["data"]["findings"].as_array().unwrap();
    let checks: Vec<_> = findings
        .iter()
        .map(|finding| finding["check"].as_str().unwrap())
        .collect();
    assert!(
        checks.contains(&"credentials") && !checks.contains(&"calls"),
        "{checks:?}"
    );
}
