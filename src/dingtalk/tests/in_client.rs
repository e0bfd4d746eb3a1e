use serde_json::json;

use super::*;
use crate::dingtalk::DingTalkUserId;

/// A script that gives app tokens `a0`, `a1`, … and answers everything else with `answer`.
async fn a_directory(answer: impl Fn(usize) -> Reply + Send + Sync + 'static) -> Script {
    let asked = Mutex::new((0, 0));
    Script::start(move |request, _| {
        let mut asked = asked.lock().unwrap();
        if request.line.contains("/oauth2/accessToken ") {
            asked.0 += 1;
            an_app_token(&format!("a{}", asked.0 - 1), 7200)
        } else {
            asked.1 += 1;
            answer(asked.1 - 1)
        }
    })
    .await
}

fn result(result: &Value) -> Reply {
    Reply::json(200, &json!({ "errcode": 0, "errmsg": "ok", "result": result }))
}

fn refused(errcode: i64) -> Reply {
    Reply::json(
        200,
        &json!({ "errcode": errcode, "errmsg": "canary-message", "request_id": "r" }),
    )
}

fn zhang_san() -> Value {
    json!({ "userid": "manager42", "unionid": "union", "associated_unionid": "other", "name": "张三", "sys_level": 1 })
}

async fn redeem(script: &Script) -> Result<[String; 3], DingTalkError> {
    let found = a_client(script)
        .redeem_in_client(&credentials(), &a_code())
        .await?;
    Ok([
        found.user_id.as_str().to_owned(),
        found.union_id.as_str().to_owned(),
        found.name.unwrap_or_default(),
    ])
}

/// Number and country code of a member.
async fn member(script: &Script) -> Result<Option<[Option<String>; 2]>, DingTalkError> {
    let user_id = DingTalkUserId::parse("manager42").unwrap();
    let found = a_client(script).find_member(&credentials(), &user_id).await?;
    Ok(found.map(|found| [found.mobile, found.state_code]))
}

#[tokio::test]
async fn a_code_is_redeemed_with_the_apps_token_in_the_address() {
    let script = a_directory(|_| result(&zhang_san())).await;

    assert_eq!(redeem(&script).await.unwrap(), ["manager42", "union", "张三"]);

    let [_, request] = script.requests().try_into().unwrap();
    assert_eq!(
        request.line,
        "POST /oapi/topapi/v2/user/getuserinfo?access_token=a0 HTTP/1.1"
    );
    assert_eq!(request.json(), json!({ "code": "canary-code" }));
}

#[tokio::test]
async fn a_member_is_asked_for_by_user_id() {
    let entry = json!({ "userid": "manager42", "mobile": "18900000000", "state_code": "+86" });
    let script = a_directory(move |_| result(&entry)).await;

    let found = member(&script).await.unwrap().unwrap();

    assert_eq!(found.map(Option::unwrap), ["18900000000", "86"]);
    let [_, request] = script.requests().try_into().unwrap();
    assert_eq!(
        request.line,
        "POST /oapi/topapi/v2/user/get?access_token=a0 HTTP/1.1"
    );
    assert_eq!(request.json(), json!({ "userid": "manager42" }));
}

#[tokio::test]
async fn a_member_may_have_no_number_and_who_has_left_is_nobody() {
    let script = a_directory(|_| result(&json!({ "userid": "manager42" }))).await;
    assert_eq!(member(&script).await.unwrap(), Some([None, None]));
    for errcode in [33012, 60111, 60121] {
        let script = a_directory(move |_| refused(errcode)).await;
        assert_eq!(member(&script).await.unwrap(), None, "{errcode}");
    }
}

#[tokio::test]
async fn an_answer_without_identifiers_is_none() {
    for name in ["userid", "unionid"] {
        for value in [json!(null), json!(""), json!(7), json!("a b")] {
            let answer = body_with(zhang_san(), name, value);
            let script = a_directory(move |_| result(&answer)).await;

            let error = redeem(&script).await.unwrap_err();

            assert!(matches!(error.kind, ErrorKind::Malformed(_)), "{name}: {error:?}");
        }
    }
    let bare = zhang_san();
    let script = a_directory(move |_| Reply::json(200, &json!({ "result": bare }))).await;
    assert!(redeem(&script).await.is_err(), "without errcode it says nothing");
}

#[tokio::test]
async fn a_refused_code_is_told_by_its_number_and_is_not_sent_again() {
    for (errcode, expected) in [
        (40078, "code_rejected"),
        (40079, "app_not_visible"),
        (41007, "refused"),
        (60020, "ip_not_allowed"),
        (60011, "permission_missing"),
        (60121, "refused"),
        (-1, "refused"),
    ] {
        let script = a_directory(move |_| refused(errcode)).await;

        let error = redeem(&script).await.unwrap_err();

        assert_eq!(
            (error.label(), error.call),
            (expected, Call::UserInfo),
            "{errcode}"
        );
        assert!(!printed(&error).contains("canary"), "{}", printed(&error));
        assert_eq!(script.requests().len(), 2, "{errcode}");
    }
}

#[tokio::test]
async fn a_token_that_is_no_good_is_fetched_anew_once() {
    for number in ["40001", "40014", "42001"] {
        let script = a_directory(move |asked| match asked {
            0 => gateway_refusal(number),
            _ => result(&zhang_san()),
        })
        .await;
        assert_eq!(redeem(&script).await.unwrap()[0], "manager42", "{number}");
        let lines: Vec<_> = script
            .requests()
            .iter()
            .map(|request| request.line.clone())
            .collect();
        assert!(
            lines[1].contains("=a0 ") && lines[3].contains("=a1 "),
            "{lines:?}"
        );
    }
    let script = a_directory(|_| gateway_refusal("40014")).await;
    assert_eq!(redeem(&script).await.unwrap_err().label(), "token_rejected");
    assert_eq!(script.requests().len(), 4);
}

#[tokio::test]
async fn a_code_is_sent_again_only_when_it_was_not_looked_at() {
    let script = a_directory(|asked| match asked {
        0 => gateway_refusal("90018"),
        _ => result(&zhang_san()),
    })
    .await;
    assert_eq!(redeem(&script).await.unwrap()[0], "manager42");

    let silent = a_directory(|_| Reply::Silence).await;
    let error = an_impatient_client(&silent)
        .redeem_in_client(&credentials(), &a_code())
        .await
        .err()
        .unwrap();
    assert_eq!(error.label(), "timed_out");
    assert!(!error.was_not_processed());
}

async fn departments(script: &Script) -> Result<Option<Vec<i64>>, DingTalkError> {
    let user_id = DingTalkUserId::parse("manager42").unwrap();
    let found = a_client(script).departments_of(&credentials(), &user_id).await?;
    Ok(found.map(|found| found.into_iter().collect()))
}

#[tokio::test]
async fn departments_are_all_of_a_member_and_all_above_them() {
    let paths =
        json!({ "parent_list": [{ "parent_dept_id_list": [7, 3, 1] }, { "parent_dept_id_list": ["9", 1] }] });
    let script = a_directory(move |_| result(&paths)).await;

    assert_eq!(departments(&script).await.unwrap().unwrap(), [1, 3, 7, 9]);

    let [_, request] = script.requests().try_into().unwrap();
    assert_eq!(
        request.line,
        "POST /oapi/topapi/v2/department/listparentbyuser?access_token=a0 HTTP/1.1"
    );
    assert_eq!(request.json(), json!({ "userid": "manager42" }));
    let script = a_directory(|_| refused(60121)).await;
    assert_eq!(departments(&script).await.unwrap(), None);
}

#[tokio::test]
async fn departments_that_cannot_be_read_are_no_answer() {
    for answer in [
        json!({}),
        json!({ "parent_list": [] }),
        json!({ "parent_list": {} }),
        json!({ "parent_list": [{}] }),
        json!({ "parent_list": [{ "parent_dept_id_list": [] }] }),
        json!({ "parent_list": [{ "parent_dept_id_list": [7, "x"] }] }),
        json!({ "parent_list": [{ "parent_dept_id_list": [7, null] }] }),
    ] {
        let told = answer.clone();
        let script = a_directory(move |_| result(&told)).await;

        let error = departments(&script).await.unwrap_err();

        assert_eq!(error.label(), "malformed", "{answer}");
    }
}

#[tokio::test]
async fn a_members_title_picture_and_rights_are_read_leniently() {
    for (entry, title, is_administrator) in [
        (json!({ "title": " CTO ", "admin": true }), Some("CTO"), true),
        (json!({ "boss": "true", "avatar": "" }), None, true),
        (
            json!({ "admin": false, "boss": "false", "title": "" }),
            None,
            false,
        ),
        (json!({}), None, false),
    ] {
        let mut told = entry.clone();
        told["userid"] = json!("manager42");
        let script = a_directory(move |_| result(&told)).await;
        let user_id = DingTalkUserId::parse("manager42").unwrap();

        let found = a_client(&script)
            .find_member(&credentials(), &user_id)
            .await
            .unwrap()
            .unwrap();

        assert_eq!(
            (found.title.as_deref(), found.is_administrator),
            (title, is_administrator),
            "{entry}"
        );
        assert_eq!(found.avatar_url, None);
    }
}
