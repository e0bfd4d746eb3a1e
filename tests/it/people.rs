//! People locked out or doubled: what a site keeps of somebody, and what DingTalk says of them, in all its untidiness.

use chrono::TimeDelta;
use dingtalk_simulator::{CallKind, Effect, Fault, OTHER_CORP_ID, Person};
use nocobase_dingtalk::nocobase::UserId;
use serde_json::{Value, json};

use crate::support::app::{AUTHENTICATOR, TestApp};
use crate::support::beside_nocobase::app_beside_nocobase;
use crate::support::browser::{Answer, refusal};
use crate::support::database::{Kind, on};

fn user_of(answer: &Answer) -> UserId {
    assert_eq!(answer.status, 200, "{}", answer.text);
    UserId(answer.json["data"]["user"]["id"].as_i64().unwrap())
}

async fn sign_in(app: &TestApp, person: &str) -> Answer {
    app.browser().sign_in(&app.dingtalk, person).await
}

/// How people spell `+8613900004000`, out of the corpus.
fn spellings() -> Vec<&'static str> {
    let corpus = include_str!("../corpus/phones.tsv");
    let rows = corpus
        .lines()
        .filter_map(|line| line.strip_suffix("\tCN\t+8613900004000"));
    rows.collect()
}

#[tokio::test]
async fn no_spelling_of_a_number_makes_a_second_user() {
    let app = TestApp::start().await;
    let user = app.add_user("Zhang San", Some("13900004000")).await;
    let before = app.rows().await.users;
    assert!(spellings().len() > 30);

    for (index, spelling) in spellings().into_iter().enumerate() {
        app.run(r#"DELETE FROM "usersAuthenticators""#).await;
        app.run(&format!(
            "UPDATE users SET phone = '{spelling}' WHERE id = {user}"
        ))
        .await;
        app.wait(TimeDelta::seconds(2));
        let key = format!("zhang-{index}");
        app.dingtalk.add_person(Person::employee(
            &key,
            "Zhang San",
            &format!("Zhang{index}iEiE"),
            "13900004000",
        ));

        assert_eq!(user_of(&sign_in(&app, &key).await), user, "{spelling:?}");
    }
    assert_eq!(app.rows().await.users, before);
}

#[tokio::test]
async fn however_dingtalk_spells_a_number_no_second_user_is_made() {
    let app = TestApp::start().await;
    let user = app.add_user("Zhang San", Some("139 0000 4000")).await;
    for (index, (state_code, mobile)) in [
        ("86", "+8613900004000"),
        ("0086", "13900004000"),
        ("+86", "139-0000-4000"),
        ("86", "008613900004000"),
    ]
    .into_iter()
    .enumerate()
    {
        app.run(r#"DELETE FROM "usersAuthenticators""#).await;
        let key = format!("zhang-{index}");
        let mut person = Person::employee(&key, "Zhang San", &format!("Zhang{index}iEiE"), mobile);
        person.state_code = Some(state_code.to_owned());
        app.dingtalk.add_person(person);

        assert_eq!(user_of(&sign_in(&app, &key).await), user, "{state_code} {mobile}");
    }
}

#[tokio::test]
async fn two_users_with_one_number_are_never_guessed_between_and_the_doctor_names_them() {
    let app = TestApp::start().await;
    let owner = app.add_user("Li Lei", Some("138 0013 8000")).await;
    // A member may edit his own number: he takes another's, spelt so that no index minds.
    let thief = app.add_user("Somebody", Some("０１３８００１３８０００")).await;

    let answer = sign_in(&app, "li-lei").await;

    assert_eq!(answer.code(), "PHONE_AMBIGUOUS");
    let found = app
        .root()
        .await
        .post("dingtalk:diagnose?authenticator=s_dingtalk", json!({}))
        .await;
    let findings = found.json["data"]["findings"]
        .as_array()
        .unwrap_or_else(|| panic!("{}", found.text));
    let finding = findings
        .iter()
        .find(|finding| finding["check"] == "phone-numbers")
        .unwrap();
    let named = format!("+8613800138000 (id {owner}, {thief})");
    assert!(finding.to_string().contains(&named), "{finding}");
}

#[tokio::test]
async fn users_whom_no_number_leads_to_are_counted_by_the_doctor() {
    let app = TestApp::start().await;
    app.add_user("Li Lei", Some("13800138000")).await;
    app.add_user("Nobody's number", None).await;
    app.add_user("Not a number", Some("ask the office")).await;
    sign_in(&app, "li-lei").await;

    let found = app
        .root()
        .await
        .post("dingtalk:diagnose?authenticator=s_dingtalk", json!({}))
        .await;

    let mut findings = found.json["data"]["findings"].as_array().unwrap().iter();
    let finding = findings
        .find(|finding| finding["check"] == "missing-phone-numbers")
        .unwrap();
    assert_eq!(finding["status"], "warning");
    let message = finding["message"].as_str().unwrap();
    assert!(
        message.starts_with("2 of 4 users have no usable phone number"),
        "{message}"
    );
}

#[tokio::test]
async fn beside_nocobase_no_spelling_locks_out_or_makes_a_second_user() {
    for kind in [Kind::Postgres, Kind::PostgresRenamed, Kind::MariaDb] {
        on(kind, |database| async move {
            let app = app_beside_nocobase(&database, &[]).await;
            for (index, spelling) in ["13900004000 ", "139 0000 4000", "１３９００００４０００", "0086139 0000 4000"]
                .into_iter()
                .enumerate()
            {
                database.run("DELETE FROM `@usersAuthenticators`").await;
                database.run("DELETE FROM `@users` WHERE `id` > 1").await;
                database
                    .run(&format!(
                        "INSERT INTO `@users` (`phone`, `createdAt`, `updatedAt`) VALUES ('{spelling}', NOW(), NOW())"
                    ))
                    .await;
                app.wait(TimeDelta::seconds(2));
                let key = format!("zhang-{index}");
                app.dingtalk
                    .add_person(Person::employee(&key, "Zhang", &format!("Zhang{index}iEiE"), "13900004000"));

                let answer = sign_in(&app, &key).await;

                let user = database.number("SELECT MAX(`id`) FROM `@users`").await;
                assert_eq!(user_of(&answer).0, user, "{kind:?} {spelling:?}");
                assert_eq!(database.number("SELECT COUNT(*) FROM `@users`").await, 2, "{kind:?} {spelling:?}");
            }
        })
        .await;
    }
}

#[tokio::test]
async fn beside_nocobase_a_dead_link_locks_nobody_out() {
    for kind in [Kind::Postgres, Kind::PostgresRenamed, Kind::MariaDb] {
        on(kind, |database| async move {
            let app = app_beside_nocobase(&database, &[]).await;
            let first = user_of(&sign_in(&app, "li-lei").await);
            database
                .run(&format!("DELETE FROM `@users` WHERE `id` = {first}"))
                .await;

            let second = user_of(&sign_in(&app, "li-lei").await);

            assert_ne!(second, first, "{kind:?}");
            assert_eq!(user_of(&sign_in(&app, "li-lei").await), second, "{kind:?}");
            let links = database
                .number("SELECT COUNT(*) FROM `@usersAuthenticators`")
                .await;
            assert_eq!(links, 1, "{kind:?}");
        })
        .await;
    }
}

#[tokio::test]
async fn a_dead_link_locks_nobody_out_and_is_told() {
    let app = TestApp::start().await;
    let first = user_of(&sign_in(&app, "li-lei").await);
    app.run(&format!("DELETE FROM users WHERE id = {first}")).await;
    // Somebody else has been given the number meanwhile, so the link goes to them.
    let user = app.add_user("Li Lei", Some("138-0013-8000")).await;
    app.wait(TimeDelta::seconds(2));

    assert_eq!(user_of(&sign_in(&app, "li-lei").await), user);

    assert_eq!(app.rows().await.links, 1);
    let audit = app.root().await.get("dingtalk:audit?pageSize=1").await;
    assert_eq!(
        audit.json["data"][0]["detail"], "dead_link_replaced",
        "{}",
        audit.text
    );
}

#[tokio::test]
async fn whose_user_id_is_spelt_like_a_number_does_not_become_its_owner() {
    let app = TestApp::start().await;
    app.set_options(json!({ "subject": "mobile", "public": { "autoSignup": true } }))
        .await;
    let victim = user_of(&sign_in(&app, "li-lei").await);
    let mut thief = Person::employee("thief", "Thief", "ThiefUnionIdiEiE", "13311112222");
    thief.memberships[0].user_id = "13800138000".to_owned();
    app.dingtalk.add_person(thief);
    app.set_options(json!({ "subject": "userId", "public": { "autoSignup": true } }))
        .await;
    let before = app.rows().await;

    let answer = sign_in(&app, "thief").await;

    assert_eq!(answer.status, 401, "{victim} {}", answer.text);
    assert_eq!(answer.code(), "LINK_OF_OTHER_SETTINGS");
    assert_eq!(app.rows().await, before);
}

#[tokio::test]
async fn a_user_id_of_another_organization_is_another_person() {
    let app = TestApp::start().await;
    app.set_options(json!({ "subject": "userId", "public": { "autoSignup": true } }))
        .await;
    sign_in(&app, "li-lei").await;
    let mut elsewhere = app.dingtalk_app.clone();
    elsewhere.client_id = "dingelsewhere".to_owned();
    elsewhere.corp_id = OTHER_CORP_ID.to_owned();
    elsewhere.redirect_uris = vec![format!("{}/api/auth:redirect", app.url)];
    app.dingtalk.add_app(elsewhere);
    app.dingtalk.edit_person("zhao-yun", |person| {
        person.memberships[0].user_id = "staff-li-lei".to_owned();
    });
    app.set_options(
        json!({ "clientId": "dingelsewhere", "subject": "userId", "public": { "autoSignup": true } }),
    )
    .await;

    let answer = sign_in(&app, "zhao-yun").await;

    assert_eq!(answer.code(), "LINK_OF_OTHER_SETTINGS", "{}", answer.text);
}

#[tokio::test]
async fn a_link_of_an_older_version_locks_nobody_out_and_is_filled_in_once() {
    let app = TestApp::start().await;
    let user = user_of(&sign_in(&app, "li-lei").await);
    let meta = async || {
        let text: String = app.value(r#"SELECT json(meta) FROM "usersAuthenticators""#).await;
        serde_json::from_str::<Value>(&text).unwrap()
    };
    let noted = meta().await;
    app.run(r#"UPDATE "usersAuthenticators" SET meta = '{"matchedBy":"signUp"}'"#)
        .await;
    // Nothing else could find this person.
    app.dingtalk.edit_person("li-lei", |person| person.mobile = None);

    assert_eq!(user_of(&sign_in(&app, "li-lei").await), user);

    assert_eq!(meta().await, noted);
    assert_eq!(noted["subject"], "unionId");
}

#[tokio::test]
async fn beside_nocobase_a_link_of_an_older_version_is_filled_in() {
    for kind in [Kind::Postgres, Kind::PostgresRenamed, Kind::MariaDb] {
        on(kind, |database| async move {
            let app = app_beside_nocobase(&database, &[]).await;
            let user = user_of(&sign_in(&app, "li-lei").await);
            for mobile in [Some("13800138000".to_owned()), None] {
                database
                    .run("UPDATE `@usersAuthenticators` SET `meta` = NULL")
                    .await;
                app.dingtalk
                    .edit_person("li-lei", |person| person.mobile.clone_from(&mobile));

                assert_eq!(
                    user_of(&sign_in(&app, "li-lei").await),
                    user,
                    "{kind:?} {mobile:?}"
                );

                let filled = "SELECT COUNT(*) FROM `@usersAuthenticators` WHERE `meta` IS NOT NULL";
                assert_eq!(database.number(filled).await, 1, "{kind:?} {mobile:?}");
            }
        })
        .await;
    }
}

#[tokio::test]
async fn settings_changed_while_dingtalk_is_asked_count() {
    let sign_up_off = json!({ "public": { "autoSignup": false } });
    let other_subject = json!({ "subject": "userId", "public": { "autoSignup": true } });
    for (options, code) in [
        (Some(sign_up_off), "NO_MATCHING_USER"),
        (Some(other_subject), "SETTINGS_CHANGED"),
        (None, "AUTHENTICATOR_NOT_FOUND"),
    ] {
        let app = TestApp::start().await;
        app.root().await;
        let before = app.rows().await;
        app.dingtalk
            .set_fault(Fault::on(CallKind::Profile, Effect::Late).times(1));
        let mut browser = app.browser();
        browser.return_from_dingtalk(&app.dingtalk, "han-meimei").await;

        let change = async {
            // The code is redeemed, and the profile is on its way.
            while app.dingtalk.calls(CallKind::UserAccessToken) == 0 {
                tokio::task::yield_now().await;
            }
            if let Some(options) = options {
                app.set_options(options).await;
            } else {
                app.run("UPDATE authenticators SET enabled = 0 WHERE name = 's_dingtalk'")
                    .await;
                app.wait(TimeDelta::seconds(2));
            }
        };
        let (answer, ()) = tokio::join!(browser.complete_newest(AUTHENTICATOR), change);

        assert_eq!(answer.code(), code, "{}", answer.text);
        assert_eq!(app.rows().await, before, "{code}");
    }
}

#[tokio::test]
async fn half_an_emoji_locks_nobody_out() {
    let app = TestApp::start().await;
    let union_id = app.person("han-meimei").union_id;
    let body = format!(
        r#"{{"nick":"Han \ud83d","unionId":"{union_id}","openId":"o","mobile":"13900139001","stateCode":"86"}}"#
    );
    let answer = Effect::Answer {
        status: 200,
        content_type: "application/json".to_owned(),
        body,
    };
    app.dingtalk.set_fault(Fault::on(CallKind::Profile, answer));

    let answer = sign_in(&app, "han-meimei").await;

    user_of(&answer);
    assert_eq!(answer.json["data"]["user"]["nickname"], "Han");
}

#[tokio::test]
async fn a_name_that_the_tables_alphabet_lacks_locks_nobody_out() {
    on(Kind::MariaDb, |database| async move {
        for table in ["users", "usersAuthenticators"] {
            database
                .run(&format!(
                    "ALTER TABLE `@{table}` MODIFY `nickname` VARCHAR(255) CHARACTER SET utf8mb3"
                ))
                .await;
        }
        let app = app_beside_nocobase(&database, &[]).await;
        for (index, (name, stored)) in [("👩 韩梅梅", Some("韩梅梅")), ("👩", None)]
            .into_iter()
            .enumerate()
        {
            let key = format!("emoji-{index}");
            let mobile = format!("1390000700{index}");
            app.dingtalk.add_person(Person::employee(
                &key,
                name,
                &format!("Emoji{index}iEiE"),
                &mobile,
            ));

            let answer = sign_in(&app, &key).await;

            user_of(&answer);
            assert_eq!(answer.json["data"]["user"]["nickname"], json!(stored), "{name}");
        }
    })
    .await;
}

#[tokio::test]
async fn a_number_that_only_the_database_takes_for_anothers_is_not_told_as_a_taken_name() {
    on(Kind::MariaDb, |database| async move {
        // To this collation a digit in a circle is that digit; nobody dials it.
        database
            .run("ALTER TABLE `@users` MODIFY `phone` VARCHAR(255) CHARACTER SET utf8mb4 COLLATE utf8mb4_unicode_520_ci")
            .await;
        let app = app_beside_nocobase(&database, &[]).await;
        database
            .run("INSERT INTO `@users` (`phone`, `createdAt`, `updatedAt`) VALUES ('①3900004000', NOW(), NOW())")
            .await;
        app.dingtalk
            .add_person(Person::employee("zhang", "Zhang", "ZhangiEiE", "13900004000"));

        let answer = sign_in(&app, "zhang").await;

        assert_eq!(answer.code(), "PHONE_TAKEN", "{}", answer.text);
        assert_eq!(database.number("SELECT COUNT(*) FROM `@users`").await, 2);
        assert_eq!(database.number("SELECT COUNT(*) FROM `@usersAuthenticators`").await, 0);
    })
    .await;
}

#[tokio::test]
async fn a_required_field_of_the_sites_own_is_named_to_the_person_and_by_the_doctor() {
    for kind in [Kind::Postgres, Kind::PostgresRenamed, Kind::MariaDb] {
        on(kind, |database| async move {
            let app = app_beside_nocobase(&database, &[]).await;
            database.run("ALTER TABLE `@users` ADD COLUMN `floor` BIGINT NOT NULL DEFAULT 1").await;
            assert_eq!(database.store.users().required_columns().await.unwrap(), Vec::<String>::new());
            database.run("ALTER TABLE `@users` ALTER COLUMN `floor` DROP DEFAULT").await;
            assert_eq!(database.store.users().required_columns().await.unwrap(), ["floor"]);

            let answer = sign_in(&app, "li-lei").await;

            assert_eq!(answer.status, 500, "{kind:?}");
            assert_eq!(
                answer.stable(),
                refusal(
                    "USER_FIELD_REQUIRED",
                    "No new user can be made, because the field floor of users is required. Ask your administrator to \
                     give it a default value, or to add you first."
                ),
                "{kind:?}"
            );
        })
        .await;
    }
}

#[tokio::test]
async fn what_keeps_new_users_out_is_named_by_the_doctor() {
    for (change, status) in [
        ("UPDATE users SET nickname = 'Admin'", "ok"),
        (r#"UPDATE roles SET "default" = 0"#, "error"),
        (
            "ALTER TABLE users ADD COLUMN badge TEXT NOT NULL DEFAULT ''",
            "ok",
        ),
    ] {
        let app = TestApp::start().await;
        app.run(change).await;
        let root = &mut app.root().await;

        let found = root
            .post("dingtalk:diagnose?authenticator=s_dingtalk", json!({}))
            .await;

        let findings = found.json["data"]["findings"].as_array().unwrap();
        let finding = findings
            .iter()
            .find(|finding| finding["check"] == "new-users")
            .unwrap();
        assert_eq!(finding["status"], status, "{change}");
    }
}

#[tokio::test]
async fn an_account_without_a_number_is_not_told_of_a_permission() {
    let app = TestApp::start().await;
    app.dingtalk
        .edit_person("wang-fang", |person| person.state_code = None);

    let answer = sign_in(&app, "wang-fang").await;

    assert_eq!(answer.code(), "PHONE_MISSING");
    assert!(!answer.text.contains("Contact.User.mobile"), "{}", answer.text);
}

fn old_api_refuses(code: u32) -> Fault {
    let answer = Effect::Answer {
        status: 200,
        content_type: "application/json".to_owned(),
        body: format!(r#"{{"errcode":{code},"errmsg":"no"}}"#),
    };
    Fault::on(CallKind::UserIdByUnionId, answer)
}

#[tokio::test]
async fn no_refusal_of_dingtalks_is_told_as_another_one() {
    for (errcode, code, part) in [
        (
            60011,
            "PERMISSION_MISSING",
            "lacks a permission: qyapi_get_member.",
        ),
        (50002, "NOT_IN_SCOPE", "may not see you"),
        (50004, "NOT_IN_SCOPE", "may not see you"),
        (50003, "APP_DISABLED", "is disabled"),
        (90020, "QUOTA_USED_UP", "this month"),
        (33001, "DINGTALK_REFUSED", "trying again will not help"),
    ] {
        let app = TestApp::start().await;
        app.set_options(json!({ "subject": "userId", "public": { "autoSignup": true } }))
            .await;
        app.dingtalk.set_fault(old_api_refuses(errcode));

        let answer = sign_in(&app, "li-lei").await;

        assert_eq!(answer.code(), code, "{errcode}");
        assert!(answer.text.contains(part), "{errcode}: {}", answer.text);
        assert!(!answer.text.contains("in a moment"), "{errcode}: {}", answer.text);
    }
}

#[tokio::test]
async fn beside_nocobase_rights_by_department_are_not_given_away_by_phone() {
    for kind in [Kind::Postgres, Kind::PostgresRenamed, Kind::MariaDb] {
        on(kind, |database| async move {
            let app = app_beside_nocobase(&database, &[]).await;
            for statement in [
                "CREATE TABLE `@departments` (`id` BIGINT PRIMARY KEY, `parentId` BIGINT)",
                "CREATE TABLE `@departmentsUsers` (`departmentId` BIGINT, `userId` BIGINT)",
                "CREATE TABLE `@departmentsRoles` (`departmentId` BIGINT, `roleName` VARCHAR(255))",
                "INSERT INTO `@departments` (`id`, `parentId`) VALUES (1, NULL), (2, 1)",
                "INSERT INTO `@departmentsRoles` (`departmentId`, `roleName`) VALUES (1, 'admin')",
                "INSERT INTO `@users` (`phone`, `createdAt`, `updatedAt`) VALUES ('13800138000', NOW(), NOW())",
                "INSERT INTO `@departmentsUsers` (`departmentId`, `userId`) SELECT 2, MAX(`id`) FROM `@users`",
            ] {
                database.run(statement).await;
            }

            let answer = sign_in(&app, "li-lei").await;
            assert_eq!(answer.code(), "ADMINISTRATOR_NOT_LINKED", "{kind:?}");

            database.run("DELETE FROM `@departmentsRoles`").await;
            user_of(&sign_in(&app, "li-lei").await);
        })
        .await;
    }
}
