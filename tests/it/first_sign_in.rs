//! What somebody gets who signs in for the first time.

use chrono::TimeDelta;
use dingtalk_simulator::{CallKind, DEMO_CORP_ID, Effect, Fault, Membership, Standing, permission};
use serde_json::{Value, json};

use crate::in_client;
use crate::support::app::{AUTHENTICATOR, TestApp};
use crate::support::beside_nocobase::app_beside_nocobase;
use crate::support::browser::Answer;
use crate::support::database::{Kind, on};

const ROLES: [(&str, &str); 4] = [
    ("guest", r#"["!ui.*","!pm","!pm.*"]"#),
    ("sales", "[]"),
    ("heads", "[]"),
    ("builder", r#"["ui.*"]"#),
];

/// A sidecar alone with some roles; new people are signed up.
async fn start() -> TestApp {
    let app = TestApp::start().await;
    for (name, snippets) in ROLES {
        app.run(&format!(
            "INSERT INTO roles (name, title, snippets, createdAt, updatedAt) \
             VALUES ('{name}', '{name}', '{snippets}', '2026-01-01 00:00:00', '2026-01-01 00:00:00')"
        ))
        .await;
    }
    app
}

fn with(options: Value) -> Value {
    let mut all = json!({ "public": { "autoSignup": true } });
    let Value::Object(options) = options else {
        panic!("options are an object");
    };
    all.as_object_mut().unwrap().extend(options);
    all
}

/// Stores options past everything that looks at them.
async fn store(app: &TestApp, key: &str, value: &str) {
    app.run(&format!(
        "UPDATE authenticators SET options = json_set(options, '$.{key}', '{value}') WHERE name = '{AUTHENTICATOR}'"
    ))
    .await;
    app.wait(TimeDelta::seconds(3));
}

fn employ(app: &TestApp, edit: impl FnOnce(&mut Membership)) {
    let is_known = app
        .dingtalk
        .edit_person("han-meimei", |person| edit(&mut person.memberships[0]));
    assert!(is_known);
}

async fn sign_in(app: &TestApp) -> Answer {
    app.browser().sign_in(&app.dingtalk, "han-meimei").await
}

/// The roles of the user that an answer is about, in their order.
async fn roles(app: &TestApp, answer: &Answer) -> Vec<String> {
    assert_eq!(answer.status, 200, "{}", answer.text);
    let mut browser = app.browser();
    browser.token = answer.json["data"]["token"].as_str().map(str::to_owned);
    let checked = browser.get("auth:check").await;
    let roles = checked.json["data"]["roles"].as_array().unwrap().iter();
    let mut roles: Vec<_> = roles
        .map(|role| role["name"].as_str().unwrap().to_owned())
        .collect();
    roles.sort();
    roles
}

/// The calls DingTalk has had: user id, departments, entry of the directory.
fn calls(app: &TestApp) -> [usize; 3] {
    [
        CallKind::UserIdByUnionId,
        CallKind::DepartmentsOfUser,
        CallKind::UserDetails,
    ]
    .map(|kind| app.dingtalk.calls(kind))
}

async fn newest_detail(app: &TestApp) -> Value {
    let answer = app.root().await.get("dingtalk:audit?event=signIn").await;
    answer.json["data"][0]["detail"].clone()
}

#[tokio::test]
async fn a_new_user_gets_the_role_of_the_settings_in_place_of_the_default_one() {
    let app = start().await;
    app.set_options(with(json!({ "defaultRole": " guest " }))).await;

    let answer = sign_in(&app).await;

    assert_eq!(roles(&app, &answer).await, ["guest"]);
    assert_eq!(calls(&app), [0, 0, 0]);
    assert_eq!(newest_detail(&app).await, "roles=guest");
}

#[tokio::test]
async fn every_rule_that_fits_adds_its_role_and_each_thing_is_asked_once() {
    let rules = "department 3 = sales\ntitle Head of Sales = heads\nadministrator = guest\n\
                 department 4 = builder\ndepartment 9 = sales\ntitle CTO = builder";
    let app = start().await;
    app.set_options(with(json!({ "roleRules": rules, "bindAdministrators": true })))
        .await;
    employ(&app, |membership| {
        membership.departments = vec![vec![7, 3, 1], vec![9, 1]];
        membership.title = Some("Head of Sales".to_owned());
        membership.standing = Standing::Boss;
    });

    let answer = sign_in(&app).await;

    assert_eq!(roles(&app, &answer).await, ["guest", "heads", "member", "sales"]);
    assert_eq!(calls(&app), [1, 1, 1]);
    assert_eq!(newest_detail(&app).await, "roles=sales,heads,guest");

    // From now on the person is known, and nobody is asked.
    assert_eq!(sign_in(&app).await.status, 200);
    assert_eq!(calls(&app), [1, 1, 1]);
    assert_eq!(app.dingtalk.unexpected(), Vec::<String>::new());
}

#[tokio::test]
async fn inside_dingtalk_the_rules_cost_what_they_ask_for() {
    for (rules, expected) in [
        ("title CTO = sales", [0, 0, 1]),
        ("department 7 = sales", [0, 1, 1]),
    ] {
        let app = start().await;
        let options = json!({ "autoLogin": true, "corpId": DEMO_CORP_ID, "roleRules": rules });
        app.set_options(with(options)).await;
        employ(&app, |membership| {
            membership.departments = vec![vec![7, 1]];
            membership.title = Some("CTO".to_owned());
        });

        let answer = in_client::sign_in(&app, "han-meimei").await;

        assert_eq!(roles(&app, &answer).await, ["member", "sales"], "{rules}");
        // The entry is what the phone number stands in, too.
        assert_eq!(calls(&app), expected, "{rules}");
        assert_eq!(newest_detail(&app).await, "in_client roles=sales");
    }
}

#[tokio::test]
async fn a_rule_fits_nobody_else() {
    for rules in [
        "department 3 = sales",
        "title head of sales = sales",
        "title Head = sales",
        "administrator = sales",
    ] {
        let app = start().await;
        app.set_options(with(json!({ "roleRules": rules }))).await;
        employ(&app, |membership| {
            membership.departments = vec![vec![33, 1]];
            membership.title = Some("Head of Sales".to_owned());
        });

        let answer = sign_in(&app).await;

        assert_eq!(roles(&app, &answer).await, ["member"], "{rules}");
    }
}

#[tokio::test]
async fn a_user_who_was_there_keeps_their_roles() {
    let app = start().await;
    let rules = json!({ "defaultRole": "guest", "roleRules": "department 1 = sales" });
    app.set_options(with(rules)).await;
    app.add_user("Han Meimei", Some("13900139001")).await;

    let answer = sign_in(&app).await;

    assert_eq!(roles(&app, &answer).await, ["member"]);
    assert_eq!(newest_detail(&app).await, Value::Null);
}

#[tokio::test]
async fn what_a_rule_must_not_give_is_left_out_and_the_sign_up_goes_on() {
    for (role, may_administrate, expected) in [
        ("nobody", false, vec!["member"]),
        ("admin", false, vec!["member"]),
        ("builder", false, vec!["member"]),
        ("root", false, vec!["member"]),
        ("root", true, vec!["member"]),
        ("admin", true, vec!["admin", "member"]),
        ("builder", true, vec!["builder", "member"]),
    ] {
        let app = start().await;
        app.set_options(with(json!({ "bindAdministrators": may_administrate })))
            .await;
        store(&app, "roleRules", &format!("department 1 = {role}")).await;

        let answer = sign_in(&app).await;

        assert_eq!(roles(&app, &answer).await, expected, "{role}");
    }
}

#[tokio::test]
async fn without_the_role_of_the_settings_there_is_no_new_user() {
    let app = start().await;
    let before = app.rows().await;
    for role in ["nobody", "admin", "root", "Guest"] {
        store(&app, "defaultRole", role).await;

        let answer = sign_in(&app).await;

        assert_eq!(answer.code(), "NEW_USER_ROLE_UNUSABLE", "{role}: {}", answer.text);
        assert_eq!(app.rows().await, before, "{role}");
    }
    app.set_options(with(json!({ "bindAdministrators": true }))).await;
    store(&app, "defaultRole", "root").await;
    assert_eq!(sign_in(&app).await.code(), "NEW_USER_ROLE_UNUSABLE");
    store(&app, "defaultRole", "admin").await;
    let answer = sign_in(&app).await;
    assert_eq!(roles(&app, &answer).await, ["admin"]);
}

#[tokio::test]
async fn while_dingtalk_does_not_answer_what_rules_ask_there_is_no_new_user() {
    let app = start().await;
    app.set_options(with(
        json!({ "roleRules": "department 1 = sales\ntitle CTO = heads" }),
    ))
    .await;
    let before = app.rows().await;
    for kind in [
        CallKind::UserIdByUnionId,
        CallKind::DepartmentsOfUser,
        CallKind::UserDetails,
    ] {
        app.dingtalk.set_fault(Fault::on(kind, Effect::Page));
        assert_eq!(sign_in(&app).await.code(), "DINGTALK_UNAVAILABLE", "{kind:?}");
        app.dingtalk.clear_faults();
    }
    app.dingtalk.edit_app(&app.dingtalk_app.client_id, |registered| {
        registered.permissions.remove(permission::GET_DEPARTMENT_LIST);
    });
    let answer = sign_in(&app).await;
    assert_eq!(answer.code(), "PERMISSION_MISSING");
    assert!(
        answer.text.contains("qyapi_get_department_list"),
        "{}",
        answer.text
    );
    assert_eq!(app.rows().await, before);
}

#[tokio::test]
async fn whoever_the_organization_does_not_have_fits_no_rule() {
    let app = start().await;
    app.set_options(with(
        json!({ "roleRules": "department 1 = sales\ntitle CTO = heads" }),
    ))
    .await;

    let answer = app.browser().sign_in(&app.dingtalk, "zhao-yun").await;

    assert_eq!(roles(&app, &answer).await, ["member"]);
    assert_eq!(calls(&app), [1, 0, 0]);
}

#[tokio::test]
async fn rules_that_nobody_could_follow_are_not_saved_and_what_is_wrong_is_said() {
    let app = start().await;
    let cases = [
        (
            json!({ "roleRules": "title CTO = sales\nsales" }),
            "INVALID_LINE",
            "Line 2 of the field Further roles by rule",
        ),
        (
            json!({ "roleRules": "title CTO = nobody" }),
            "ROLE_UNKNOWN",
            "nobody",
        ),
        (json!({ "defaultRole": "nobody" }), "ROLE_UNKNOWN", "nobody"),
        (json!({ "defaultRole": "admin" }), "ROLE_NOT_GIVABLE", "admin"),
        (
            json!({ "roleRules": "title CTO = builder" }),
            "ROLE_NOT_GIVABLE",
            "builder",
        ),
        (
            json!({ "roleRules": "title CTO = root", "bindAdministrators": true }),
            "ROLE_NOT_GIVABLE",
            "root",
        ),
        (
            json!({ "allowedDepartments": "sales" }),
            "INVALID_FIELD",
            "Departments that may sign in",
        ),
        (
            json!({ "deniedDepartments": "1;x" }),
            "INVALID_FIELD",
            "Departments that may not sign in",
        ),
        (
            json!({ "mainDepartment": "Sales" }),
            "INVALID_FIELD",
            "Main department",
        ),
        (
            json!({ "refreshPhone": "sometimes" }),
            "INVALID_FIELD",
            "Phone number",
        ),
    ];
    let id = app.authenticator_id().await;
    for (options, code, named) in cases {
        for (action, body) in [
            ("dingtalk:checkRules".to_owned(), json!({ "options": options })),
            (
                format!("authenticators:update?filterByTk={id}"),
                json!({ "options": options }),
            ),
            (
                "authenticators:create".to_owned(),
                json!({ "name": "other", "authType": "dingtalk", "options": options }),
            ),
        ] {
            let answer = app.root().await.post(&action, body).await;
            assert_eq!(
                (answer.status, answer.code()),
                (400, code),
                "{action} {options}: {}",
                answer.text
            );
            assert!(answer.text.contains(named), "{}", answer.text);
        }
    }
    let fine = json!({
        "roleRules": "title CTO = builder\nadministrator = admin", "bindAdministrators": true,
        "defaultRole": "guest", "mainDepartment": "7", "allowedDepartments": "1, 2",
    });
    let answer = app
        .root()
        .await
        .post("dingtalk:checkRules", json!({ "options": fine }))
        .await;
    assert_eq!(answer.status, 200, "{}", answer.text);
}

#[tokio::test]
async fn a_field_is_named_in_the_readers_language() {
    let app = start().await;
    let root = app.root().await;
    let mut german = root.with("X-Locale", "de-DE");
    let body = json!({ "options": { "mainDepartment": "Sales" } });

    let answer = german.post("dingtalk:checkRules", body).await;

    assert!(answer.text.contains("Hauptabteilung"), "{}", answer.text);
}

#[tokio::test]
async fn beside_nocobase_roles_and_main_department_come_with_the_user() {
    for kind in [Kind::Postgres, Kind::MariaDb] {
        on(kind, |database| async move {
            let now = "'2026-01-01 00:00:00', '2026-01-01 00:00:00'";
            for statement in [
                "CREATE TABLE `@departments` (`id` BIGINT PRIMARY KEY, `parentId` BIGINT)".to_owned(),
                "CREATE TABLE `@departmentsUsers` (`departmentId` BIGINT, `userId` BIGINT, `isOwner` BOOLEAN NOT NULL, \
                 `isMain` BOOLEAN NOT NULL, `createdAt` TIMESTAMP NULL, `updatedAt` TIMESTAMP NULL)"
                    .to_owned(),
                "CREATE TABLE `@departmentsRoles` (`departmentId` BIGINT, `roleName` VARCHAR(255))".to_owned(),
                "ALTER TABLE `@users` ADD COLUMN `mainDepartmentId` BIGINT".to_owned(),
                "INSERT INTO `@departments` (`id`, `parentId`) VALUES (41, NULL), (42, 41)".to_owned(),
                format!(
                    "INSERT INTO `@applicationPlugins` (`name`, `enabled`, `createdAt`, `updatedAt`) VALUES ('departments', TRUE, {now})"
                ),
                format!("INSERT INTO `@roles` (`name`, `title`, `createdAt`, `updatedAt`) VALUES ('sales', 'Sales', {now})"),
            ] {
                database.run(&statement).await;
            }
            let app = app_beside_nocobase(&database, &[]).await;
            let options = json!({
                "public": { "autoSignup": true }, "clientId": app.dingtalk_app.client_id,
                "clientSecret": app.dingtalk_app.client_secret,
                "roleRules": "department 1 = sales", "mainDepartment": "42",
            });
            database.run(&format!("UPDATE `@authenticators` SET `options` = '{options}'")).await;

            let answer = app.browser().sign_in(&app.dingtalk, "han-meimei").await;

            assert_eq!(answer.status, 200, "{kind:?}: {}", answer.text);
            let id = &answer.json["data"]["user"]["id"];
            let count = |sql: String| async { let sql = sql; database.number(&sql).await };
            assert_eq!(count(format!("SELECT COUNT(*) FROM `@rolesUsers` WHERE `userId` = {id}")).await, 2);
            assert_eq!(
                count(format!("SELECT COUNT(*) FROM `@departmentsUsers` WHERE `userId` = {id} AND `departmentId` = 42")).await,
                1
            );
            assert_eq!(count(format!("SELECT `mainDepartmentId` FROM `@users` WHERE `id` = {id}")).await, 42);
        })
        .await;
    }
}

#[tokio::test]
async fn without_the_departments_plugin_a_new_user_has_no_main_department_and_comes_in() {
    let app = start().await;
    app.set_options(with(json!({ "mainDepartment": "42" }))).await;

    let answer = sign_in(&app).await;

    assert_eq!(roles(&app, &answer).await, ["member"]);
    assert_eq!(newest_detail(&app).await, Value::Null);
}
