//! Signing in inside DingTalk: its client gives the page a code, and one call says who is there.

mod refusals;
mod settings;

use chrono::TimeDelta;
use dingtalk_simulator::{AuthCodeRefused, CallKind, DEMO_CORP_ID, Effect, Fault};
use futures_util::future::join_all;
use serde_json::{Value, json};

use crate::support::app::{AUTHENTICATOR, TestApp};
use crate::support::app_internals::{Statements, sign_with};
use crate::support::beside_nocobase::{APP_KEY, app_beside_nocobase};
use crate::support::browser::{Answer, Browser, refusal};
use crate::support::database::{Kind, on};

/// The phone, as its client calls itself.
const PHONE: &str = "Mozilla/5.0 (Linux; Android 12) Chrome/100.0.4896.58 UWS/5.12.11.0 Mobile Safari/537.36 \
                     AliApp(DingTalk/8.1.10.1) com.alibaba.android.rimet/39 Channel/1 language/zh-CN";

/// A sidecar alone whose authenticator takes codes of the client; `options` come on top.
async fn start_with(options: Value) -> TestApp {
    let app = TestApp::bare(&[]).await;
    app.enable_plugin().await;
    let mut all = json!({ "autoLogin": true, "corpId": DEMO_CORP_ID, "public": { "autoSignup": true } });
    for (key, value) in options.as_object().unwrap() {
        all[key] = value.clone();
    }
    app.add_authenticator(all).await;
    app
}

async fn start() -> TestApp {
    start_with(json!({})).await
}

fn code_for(app: &TestApp, person: &str) -> String {
    let client_id = &app.dingtalk_app.client_id;
    app.dingtalk
        .request_auth_code(client_id, DEMO_CORP_ID, person)
        .unwrap()
}

async fn post(browser: &mut Browser, code: &str) -> Answer {
    browser
        .post_sign_in(
            AUTHENTICATOR,
            json!({ "authCode": code, "loginType": "internal" }),
        )
        .await
}

pub async fn sign_in(app: &TestApp, person: &str) -> Answer {
    post(&mut app.browser(), &code_for(app, person)).await
}

/// The calls DingTalk has had: code, entry of the directory, app token, and all of them.
fn calls(app: &TestApp) -> [usize; 4] {
    [
        app.dingtalk.calls(CallKind::UserInfo),
        app.dingtalk.calls(CallKind::UserDetails),
        app.dingtalk.calls(CallKind::AppAccessToken),
        app.dingtalk.all_calls(),
    ]
}

#[tokio::test]
async fn a_returning_person_is_signed_in_with_one_call() {
    let app = start().await;
    assert_eq!(sign_in(&app, "li-lei").await.status, 200);
    let before = app.dingtalk.all_calls();

    let answer = sign_in(&app, "li-lei").await;

    assert_eq!(answer.status, 200, "{}", answer.text);
    assert_eq!(app.dingtalk.all_calls(), before + 1);
    assert_eq!(calls(&app), [2, 1, 1, 4]);
    assert_eq!(app.dingtalk.unexpected(), Vec::<String>::new());
}

#[tokio::test]
async fn a_returning_person_costs_as_many_statements_as_through_the_button() {
    let app = start().await;
    sign_in(&app, "li-lei").await;
    app.browser().sign_in(&app.dingtalk, "li-lei").await;
    let code = code_for(&app, "li-lei");
    let mut statements = Statements::count(&app).await;

    assert_eq!(post(&mut app.browser(), &code).await.status, 200);

    assert_eq!(statements.read_when_done(&app).await, 2);
}

#[tokio::test]
async fn beside_nocobase_a_returning_person_costs_one_statement_or_two_and_one_call() {
    for (kind, expected) in [(Kind::Postgres, 1), (Kind::MariaDb, 2)] {
        on(kind, |database| async move {
            let app = app_beside_nocobase(&database, &[]).await;
            let options = json!({
                "autoLogin": true, "corpId": DEMO_CORP_ID, "public": { "autoSignup": true },
                "clientId": app.dingtalk_app.client_id, "clientSecret": app.dingtalk_app.client_secret,
            });
            database
                .run(&format!("UPDATE `@authenticators` SET `options` = '{options}'"))
                .await;
            let first = sign_in(&app, "han-meimei").await;
            assert_eq!(first.status, 200, "{kind:?}: {}", first.text);
            assert_ne!(first.header("x-dingtalk-created-user"), "");
            let mut statements = Statements::count(&app).await;

            let answer = sign_in(&app, "han-meimei").await;

            assert_eq!(answer.status, 200, "{kind:?}: {}", answer.text);
            assert_eq!(statements.read_when_done(&app).await, expected, "{kind:?}");
            assert_eq!(calls(&app), [2, 1, 1, 4], "{kind:?}");
            let past_nocobase = app
                .browser()
                .through(None)
                .post_sign_in(AUTHENTICATOR, json!({ "authCode": "x", "loginType": "internal" }))
                .await;
            assert_eq!(past_nocobase.code(), "NOT_SERVED_HERE", "{kind:?}");
        })
        .await;
    }
}

#[tokio::test]
async fn a_crowd_that_asks_what_to_do_costs_no_statement() {
    let app = start().await;
    let mut phone = app.browser().with("User-Agent", PHONE);
    phone.get("dingtalk:checkLogin?isDingTalkBrowser=true").await;
    let mut statements = Statements::count(&app).await;

    for _ in 0..20 {
        let answer = phone.get("dingtalk:checkLogin?isDingTalkBrowser=true").await;
        assert_eq!(answer.json["data"]["success"], false);
    }

    assert_eq!(statements.read_when_done(&app).await, 0);
}

#[tokio::test]
async fn the_first_time_a_person_is_found_by_phone_number() {
    let app = start().await;
    let user = app.add_user("Li Lei", Some("13800138000")).await;
    let mut browser = app.browser();

    let answer = post(&mut browser, &code_for(&app, "li-lei")).await;

    assert_eq!(answer.json["data"]["user"]["id"], user.0);
    assert_eq!(answer.header("x-dingtalk-created-user"), "");
    assert_eq!(
        browser.jar.keys().collect::<Vec<_>>(),
        [
            "nb_auth_token_main",
            "nb_authenticator_main",
            "nb_csrf_token_main",
            "nb_role_main"
        ]
    );
    assert_eq!(browser.jar["nb_auth_token_main"], answer.json["data"]["token"]);
    browser.token = answer.json["data"]["token"].as_str().map(str::to_owned);
    assert_eq!(browser.get("auth:check").await.json["data"]["id"], user.0);
    assert_eq!(calls(&app), [1, 1, 1, 3]);
}

#[tokio::test]
async fn a_new_person_becomes_a_user_and_the_bridge_is_told() {
    let app = start().await;

    let answer = sign_in(&app, "han-meimei").await;

    let user = &answer.json["data"]["user"];
    assert_eq!(answer.header("x-dingtalk-created-user"), user["id"].to_string());
    assert_eq!(user["nickname"], app.person("han-meimei").name.as_str());
}

#[tokio::test]
async fn both_ways_find_the_same_user() {
    for subject in ["unionId", "userId", "mobile"] {
        let app = start_with(json!({ "subject": subject })).await;
        let through_the_button = app.browser().sign_in(&app.dingtalk, "li-lei").await;

        let inside = sign_in(&app, "li-lei").await;

        assert_eq!(inside.status, 200, "{subject}: {}", inside.text);
        let id = |answer: &Answer| answer.json["data"]["user"]["id"].clone();
        assert_eq!(id(&inside), id(&through_the_button), "{subject}");
        assert_eq!(app.rows().await.links, 1, "{subject}");
        let asked = usize::from(subject == "mobile");
        assert_eq!(app.dingtalk.calls(CallKind::UserDetails), asked, "{subject}");
    }
}

#[tokio::test]
async fn a_code_gives_one_session() {
    let app = start().await;
    let code = code_for(&app, "li-lei");
    let mut browser = app.browser();
    assert_eq!(post(&mut browser, &code).await.status, 200);
    let rows = app.rows().await;

    let answer = post(&mut browser, &code).await;

    assert_eq!(answer.status, 401);
    assert_eq!(
        answer.stable(),
        refusal("FLOW_USED", "This sign-in has already been used. Start again.")
    );
    assert_eq!(app.rows().await, rows);
    assert_eq!(
        app.dingtalk.calls(CallKind::UserInfo),
        1,
        "DingTalk is not asked again"
    );
}

#[tokio::test]
async fn a_code_used_in_one_process_gives_no_session_in_another() {
    let mut app = start().await;
    let replica = app.start_replica().await;
    let code = code_for(&app, "li-lei");
    assert_eq!(post(&mut app.browser(), &code).await.status, 200);

    let answer = post(&mut app.browser().at(&replica), &code).await;

    assert_eq!(answer.code(), "CODE_REJECTED");
}

#[tokio::test]
async fn of_many_at_once_with_one_code_exactly_one_succeeds() {
    let app = start().await;
    let code = code_for(&app, "han-meimei");
    let before = app.rows().await;

    let attempts = (0..20).map(|_| async { post(&mut app.browser(), &code).await });
    let answers = join_all(attempts).await;

    let successes = answers.iter().filter(|answer| answer.status == 200).count();
    let used = answers
        .iter()
        .filter(|answer| answer.code() == "FLOW_USED")
        .count();
    assert_eq!((successes, used), (1, 19));
    assert_eq!(calls(&app), [1, 1, 1, 3]);
    let after = app.rows().await;
    assert_eq!((after.users, after.tokens), (before.users + 1, before.tokens + 1));
}

#[tokio::test]
async fn a_code_that_dingtalk_takes_twice_still_gives_one_session() {
    let mut app = start().await;
    let replica = app.start_replica().await;
    let code = code_for(&app, "li-lei");
    assert_eq!(post(&mut app.browser(), &code).await.status, 200);
    let rows = app.rows().await;
    let (union_id, user_id) = (app.person("li-lei").union_id, "staff-li-lei");
    let result = json!({ "userid": user_id, "unionid": union_id, "name": "Li Lei" });
    let effect = Effect::Answer {
        status: 200,
        content_type: "application/json".to_owned(),
        body: json!({ "errcode": 0, "errmsg": "ok", "result": result }).to_string(),
    };
    app.dingtalk.set_fault(Fault::on(CallKind::UserInfo, effect));

    let answer = post(&mut app.browser().at(&replica), &code).await;

    assert_eq!(
        (answer.status, answer.code()),
        (401, "FLOW_USED"),
        "{}",
        answer.text
    );
    assert_eq!(app.rows().await, rows);
}

#[tokio::test]
async fn a_code_that_is_too_old_is_refused() {
    let app = start().await;
    let code = code_for(&app, "li-lei");
    app.dingtalk.advance(dingtalk_simulator::CODE_LIFETIME);

    let answer = post(&mut app.browser(), &code).await;

    assert_eq!(answer.status, 401);
    assert_eq!(
        answer.stable(),
        refusal(
            "CODE_REJECTED",
            "DingTalk no longer accepts this sign-in. Start again."
        )
    );
}

#[tokio::test]
async fn neither_way_takes_the_code_of_the_other() {
    let app = start().await;
    let client_id = &app.dingtalk_app.client_id;
    let of_the_web = app.dingtalk.issue_code(client_id, "li-lei", Some(DEMO_CORP_ID));
    let mut browser = app.browser();
    let at_dingtalk = browser.click(AUTHENTICATOR, "/signin").await;
    let mut back = app.dingtalk.approve(&at_dingtalk, "li-lei").unwrap();
    let state = back
        .query_pairs()
        .find(|(name, _)| name == "state")
        .unwrap()
        .1
        .into_owned();
    back.query_pairs_mut()
        .clear()
        .append_pair("authCode", &code_for(&app, "li-lei"))
        .append_pair("state", &state);
    let handle = browser.come_back(&back).await;

    let inside = post(&mut app.browser(), &of_the_web).await;
    let outside = browser.complete(AUTHENTICATOR, &handle).await;

    assert_eq!(
        [inside.code(), outside.code()],
        ["CODE_REJECTED", "CODE_REJECTED"]
    );
    assert_eq!(app.rows().await.tokens, 1, "only the administrator's");
}

#[tokio::test]
async fn an_authenticator_without_it_takes_no_code() {
    for options in [json!({ "autoLogin": false }), json!({ "autoLoginType": "oauth" })] {
        let app = start_with(options).await;

        let answer = sign_in(&app, "li-lei").await;

        assert_eq!(answer.status, 403);
        assert_eq!(
            answer.stable(),
            refusal(
                "IN_CLIENT_SIGN_IN_OFF",
                "Automatic sign-in inside DingTalk is not enabled for this sign-in method. Use its button, or ask your \
                 administrator to enable it."
            )
        );
        assert_eq!(app.dingtalk.all_calls(), 0);
    }
}

#[tokio::test]
async fn an_unknown_authenticator_takes_no_code() {
    let app = start().await;
    let body = json!({ "authCode": code_for(&app, "li-lei"), "loginType": "internal" });

    let answer = app.browser().post_sign_in("nobody", body).await;

    assert_eq!((answer.status, answer.code()), (404, "AUTHENTICATOR_NOT_FOUND"));
    assert_eq!(app.dingtalk.all_calls(), 0);
}

#[tokio::test]
async fn a_code_is_taken_from_a_page_of_this_site_only() {
    let app = start().await;
    let own = app.url.clone();
    for (header, value, taken) in [
        ("Origin", "https://evil.example", false),
        ("Origin", "null", false),
        ("Referer", "https://evil.example/page", false),
        ("Sec-Fetch-Site", "cross-site", false),
        ("Sec-Fetch-Site", "same-site", false),
        ("Sec-Fetch-Site", "none", false),
        ("Sec-Fetch-Site", "same-origin", true),
        ("Origin", &own, true),
        ("Referer", &format!("{own}/admin"), true),
    ] {
        let mut browser = app.browser().with(header, value);

        let answer = post(&mut browser, &code_for(&app, "li-lei")).await;

        if taken {
            assert_eq!(answer.status, 200, "{header}: {value}: {}", answer.text);
        } else {
            assert_eq!(
                (answer.status, answer.code()),
                (403, "INVALID_SIGN_IN_ORIGIN"),
                "{header}: {value}"
            );
        }
    }
    assert_eq!(app.dingtalk.calls(CallKind::UserInfo), 3);
}

#[tokio::test]
async fn a_trusted_page_of_another_origin_posts_no_code_either() {
    let app = TestApp::bare(&[("CORS_ORIGIN_WHITELIST", "https://portal.example")]).await;
    app.enable_plugin().await;
    app.add_authenticator(json!({ "autoLogin": true, "corpId": DEMO_CORP_ID }))
        .await;
    let mut browser = app.browser().with("Origin", "https://portal.example");

    let answer = post(&mut browser, &code_for(&app, "li-lei")).await;

    assert_eq!(answer.code(), "INVALID_SIGN_IN_ORIGIN");
}

#[tokio::test]
async fn a_code_comes_as_json_and_with_the_header() {
    let app = start().await;
    let body = json!({ "authCode": code_for(&app, "li-lei"), "loginType": "internal" }).to_string();
    let json_type = ("content-type", "application/json; charset=utf-8");
    let named = ("X-Authenticator", AUTHENTICATOR);
    for (headers, field) in [
        (vec![("content-type", "text/plain"), named], "Content-Type"),
        (vec![named], "Content-Type"),
        (vec![json_type], "X-Authenticator"),
    ] {
        let answer = app
            .browser()
            .request("POST", "/api/auth:signIn", &headers, body.clone().into_bytes())
            .await;

        assert_eq!((answer.status, answer.code()), (400, "INVALID_HEADER"), "{field}");
        assert!(answer.text.contains(field), "{}", answer.text);
    }
    assert_eq!(app.dingtalk.all_calls(), 0);
    let answer = app
        .browser()
        .request("POST", "/api/auth:signIn", &[json_type, named], body.into_bytes())
        .await;
    assert_eq!(answer.status, 200, "{}", answer.text);
}

#[tokio::test]
async fn what_is_no_code_is_refused_by_name() {
    let app = start().await;
    for (body, field) in [
        (json!({ "authCode": "", "loginType": "internal" }), "authCode"),
        (json!({ "authCode": "a b", "loginType": "internal" }), "authCode"),
        (
            json!({ "authCode": "x".repeat(257), "loginType": "internal" }),
            "authCode",
        ),
        (json!({ "authCode": 7, "loginType": "internal" }), "authCode"),
        (json!({ "authCode": null, "loginType": "internal" }), "authCode"),
        (json!({ "authCode": "abc" }), "loginType"),
        (json!({ "authCode": "abc", "loginType": "sns" }), "loginType"),
    ] {
        let answer = app.browser().post_sign_in(AUTHENTICATOR, body.clone()).await;

        assert_eq!((answer.status, answer.code()), (400, "INVALID_FIELD"), "{body}");
        assert!(answer.text.contains(field), "{body}: {}", answer.text);
    }
    assert_eq!(app.dingtalk.all_calls(), 0);
}

#[tokio::test]
async fn inside_dingtalk_a_page_is_told_what_to_do() {
    let app = start().await;
    let mut phone = app.browser().with("User-Agent", PHONE);

    let answer = phone
        .get("dingtalk:checkLogin?isDingTalkBrowser=true&redirect=%2Fadmin%2Forders")
        .await;

    assert_eq!(
        answer.json,
        json!({ "data": {
            "success": false,
            "autoLoginType": "internal",
            "authenticator": AUTHENTICATOR,
            "corpId": DEMO_CORP_ID,
            "clientId": app.dingtalk_app.client_id,
        } })
    );
    assert_eq!(app.dingtalk.all_calls(), 0);
}

#[tokio::test]
async fn nobody_else_is_told_the_organization() {
    let app = start().await;
    for (agent, query) in [
        (PHONE, ""),
        (PHONE, "?isDingTalkBrowser=false"),
        ("Mozilla/5.0 Chrome/133.0", "?isDingTalkBrowser=true"),
    ] {
        let mut browser = app.browser().with("User-Agent", agent);

        let answer = browser.get(&format!("dingtalk:checkLogin{query}")).await;

        assert_eq!(
            answer.json,
            json!({ "data": { "success": true } }),
            "{agent} {query}"
        );
    }
}

#[tokio::test]
async fn without_automatic_login_there_is_nothing_to_do() {
    let app = start_with(json!({ "autoLogin": false })).await;
    let ask = async || {
        let mut phone = app.browser().with("User-Agent", PHONE);
        phone.get("dingtalk:checkLogin?isDingTalkBrowser=true").await.json
    };
    let nothing = json!({ "data": { "success": true } });
    assert_eq!(ask().await, nothing);
    app.set_options(json!({ "autoLogin": true, "corpId": DEMO_CORP_ID }))
        .await;
    assert_eq!(ask().await["data"]["success"], false, "the change counts at once");

    app.run(r#"UPDATE "applicationPlugins" SET "enabled" = 0"#).await;
    app.wait(TimeDelta::seconds(3));

    assert_eq!(ask().await, nothing);
}

#[tokio::test]
async fn by_the_web_a_page_is_sent_to_our_own_start() {
    let app = start_with(json!({ "autoLoginType": "oauth" })).await;
    let mut phone = app.browser().with("User-Agent", PHONE);
    let asked = |redirect: &str| {
        let query = [("isDingTalkBrowser", "true"), ("redirect", redirect)];
        format!(
            "dingtalk:checkLogin?{}",
            serde_urlencoded::to_string(query).unwrap()
        )
    };

    let answer = phone.get(&asked("/admin/orders?tab=1")).await;

    assert_eq!(
        answer.json,
        json!({ "data": {
            "success": false,
            "autoLoginType": "oauth",
            "authenticator": AUTHENTICATOR,
            "authUrl": "/api/auth:redirect?authenticator=s_dingtalk\
                        &return=%2Fsignin%3Fredirect%3D%252Fadmin%252Forders%253Ftab%253D1",
        } })
    );
    let start = answer.json["data"]["authUrl"].as_str().unwrap();
    let at_dingtalk = phone.visit(start).await.location().parse().unwrap();
    let back = app.dingtalk.approve(&at_dingtalk, "li-lei").unwrap();
    let landed = phone.follow(&back).await.location();
    assert!(
        landed.starts_with("/signin?redirect=%2Fadmin%2Forders%3Ftab%3D1&authenticator=s_dingtalk&dingtalk="),
        "{landed}"
    );
    let elsewhere = phone.get(&asked("https://evil.example/")).await;
    assert!(
        elsewhere.json["data"]["authUrl"]
            .as_str()
            .unwrap()
            .ends_with("%3Fredirect%3D%252Fadmin"),
        "{}",
        elsewhere.text
    );
}

#[tokio::test]
async fn a_page_may_ask_where_the_web_sign_in_starts() {
    let app = start_with(json!({ "autoLogin": false })).await;
    let own = app.url.clone();
    let start = |page: &str| {
        let page: String = url::form_urlencoded::byte_serialize(page.as_bytes()).collect();
        let signin: String =
            url::form_urlencoded::byte_serialize(format!("/signin?redirect={page}").as_bytes()).collect();
        format!("/api/auth:redirect?authenticator={AUTHENTICATOR}&return={signin}")
    };
    for (body, page) in [
        (json!({ "redirect": "/x/shop/" }), "/x/shop/"),
        (
            json!({ "redirect": format!("{own}/x/shop/?a=1") }),
            "/x/shop/?a=1",
        ),
        (json!({ "redirect": own }), "/"),
        (json!({}), "/admin"),
    ] {
        let mut browser = app.browser().with("X-Authenticator", AUTHENTICATOR);

        let answer = browser.post("dingtalk:getAuthUrl", body.clone()).await;

        assert_eq!(answer.json, json!({ "data": { "url": start(page) } }), "{body}");
    }
    for redirect in [
        "https://evil.example/",
        "//evil.example",
        "orders",
        &format!("{own}.evil.example/"),
        &format!("{own}@evil.example/"),
    ] {
        let mut browser = app.browser().with("X-Authenticator", AUTHENTICATOR);

        let answer = browser
            .post("dingtalk:getAuthUrl", json!({ "redirect": redirect }))
            .await;

        assert_eq!(
            (answer.status, answer.code()),
            (400, "INVALID_FIELD"),
            "{redirect}"
        );
    }
    let nameless = app.browser().post("dingtalk:getAuthUrl", json!({})).await;
    assert_eq!(nameless.code(), "INVALID_HEADER");
    let mut unknown = app.browser().with("X-Authenticator", "nobody");
    let answer = unknown.post("dingtalk:getAuthUrl", json!({})).await;
    assert_eq!((answer.status, answer.code()), (404, "AUTHENTICATOR_NOT_FOUND"));
}

#[tokio::test]
async fn the_web_sign_in_comes_back_to_the_sign_in_page_that_nocobase_names() {
    on(Kind::Postgres, |database| async move {
        let app = app_beside_nocobase(&database, &[]).await;
        let address = async |page: &str| {
            let token = sign_with(
                APP_KEY.as_bytes(),
                &json!({
                    "aud": "nocobase-dingtalk", "app": "main", "host": "noco.example", "peer": "127.0.0.1",
                    "iat": app.clock.now().timestamp(), "exp": app.clock.now().timestamp() + 60, "signIn": page,
                }),
            );
            let browser = app.browser().with("X-Dingtalk-Bridge", &token);
            let mut browser = browser.with("X-Authenticator", AUTHENTICATOR);
            let answer = browser
                .post("dingtalk:getAuthUrl", json!({ "redirect": "/x/shop/" }))
                .await;
            let url = answer.json["data"]["url"].as_str().unwrap_or_default().to_owned();
            assert!(!url.is_empty(), "{}", answer.text);
            url
        };

        let named = address("/settings/signin").await;
        assert!(
            named.ends_with("&return=%2Fsettings%2Fsignin%3Fredirect%3D%252Fx%252Fshop%252F"),
            "{named}"
        );
        let foreign = address("https://evil.example/signin").await;
        assert!(
            foreign.ends_with("&return=%2Fsignin%3Fredirect%3D%252Fx%252Fshop%252F"),
            "{foreign}"
        );
    })
    .await;
}

#[tokio::test]
async fn dingtalks_client_gives_no_code_for_another_organization() {
    let app = start().await;
    let client_id = &app.dingtalk_app.client_id;

    let refused = app
        .dingtalk
        .request_auth_code(client_id, "dingelsewhere", "li-lei");

    assert_eq!(refused, Err(AuthCodeRefused::OtherOrganization));
}
