//! One person is one user, in the departments that they are in.

use dingtalk_simulator::DEMO_CORP_ID;
use serde_json::json;

use super::*;

async fn departments_of(app: &TestApp, uid: &str) -> Vec<String> {
    let user = user_of(app, uid).await.unwrap();
    let sql = format!(
        r#"SELECT COALESCE(json_group_array(title), '[]') FROM (SELECT d.title FROM "departmentsUsers" m JOIN "departments" d ON d.id = m."departmentId" WHERE m."userId" = {user} ORDER BY d.title)"#
    );
    serde_json::from_str(&app.value::<String>(&sql).await).unwrap()
}

async fn parent_of(app: &TestApp, title: &str) -> Option<String> {
    app.value::<Option<String>>(&format!(
        r#"SELECT (SELECT p.title FROM "departments" p WHERE p.id = d."parentId") FROM "departments" d WHERE d.title = '{title}'"#
    ))
    .await
}

#[tokio::test]
async fn who_was_synchronized_signs_in_as_that_user_and_no_other_is_made() {
    let app = start(json!({})).await;
    app.add_user("Twin", Some("13911110002")).await;
    app.dingtalk.add_person(employee("twin", "13911110002", &[201]));
    assert_done(&run(&app).await);
    let before = users(&app).await.len();

    for (person, uid) in [("han-meimei", "staff-han-meimei"), ("twin", "staff-twin")] {
        let mut browser = app.browser();
        let answer = browser.sign_in(&app.dingtalk, person).await;

        assert_eq!(answer.status, 200, "{}", answer.text);
        let user = user_of(&app, uid).await.unwrap();
        assert_eq!(answer.json["data"]["user"]["id"], user, "{person}");
    }
    assert_eq!(users(&app).await.len(), before);
}

#[tokio::test]
async fn who_signed_in_before_is_found_by_the_link() {
    let app = start(json!({})).await;
    let mut browser = app.browser();
    let signed_in = browser.sign_in(&app.dingtalk, "han-meimei").await;
    // Their number here is another one by now.
    app.run(r#"UPDATE "users" SET phone = NULL WHERE nickname = '韩梅梅'"#)
        .await;

    let done = run(&app).await;

    assert_done(&done);
    assert_eq!(done["counts"]["link"], 1, "{done}");
    let user = user_of(&app, "staff-han-meimei").await.unwrap();
    assert_eq!(signed_in.json["data"]["user"]["id"], user);
    assert_eq!(users(&app).await["韩梅梅"].as_deref(), Some("13900139001"));
}

#[tokio::test]
async fn nobody_is_guessed() {
    let app = start(json!({})).await;
    app.add_user("One", Some("13700137000")).await;
    app.add_user("Two", Some("+86 137-0013-7000")).await;
    app.dingtalk.add_person(employee("half", "13911110005", &[201]));
    app.dingtalk
        .add_person(employee("other-half", "13911110005", &[101]));
    app.run(r#"UPDATE "users" SET phone = '13800138000' WHERE username = 'nocobase'"#)
        .await;

    let done = run(&app).await;

    assert_done(&done);
    let skipped = rows(&app, "skip").await;
    for (uid, reason) in [
        ("staff-chen-chen", "PHONE_AMBIGUOUS"),
        ("staff-half", "PHONE_SHARED"),
        ("staff-other-half", "PHONE_SHARED"),
        ("staff-li-lei", "ADMINISTRATOR"),
        ("staff-wang-fang", "NO_PHONE"),
    ] {
        assert!(
            skipped.contains(&(uid.to_owned(), reason.to_owned())),
            "{uid} {skipped:?}"
        );
        assert_eq!(user_of(&app, uid).await, None, "{uid}");
    }
}

#[tokio::test]
async fn an_address_of_somebody_else_is_left_out_and_told() {
    let app = start(json!({})).await;
    app.run(r#"UPDATE "users" SET email = 'taken@example.com' WHERE username = 'nocobase'"#)
        .await;
    app.dingtalk.edit_person("li-lei", |person| {
        person.email = Some("Taken@example.com".to_owned());
    });
    app.dingtalk.edit_person("han-meimei", |person| {
        person.email = Some("han@example.com".to_owned());
    });

    assert_done(&run(&app).await);

    assert_eq!(
        rows(&app, "told").await,
        [("staff-li-lei".to_owned(), "EMAIL_TAKEN".to_owned())]
    );
    let email = |name: &str| format!(r#"SELECT email FROM "users" WHERE nickname = '{name}'"#);
    assert_eq!(app.value::<Option<String>>(&email("李雷")).await, None);
    assert_eq!(
        app.value::<Option<String>>(&email("韩梅梅")).await.as_deref(),
        Some("han@example.com")
    );
}

#[tokio::test]
async fn a_department_moves_below_one_that_is_made_in_the_same_run_and_a_removed_one_takes_nothing_along() {
    let app = start(json!({})).await;
    assert_done(&run(&app).await);
    app.dingtalk.add_department(department(301, 1, "Markets"));
    app.dingtalk
        .edit_department(DEMO_CORP_ID, 201, |department| department.parent = 301);
    // 102 is below 101, which goes: it moves to the root, and its people with it.
    app.dingtalk
        .edit_department(DEMO_CORP_ID, 102, |department| department.parent = 1);
    app.dingtalk.remove_department(DEMO_CORP_ID, 101);
    for person in ["li-lei", "alex-kim"] {
        app.dingtalk.edit_person(person, |person| {
            person.memberships[0].departments = vec![vec![102, 1]];
        });
    }
    for person in ["han-meimei", "chen-chen"] {
        app.dingtalk.edit_person(person, |person| {
            person.memberships[0].departments = vec![vec![201, 301, 1]];
        });
    }

    let done = run(&app).await;

    assert_done(&done);
    assert_eq!(
        (
            &done["counts"]["departmentCreate"],
            &done["counts"]["departmentChange"],
            &done["counts"]["departmentRemove"]
        ),
        (&json!(1), &json!(2), &json!(1)),
        "{done}"
    );
    assert_eq!(
        parent_of(&app, "市场部 (Marketing)").await.as_deref(),
        Some("Markets")
    );
    assert_eq!(
        parent_of(&app, "平台组 (Platform)").await.as_deref(),
        Some("示例公司 (Example Company)")
    );
    assert_eq!(departments_of(&app, "staff-li-lei").await, ["平台组 (Platform)"]);
    assert_eq!(
        departments_of(&app, "staff-chen-chen").await,
        ["市场部 (Marketing)"]
    );
    assert_eq!(run(&app).await["counts"]["change"], 0);
}

#[tokio::test]
async fn somebody_is_in_thirty_departments_leads_one_and_has_a_main_one() {
    let app = start(json!({ "mainDepartment": "order" })).await;
    let ids: Vec<i64> = (401..431).collect();
    for id in &ids {
        app.dingtalk
            .add_department(department(*id, 1, &format!("Team {id}")));
    }
    let mut busy = employee("busy", "13911110009", &ids);
    busy.memberships[0].leads = vec![415];
    busy.memberships[0].orders = [(420, 9)].into();
    app.dingtalk.add_person(busy);

    assert_done(&run(&app).await);

    assert_eq!(departments_of(&app, "staff-busy").await.len(), 30);
    let user = user_of(&app, "staff-busy").await.unwrap();
    let owned: String = app
        .value(&format!(
            r#"SELECT d.title FROM "departmentsUsers" m JOIN "departments" d ON d.id = m."departmentId" WHERE m."userId" = {user} AND m."isOwner""#
        ))
        .await;
    assert_eq!(owned, "Team 415");
    let main: String = app
        .value(&format!(
            r#"SELECT d.title FROM "users" u JOIN "departments" d ON d.id = u."mainDepartmentId" WHERE u.id = {user}"#
        ))
        .await;
    assert_eq!(main, "Team 420");
    assert_eq!(run(&app).await["counts"]["change"], 0);
}

#[tokio::test]
async fn only_chosen_departments_are_read_without_those_that_are_not_wanted() {
    let app = start(json!({ "allowDepartments": "101", "denyDepartments": "102" })).await;

    assert_done(&run(&app).await);

    assert_eq!(uids(&app, "departmentCreate").await, ["101"]);
    let mut made = uids(&app, "create").await;
    made.sort();
    assert_eq!(made, ["staff-chen-chen", "staff-han-meimei"]);
    assert_eq!(
        departments_of(&app, "staff-chen-chen").await,
        ["研发部 (Engineering)"]
    );
}

#[tokio::test]
async fn single_people_of_the_scope_are_read_besides() {
    let app = start(json!({})).await;
    app.dingtalk.edit_app(&client_id(&app), |dingtalk| {
        dingtalk.readable_departments = vec![201];
        dingtalk.readable_members = vec!["staff-li-lei".to_owned()];
    });

    assert_done(&run(&app).await);

    let mut made = uids(&app, "create").await;
    made.sort();
    assert_eq!(made, ["staff-chen-chen", "staff-li-lei"]);
    assert_eq!(app.dingtalk.calls(CallKind::UserDetails), 1);
}

#[tokio::test]
async fn title_and_number_are_written_onto_columns_that_somebody_added() {
    let app = start(json!({})).await;
    app.run(r#"ALTER TABLE "users" ADD COLUMN "jobTitle" VARCHAR(255)"#)
        .await;
    app.dingtalk.edit_person("li-lei", |person| {
        person.memberships[0].title = Some("CTO".to_owned());
    });
    set_options(&app, json!({ "titleColumn": "jobTitle" })).await;
    let title = r#"SELECT "jobTitle" FROM "users" WHERE nickname = '李雷'"#;

    assert_done(&run(&app).await);
    assert_eq!(app.value::<Option<String>>(title).await.as_deref(), Some("CTO"));

    app.dingtalk.edit_person("li-lei", |person| {
        person.memberships[0].title = Some("CEO".to_owned());
    });
    let done = run(&app).await;

    assert_eq!(done["counts"]["change"], 1, "{done}");
    assert_eq!(app.value::<Option<String>>(title).await.as_deref(), Some("CEO"));
}
