//! The old API: the directory, and error numbers behind HTTP 200.

use dingtalk_simulator::{AppStatus, Contact, Standing, permission};
use serde_json::{Value, json};

use super::{Answered, Bench};

const USER_INFO: &str = "/topapi/v2/user/getuserinfo";
const BY_UNION_ID: &str = "/topapi/user/getbyunionid";
const LI_LEI: &str = "vQR2XRTIXbAUYtz7oy0nfwiEiE";
const ZHAO_YUN: &str = "Wr3LjOa9TzKfU1vGc6XyBmiEiE";

/// A refusal by the gateway: the number inside 88, as text, and again in the message.
#[track_caller]
fn assert_refused_by_gateway(answer: &Answered, number: &str) {
    let body = answer.json();
    assert_eq!(
        (answer.status, &body["errcode"]),
        (200, &json!(88)),
        "{}",
        answer.text
    );
    assert_eq!(body["sub_code"], number);
    let message = body["errmsg"].as_str().unwrap();
    assert!(
        message.starts_with(&format!("ding talk error[subcode={number},submsg=")),
        "{message}"
    );
    assert_eq!(body["request_id"].as_str().unwrap().len(), 12);
}

/// A refusal by the operation itself: the number on the top level.
#[track_caller]
fn assert_refused(answer: &Answered, number: i64) {
    let body = answer.json();
    assert_eq!(
        (answer.status, &body["errcode"]),
        (200, &json!(number)),
        "{}",
        answer.text
    );
    assert!(body.get("sub_code").is_none());
}

#[tokio::test]
async fn a_member_is_found_by_union_id() {
    let bench = Bench::start().await;

    let mut answer = bench
        .directory(BY_UNION_ID, json!({"unionid": LI_LEI}))
        .await
        .json();

    let request_id = answer.as_object_mut().unwrap().remove("request_id").unwrap();
    assert_eq!(request_id.as_str().unwrap().len(), 12);
    let result = json!({"contact_type": 0, "userid": "staff-li-lei"});
    assert_eq!(answer, json!({"errcode": 0, "errmsg": "ok", "result": result}));
}

#[tokio::test]
async fn an_external_contact_is_marked_as_one() {
    let bench = Bench::start().await;
    bench.control.edit_person("li-lei", |person| {
        person.memberships[0].contact = Contact::External;
    });

    let answer = bench
        .directory(BY_UNION_ID, json!({"unionid": LI_LEI}))
        .await
        .json();

    assert_eq!(answer["result"]["contact_type"], 1);
}

#[tokio::test]
async fn somebody_outside_the_organization_is_not_found() {
    let bench = Bench::start().await;

    let outside = bench.directory(BY_UNION_ID, json!({"unionid": ZHAO_YUN})).await;
    let nobody = bench.directory(BY_UNION_ID, json!({"unionid": "nobody"})).await;
    let by_id = bench
        .directory("/topapi/v2/user/get", json!({"userid": "staff-zhao-yun"}))
        .await;

    for refused in [outside, nobody, by_id] {
        assert_refused(&refused, 60121);
        assert_eq!(refused.json()["errmsg"], "找不到该用户");
    }
}

#[tokio::test]
async fn a_member_outside_the_apps_scope_cannot_be_read() {
    let bench = Bench::start().await;
    bench
        .control
        .edit_person("li-lei", |person| person.memberships[0].out_of_scope = true);

    assert_refused(
        &bench.directory(BY_UNION_ID, json!({"unionid": LI_LEI})).await,
        50002,
    );
    assert_refused(
        &bench
            .directory("/topapi/v2/user/get", json!({"userid": "staff-li-lei"}))
            .await,
        50002,
    );
}

#[tokio::test]
async fn the_entry_of_a_member_shows_what_the_field_permissions_allow() {
    let bench = Bench::start().await;
    let entry = async || -> Value {
        let asked = json!({"userid": "staff-li-lei", "language": "zh_CN"});
        bench.directory("/topapi/v2/user/get", asked).await.json()["result"].take()
    };

    let with_mobile = entry().await;
    bench.revoke(permission::FIELD_MOBILE);
    let without_mobile = entry().await;

    assert_eq!(
        (&with_mobile["name"], &with_mobile["unionid"]),
        (&json!("李雷"), &json!(LI_LEI))
    );
    assert_eq!(
        (&with_mobile["state_code"], &with_mobile["mobile"]),
        (&json!("86"), &json!("13800138000"))
    );
    assert!(without_mobile.get("mobile").is_none() && without_mobile.get("state_code").is_none());
}

#[tokio::test]
async fn a_member_is_found_by_mobile_with_the_country_of_the_number() {
    let bench = Bench::start().await;
    let find = async |mobile: &str| -> Value {
        bench
            .directory("/topapi/v2/user/getbymobile", json!({"mobile": mobile}))
            .await
            .json()
    };

    assert_eq!(find("13800138000").await["result"]["userid"], "staff-li-lei");
    assert_eq!(find("+1-13800138000").await["result"]["userid"], "staff-alex-kim");
    assert_eq!(find("13000000000").await["errcode"], 60121);
}

#[tokio::test]
async fn what_the_app_may_read_is_told_with_the_numbers_on_the_top_level() {
    let bench = Bench::start().await;

    let scopes = bench
        .get(&format!("/auth/scopes?access_token={}", bench.app_token().await))
        .await
        .json();
    let refused = bench.get("/auth/scopes?access_token=wrong").await;

    assert_eq!(scopes["errcode"], 0);
    assert_eq!(scopes["auth_org_scopes"]["authed_dept"], json!([1]));
    assert_eq!(
        scopes["auth_user_field"],
        json!(["userid", "name", "department", "mobile", "email"])
    );
    assert_refused(&refused, 40014);
}

#[tokio::test]
async fn a_token_that_is_missing_wrong_or_a_users_is_refused_by_the_gateway() {
    let bench = Bench::start().await;
    let user_token = bench.user_token_of("li-lei").await;
    let ask = async |query: &str| {
        bench
            .post(&format!("{BY_UNION_ID}{query}"), json!({"unionid": LI_LEI}))
            .await
    };

    assert_refused_by_gateway(&ask("").await, "40000");
    assert_refused_by_gateway(&ask("?access_token=wrong").await, "40014");
    assert_refused_by_gateway(&ask(&format!("?access_token={user_token}")).await, "40014");
    assert_eq!(bench.control.unexpected(), ["userIdByUnionId: 88/40000"]);
}

#[tokio::test]
async fn a_missing_permission_is_named_with_the_link_to_ask_for_it() {
    let bench = Bench::start().await;
    bench.revoke(permission::GET_MEMBER);

    let refused = bench.directory(BY_UNION_ID, json!({"unionid": LI_LEI})).await;

    assert_refused_by_gateway(&refused, "60011");
    let message = refused.json()["errmsg"].as_str().unwrap().to_owned();
    assert!(message.contains("[qyapi_get_member]"), "{message}");
    assert!(
        message.ends_with("{requiredScopes=[qyapi_get_member]}]"),
        "{message}"
    );
}

#[tokio::test]
async fn an_address_that_is_not_allowed_and_a_stopped_app_are_refused_by_the_gateway() {
    let bench = Bench::start().await;
    let path = format!("{BY_UNION_ID}?access_token={}", bench.app_token().await);
    let ask = async || bench.post(&path, json!({"unionid": LI_LEI})).await;

    bench.edit_app(|app| app.allowed_addresses = vec!["203.0.113.7".parse().unwrap()]);
    assert_refused_by_gateway(&ask().await, "60020");
    bench.edit_app(|app| app.status = AppStatus::Disabled);
    assert_refused_by_gateway(&ask().await, "50003");
    bench.edit_app(|app| app.status = AppStatus::OrganizationDisabled);
    assert_refused_by_gateway(&ask().await, "50005");
}

#[tokio::test]
async fn the_old_token_path_reads_the_query_only() {
    let bench = Bench::start().await;

    assert_refused(&bench.get("/gettoken").await, 40035);
    assert_refused(&bench.get("/gettoken?appkey=a&appsecret=b").await, 40096);
    assert!(
        bench
            .get("/gettoken?appkey=a&appsecret=b")
            .await
            .json()
            .get("request_id")
            .is_none()
    );
    assert_refused(
        &bench
            .post("/gettoken", json!({"appkey": "a", "appsecret": "b"}))
            .await,
        43001,
    );
}

#[tokio::test]
async fn unknown_paths_and_methods_have_their_numbers_and_are_noted() {
    let bench = Bench::start().await;

    assert_refused(&bench.post("/topapi/v2/user/nothing", json!({})).await, 22);
    assert_refused(&bench.get(BY_UNION_ID).await, 43002);
    assert_refused(&bench.get("/nothing").await, 404);
    assert_eq!(
        bench.control.unexpected(),
        [
            "POST /topapi/v2/user/nothing",
            "GET /topapi/user/getbyunionid",
            "GET /nothing"
        ]
    );
}

fn client_code(bench: &Bench, person: &str) -> String {
    let app = &bench.app;
    bench
        .control
        .request_auth_code(&app.client_id, &app.corp_id, person)
        .unwrap()
}

#[tokio::test]
async fn a_code_of_the_client_tells_once_who_is_there() {
    let bench = Bench::start().await;
    let asked = json!({"code": client_code(&bench, "li-lei")});

    let answer = bench.directory(USER_INFO, asked.clone()).await.json();

    assert_eq!(answer["errcode"], 0);
    assert_eq!(answer["result"]["userid"], "staff-li-lei");
    assert_eq!(answer["result"]["unionid"], LI_LEI);
    assert_eq!(answer["result"]["name"], "李雷");
    assert_refused(&bench.directory(USER_INFO, asked).await, 40078);
}

#[tokio::test]
async fn a_code_of_the_client_is_good_for_five_minutes_and_for_its_own_call() {
    let bench = Bench::start().await;
    let (old, other) = (client_code(&bench, "li-lei"), client_code(&bench, "li-lei"));
    let of_the_web = bench.code_of("li-lei");

    assert_refused(
        &bench.directory(USER_INFO, json!({"code": of_the_web})).await,
        40078,
    );
    let redeemed = bench.redeem(&other).await;
    assert_eq!(
        (redeemed.status, &redeemed.json()["code"]),
        (400, &json!("invalidParameter.authCode.notFound"))
    );
    assert_eq!(
        bench.directory(USER_INFO, json!({"code": other})).await.json()["errcode"],
        0
    );
    bench.control.advance(dingtalk_simulator::CODE_LIFETIME);
    assert_refused(&bench.directory(USER_INFO, json!({"code": old})).await, 40078);
}

#[tokio::test]
async fn who_may_not_use_the_app_is_not_authorized() {
    let bench = Bench::start().await;
    let hidden = client_code(&bench, "li-lei");
    bench
        .control
        .edit_person("li-lei", |person| person.memberships[0].app_hidden = true);

    assert_refused(&bench.directory(USER_INFO, json!({"code": hidden})).await, 40079);
    bench.revoke(permission::BASE);
    let refused = bench.directory(USER_INFO, json!({"code": "any"})).await;
    assert_refused_by_gateway(&refused, "60011");
}

#[tokio::test]
async fn a_page_inside_the_client_gets_a_code_or_the_words_of_its_api() {
    let bench = Bench::start().await;
    let ask = async |corp_id: &str, person: &str| {
        let asked = json!({"clientId": bench.app.client_id, "corpId": corp_id, "person": person});
        bench.post("/__simulator/in-client-code", asked).await
    };

    let given = ask(&bench.app.corp_id, "li-lei").await;
    let other_organization = ask("dingelsewhere", "li-lei").await;
    let no_member = ask(&bench.app.corp_id, "zhao-yun").await;

    let code = given.json()["code"].as_str().unwrap().to_owned();
    assert_eq!(
        bench.directory(USER_INFO, json!({"code": code})).await.json()["errcode"],
        0
    );
    assert_eq!(
        (other_organization.status, &other_organization.json()["errorCode"]),
        (400, &json!(3))
    );
    assert_eq!(
        (no_member.status, &no_member.json()["errorCode"]),
        (400, &json!(-1))
    );
}

#[tokio::test]
async fn departments_are_told_up_to_the_root_and_the_entry_names_the_lowest() {
    const DEPARTMENTS: &str = "/topapi/v2/department/listparentbyuser";
    let bench = Bench::start().await;
    bench.control.edit_person("li-lei", |person| {
        let membership = &mut person.memberships[0];
        membership.departments = vec![vec![7, 3, 1], vec![9, 1]];
        membership.title = Some("Head of Sales".to_owned());
        membership.standing = Standing::Boss;
    });
    let asked = || json!({ "userid": "staff-li-lei" });

    let departments = bench.directory(DEPARTMENTS, asked()).await.json();
    let entry = bench.directory("/topapi/v2/user/get", asked()).await.json();

    assert_eq!(
        departments["result"]["parent_list"],
        json!([{ "parent_dept_id_list": [7, 3, 1] }, { "parent_dept_id_list": [9, 1] }])
    );
    let entry = &entry["result"];
    assert_eq!(entry["dept_id_list"], json!([7, 9]));
    assert_eq!(entry["title"], "Head of Sales");
    assert_eq!((&entry["admin"], &entry["boss"]), (&json!(false), &json!(true)));
    assert_refused(
        &bench.directory(DEPARTMENTS, json!({ "userid": "nobody" })).await,
        60121,
    );
    bench.revoke(permission::GET_DEPARTMENT_LIST);
    assert_refused_by_gateway(&bench.directory(DEPARTMENTS, asked()).await, "60011");
}

#[tokio::test]
async fn a_department_is_told_by_itself_and_everybody_is_counted() {
    const DEPARTMENT: &str = "/topapi/v2/department/get";
    const COUNT: &str = "/topapi/user/count";
    let bench = Bench::start().await;

    let below = bench
        .directory(DEPARTMENT, json!({ "dept_id": 102 }))
        .await
        .json();
    let root = bench.directory(DEPARTMENT, json!({ "dept_id": 1 })).await.json();
    let count = bench
        .directory(COUNT, json!({ "only_active": false }))
        .await
        .json();

    assert_eq!(below["result"]["parent_id"], 101);
    assert_eq!(root["result"]["dept_id"], 1);
    assert!(root["result"].get("parent_id").is_none(), "{root}");
    assert_eq!(count["result"]["count"], 5);
    let refused = bench.directory(DEPARTMENT, json!({ "dept_id": 99 })).await;
    assert_refused(&refused, 60003);
    assert_refused(
        &bench.directory(DEPARTMENT, json!({ "dept_id": -7 })).await,
        40009,
    );
    assert_refused(&bench.directory(COUNT, json!({})).await, 400_002);
}

#[tokio::test]
async fn what_is_outside_of_the_scope_is_refused_and_single_people_are_not() {
    let bench = Bench::start().await;
    bench.edit_app(|app| {
        app.readable_departments = vec![201];
        app.readable_members = vec!["staff-li-lei".to_owned()];
    });
    let person = async |user_id: &str| {
        bench
            .directory("/topapi/v2/user/get", json!({ "userid": user_id }))
            .await
    };

    assert_eq!(person("staff-li-lei").await.json()["errcode"], 0);
    assert_eq!(person("staff-chen-chen").await.json()["errcode"], 0);
    assert_refused(&person("staff-han-meimei").await, 50002);
    let department = bench
        .directory("/topapi/v2/department/get", json!({ "dept_id": 101 }))
        .await;
    assert_refused(&department, 50004);
}

#[tokio::test]
async fn who_leads_what_is_told_by_the_list_of_that_department_and_by_the_entry() {
    let bench = Bench::start().await;
    bench.control.edit_person("chen-chen", |person| {
        person.memberships[0].leads = vec![201];
        person.memberships[0].orders = [(101, 7)].into();
    });
    let list = async |department: i64| {
        let asked = json!({ "dept_id": department, "cursor": 0, "size": 100 });
        let answer = bench.directory("/topapi/v2/user/list", asked).await.json();
        let list = answer["result"]["list"].as_array().unwrap().clone();
        let found = list
            .into_iter()
            .find(|entry| entry["userid"] == "staff-chen-chen");
        found.unwrap()
    };

    let (here, there) = (list(201).await, list(101).await);
    let alone = bench
        .directory("/topapi/v2/user/get", json!({ "userid": "staff-chen-chen" }))
        .await
        .json();

    assert_eq!((&here["leader"], &here["dept_order"]), (&json!(true), &json!(0)));
    assert_eq!(
        (&there["leader"], &there["dept_order"]),
        (&json!(false), &json!(7))
    );
    assert_eq!(
        alone["result"]["leader_in_dept"],
        json!([{ "dept_id": 201, "leader": true }, { "dept_id": 101, "leader": false }])
    );
}
