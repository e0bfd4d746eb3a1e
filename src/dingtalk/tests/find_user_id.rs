use serde_json::json;

use super::*;

/// A script that gives app tokens `a0`, `a1`, … and answers about members with `answer`.
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

fn a_member(result: &Value) -> Reply {
    Reply::json(
        200,
        &json!({ "errcode": 0, "errmsg": "ok", "result": result, "request_id": "zcqi5450rpit" }),
    )
}

fn manager42() -> Reply {
    a_member(&json!({ "contact_type": 0, "userid": "manager42" }))
}

async fn find(script: &Script) -> Result<Option<String>, DingTalkError> {
    let found = a_client(script)
        .find_user_id(&credentials(), &a_union_id())
        .await?;
    Ok(found.map(|user_id| user_id.as_str().to_owned()))
}

#[tokio::test]
async fn a_member_is_asked_for_with_the_apps_token_in_the_address() {
    let script = a_directory(|_| manager42()).await;

    assert_eq!(find(&script).await.unwrap().as_deref(), Some("manager42"));

    let [_, request] = script.requests().try_into().unwrap();
    assert_eq!(
        request.line,
        "POST /oapi/topapi/user/getbyunionid?access_token=a0 HTTP/1.1"
    );
    assert_eq!(request.json(), json!({ "unionid": "canary-union-id" }));
}

#[tokio::test]
async fn a_success_may_be_spelt_with_text() {
    let body = json!({ "errcode": "0", "result": { "contact_type": "0", "userid": "u1" } });
    let script = a_directory(move |_| Reply::json(200, &body)).await;

    assert_eq!(find(&script).await.unwrap().as_deref(), Some("u1"));
}

#[tokio::test]
async fn strangers_and_external_contacts_are_nobody() {
    let stranger = json!({ "errcode": 60121, "errmsg": "找不到该用户", "request_id": "xyv" });
    let left = json!({ "errcode": "60111", "errmsg": "…" });
    let external = json!({ "errcode": 0, "result": { "contact_type": 1, "userid": "x" } });
    for body in [stranger, left, external] {
        let script = a_directory(move |_| Reply::json(200, &body)).await;
        assert_eq!(find(&script).await.unwrap(), None);
    }
    let script = a_directory(|_| gateway_refusal("60121")).await;
    assert_eq!(find(&script).await.unwrap(), None);
}

#[tokio::test]
async fn an_outage_is_never_nobody() {
    for result in [
        json!(null),
        json!({}),
        json!({ "userid": "u" }),
        json!({ "contact_type": 2, "userid": "u" }),
        json!({ "contact_type": 0 }),
        json!({ "contact_type": 0, "userid": "" }),
        json!({ "contact_type": 0, "userid": 7 }),
    ] {
        let shown = result.to_string();
        let script = a_directory(move |_| a_member(&result)).await;
        let error = find(&script).await.unwrap_err();
        assert!(matches!(error.kind, ErrorKind::Malformed(_)), "{shown} {error:?}");
    }
    let no_errcode = json!({ "result": { "contact_type": 1 } });
    let script = a_directory(move |_| Reply::json(200, &no_errcode)).await;
    assert!(find(&script).await.is_err());
}

#[tokio::test]
async fn a_member_refusal_is_told_apart_by_its_effective_code() {
    let quick = |sub_code: &'static str| gateway_refusal(sub_code).at_once();
    for (sub_code, expected) in [
        ("60011", "permission_missing"),
        ("60020", "ip_not_allowed"),
        ("50002", "not_in_scope"),
        ("50004", "not_in_scope"),
        ("50003", "app_unavailable"),
        ("50005", "app_unavailable"),
        ("90018", "throttled"),
        ("90002", "throttled"),
        ("90020", "quota_used_up"),
        ("", "timed_out"),
        ("40000", "refused"),
        ("40089", "credentials_rejected"),
    ] {
        let script = a_directory(move |_| quick(sub_code)).await;
        let error = find(&script).await.unwrap_err();
        assert_eq!(error.label(), expected, "{sub_code}");
        assert_eq!(error.request_id.as_deref(), Some("16l4ew3d47pdp"), "{sub_code}");
        assert_eq!(error.call, Call::UserIdByUnionId);
        assert!(!printed(&error).contains("canary"), "{}", printed(&error));
    }
    for (errcode, expected) in [
        (json!(22), "refused"),
        (json!(15), "timed_out"),
        (json!("50002"), "not_in_scope"),
        (json!(null), "malformed"),
        (json!({}), "malformed"),
        (json!("many"), "malformed"),
    ] {
        let body = json!({ "errcode": errcode, "errmsg": "canary" });
        let script = a_directory(move |_| Reply::json(200, &body)).await;
        let error = find(&script).await.unwrap_err();
        assert_eq!(error.label(), expected, "{errcode}");
    }
}

#[tokio::test]
async fn a_reason_that_stands_only_in_the_message_is_found() {
    let errmsg = "ding talk error[subcode=60020,submsg=canary request ip=1.2.3.4 appKey(x)]";
    let script = a_directory(move |_| Reply::json(200, &json!({ "errcode": 88, "errmsg": errmsg }))).await;

    let error = find(&script).await.unwrap_err();

    assert!(matches!(error.kind, ErrorKind::IpNotAllowed), "{error:?}");
}

#[tokio::test]
async fn a_missing_permission_is_named_from_either_wording() {
    for message in [
        "应用尚未开通所需的权限：[qyapi_get_member]，点击链接申请并开通即可：https://open-dev.dingtalk.com/appscope/apply?content=x",
        "…, {requiredScopes=[qyapi_get_member]}]",
    ] {
        let body = json!({ "errcode": 88, "sub_code": "60011", "sub_msg": message });
        let script = a_directory(move |_| Reply::json(200, &body)).await;

        let error = find(&script).await.unwrap_err();

        let ErrorKind::PermissionMissing(permissions) = error.kind else {
            panic!("{error:?}")
        };
        assert_eq!(permissions, ["qyapi_get_member"]);
    }
}

#[tokio::test]
async fn a_bad_app_token_is_dropped_and_fetched_once() {
    for bad in [
        || gateway_refusal("40014"),
        || Reply::json(200, &json!({ "errcode": 40014, "errmsg": "x" })),
    ] {
        let script = a_directory(move |n| if n == 0 { bad() } else { manager42() }).await;

        assert_eq!(find(&script).await.unwrap().as_deref(), Some("manager42"));

        let lines: Vec<_> = script
            .requests()
            .into_iter()
            .map(|request| request.line)
            .collect();
        assert_eq!(lines.len(), 4, "{lines:?}");
        assert!(lines[3].contains("access_token=a1 "), "{lines:?}");
    }
}

#[tokio::test]
async fn a_second_bad_app_token_ends_the_call() {
    let script = a_directory(|_| gateway_refusal("40001")).await;

    let error = find(&script).await.unwrap_err();

    assert!(matches!(error.kind, ErrorKind::TokenRejected), "{error:?}");
    assert_eq!(script.requests().len(), 4);
}

#[tokio::test]
async fn callers_who_complain_about_one_token_cause_one_fetch() {
    let good = Arc::new(Mutex::new(0));
    let fetched = Arc::clone(&good);
    let script = Script::start(move |request, _| {
        if request.line.contains("/oauth2/accessToken ") {
            *fetched.lock().unwrap() += 1;
            an_app_token(&format!("a{}", fetched.lock().unwrap()), 7200)
        } else if request.line.contains("access_token=a1 ") {
            gateway_refusal("40014")
        } else {
            manager42()
        }
    })
    .await;
    let dingtalk = a_client(&script);

    let callers: Vec<_> = (0..50)
        .map(|_| {
            let dingtalk = dingtalk.clone();
            tokio::spawn(async move {
                dingtalk
                    .find_user_id(&credentials(), &a_union_id())
                    .await
                    .unwrap()
            })
        })
        .collect();

    for caller in callers {
        assert!(caller.await.unwrap().is_some());
    }
    assert_eq!(*good.lock().unwrap(), 2);
}

#[tokio::test]
async fn a_busy_directory_is_asked_again() {
    let busy = json!({ "errcode": -1, "errmsg": "canary" });
    let script = a_directory(move |n| match n {
        0 => gateway_refusal("90018").at_once(),
        1 => Reply::json(200, &busy).at_once(),
        _ => manager42(),
    })
    .await;

    assert_eq!(find(&script).await.unwrap().as_deref(), Some("manager42"));
}

#[tokio::test]
async fn a_question_about_a_member_gives_up_in_time() {
    let script = Script::start(|request, _| {
        if request.line.contains("/oauth2/accessToken ") {
            an_app_token("a0", 7200)
        } else {
            Reply::Silence
        }
    })
    .await;

    let found = an_impatient_client(&script)
        .find_user_id(&credentials(), &a_union_id())
        .await;

    assert!(
        matches!(
            found,
            Err(DingTalkError {
                kind: ErrorKind::TimedOut,
                ..
            })
        ),
        "{found:?}"
    );
}
