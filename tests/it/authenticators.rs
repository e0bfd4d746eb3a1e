//! The authentication settings of a sidecar that runs alone.

use nocobase_dingtalk::aes_key::AesKey;
use nocobase_dingtalk::authenticator::{AuthenticatorOptions, Environment};
use secrecy::ExposeSecret as _;
use serde_json::{Value, json};

use crate::support::app::{AUTHENTICATOR, TestApp};
use crate::support::browser::{Answer, Browser, refusal};

/// Every action of administrators, with the method it takes.
const ACTIONS: [(&str, &str); 22] = [
    ("GET", "authenticators:listTypes"),
    ("GET", "authenticators:list"),
    ("GET", "authenticators:get?filterByTk=1"),
    ("POST", "authenticators:create"),
    ("POST", "authenticators:update?filterByTk=1"),
    ("POST", "authenticators:destroy?filterByTk=1"),
    ("POST", "authenticators:move?sourceId=1&targetId=2"),
    ("GET", "pm:list"),
    ("GET", "pm:get?filterByTk=nocobase-plugin-auth-dingtalk"),
    ("POST", "pm:enable?filterByTk=nocobase-plugin-auth-dingtalk"),
    ("POST", "pm:disable?filterByTk=nocobase-plugin-auth-dingtalk"),
    ("GET", "dingtalk:configForm"),
    ("POST", "dingtalk:diagnose"),
    ("GET", "dingtalk:bindings"),
    ("GET", "dingtalk:bindings?format=csv"),
    ("GET", "dingtalk:unlinkedUsers?authenticator=s_dingtalk"),
    ("POST", "dingtalk:bind?authenticator=s_dingtalk&userId=1"),
    ("POST", "dingtalk:unbind?authenticator=s_dingtalk&userId=1"),
    ("GET", "dingtalk:audit"),
    ("GET", "dingtalk:audit?format=csv"),
    ("GET", "dingtalk:calls"),
    ("POST", "authenticators:list"),
];

async fn act(browser: &mut Browser, method: &str, action: &str) -> Answer {
    let json = [("Content-Type", "application/json")];
    browser
        .request(method, &format!("/api/{action}"), &json, b"{}".to_vec())
        .await
}

/// Everything that administration may change.
async fn settings(app: &TestApp) -> String {
    app.value(
        r#"SELECT json_array(
            (SELECT json_group_array(json_array(id, name, "authType", title, options, enabled, sort)) FROM authenticators),
            (SELECT json_group_array(json_array(name, enabled)) FROM "applicationPlugins"))"#,
    )
    .await
}

async fn id_of(app: &TestApp, name: &str) -> i64 {
    app.store.authenticators().find(name).await.unwrap().unwrap().id
}

/// The client secret that is kept apart, as the sidecar reads it.
async fn kept_secret(app: &TestApp) -> Option<String> {
    let key = std::fs::read(app.folder.path().join("secrets.key")).unwrap();
    let row = app
        .store
        .authenticators()
        .find(AUTHENTICATOR)
        .await
        .unwrap()
        .unwrap();
    let kept = app.store.kept_secrets().of(row.id).await.unwrap();
    let environment = Environment::new(Vec::new(), AesKey::from_bytes(&key).ok().as_ref()).with_kept(&kept);
    let options = AuthenticatorOptions::parse(&row.options, &environment).unwrap();
    options
        .client_secret
        .map(|secret| secret.expose_secret().to_owned())
}

/// Everything the database has written.
fn database_files(app: &TestApp) -> Vec<u8> {
    let files = std::fs::read_dir(app.folder.path())
        .unwrap()
        .map(|file| file.unwrap().path());
    let ours = files.filter(|file| file.to_string_lossy().contains("nocobase-dingtalk.sqlite"));
    ours.flat_map(|file| std::fs::read(file).unwrap()).collect()
}

fn holds(bytes: &[u8], text: &str) -> bool {
    bytes.windows(text.len()).any(|window| window == text.as_bytes())
}

async fn update(app: &TestApp, body: Value) -> Answer {
    let id = id_of(app, AUTHENTICATOR).await;
    app.root()
        .await
        .post(&format!("authenticators:update?filterByTk={id}"), body)
        .await
}

#[tokio::test]
async fn nobody_administers_without_a_session() {
    let app = TestApp::start().await;
    let before = settings(&app).await;

    for (method, action) in ACTIONS {
        let answer = act(&mut app.browser(), method, action).await;

        assert_eq!(answer.status, 401, "{action}: {}", answer.text);
        assert_eq!(
            answer.stable(),
            refusal("EMPTY_TOKEN", "Unauthenticated. Please sign in to continue.")
        );
    }
    assert_eq!(settings(&app).await, before);
}

#[tokio::test]
async fn a_member_administers_nothing() {
    let app = TestApp::start().await;
    let mut member = app.browser();
    member.sign_in(&app.dingtalk, "han-meimei").await;
    let before = settings(&app).await;

    for (method, action) in ACTIONS {
        let answer = act(&mut member, method, action).await;

        assert_eq!(answer.status, 403, "{action}: {}", answer.text);
        assert_eq!(answer.stable(), refusal("NO_PERMISSION", "No permissions."));
    }
    assert_eq!(settings(&app).await, before);
}

#[tokio::test]
async fn cookies_alone_administer_nothing() {
    let app = TestApp::start().await;
    let mut root = app.root().await;
    let token = root.token.take().unwrap();
    root.jar.insert("nb_auth_token_main".to_owned(), token);

    for (method, action) in ACTIONS {
        let answer = act(&mut root, method, action).await;

        assert_eq!(answer.code(), "EMPTY_TOKEN", "{action}");
    }
}

#[tokio::test]
async fn an_authenticator_is_created_as_nocobase_creates_it() {
    let app = TestApp::bare(&[]).await;
    app.enable_plugin().await;
    let body = json!({
        "name": "s_new", "authType": "dingtalk", "title": "DingTalk", "description": "ours", "enabled": true,
        "options": { "public": { "autoSignup": true }, "clientId": " ding1 ", "clientSecret": "canary" },
    });

    let answer = app.root().await.post("authenticators:create", body).await;

    assert_eq!(answer.status, 200, "{}", answer.text);
    assert_eq!(
        answer.json,
        json!({ "data": {
            "id": 2,
            "name": "s_new",
            "authType": "dingtalk",
            "title": "DingTalk",
            "description": "ours",
            "options": { "public": { "autoSignup": true }, "clientId": "ding1", "clientSecret": "********" },
            "enabled": true,
            "sort": 2,
            "createdById": null,
            "updatedById": null,
            "createdAt": "2025-11-20T01:02:03.678Z",
            "updatedAt": "2025-11-20T01:02:03.678Z",
        } })
    );
}

#[tokio::test]
async fn the_list_is_paged_in_the_order_administrators_gave() {
    let app = TestApp::start().await;

    let answer = app
        .root()
        .await
        .get("authenticators:list?page=2&pageSize=1&sort=sort")
        .await;

    let names: Vec<&Value> = answer.json["data"]
        .as_array()
        .unwrap()
        .iter()
        .map(|row| &row["name"])
        .collect();
    assert_eq!(names, [AUTHENTICATOR]);
    assert_eq!(
        answer.json["meta"],
        json!({ "count": 2, "page": 2, "pageSize": 1, "totalPage": 2 })
    );
}

#[tokio::test]
async fn a_record_is_found_by_its_key_in_path_or_query() {
    let app = TestApp::start().await;
    let id = id_of(&app, AUTHENTICATOR).await;
    let mut root = app.root().await;

    for action in [
        format!("authenticators:get/{id}"),
        format!("authenticators:get?filterByTk={id}"),
        format!("authenticators:get?filterByTk[]={id}"),
    ] {
        assert_eq!(
            root.get(&action).await.json["data"]["name"],
            json!(AUTHENTICATOR),
            "{action}"
        );
    }
    let nothing = root.get("authenticators:get/999").await;
    assert_eq!((nothing.status, nothing.json), (200, json!({ "data": null })));
}

#[tokio::test]
async fn a_stored_secret_is_in_no_answer() {
    let app = TestApp::start().await;
    let secret = &app.dingtalk_app.client_secret;
    let id = id_of(&app, AUTHENTICATOR).await;
    let mut root = app.root().await;

    for answer in [
        root.get("authenticators:list").await,
        root.get("authenticators:list?paginate=false").await,
        root.get(&format!("authenticators:get/{id}")).await,
        update(&app, json!({ "enabled": true, "title": "x" })).await,
        update(
            &app,
            json!({ "enabled": true, "options": { "clientId": "a", "clientSecret": "********" } }),
        )
        .await,
        root.get("dingtalk:configForm?authenticator=s_dingtalk").await,
        root.get("authenticators:publicList").await,
        root.post("dingtalk:diagnose", json!({})).await,
    ] {
        assert_eq!(answer.status, 200, "{}", answer.text);
        assert!(!answer.text.contains(secret.as_str()), "{}", answer.text);
    }
}

#[tokio::test]
async fn saving_the_mask_keeps_the_secret() {
    let app = TestApp::start().await;
    let secret = app.dingtalk_app.client_secret.clone();
    let options = json!({ "clientId": app.dingtalk_app.client_id, "clientSecret": "********" });

    let answer = update(&app, json!({ "enabled": true, "options": options })).await;

    assert_eq!(
        answer.json["data"][0]["options"]["clientSecret"],
        json!("********")
    );
    assert_eq!(kept_secret(&app).await, Some(secret));
}

#[tokio::test]
async fn saving_another_value_replaces_the_secret() {
    let app = TestApp::start().await;

    update(
        &app,
        json!({ "enabled": true, "options": { "clientSecret": " new one\n" } }),
    )
    .await;

    assert_eq!(kept_secret(&app).await.as_deref(), Some("new one"));
}

#[tokio::test]
async fn saving_nothing_removes_the_secret() {
    for options in [
        json!({ "clientSecret": "" }),
        json!({ "clientSecret": null }),
        json!({ "clientSecret": " " }),
        json!({}),
    ] {
        let app = TestApp::start().await;

        let answer = update(&app, json!({ "enabled": true, "options": options })).await;

        assert_eq!(answer.status, 200, "{}", answer.text);
        assert_eq!(kept_secret(&app).await, None, "{options}");
        assert!(answer.json["data"][0]["options"].get("clientSecret").is_none());
    }
}

#[tokio::test]
async fn a_mask_where_no_secret_was_stored_is_no_secret() {
    let app = TestApp::start().await;
    let body = json!({ "name": "s2", "authType": "dingtalk", "options": { "clientSecret": "********" } });

    let answer = app.root().await.post("authenticators:create", body).await;

    assert!(
        answer.json["data"]["options"].get("clientSecret").is_none(),
        "{}",
        answer.text
    );
}

#[tokio::test]
async fn a_reference_to_a_variable_is_shown_as_it_is() {
    let app = TestApp::start().await;
    let template = "{{$env.DINGTALK_SECRET}}";

    let answer = update(
        &app,
        json!({ "enabled": true, "options": { "clientSecret": template } }),
    )
    .await;

    assert_eq!(answer.json["data"][0]["options"]["clientSecret"], json!(template));
}

#[tokio::test]
async fn a_secret_that_only_quotes_a_variable_is_masked() {
    let app = TestApp::start().await;

    let answer = update(
        &app,
        json!({ "enabled": true, "options": { "clientSecret": "canary{{$env.X}}" } }),
    )
    .await;

    assert_eq!(
        answer.json["data"][0]["options"]["clientSecret"],
        json!("********")
    );
}

#[tokio::test]
async fn a_secret_is_nowhere_in_the_database_but_encrypted() {
    let app = TestApp::start().await;
    update(
        &app,
        json!({ "enabled": true, "options": { "clientId": "x", "clientSecret": "canary-of-an-update" } }),
    )
    .await;

    let written = database_files(&app);

    assert!(holds(&written, AUTHENTICATOR), "these are not the files");
    assert!(!holds(&written, &app.dingtalk_app.client_secret));
    assert!(!holds(&written, "canary-of-an-update"));
    assert_eq!(kept_secret(&app).await.as_deref(), Some("canary-of-an-update"));
}

#[tokio::test]
async fn secrets_that_an_earlier_version_left_in_the_options_are_moved_at_the_start() {
    for (options, masked) in [
        (
            json!({ "clientId": "k", "clientSecret": "canary" }),
            json!({ "clientId": "k", "clientSecret": "********" }),
        ),
        (
            json!({ "internal": { "appKey": "k", "appSecret": "canary" } }),
            json!({ "internal": { "appKey": "k", "appSecret": "********" } }),
        ),
    ] {
        let mut app = TestApp::start().await;
        update(&app, json!({ "enabled": true, "options": {} })).await;
        app.run(&format!(
            "UPDATE authenticators SET options = '{options}' WHERE name = 's_dingtalk'"
        ))
        .await;
        // The only one that is enabled: nothing of it is switched off.
        app.run("UPDATE authenticators SET enabled = 0 WHERE name <> 's_dingtalk'")
            .await;

        app.start_replica().await;
        app.run("UPDATE authenticators SET enabled = 1").await;

        let row = app
            .store
            .authenticators()
            .find(AUTHENTICATOR)
            .await
            .unwrap()
            .unwrap();
        assert_eq!(row.options, masked);
        let answer = update(&app, json!({ "enabled": true, "options": masked })).await;
        assert_eq!(answer.status, 200, "{}", answer.text);
        assert_eq!(kept_secret(&app).await.as_deref(), Some("canary"));
    }
}

#[tokio::test]
async fn a_secret_kept_apart_may_refer_to_variables() {
    let app = TestApp::start().await;
    let (beginning, rest) = app.dingtalk_app.client_secret.split_at(3);
    app.run(&format!(
        r#"INSERT INTO "environmentVariables" (name, type, value, "createdAt", "updatedAt") VALUES ('REST', 'default', '{rest}', '2025-01-02', '2025-01-02')"#
    ))
    .await;
    let secret = format!("{beginning}{{{{ $env.REST }}}}");

    app.set_options(json!({ "public": { "autoSignup": true }, "clientSecret": secret }))
        .await;

    let answer = app.browser().sign_in(&app.dingtalk, "li-lei").await;
    assert_eq!(answer.status, 200, "{}", answer.text);
}

#[tokio::test]
async fn what_is_kept_for_an_authenticator_goes_with_it() {
    let app = TestApp::start().await;
    let id = id_of(&app, AUTHENTICATOR).await;
    assert_eq!(app.store.kept_secrets().of(id).await.unwrap().len(), 1);

    let answer = app
        .root()
        .await
        .post(&format!("authenticators:destroy?filterByTk={id}"), json!({}))
        .await;

    assert_eq!(answer.status, 200, "{}", answer.text);
    assert!(app.store.kept_secrets().of(id).await.unwrap().is_empty());
}

#[tokio::test]
async fn a_change_of_the_title_leaves_the_options() {
    let app = TestApp::start().await;
    let before = app
        .store
        .authenticators()
        .find(AUTHENTICATOR)
        .await
        .unwrap()
        .unwrap();

    let answer = update(&app, json!({ "enabled": true, "title": "钉钉" })).await;

    let after = app
        .store
        .authenticators()
        .find(AUTHENTICATOR)
        .await
        .unwrap()
        .unwrap();
    assert_eq!(answer.json["data"][0]["title"], json!("钉钉"));
    assert_eq!(after.options, before.options);
    assert_eq!(after.title.as_deref(), Some("钉钉"));
}

const LAST: &str = "Please keep and enable at least one authenticator.";

#[tokio::test]
async fn the_last_enabled_authenticator_cannot_be_disabled() {
    let app = TestApp::bare(&[]).await;

    let answer = app
        .root()
        .await
        .post("authenticators:update?filterByTk=1", json!({ "enabled": false }))
        .await;

    assert_eq!(answer.status, 400);
    assert_eq!(answer.stable(), refusal("LAST_AUTHENTICATOR", LAST));
    assert_eq!(app.store.authenticators().enabled().await.unwrap().len(), 1);
}

#[tokio::test]
async fn the_last_enabled_authenticators_cannot_be_deleted() {
    let app = TestApp::start().await;
    let id = id_of(&app, AUTHENTICATOR).await;
    let mut root = app.root().await;

    let both = root
        .post(
            &format!("authenticators:destroy?filterByTk[]=1&filterByTk[]={id}"),
            json!({}),
        )
        .await;

    assert_eq!(both.status, 400);
    assert_eq!(both.stable(), refusal("LAST_AUTHENTICATOR", LAST));
    assert_eq!(root.post("authenticators:destroy/1", json!({})).await.status, 200);
    let last = root
        .post(&format!("authenticators:destroy/{id}"), json!({}))
        .await;
    assert_eq!(last.code(), "LAST_AUTHENTICATOR");
}

#[tokio::test]
async fn deleting_an_authenticator_ends_its_links() {
    let app = TestApp::start().await;
    app.browser().sign_in(&app.dingtalk, "li-lei").await;
    let id = id_of(&app, AUTHENTICATOR).await;

    let answer = app
        .root()
        .await
        .post(&format!("authenticators:destroy?filterByTk={id}"), json!({}))
        .await;

    assert_eq!(answer.json, json!({ "data": 1 }));
    assert_eq!(app.rows().await.links, 0);
    assert_eq!(app.rows().await.users, 2);
}

#[tokio::test]
async fn moving_an_authenticator_changes_the_order_of_the_sign_in_page() {
    let app = TestApp::start().await;
    let id = id_of(&app, AUTHENTICATOR).await;

    let answer = app
        .root()
        .await
        .post(
            &format!("authenticators:move?sourceId={id}&targetId=1"),
            json!({}),
        )
        .await;

    assert_eq!((answer.status, answer.json), (200, json!({})));
    let list = app.browser().get("authenticators:publicList").await;
    let names: Vec<&Value> = list.json["data"]
        .as_array()
        .unwrap()
        .iter()
        .map(|row| &row["name"])
        .collect();
    assert_eq!(names, [AUTHENTICATOR, "basic"]);
}

#[tokio::test]
async fn the_sign_in_page_learns_only_what_is_public() {
    let app = TestApp::start().await;
    update(
        &app,
        json!({ "enabled": true, "title": "DingTalk", "options": {
            "public": { "autoSignup": true }, "clientId": "ding1", "clientSecret": "canary", "corpId": "ding2" } }),
    )
    .await;

    let answer = app.browser().get("authenticators:publicList").await;

    assert_eq!(
        answer.json,
        json!({ "data": [
            {
                "name": "basic",
                "authType": "Email/Password",
                "authTypeTitle": "{{t(\"Password\",{\"ns\":\"nocobase-plugin-auth-dingtalk\"})}}",
                "title": null,
                "options": { "allowSignUp": false },
            },
            {
                "name": "s_dingtalk",
                "authType": "dingtalk",
                "authTypeTitle": "{{t(\"DingTalk\",{\"ns\":\"nocobase-plugin-auth-dingtalk\"})}}",
                "title": "DingTalk",
                "options": { "autoSignup": true },
            },
        ] })
    );
}

#[tokio::test]
async fn a_disabled_authenticator_is_not_offered() {
    let app = TestApp::start().await;
    update(&app, json!({ "enabled": false })).await;

    let answer = app.browser().get("authenticators:publicList").await;

    assert_eq!(answer.json["data"].as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn fields_that_cannot_be_used_are_named_and_nothing_is_saved() {
    let app = TestApp::start().await;
    let mut root = app.root().await;
    let before = settings(&app).await;
    let good = json!({ "name": "s2", "authType": "dingtalk" });

    for (change, field) in [
        (json!({ "name": null }), "name"),
        (json!({ "name": "" }), "name"),
        (json!({ "name": "a b" }), "name"),
        (json!({ "name": "../x" }), "name"),
        (json!({ "name": "n".repeat(101) }), "name"),
        (json!({ "name": 7 }), "name"),
        (json!({ "title": "t".repeat(256) }), "title"),
        (json!({ "title": ["t"] }), "title"),
        (json!({ "enabled": "yes" }), "enabled"),
        (json!({ "options": [] }), "options"),
        (json!({ "options": "x" }), "options"),
        (json!({ "options": { "clientId": 7 } }), "Client ID"),
        (json!({ "options": { "clientSecret": {} } }), "Client Secret"),
        (json!({ "options": { "corpId": true } }), "Corp ID"),
        (json!({ "options": { "subject": "email" } }), "subject"),
        (
            json!({ "options": { "callbackOrigin": "https://a/b" } }),
            "callbackOrigin",
        ),
        (
            json!({ "options": { "callbackOrigin": "javascript:alert(1)" } }),
            "callbackOrigin",
        ),
        (json!({ "options": { "bindAdministrators": "true" } }), "options"),
        (json!({ "options": { "public": { "autoSignup": 1 } } }), "options"),
        (json!({ "options": { "public": [null] } }), "options"),
    ] {
        let mut body = good.clone();
        for (name, value) in change.as_object().unwrap() {
            body[name] = value.clone();
        }
        let answer = root.post("authenticators:create", body).await;

        assert_eq!(answer.status, 400, "{change}: {}", answer.text);
        assert_eq!(
            answer.stable(),
            refusal("INVALID_FIELD", &format!("Please check this field: {field}."))
        );
    }
    assert_eq!(settings(&app).await, before);
}

#[tokio::test]
async fn a_name_that_is_taken_is_refused() {
    let app = TestApp::start().await;
    let body = json!({ "name": AUTHENTICATOR, "authType": "dingtalk" });

    let answer = app.root().await.post("authenticators:create", body).await;

    assert_eq!(answer.status, 400);
    assert_eq!(
        answer.stable(),
        refusal("NAME_TAKEN", "This name is already used. Choose another one.")
    );
}

#[tokio::test]
async fn name_and_type_of_an_authenticator_never_change() {
    let app = TestApp::start().await;

    for (body, field) in [
        (json!({ "enabled": true, "name": "other" }), "name"),
        (
            json!({ "enabled": true, "authType": "Email/Password" }),
            "authType",
        ),
    ] {
        let answer = update(&app, body).await;

        assert_eq!(
            answer.stable(),
            refusal("INVALID_FIELD", &format!("Please check this field: {field}."))
        );
    }
    let same = json!({ "enabled": true, "name": AUTHENTICATOR, "authType": "dingtalk" });
    assert_eq!(update(&app, same).await.status, 200);
}

#[tokio::test]
async fn what_is_not_there_cannot_be_changed() {
    let app = TestApp::start().await;
    let mut root = app.root().await;

    let answer = root
        .post("authenticators:update?filterByTk=999", json!({ "enabled": true }))
        .await;

    assert_eq!(answer.status, 404);
    assert_eq!(
        answer.stable(),
        refusal(
            "RECORD_NOT_FOUND",
            "This record does not exist any more. Reload the page."
        )
    );
}

#[tokio::test]
async fn keys_that_are_none_are_refused() {
    let app = TestApp::start().await;
    let mut root = app.root().await;
    let before = settings(&app).await;

    for action in [
        "authenticators:destroy",
        "authenticators:destroy?filterByTk=",
        "authenticators:destroy?filterByTk=abc",
        "authenticators:destroy?filterByTk[]=2&filterByTk[]=x",
        "authenticators:destroy/1e0",
        "authenticators:update",
        "authenticators:update?filterByTk[]=1&filterByTk[]=2",
        "authenticators:destroy?filterByTk={}",
        "authenticators:destroy?filter={}",
    ] {
        let answer = root.post(action, json!({ "enabled": true })).await;

        assert_eq!(answer.code(), "INVALID_FIELD", "{action}: {}", answer.text);
    }
    assert_eq!(settings(&app).await, before);
}

#[tokio::test]
async fn a_type_that_is_not_offered_cannot_be_used() {
    let app = TestApp::bare(&[]).await;
    let mut root = app.root().await;

    for auth_type in ["dingtalk", "cas", "", "DingTalk"] {
        let body = json!({ "name": "s2", "authType": auth_type });
        let answer = root.post("authenticators:create", body).await;

        assert_eq!(answer.status, 400, "{auth_type}");
        assert_eq!(
            answer.stable(),
            refusal(
                "UNKNOWN_TYPE",
                "This type of authenticator is not offered. Enable its plugin first."
            )
        );
    }
}

/// The Redirect URL in the form.
async fn redirect_url(mut browser: Browser, query: &str) -> String {
    let answer = browser.get(&format!("dingtalk:configForm{query}")).await;
    assert_eq!(answer.status, 200, "{}", answer.text);
    let url = &answer.json["data"]["properties"]["redirectUrl"]["x-component-props"]["value"];
    url.as_str().unwrap().to_owned()
}

#[tokio::test]
async fn the_form_shows_the_redirect_url_of_the_callers_origin() {
    let app = TestApp::start().await;
    let root = app.root().await;

    let by_socket = redirect_url(root.clone(), "").await;
    let by_host = redirect_url(root.clone().with("Host", "crm.example.com"), "").await;
    let by_proxy = root
        .clone()
        .with("X-Forwarded-Proto", "https")
        .with("X-Forwarded-Host", "crm.example.com");
    let by_proxy = redirect_url(by_proxy, "").await;

    assert_eq!(by_socket, format!("{}/api/auth:redirect", app.url));
    assert_eq!(by_host, "http://crm.example.com/api/auth:redirect");
    assert_eq!(by_proxy, "https://crm.example.com/api/auth:redirect");
}

#[tokio::test]
async fn the_form_shows_the_redirect_url_of_the_callback_origin() {
    let app = TestApp::start().await;
    app.set_options(json!({ "callbackOrigin": "https://crm.example.com/" }))
        .await;

    let own = redirect_url(app.root().await, "?authenticator=s_dingtalk").await;
    let other = redirect_url(app.root().await, "?authenticator=nobody").await;

    assert_eq!(own, "https://crm.example.com/api/auth:redirect");
    assert_eq!(other, format!("{}/api/auth:redirect", app.url));
}

#[tokio::test]
async fn the_form_shows_the_redirect_url_of_the_public_url() {
    let app = TestApp::bare(&[("SIDECAR_PUBLIC_URL", "https://crm.example.com")]).await;
    let root = app.root().await.with("X-Forwarded-Host", "other.example");

    assert_eq!(
        redirect_url(root, "").await,
        "https://crm.example.com/api/auth:redirect"
    );
}

#[tokio::test]
async fn links_are_listed_without_whole_numbers() {
    let app = TestApp::start().await;
    let user = app.add_user("Li Lei", Some("13800138000")).await;
    app.browser().sign_in(&app.dingtalk, "li-lei").await;

    let answer = app
        .root()
        .await
        .get("dingtalk:bindings?authenticator=s_dingtalk")
        .await;

    assert_eq!(
        answer.json,
        json!({
            "data": [{
                "authenticator": "s_dingtalk",
                "userId": user.0,
                "nickname": "Li Lei",
                "phone": "138****8000",
                "matchedBy": "phone",
                "createdAt": "2025-11-20T01:02:03.678Z",
            }],
            "meta": { "count": 1, "page": 1, "pageSize": 20, "totalPage": 1 },
        })
    );
}

#[tokio::test]
async fn links_are_searched_by_what_administrators_know() {
    let app = TestApp::start().await;
    for person in ["li-lei", "han-meimei"] {
        app.browser().sign_in(&app.dingtalk, person).await;
    }
    let mut root = app.root().await;

    for (query, count) in [
        ("", 2),
        ("?search=99999", 0),
        ("?search=13800138", 1),
        ("?search=%E9%9F%A9", 1),
        ("?search=%25", 0),
        ("?authenticator=other", 0),
        ("?pageSize=1", 2),
    ] {
        let answer = root.get(&format!("dingtalk:bindings{query}")).await;

        assert_eq!(answer.json["meta"]["count"], json!(count), "{query}");
    }
}

#[tokio::test]
async fn a_removed_link_lets_the_next_sign_in_match_anew() {
    let app = TestApp::start().await;
    let answer = app.browser().sign_in(&app.dingtalk, "li-lei").await;
    let user = answer.json["data"]["user"]["id"].clone();
    let mut root = app.root().await;
    let unbind = format!("dingtalk:unbind?authenticator=s_dingtalk&userId={user}");

    let first = root.post(&unbind, json!({})).await;
    let second = root.post(&unbind, json!({})).await;

    assert_eq!((first.status, first.json), (200, json!({})));
    assert_eq!(second.status, 404);
    assert_eq!(
        second.stable(),
        refusal(
            "RECORD_NOT_FOUND",
            "This record does not exist any more. Reload the page."
        )
    );
    let again = app.browser().sign_in(&app.dingtalk, "li-lei").await;
    assert_eq!(again.json["data"]["user"]["id"], user, "by phone number");
}

#[tokio::test]
async fn unbinding_needs_to_know_whom() {
    let app = TestApp::start().await;
    let mut root = app.root().await;

    for (query, field) in [
        ("", "authenticator"),
        ("?authenticator=s_dingtalk", "userId"),
        ("?authenticator=s_dingtalk&userId=me", "userId"),
        ("?userId=1", "authenticator"),
    ] {
        let answer = root.post(&format!("dingtalk:unbind{query}"), json!({})).await;

        assert_eq!(
            answer.stable(),
            refusal("INVALID_FIELD", &format!("Please check this field: {field}."))
        );
    }
}

#[tokio::test]
async fn the_doctor_is_asked_once_in_five_seconds() {
    let app = TestApp::start().await;
    let mut root = app.root().await;
    let first = root
        .post("dingtalk:diagnose?authenticator=s_dingtalk", json!({}))
        .await;
    let calls = app.dingtalk.all_calls();

    let second = root.post("dingtalk:diagnose", json!({})).await;

    assert_eq!(first.status, 200, "{}", first.text);
    assert!(!first.json["data"]["findings"].as_array().unwrap().is_empty());
    assert_eq!(second.status, 429);
    assert_eq!(second.code(), "TOO_MANY_ATTEMPTS");
    let seconds: u64 = second.header("retry-after").parse().unwrap();
    assert!((1..=5).contains(&seconds));
    assert_eq!(app.dingtalk.all_calls(), calls);
}

#[tokio::test]
async fn the_doctor_answers_a_verdict_and_what_needs_a_hand_first() {
    let app = TestApp::start().await;
    app.set_options(json!({ "clientId": "ding1", "clientSecret": "wrong" }))
        .await;
    app.add_user("Nobody's number", None).await;
    let mut root = app.root().await.with("X-Locale", "de-DE");

    let answer = root
        .post("dingtalk:diagnose?authenticator=s_dingtalk", json!({}))
        .await;

    let report = &answer.json["data"];
    let findings = report["findings"].as_array().unwrap();
    let statuses: Vec<&str> = findings
        .iter()
        .map(|finding| finding["status"].as_str().unwrap())
        .collect();
    let mut sorted = statuses.clone();
    sorted.sort_by_key(|status| {
        ["error", "warning", "unknown", "ok"]
            .iter()
            .position(|one| one == status)
    });
    assert_eq!(statuses, sorted);
    assert_eq!(findings[0]["check"], "credentials", "{}", answer.text);
    let count = |status| statuses.iter().filter(|one| **one == status).count();
    let verdict = format!(
        "Zu beheben: {}. Zu beachten: {}.",
        count("error"),
        count("warning")
    );
    assert_eq!(report["verdict"], verdict);
}
