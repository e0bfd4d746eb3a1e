//! Which NocoBase user a DingTalk person becomes: rule by rule, refusal by refusal.

use dingtalk_simulator::{Contact, Membership, MobileSharing, OTHER_CORP_ID, Person};
use nocobase_dingtalk::nocobase::{AuthenticatorChanges, UserId};
use serde_json::{Value, json};

use crate::support::app::{AUTHENTICATOR, TestApp};
use crate::support::beside_nocobase::app_beside_nocobase;
use crate::support::browser::{Answer, refusal};
use crate::support::database::{Kind, now, on};

const DEMO_CORP: &str = dingtalk_simulator::DEMO_CORP_ID;

fn user_of(answer: &Answer) -> UserId {
    assert_eq!(answer.status, 200, "{}", answer.text);
    UserId(answer.json["data"]["user"]["id"].as_i64().unwrap())
}

async fn sign_in(app: &TestApp, person: &str) -> Answer {
    app.browser().sign_in(&app.dingtalk, person).await
}

/// The person is refused with exactly this, and the tables are as before.
async fn assert_refused(app: &TestApp, person: &str, code: &str, sentence: &str) {
    let before = app.rows().await;

    let answer = sign_in(app, person).await;

    assert_eq!(answer.status, 401, "{}", answer.text);
    assert_eq!(answer.stable(), refusal(code, sentence));
    let names: Vec<_> = answer
        .set_cookies()
        .iter()
        .map(|cookie| cookie[..5].to_owned())
        .collect();
    assert_eq!(names, ["nbdt_"], "only the flow is removed");
    assert_eq!(app.rows().await, before);
}

const PHONE_UNAVAILABLE: &str = "DingTalk did not share your phone number, so your account could not be found. \
    Ask your administrator to grant the permission Contact.User.mobile, then start again.";
const PHONE_MISSING: &str = "Your DingTalk account has no usable phone number, so your account here could not be \
    found. Ask your organization's DingTalk administrator to add it, or sign in with your password.";
const NO_MATCHING_USER: &str = "No user here has your DingTalk phone number. Ask your administrator to add it or to \
    allow automatic sign-up.";
const NOT_IN_ORGANIZATION: &str = "You are not a member of the DingTalk organization that may sign in here.";
const MIGRATION_NEEDED: &str = "This sign-in method still has the settings of an earlier plugin, which cannot find \
    your account. Ask your administrator to complete its settings.";

#[tokio::test]
async fn a_new_person_becomes_a_user_with_nickname_phone_and_the_default_role() {
    let app = TestApp::start().await;
    let before = app.rows().await;

    let answer = sign_in(&app, "han-meimei").await;

    let user = user_of(&answer);
    let after = app.rows().await;
    assert_eq!(
        (after.users, after.roles, after.links),
        (before.users + 1, before.roles + 1, before.links + 1)
    );
    assert_eq!(answer.header("x-dingtalk-created-user"), user.to_string());
    let row: String = app
        .value(&format!(
            "SELECT json_array(nickname, phone, username, email, password, sort, systemSettings, createdById) \
             FROM users WHERE id = {user}"
        ))
        .await;
    let row: Value = serde_json::from_str(&row).unwrap();
    assert_eq!(
        row,
        json!(["韩梅梅", "13900139001", null, null, null, 2, "{}", null])
    );
    let role: String = app
        .value(&format!(
            r#"SELECT group_concat("roleName") FROM "rolesUsers" WHERE "userId" = {user}"#
        ))
        .await;
    assert_eq!(role, "member");
}

#[tokio::test]
async fn a_known_person_is_the_same_user_whatever_became_of_the_phone_number() {
    let app = TestApp::start().await;
    let first = user_of(&sign_in(&app, "li-lei").await);
    let rows = app.rows().await;
    app.dingtalk
        .edit_person("li-lei", |person| person.mobile = Some("13111111111".to_owned()));
    app.run(&format!("UPDATE users SET phone = NULL WHERE id = {first}"))
        .await;

    let second = user_of(&sign_in(&app, "li-lei").await);

    assert_eq!(second, first);
    assert_eq!(app.rows().await.users, rows.users);
    assert_eq!(app.rows().await.links, rows.links);
}

#[tokio::test]
async fn a_known_person_needs_no_phone_number() {
    let app = TestApp::start().await;
    let first = user_of(&sign_in(&app, "li-lei").await);
    app.dingtalk.edit_person("li-lei", |person| person.mobile = None);

    assert_eq!(user_of(&sign_in(&app, "li-lei").await), first);
}

#[tokio::test]
async fn the_four_spellings_of_a_mainland_number_are_one_number() {
    for spelling in [
        "13800138000",
        "8613800138000",
        "+8613800138000",
        "+86-13800138000",
    ] {
        let app = TestApp::start().await;
        let user = app.add_user("Li Lei", Some(spelling)).await;

        assert_eq!(user_of(&sign_in(&app, "li-lei").await), user, "{spelling}");
        let phone: String = app
            .value(&format!("SELECT phone FROM users WHERE id = {user}"))
            .await;
        assert_eq!(phone, spelling, "what stands there is not rewritten");
    }
}

#[tokio::test]
async fn numbers_that_only_look_alike_are_other_people() {
    for spelling in [
        "3800138000",
        "+1-13800138000",
        "+113800138000",
        "138001380000",
        "138****8000",
        "%",
    ] {
        let app = TestApp::start().await;
        let user = app.add_user("Somebody", Some(spelling)).await;

        assert_ne!(user_of(&sign_in(&app, "li-lei").await), user, "{spelling}");
    }
}

#[tokio::test]
async fn the_same_digits_in_another_country_are_another_person() {
    let app = TestApp::start().await;
    let li_lei = app.add_user("Li Lei", Some("13800138000")).await;

    let alex = user_of(&sign_in(&app, "alex-kim").await);

    assert_ne!(alex, li_lei);
    let phone: String = app
        .value(&format!("SELECT phone FROM users WHERE id = {alex}"))
        .await;
    assert_eq!(phone, "+1-13800138000");
}

#[tokio::test]
async fn a_foreign_number_matches_a_user_who_has_it_with_its_code() {
    let app = TestApp::start().await;
    app.dingtalk.edit_person("alex-kim", |person| {
        person.state_code = Some("852".to_owned());
        person.mobile = Some("91234567".to_owned());
    });
    let bare = app.add_user("Bare", Some("91234567")).await;
    let coded = app.add_user("Coded", Some("+85291234567")).await;

    let user = user_of(&sign_in(&app, "alex-kim").await);

    assert_eq!(user, coded);
    assert_ne!(user, bare);
}

#[tokio::test]
async fn a_person_without_a_phone_number_is_refused() {
    let app = TestApp::start().await;
    app.add_user("No phone", None).await;
    app.add_user("Empty", Some("")).await;

    assert_refused(&app, "wang-fang", "PHONE_UNAVAILABLE", PHONE_UNAVAILABLE).await;
}

#[tokio::test]
async fn an_app_that_may_not_see_phone_numbers_finds_nobody() {
    let app = TestApp::start().await;
    app.dingtalk.edit_app(&app.dingtalk_app.client_id, |app| {
        app.permissions.remove("Contact.User.mobile");
    });

    assert_refused(&app, "li-lei", "PHONE_UNAVAILABLE", PHONE_UNAVAILABLE).await;
}

#[tokio::test]
async fn a_number_that_is_no_number_finds_nobody() {
    let app = TestApp::start().await;
    app.add_user("Stars", Some("138****8000")).await;
    app.run("INSERT INTO users (nickname, phone) VALUES ('blank', ''), ('space', ' '), ('null', 'null')")
        .await;

    let unavailable = ("PHONE_UNAVAILABLE", PHONE_UNAVAILABLE);
    let missing = ("PHONE_MISSING", PHONE_MISSING);
    for (mobile, sharing, (code, sentence)) in [
        ("13800138000", MobileSharing::Masked, unavailable),
        ("13800138000", MobileSharing::Blank, unavailable),
        ("13800138000", MobileSharing::Withheld, unavailable),
        ("null", MobileSharing::Shown, missing),
        (" ", MobileSharing::Shown, unavailable),
        ("undefined", MobileSharing::Shown, missing),
    ] {
        app.dingtalk.edit_person("li-lei", |person| {
            person.mobile = Some(mobile.to_owned());
            person.mobile_sharing = sharing;
        });

        assert_refused(&app, "li-lei", code, sentence).await;
    }
}

#[tokio::test]
async fn a_number_without_a_country_code_finds_nobody() {
    let app = TestApp::start().await;
    app.add_user("Li Lei", Some("13800138000")).await;
    app.dingtalk
        .edit_person("li-lei", |person| person.state_code = None);

    assert_refused(&app, "li-lei", "PHONE_MISSING", PHONE_MISSING).await;
}

#[tokio::test]
async fn without_sign_up_a_new_person_is_refused() {
    let app = TestApp::start().await;
    app.set_options(json!({ "public": { "autoSignup": false } }))
        .await;

    assert_refused(&app, "han-meimei", "NO_MATCHING_USER", NO_MATCHING_USER).await;
}

#[tokio::test]
async fn sign_up_is_off_unless_it_was_turned_on() {
    let app = TestApp::start().await;
    app.set_options(json!({})).await;

    assert_refused(&app, "han-meimei", "NO_MATCHING_USER", NO_MATCHING_USER).await;
}

#[tokio::test]
async fn without_sign_up_a_user_with_the_number_is_linked() {
    let app = TestApp::start().await;
    app.set_options(json!({})).await;
    let user = app.add_user("Li Lei", Some("13800138000")).await;

    assert_eq!(user_of(&sign_in(&app, "li-lei").await), user);
}

#[tokio::test]
async fn a_number_that_two_users_have_finds_neither() {
    let app = TestApp::start().await;
    app.add_user("Chen Chen", Some("13700137000")).await;
    app.add_user("Chen Chen again", Some("+8613700137000")).await;

    assert_refused(
        &app,
        "chen-chen",
        "PHONE_AMBIGUOUS",
        "More than one user has your phone number. Ask your administrator to correct it.",
    )
    .await;
}

#[tokio::test]
async fn a_recycled_number_does_not_inherit_the_user() {
    let app = TestApp::start().await;
    sign_in(&app, "li-lei").await;
    app.dingtalk
        .add_person(Person::employee("heir", "Heir", "HeirUnionIdiEiE", "13800138000"));

    assert_refused(
        &app,
        "heir",
        "PHONE_ALREADY_LINKED",
        "The user with your phone number is linked to another DingTalk account. Ask your administrator to remove that \
         link.",
    )
    .await;
}

#[tokio::test]
async fn a_link_of_another_authenticator_does_not_stand_in_the_way() {
    let app = TestApp::start().await;
    let user = user_of(&sign_in(&app, "li-lei").await);
    app.add_authenticator_named("second", json!({})).await;
    let mut browser = app.browser();
    let at_dingtalk = browser.click("second", "/signin").await;
    let back = app.dingtalk.approve(&at_dingtalk, "li-lei").unwrap();
    browser.follow(&back).await;

    let answer = browser.complete_newest("second").await;

    assert_eq!(user_of(&answer), user);
    assert_eq!(app.rows().await.links, 2);
}

#[tokio::test]
async fn administrators_are_not_linked_by_a_number_that_users_can_edit() {
    for role in ["root", "admin"] {
        let app = TestApp::start().await;
        let user = app.add_user("Boss", Some("13800138000")).await;
        app.run(&format!(
            r#"INSERT INTO "rolesUsers" ("roleName", "userId", "createdAt", "updatedAt")
               VALUES ('{role}', {user}, '2026-01-01 00:00:00.000 +00:00', '2026-01-01 00:00:00.000 +00:00')"#
        ))
        .await;

        assert_refused(
            &app,
            "li-lei",
            "ADMINISTRATOR_NOT_LINKED",
            "Administrators are not linked by phone number. Sign in with your password, or ask for linking \
             administrators to be allowed.",
        )
        .await;
    }
}

#[tokio::test]
async fn administrators_are_linked_where_that_is_allowed() {
    let app = TestApp::start().await;
    app.set_options(json!({ "bindAdministrators": true })).await;
    app.run("UPDATE users SET phone = '13800138000' WHERE username = 'nocobase'")
        .await;

    assert_eq!(user_of(&sign_in(&app, "li-lei").await), UserId(1));
}

#[tokio::test]
async fn a_linked_person_stays_linked_after_becoming_an_administrator() {
    let app = TestApp::start().await;
    let user = user_of(&sign_in(&app, "li-lei").await);
    app.run(&format!(
        r#"INSERT INTO "rolesUsers" ("roleName", "userId", "createdAt", "updatedAt")
           VALUES ('admin', {user}, '2026-01-01 00:00:00.000 +00:00', '2026-01-01 00:00:00.000 +00:00')"#
    ))
    .await;

    assert_eq!(user_of(&sign_in(&app, "li-lei").await), user);
}

#[tokio::test]
async fn nobody_is_matched_by_name_or_mail() {
    let app = TestApp::start().await;
    app.run("UPDATE users SET nickname = '韩梅梅', email = 'han@example.com' WHERE username = 'nocobase'")
        .await;
    app.run("INSERT INTO users (nickname, username, email) VALUES ('韩梅梅', '韩梅梅', 'staff-han-meimei@example.com')")
        .await;
    app.dingtalk.edit_person("han-meimei", |person| {
        person.email = Some("han@example.com".to_owned());
        person.name = "nocobase".to_owned();
    });
    let before = app.rows().await.users;

    let user = user_of(&sign_in(&app, "han-meimei").await);

    assert_eq!(app.rows().await.users, before + 1);
    assert_ne!(user, UserId(1));
    let username: Option<String> = app
        .value(&format!("SELECT username FROM users WHERE id = {user}"))
        .await;
    assert_eq!(username, None);
}

#[tokio::test]
async fn nicknames_of_any_kind_are_kept_up_to_what_the_column_holds() {
    for (name, stored) in [
        ("长".repeat(300), Some("长".repeat(255))),
        (
            "👩‍💻 O'Neil \"<b>\"".to_owned(),
            Some("👩‍💻 O'Neil \"<b>\"".to_owned()),
        ),
        ("  padded\u{0}\r\n ".to_owned(), Some("padded".to_owned())),
        (String::new(), None),
    ] {
        let app = TestApp::start().await;
        app.dingtalk
            .edit_person("han-meimei", |person| person.name = name.clone());

        let user = user_of(&sign_in(&app, "han-meimei").await);

        let nickname: Option<String> = app
            .value(&format!("SELECT nickname FROM users WHERE id = {user}"))
            .await;
        assert_eq!(nickname, stored, "{name:?}");
    }
}

#[tokio::test]
async fn another_app_gives_another_open_id_and_the_same_user() {
    let app = TestApp::start().await;
    let user = user_of(&sign_in(&app, "li-lei").await);
    let mut second = app.dingtalk_app.clone();
    second.client_id = "dingsecondapp".to_owned();
    second.redirect_uris = vec![format!("{}/api/auth:redirect", app.url)];
    app.dingtalk.add_app(second);
    app.set_options(json!({ "clientId": "dingsecondapp", "public": { "autoSignup": true } }))
        .await;

    assert_eq!(user_of(&sign_in(&app, "li-lei").await), user);
}

#[tokio::test]
async fn union_ids_that_differ_only_in_case_are_two_people() {
    let app = TestApp::start().await;
    app.dingtalk
        .add_person(Person::employee("upper", "Upper", "CaseUNiEiE", "13511111111"));
    app.dingtalk
        .add_person(Person::employee("lower", "Lower", "caseunieie", "13522222222"));

    let upper = user_of(&sign_in(&app, "upper").await);
    let lower = user_of(&sign_in(&app, "lower").await);

    assert_ne!(upper, lower);
    assert_eq!(user_of(&sign_in(&app, "upper").await), upper);
    assert_eq!(user_of(&sign_in(&app, "lower").await), lower);
}

#[tokio::test]
async fn twelve_first_sign_ins_of_one_person_at_once_make_one_user() {
    let app = TestApp::start().await;
    let before = app.rows().await;

    let attempts = (0..12).map(|_| async { sign_in(&app, "han-meimei").await });
    let answers = futures_util::future::join_all(attempts).await;

    let first = user_of(&answers[0]);
    assert!(answers.iter().all(|answer| user_of(answer) == first));
    let after = app.rows().await;
    assert_eq!(
        (after.users, after.roles, after.links),
        (before.users + 1, before.roles + 1, before.links + 1)
    );
}

#[tokio::test]
async fn a_link_whose_user_is_gone_leads_to_nobody_else() {
    let app = TestApp::start().await;
    let user = user_of(&sign_in(&app, "li-lei").await);
    app.run(&format!("DELETE FROM users WHERE id = {user}")).await;

    let answer = sign_in(&app, "li-lei").await;

    assert_ne!(
        answer.json["data"]["user"]["id"],
        json!(user.0),
        "{}",
        answer.text
    );
    assert_ne!(answer.status, 500, "{}", answer.text);
}

#[tokio::test]
async fn what_links_by_phone_notes_so() {
    let app = TestApp::start().await;
    let user = app.add_user("Li Lei", Some("13800138000")).await;

    sign_in(&app, "li-lei").await;

    let row: String = app
        .value(r#"SELECT json_array(authenticator, "userId", uuid, nickname, avatar, json(meta)) FROM "usersAuthenticators""#)
        .await;
    let row: Value = serde_json::from_str(&row).unwrap();
    let union_id = app.person("li-lei").union_id;
    assert_eq!(
        row,
        json!([AUTHENTICATOR, user.0, union_id, "李雷", "", {
            "matchedBy": "phone",
            "subject": "unionId",
            "clientId": app.dingtalk_app.client_id,
        }])
    );
}

#[tokio::test]
async fn the_right_organization_is_let_in() {
    let app = TestApp::start().await;
    app.set_options(json!({ "corpId": DEMO_CORP, "public": { "autoSignup": true } }))
        .await;

    user_of(&sign_in(&app, "han-meimei").await);
}

/// Signs in as somebody whose token says `corp_id`, whatever DingTalk's page would have allowed.
async fn sign_in_from(app: &TestApp, person: &str, corp_id: Option<&str>) -> Answer {
    let mut browser = app.browser();
    let at_dingtalk = browser.click(AUTHENTICATOR, "/signin").await;
    let state = at_dingtalk
        .query_pairs()
        .find(|(name, _)| name == "state")
        .unwrap()
        .1
        .into_owned();
    let code = app
        .dingtalk
        .issue_code(&app.dingtalk_app.client_id, person, corp_id);
    browser
        .get(&format!("auth:redirect?authCode={code}&state={state}"))
        .await;
    browser.complete_newest(AUTHENTICATOR).await
}

#[tokio::test]
async fn the_fence_around_an_organization_holds() {
    let app = TestApp::start().await;
    app.set_options(json!({ "corpId": DEMO_CORP, "public": { "autoSignup": true } }))
        .await;
    app.add_user("Zhao Yun", Some("13600136006")).await;
    let before = app.rows().await;

    for corp_id in [
        None,
        Some(""),
        Some(OTHER_CORP_ID),
        Some(&DEMO_CORP.to_uppercase()[..]),
    ] {
        let answer = sign_in_from(&app, "zhao-yun", corp_id).await;

        assert_eq!(answer.status, 401, "{corp_id:?}");
        assert_eq!(
            answer.stable(),
            refusal("NOT_IN_ORGANIZATION", NOT_IN_ORGANIZATION)
        );
    }
    assert_eq!(app.rows().await, before);
    assert_eq!(app.calls()[1], 0, "nobody asks who it is");
}

#[tokio::test]
async fn the_fence_also_holds_for_people_who_are_linked() {
    let app = TestApp::start().await;
    user_of(&sign_in(&app, "zhao-yun").await);
    app.set_options(json!({ "corpId": DEMO_CORP })).await;

    let answer = sign_in_from(&app, "zhao-yun", Some(OTHER_CORP_ID)).await;

    assert_eq!(
        answer.stable(),
        refusal("NOT_IN_ORGANIZATION", NOT_IN_ORGANIZATION)
    );
}

#[tokio::test]
async fn by_user_id_the_id_inside_the_organization_is_stored() {
    let app = TestApp::start().await;
    app.set_options(json!({ "subject": "userId", "public": { "autoSignup": true } }))
        .await;

    user_of(&sign_in(&app, "li-lei").await);

    let subject: String = app.value(r#"SELECT uuid FROM "usersAuthenticators""#).await;
    assert_eq!(subject, "staff-li-lei");
}

#[tokio::test]
async fn by_user_id_an_outsider_is_refused() {
    let app = TestApp::start().await;
    app.set_options(json!({ "subject": "userId", "public": { "autoSignup": true } }))
        .await;

    assert_refused(&app, "zhao-yun", "NOT_IN_ORGANIZATION", NOT_IN_ORGANIZATION).await;
}

#[tokio::test]
async fn by_user_id_an_external_contact_is_refused() {
    let app = TestApp::start().await;
    app.set_options(json!({ "subject": "userId", "public": { "autoSignup": true } }))
        .await;
    app.dingtalk.edit_person("li-lei", |person| {
        person.memberships = vec![Membership {
            contact: Contact::External,
            ..Membership::employee(DEMO_CORP, "staff-li-lei")
        }];
    });

    assert_refused(&app, "li-lei", "NOT_IN_ORGANIZATION", NOT_IN_ORGANIZATION).await;
}

#[tokio::test]
async fn by_user_id_a_leaver_keeps_no_way_in() {
    let app = TestApp::start().await;
    app.set_options(json!({ "subject": "userId", "public": { "autoSignup": true } }))
        .await;
    user_of(&sign_in(&app, "li-lei").await);
    app.dingtalk
        .edit_person("li-lei", |person| person.memberships.clear());

    assert_refused(&app, "li-lei", "NOT_IN_ORGANIZATION", NOT_IN_ORGANIZATION).await;
}

#[tokio::test]
async fn by_phone_number_the_number_is_stored_and_recognised() {
    let app = TestApp::start().await;
    app.set_options(json!({ "subject": "mobile", "public": { "autoSignup": true } }))
        .await;

    let user = user_of(&sign_in(&app, "alex-kim").await);

    let subject: String = app.value(r#"SELECT uuid FROM "usersAuthenticators""#).await;
    assert_eq!(subject, "+1-13800138000");
    assert_eq!(user_of(&sign_in(&app, "alex-kim").await), user);
}

#[tokio::test]
async fn by_phone_number_a_person_without_one_is_refused() {
    let app = TestApp::start().await;
    app.set_options(json!({ "subject": "mobile", "public": { "autoSignup": true } }))
        .await;

    assert_refused(&app, "wang-fang", "PHONE_UNAVAILABLE", PHONE_UNAVAILABLE).await;
}

/// Makes the authenticator's row one that the community plugin made.
async fn with_community_settings(check_type: &str) -> TestApp {
    let app = TestApp::start().await;
    let options = json!({
        "public": { "autoSignup": true },
        "internal": {
            "appKey": app.dingtalk_app.client_id,
            "appSecret": app.dingtalk_app.client_secret,
            "userCheckType": check_type,
            "orgEmailDomains": "example.com",
        },
    });
    app.run(&format!(
        "UPDATE authenticators SET options = '{options}' WHERE name = 's_dingtalk'"
    ))
    .await;
    app
}

#[tokio::test]
async fn people_whom_the_community_plugin_linked_sign_in() {
    for check_type in ["orgEmail", "personalEmail", "mobile"] {
        let app = with_community_settings(check_type).await;
        let user = app.add_user("Li Lei", None).await;
        app.run(&format!(
            r#"INSERT INTO "usersAuthenticators" (authenticator, "userId", uuid, "createdAt", "updatedAt")
               VALUES ('s_dingtalk', {user}, 'staff-li-lei', '2026-01-01 00:00:00.000 +00:00', '2026-01-01 00:00:00.000 +00:00')"#
        ))
        .await;

        assert_eq!(user_of(&sign_in(&app, "li-lei").await), user, "{check_type}");
    }
}

#[tokio::test]
async fn people_whom_the_community_plugin_knew_by_mail_are_not_found_by_phone() {
    let app = with_community_settings("orgEmail").await;
    app.add_user("Li Lei", Some("13800138000")).await;

    assert_refused(&app, "li-lei", "MIGRATION_NEEDED", MIGRATION_NEEDED).await;
    assert_refused(&app, "han-meimei", "MIGRATION_NEEDED", MIGRATION_NEEDED).await;
}

#[tokio::test]
async fn people_whom_the_community_plugin_matched_by_phone_still_are() {
    let app = with_community_settings("mobile").await;
    let user = app.add_user("Li Lei", Some("13800138000")).await;

    assert_eq!(user_of(&sign_in(&app, "li-lei").await), user);
}

#[tokio::test]
async fn a_site_without_a_default_role_gets_no_half_made_user() {
    let app = TestApp::start().await;
    app.run(r#"UPDATE roles SET "default" = 0"#).await;
    let before = app.rows().await;

    let answer = sign_in(&app, "han-meimei").await;

    assert_eq!(answer.status, 500);
    assert_eq!(
        answer.stable(),
        refusal(
            "DEFAULT_ROLE_MISSING",
            "No new user can be made, because no role is the default one. Ask your administrator to choose a default role."
        )
    );
    assert_eq!(app.rows().await, before);
}

#[tokio::test]
async fn a_link_that_cannot_be_written_leaves_no_user_behind() {
    let app = TestApp::start().await;
    app.run(
        r#"CREATE TRIGGER broken BEFORE INSERT ON "usersAuthenticators" BEGIN SELECT RAISE(ABORT, 'no'); END"#,
    )
    .await;
    let before = app.rows().await;

    let answer = sign_in(&app, "han-meimei").await;

    assert!(answer.status >= 500, "{}", answer.text);
    assert_eq!(app.rows().await, before);
}

#[tokio::test]
async fn beside_nocobase_every_rule_refuses_as_it_does_alone() {
    for kind in [Kind::Postgres, Kind::PostgresRenamed, Kind::MariaDb] {
        const HAS_NUMBER: &str = "UPDATE `@users` SET `phone` = '+86-13800138000' WHERE `id` = 1";
        const HAVE_NUMBER: &str = "INSERT INTO `@users` (`phone`, `createdAt`, `updatedAt`) \
                                   VALUES ('13800138000', NOW(), NOW()), ('+8613800138000', NOW(), NOW())";
        const IS_LINKED: &str = "INSERT INTO `@usersAuthenticators` (`authenticator`, `userId`, `uuid`, `nickname`, \
                                 `avatar`, `createdAt`, `updatedAt`) \
                                 SELECT 's_dingtalk', 1, 'another', '', '', NOW(), NOW()";
        let cases: [(&[&str], bool, &str); 4] = [
            (&[], false, "NO_MATCHING_USER"),
            (&[HAS_NUMBER], true, "ADMINISTRATOR_NOT_LINKED"),
            (&[HAVE_NUMBER], true, "PHONE_AMBIGUOUS"),
            (&[HAS_NUMBER, IS_LINKED], true, "PHONE_ALREADY_LINKED"),
        ];
        for (changes, auto_signup, code) in cases {
            on(kind, move |database| async move {
                let app = app_beside_nocobase(&database, &[]).await;
                for change in changes {
                    database.run(change).await;
                }
                let row = database.store.authenticators().find(AUTHENTICATOR).await;
                let mut row = row.unwrap().unwrap();
                row.options["public"]["autoSignup"] = json!(auto_signup);
                let changes = AuthenticatorChanges {
                    options: Some(row.options),
                    enabled: Some(true),
                    ..AuthenticatorChanges::default()
                };
                let outcome = database.store.authenticators().update(row.id, changes, now()).await;
                assert!(outcome.unwrap().is_some());
                let count = "SELECT (SELECT COUNT(*) FROM `@users`) + (SELECT COUNT(*) FROM `@usersAuthenticators`) \
                             + (SELECT COUNT(*) FROM `@rolesUsers`) + (SELECT COUNT(*) FROM `@issuedTokens`)";
                let before = database.number(count).await;

                let answer = app.browser().sign_in(&app.dingtalk, "li-lei").await;

                assert_eq!(answer.code(), code, "{kind:?}");
                assert_eq!(database.number(count).await, before, "{kind:?} {code}");
            })
            .await;
        }
    }
}
