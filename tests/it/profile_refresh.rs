//! What of a known person's profile follows DingTalk.

use chrono::TimeDelta;
use dingtalk_simulator::{CallKind, DEMO_CORP_ID, Effect, Fault, MobileSharing};
use serde_json::{Value, json};

use crate::in_client;
use crate::support::app::TestApp;
use crate::support::browser::Answer;

const CHANGED: &str = "x-dingtalk-changed-user";

/// A sidecar alone where Li Lei has signed in once, and everything about him has changed in DingTalk since.
async fn start(options: Value) -> TestApp {
    let app = TestApp::bare(&[]).await;
    app.enable_plugin().await;
    let mut all = json!({ "autoLogin": true, "corpId": DEMO_CORP_ID, "public": { "autoSignup": true } });
    app.add_authenticator(all.clone()).await;
    assert_eq!(through_the_page(&app).await.status, 200);
    for (key, value) in options.as_object().unwrap() {
        all[key] = value.clone();
    }
    app.set_options(all).await;
    app.dingtalk.edit_person("li-lei", |person| {
        "李雷雷".clone_into(&mut person.name);
        person.mobile = Some("13800138999".to_owned());
        person.avatar_url = Some("https://static.example.com/li-lei.png".to_owned());
    });
    app
}

async fn through_the_page(app: &TestApp) -> Answer {
    app.browser().sign_in(&app.dingtalk, "li-lei").await
}

/// Nickname and phone number as they are stored.
async fn stored(app: &TestApp) -> [Option<String>; 2] {
    let text = async |column: &str| {
        let sql = format!("SELECT {column} FROM users WHERE id = (SELECT MAX(id) FROM users)");
        app.value::<Option<String>>(&sql).await
    };
    [text("nickname").await, text("phone").await]
}

fn texts(nickname: &str, phone: &str) -> [Option<String>; 2] {
    [Some(nickname.to_owned()), Some(phone.to_owned())]
}

async fn newest_detail(app: &TestApp) -> Value {
    let answer = app.root().await.get("dingtalk:audit?event=signIn").await;
    answer.json["data"][0]["detail"].clone()
}

#[tokio::test]
async fn nothing_is_taken_over_unless_the_settings_say_so() {
    for options in [
        json!({}),
        json!({ "refreshNickname": "never", "refreshPhone": "never" }),
    ] {
        let app = start(options).await;

        for answer in [
            through_the_page(&app).await,
            in_client::sign_in(&app, "li-lei").await,
        ] {
            assert_eq!(answer.status, 200, "{}", answer.text);
            assert_eq!(answer.header(CHANGED), "");
        }

        assert_eq!(stored(&app).await, texts("李雷", "13800138000"));
        assert_eq!(app.dingtalk.calls(CallKind::UserDetails), 0);
    }
}

#[tokio::test]
async fn what_always_follows_is_taken_over_once_and_the_bridge_is_told() {
    let app = start(json!({ "refreshNickname": "always", "refreshPhone": "always" })).await;

    let answer = through_the_page(&app).await;

    let user = &answer.json["data"]["user"];
    assert_eq!(answer.header(CHANGED), user["id"].to_string());
    assert_eq!(
        (&user["nickname"], &user["phone"]),
        (&json!("李雷雷"), &json!("13800138999"))
    );
    assert_eq!(stored(&app).await, texts("李雷雷", "13800138999"));
    assert_eq!(newest_detail(&app).await, "refreshed=nickname,phone");
    let files = std::fs::read_dir(app.folder.path().join("audit")).unwrap();
    for file in files {
        let text = std::fs::read_to_string(file.unwrap().path()).unwrap();
        assert!(
            !text.contains("13800138999") && !text.contains("李雷雷"),
            "{text}"
        );
    }

    let again = through_the_page(&app).await;
    assert_eq!(again.header(CHANGED), "");
    assert_eq!(newest_detail(&app).await, Value::Null);
    assert_eq!(app.dingtalk.calls(CallKind::UserDetails), 0);
}

#[tokio::test]
async fn what_follows_when_empty_leaves_what_is_there() {
    let app = start(json!({ "refreshNickname": "empty", "refreshPhone": "empty" })).await;
    through_the_page(&app).await;
    assert_eq!(stored(&app).await, texts("李雷", "13800138000"));

    app.run("UPDATE users SET nickname = NULL WHERE id = (SELECT MAX(id) FROM users)")
        .await;
    through_the_page(&app).await;
    assert_eq!(stored(&app).await, texts("李雷雷", "13800138000"));

    app.run("UPDATE users SET phone = NULL WHERE id = (SELECT MAX(id) FROM users)")
        .await;
    through_the_page(&app).await;
    assert_eq!(stored(&app).await, texts("李雷雷", "13800138999"));
}

#[tokio::test]
async fn a_number_that_is_spelt_otherwise_stays_as_it_is() {
    let app = start(json!({ "refreshPhone": "always" })).await;
    app.run("UPDATE users SET phone = '+86 138 0013 8999' WHERE id = (SELECT MAX(id) FROM users)")
        .await;

    let answer = through_the_page(&app).await;

    assert_eq!(answer.header(CHANGED), "");
    assert_eq!(stored(&app).await, texts("李雷", "+86 138 0013 8999"));
}

#[tokio::test]
async fn a_number_that_another_user_has_is_not_taken_over_and_that_is_told() {
    for theirs in ["13800138999", "+86-138 0013 8999"] {
        let app = start(json!({ "refreshNickname": "always", "refreshPhone": "always" })).await;
        let sql = format!("UPDATE users SET phone = '{theirs}' WHERE id = 1");
        app.run(&sql).await;
        // How people spell their numbers is remembered for two seconds.
        app.wait(TimeDelta::seconds(3));

        let answer = through_the_page(&app).await;

        assert_eq!(answer.status, 200, "{}", answer.text);
        assert_eq!(stored(&app).await, texts("李雷雷", "13800138000"), "{theirs}");
        assert_eq!(
            newest_detail(&app).await,
            "refreshed=nickname phone_taken",
            "{theirs}"
        );
    }
}

#[tokio::test]
async fn a_number_or_name_that_dingtalk_keeps_back_changes_nothing() {
    for sharing in [
        MobileSharing::Withheld,
        MobileSharing::Masked,
        MobileSharing::Blank,
    ] {
        let app = start(json!({ "refreshNickname": "always", "refreshPhone": "always" })).await;
        app.dingtalk.edit_person("li-lei", |person| {
            person.mobile_sharing = sharing;
            " ".clone_into(&mut person.name);
        });

        let answer = through_the_page(&app).await;

        assert_eq!(answer.status, 200, "{}", answer.text);
        assert_eq!(stored(&app).await, texts("李雷", "13800138000"), "{sharing:?}");
    }
}

#[tokio::test]
async fn inside_dingtalk_a_call_is_spent_only_on_a_number_that_may_be_wanted() {
    for (options, is_phone_gone, calls, expected) in [
        (
            json!({ "refreshNickname": "always" }),
            false,
            0,
            texts("李雷雷", "13800138000"),
        ),
        (
            json!({ "refreshPhone": "empty" }),
            false,
            0,
            texts("李雷", "13800138000"),
        ),
        (
            json!({ "refreshPhone": "empty" }),
            true,
            1,
            texts("李雷", "13800138999"),
        ),
        (
            json!({ "refreshPhone": "always" }),
            false,
            1,
            texts("李雷", "13800138999"),
        ),
        // Users have no field for a picture.
        (
            json!({ "refreshAvatar": "always" }),
            false,
            0,
            texts("李雷", "13800138000"),
        ),
    ] {
        let app = start(options.clone()).await;
        if is_phone_gone {
            app.run("UPDATE users SET phone = NULL WHERE id = (SELECT MAX(id) FROM users)")
                .await;
        }

        let answer = in_client::sign_in(&app, "li-lei").await;

        assert_eq!(answer.status, 200, "{}", answer.text);
        assert_eq!(app.dingtalk.calls(CallKind::UserDetails), calls, "{options}");
        assert_eq!(stored(&app).await, expected, "{options}");
    }
}

#[tokio::test]
async fn a_picture_goes_into_the_field_that_users_have_for_it() {
    let app = start(json!({ "refreshAvatar": "always" })).await;
    app.run("ALTER TABLE users ADD COLUMN avatar VARCHAR(255)").await;
    let avatar = async || {
        let sql = "SELECT avatar FROM users WHERE id = (SELECT MAX(id) FROM users)";
        app.value::<Option<String>>(sql).await
    };

    through_the_page(&app).await;
    assert_eq!(
        avatar().await.as_deref(),
        Some("https://static.example.com/li-lei.png")
    );
    assert_eq!(newest_detail(&app).await, "refreshed=avatar");

    app.run("UPDATE users SET avatar = NULL").await;
    in_client::sign_in(&app, "li-lei").await;
    assert_eq!(
        avatar().await.as_deref(),
        Some("https://static.example.com/li-lei.png")
    );
    assert_eq!(app.dingtalk.calls(CallKind::UserDetails), 1);

    for address in [
        "javascript:alert(1)",
        "no address",
        &format!("https://x.example/{}", "x".repeat(255)),
    ] {
        app.dingtalk
            .edit_person("li-lei", |person| person.avatar_url = Some(address.to_owned()));
        through_the_page(&app).await;
        assert_eq!(
            avatar().await.as_deref(),
            Some("https://static.example.com/li-lei.png"),
            "{address}"
        );
    }
}

#[tokio::test]
async fn a_directory_that_does_not_answer_keeps_nobody_out_and_the_name_follows() {
    let app = start(json!({ "refreshPhone": "always", "refreshNickname": "always" })).await;
    app.dingtalk
        .set_fault(Fault::on(CallKind::UserDetails, Effect::Page));

    let answer = in_client::sign_in(&app, "li-lei").await;

    assert_eq!(answer.status, 200, "{}", answer.text);
    assert_eq!(stored(&app).await, texts("李雷雷", "13800138000"));
}

#[tokio::test]
async fn a_person_who_becomes_a_user_now_is_not_refreshed() {
    let app = start(json!({ "refreshNickname": "always", "refreshPhone": "always" })).await;

    let answer = app.browser().sign_in(&app.dingtalk, "han-meimei").await;

    assert_eq!(answer.status, 200, "{}", answer.text);
    assert_eq!(answer.header(CHANGED), "");
}

#[tokio::test]
async fn a_user_who_is_linked_by_phone_number_is_known() {
    let app = start(json!({ "refreshNickname": "always" })).await;
    app.add_user("Meimei", Some("13900139001")).await;

    let answer = app.browser().sign_in(&app.dingtalk, "han-meimei").await;

    assert_eq!(
        answer.json["data"]["user"]["nickname"], "韩梅梅",
        "{}",
        answer.text
    );
}
