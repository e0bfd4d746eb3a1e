use serde_json::json;

use super::super::{DepartmentId, DingTalkUserId, Place};
use super::*;

/// A script that gives an app token and answers everything else so.
async fn an_organization(body: Value) -> Script {
    Script::start(move |request, _| {
        if request.line.contains("/oauth2/accessToken ") {
            an_app_token("a0", 7200)
        } else {
            Reply::json(200, &body)
        }
    })
    .await
}

fn ann() -> DingTalkUserId {
    DingTalkUserId::parse("ann").unwrap()
}

fn place(department: DepartmentId, leads: bool, order: Option<i64>) -> Place {
    Place {
        department,
        leads,
        order,
    }
}

#[tokio::test]
async fn somebody_by_themselves_is_told_with_all_their_places() {
    let script = an_organization(json!({ "errcode": 0, "result": {
        "userid": "ann", "unionid": "u", "name": "Ann\n", "mobile": "13911110001", "state_code": "+86", "email": "",
        "org_email": "ann@example.com", "title": "CTO", "job_number": 7, "avatar": "https://example.com/a.png",
        "work_place": "Hangzhou", "dept_id_list": [3, "20"],
        "leader_in_dept": [{ "dept_id": 20, "leader": "true" }, { "dept_id": 3, "leader": false }],
        "dept_order_list": [{ "dept_id": "3", "order": "176" }],
    } }))
    .await;

    let entry = a_client(&script).member(&credentials(), &ann()).await;
    let entry = entry.unwrap().unwrap();

    assert_eq!(entry.name.as_deref(), Some("Ann"));
    assert_eq!(entry.email.as_deref(), Some("ann@example.com"));
    assert_eq!(
        (entry.title.as_deref(), entry.job_number.as_deref()),
        (Some("CTO"), Some("7"))
    );
    assert_eq!(entry.work_place.as_deref(), Some("Hangzhou"));
    assert_eq!(entry.avatar_url.as_deref(), Some("https://example.com/a.png"));
    assert!(entry.departments == [place(3, false, Some(176)), place(20, true, None)]);
    let [_, request] = script.requests().try_into().unwrap();
    assert_eq!(
        request.line,
        "POST /oapi/topapi/v2/user/get?access_token=a0 HTTP/1.1"
    );
    assert_eq!(request.json(), json!({ "userid": "ann" }));
}

#[tokio::test]
async fn the_list_of_a_department_says_what_somebody_is_in_this_one() {
    let script = an_organization(json!({ "errcode": 0, "result": { "has_more": false, "list": [
        { "userid": "ann", "dept_id_list": [3, 20], "leader": true, "dept_order": 9 },
        { "userid": "bob", "dept_id_list": [3], "leader": true },
    ] } }))
    .await;

    let page = a_client(&script).department_members(&credentials(), 20, 0).await;
    let entries = page.unwrap().unwrap().entries;

    assert!(entries[0].departments == [place(3, false, None), place(20, true, Some(9))]);
    // Whoever is listed there is there, whatever else is said.
    assert!(entries[1].departments == [place(3, false, None), place(20, true, None)]);
}

#[tokio::test]
async fn a_department_by_itself_is_told_and_the_organization_has_nothing_above_it() {
    for (body, parent) in [
        (
            json!({ "dept_id": 7, "name": "Sales", "parent_id": "1" }),
            Some(1),
        ),
        (json!({ "dept_id": 1, "name": "All" }), None),
    ] {
        let id = body["dept_id"].as_i64().unwrap();
        let script = an_organization(json!({ "errcode": 0, "result": body })).await;

        let found = a_client(&script).department(&credentials(), id).await.unwrap();

        let found = found.unwrap();
        assert_eq!((found.id, found.parent), (id, parent));
        let [_, request] = script.requests().try_into().unwrap();
        assert_eq!(
            request.line,
            "POST /oapi/topapi/v2/department/get?access_token=a0 HTTP/1.1"
        );
        assert_eq!(request.json(), json!({ "dept_id": id }));
    }
}

#[tokio::test]
async fn everybody_is_counted() {
    let script = an_organization(json!({ "errcode": 0, "result": { "count": "51" } })).await;

    assert_eq!(a_client(&script).member_count(&credentials()).await.unwrap(), 51);

    let [_, request] = script.requests().try_into().unwrap();
    assert_eq!(
        request.line,
        "POST /oapi/topapi/user/count?access_token=a0 HTTP/1.1"
    );
    assert_eq!(request.json(), json!({ "only_active": false }));
}

#[tokio::test]
async fn what_is_not_there_is_none_and_what_is_refused_is_an_error() {
    for (code, is_none) in [(60003, true), (60121, false), (50004, false), (-1, false)] {
        let script = an_organization(json!({ "errcode": code, "errmsg": "…" })).await;
        let found = a_client(&script).department(&credentials(), 7).await;
        assert_eq!(matches!(found, Ok(None)), is_none, "{code}");
    }
    for (code, is_none) in [(60121, true), (33012, true), (60003, false), (50002, false)] {
        let script = an_organization(json!({ "errcode": code, "errmsg": "…" })).await;
        let found = a_client(&script).member(&credentials(), &ann()).await;
        assert_eq!(matches!(found, Ok(None)), is_none, "{code}");
    }
}

#[tokio::test]
async fn an_answer_that_says_nothing_is_an_error() {
    for result in [
        json!(null),
        json!({}),
        json!({ "dept_id": "x", "name": "", "count": "many" }),
    ] {
        let script = an_organization(json!({ "errcode": 0, "result": result })).await;
        let client = a_client(&script);
        assert!(client.department(&credentials(), 7).await.is_err());
        assert!(client.member(&credentials(), &ann()).await.is_err());
        assert!(client.member_count(&credentials()).await.is_err());
    }
}

#[tokio::test]
async fn nobody_waits_for_ever() {
    let script = Script::start(|request, _| {
        if request.line.contains("/oauth2/accessToken ") {
            an_app_token("a0", 7200)
        } else {
            Reply::Silence
        }
    })
    .await;
    let client = an_impatient_client(&script);

    let found = client.member(&credentials(), &ann()).await.err().unwrap();
    assert!(matches!(found.kind, ErrorKind::TimedOut), "{found:?}");
    let found = client.department(&credentials(), 7).await.err().unwrap();
    assert!(matches!(found.kind, ErrorKind::TimedOut), "{found:?}");
    let found = client.member_count(&credentials()).await.err().unwrap();
    assert!(matches!(found.kind, ErrorKind::TimedOut), "{found:?}");
}
