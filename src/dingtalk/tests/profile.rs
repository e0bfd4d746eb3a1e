use serde_json::json;

use super::*;

fn a_person() -> Value {
    json!({ "nick": "张三", "unionId": "vQR2XRTIXbAUYtz7oy0nfwiEiE", "openId": "Uq1w", "mobile": "18900000000",
            "stateCode": "86", "avatarUrl": "https://img.example/a.png", "email": "z@example.com",
            "visitor": false })
}

async fn profile_of(body: Value) -> Result<crate::dingtalk::Profile, DingTalkError> {
    profiles_of(vec![body]).await.remove(0)
}

/// The answers of one client, one after the other.
async fn profiles_of(bodies: Vec<Value>) -> Vec<Result<crate::dingtalk::Profile, DingTalkError>> {
    let count = bodies.len();
    let script = Script::start(move |_, n| Reply::json(200, &bodies[n])).await;
    let dingtalk = a_client(&script);
    let mut profiles = Vec::new();
    for _ in 0..count {
        profiles.push(dingtalk.profile(&credentials(), &a_user_token()).await);
    }
    profiles
}

#[tokio::test]
async fn profile_sends_the_persons_token_in_dingtalks_header() {
    let script = Script::start(|_, _| Reply::json(200, &a_person())).await;

    a_client(&script)
        .profile(&credentials(), &a_user_token())
        .await
        .unwrap();

    let [request] = script.requests().try_into().unwrap();
    assert_eq!(request.line, "GET /api/v1.0/contact/users/me HTTP/1.1");
    assert_eq!(
        request.header("x-acs-dingtalk-access-token"),
        Some("canary-user-token")
    );
    assert_eq!(request.header("authorization"), None);
    assert!(request.body.is_empty());
}

#[tokio::test]
async fn profile_gives_every_fact() {
    let profile = profile_of(a_person()).await.unwrap();

    assert_eq!(profile.union_id.as_str(), "vQR2XRTIXbAUYtz7oy0nfwiEiE");
    assert_eq!(profile.open_id.as_deref(), Some("Uq1w"));
    assert_eq!(profile.nick.as_deref(), Some("张三"));
    assert_eq!(profile.mobile.as_deref(), Some("18900000000"));
    assert_eq!(profile.state_code.as_deref(), Some("86"));
    assert_eq!(profile.avatar_url.as_deref(), Some("https://img.example/a.png"));
    assert_eq!(profile.email.as_deref(), Some("z@example.com"));
    assert!(!profile.visitor);
}

#[tokio::test]
async fn profile_takes_absent_null_and_blank_facts_for_absent() {
    let absent = [json!(null), json!(""), json!("  "), json!([]), json!({})];
    for name in ["nick", "openId", "mobile", "stateCode", "avatarUrl", "email"] {
        let bodies = absent
            .iter()
            .map(|value| body_with(a_person(), name, value.clone()))
            .collect();
        for profile in profiles_of(bodies).await {
            let profile = profile.unwrap();
            let fact = match name {
                "nick" => profile.nick,
                "openId" => profile.open_id,
                "mobile" => profile.mobile,
                "stateCode" => profile.state_code,
                "avatarUrl" => profile.avatar_url,
                _ => profile.email,
            };
            assert_eq!(fact, None, "{name}");
        }
    }

    let profile = profile_of(json!({ "unionId": "u" })).await.unwrap();
    assert!(profile.nick.is_none() && profile.mobile.is_none() && !profile.visitor);
}

#[tokio::test]
async fn profile_reads_numbers_and_booleans_however_they_are_spelt() {
    let profile = profile_of(
        json!({ "unionId": "u", "mobile": 18_900_000_000_u64, "stateCode": 86,
                                     "visitor": "true", "nick": "a\u{0}b\nc" }),
    )
    .await
    .unwrap();

    assert_eq!(profile.mobile.as_deref(), Some("18900000000"));
    assert_eq!(profile.state_code.as_deref(), Some("86"));
    assert_eq!(profile.nick.as_deref(), Some("abc"));
    assert!(profile.visitor);

    let profile = profile_of(json!({ "unionId": "u", "stateCode": "+852" }))
        .await
        .unwrap();
    assert_eq!(profile.state_code.as_deref(), Some("852"));
}

#[tokio::test]
async fn profile_without_a_union_id_to_rely_on_is_no_profile() {
    let unusable = [
        json!(null),
        json!(""),
        json!(" "),
        json!("a b"),
        json!("a\u{0}"),
        json!("x".repeat(256)),
        json!(12),
        json!(true),
        json!(["u"]),
        json!({}),
    ];
    let bodies = unusable
        .iter()
        .map(|union_id| body_with(a_person(), "unionId", union_id.clone()))
        .collect();
    for (union_id, profile) in unusable.iter().zip(profiles_of(bodies).await) {
        let error = profile.unwrap_err();
        assert!(
            matches!(error.kind, ErrorKind::Malformed(_)),
            "{union_id} {error:?}"
        );
    }
    let error = profile_of(json!({ "nick": "n", "openId": "o" }))
        .await
        .unwrap_err();
    assert!(matches!(error.kind, ErrorKind::Malformed(_)), "{error:?}");
}

#[tokio::test]
async fn profile_with_a_union_id_damaged_in_transit_is_no_profile() {
    let mut body = br#"{"unionId":"ab"}"#.to_vec();
    body.insert(13, 0xFF);
    let script = Script::start(move |_, _| Reply::text(200, "application/json", body.clone())).await;

    let error = a_client(&script)
        .profile(&credentials(), &a_user_token())
        .await
        .unwrap_err();

    assert!(matches!(error.kind, ErrorKind::Malformed(_)), "{error:?}");
}

#[tokio::test]
async fn profile_tells_refusals_apart() {
    for (status, code, expected) in [
        (400, "InvalidAuthentication", "token_rejected"),
        (400, "accesstoken.expired", "token_rejected"),
        (400, "AuthenticationFailed.MissingParameter", "refused"),
        (
            403,
            "Forbidden.AccessDenied.AccessTokenPermissionDenied",
            "permission_missing",
        ),
        (403, "Forbidden.AccessDenied.IpNotInWhiteList", "ip_not_allowed"),
        (403, "Forbidden.AccessDenied.QpmLimitForAppkeyAndApi", "throttled"),
        (404, "invalidParameter.user.notFound", "refused"),
        (200, "InvalidAuthentication", "token_rejected"),
    ] {
        let script = Script::start(move |_, _| refusal(status, code)).await;

        let error = a_client(&script)
            .profile(&credentials(), &a_user_token())
            .await
            .unwrap_err();

        assert_eq!(error.label(), expected, "{code}");
        assert_eq!(
            (Some(error.call), error.request_id.as_deref()),
            (Some(Call::Profile), Some("REQ-1"))
        );
        assert_eq!(script.requests().len(), 1, "{code}");
        assert!(!printed(&error).contains("canary"), "{}", printed(&error));
    }
}

#[tokio::test]
async fn profile_names_the_permission_that_is_missing() {
    let body = json!({ "code": "Forbidden.AccessDenied.AccessTokenPermissionDenied", "requestid": "R",
                       "accessdenieddetail": { "requiredScopes": ["Contact.User.Read", "<b>\r\n", 7, "&&"] } });
    let script = Script::start(move |_, _| Reply::json(403, &body)).await;

    let error = a_client(&script)
        .profile(&credentials(), &a_user_token())
        .await
        .unwrap_err();

    let ErrorKind::PermissionMissing(permissions) = error.kind else {
        panic!("{error:?}")
    };
    assert_eq!(permissions, ["Contact.User.Read", "b"]);
}

#[tokio::test]
async fn profile_gives_up_in_time() {
    let script = Script::start(|_, _| Reply::Silence).await;

    let error = an_impatient_client(&script)
        .profile(&credentials(), &a_user_token())
        .await
        .unwrap_err();

    assert!(matches!(error.kind, ErrorKind::TimedOut), "{error:?}");
}

#[tokio::test]
async fn profile_repeats_what_was_refused_for_its_rate() {
    let script = Script::start(|_, n| {
        if n == 0 {
            Reply::text(429, "text/plain", "slow down").at_once()
        } else {
            Reply::json(200, &a_person())
        }
    })
    .await;

    a_client(&script)
        .profile(&credentials(), &a_user_token())
        .await
        .unwrap();

    assert_eq!(script.requests().len(), 2);
}

#[tokio::test]
async fn profile_does_not_send_what_cannot_be_a_token() {
    let script = Script::start(|_, _| Reply::json(200, &a_person())).await;
    let token = UserAccessToken {
        token: SecretString::from("canary\r\nx: y"),
        corp_id: None,
    };

    let error = a_client(&script)
        .profile(&credentials(), &token)
        .await
        .unwrap_err();

    assert!(matches!(error.kind, ErrorKind::TokenRejected), "{error:?}");
    assert!(script.requests().is_empty());
}
