//! The doctor, on a real table and with the simulator as DingTalk.

#![expect(clippy::unwrap_used, reason = "a test stops at the first surprise")]

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;

use chrono::{DateTime, Utc};
use dingtalk_simulator::{App, AppStatus, CallKind, Control, Simulator, SimulatorOptions, permission};
use nocobase_dingtalk::authenticator::{Environment, Registry};
use nocobase_dingtalk::call_counts::{CallsOfMonth, Counted};
use nocobase_dingtalk::clock::Clock;
use nocobase_dingtalk::dingtalk::{DingTalk, Endpoints, Limits};
use nocobase_dingtalk::doctor::{
    AuthenticatorInput, CheckInput, Finding, LatestSignIn, NocoBaseProbe, Report, Status, examine,
    examine_authenticator, examine_database,
};
use nocobase_dingtalk::entropy::Entropy;
use nocobase_dingtalk::nocobase::{
    AuthenticatorChanges, DatabaseSettings, NewAuthenticator, RootUser, Store, StoreError, SubjectIndex,
};
use nocobase_dingtalk::session::SessionSecret;
use serde_json::{Value, json};
use tempfile::TempDir;
use url::Url;

const NAME: &str = "s_dingtalk";

/// A sidecar that runs alone, in front of a simulated DingTalk.
struct Ward {
    store: Store,
    dingtalk: DingTalk,
    simulator: Simulator,
    index: Result<SubjectIndex, StoreError>,
    app: App,
    _folder: TempDir,
}

impl Ward {
    async fn open() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let settings = DatabaseSettings::Sqlite {
            path: folder.path().join("nocobase.sqlite"),
        };
        let store = Store::connect(&settings, Arc::new(|_| {})).await.unwrap();
        let root = RootUser {
            email: "admin@example.com".to_owned(),
            username: "nocobase".to_owned(),
            nickname: "Super Admin".to_owned(),
            password_hash: "0".repeat(64).into(),
        };
        store
            .create_embedded(Some(&root), "en-US", DateTime::<Utc>::UNIX_EPOCH)
            .await
            .unwrap();
        let index = store.ensure_subject_index().await;

        let simulator = Simulator::start(SimulatorOptions::default()).await.unwrap();
        let url = Url::parse(&simulator.url()).unwrap();
        let endpoints = Endpoints {
            login: url.clone(),
            api: url.clone(),
            oapi: url,
        };
        let dingtalk = DingTalk::new(&endpoints, Limits::default(), Arc::new(|_| {})).unwrap();
        let app = simulator.control().apps().remove(0);
        Self {
            store,
            dingtalk,
            simulator,
            index,
            app,
            _folder: folder,
        }
    }

    async fn add(&self, options: Value) {
        let new = NewAuthenticator {
            name: NAME.to_owned(),
            auth_type: "dingtalk".to_owned(),
            title: None,
            description: String::new(),
            options,
            secrets: Vec::new(),
            enabled: true,
        };
        self.store
            .authenticators()
            .create(new, DateTime::<Utc>::UNIX_EPOCH)
            .await
            .unwrap();
    }

    /// Complete settings that need every check.
    fn options(&self) -> Value {
        json!({
            "clientId": self.app.client_id,
            "clientSecret": self.app.client_secret,
            "subject": "userId",
            "corpId": self.app.corp_id,
        })
    }

    fn edit_app(&self, edit: impl FnOnce(&mut App)) {
        assert!(self.control().edit_app(&self.app.client_id, edit));
    }

    fn control(&self) -> Control {
        self.simulator.control()
    }

    /// Seven of its app today, and twenty before.
    fn calls(&self) -> CallsOfMonth {
        let counted = |day: &str, app: &str| Counted {
            day: day.parse().unwrap(),
            app: app.to_owned(),
            call: "profile".to_owned(),
        };
        CallsOfMonth {
            today: "2026-11-29".parse().unwrap(),
            counts: BTreeMap::from([
                (counted("2026-11-28", &self.app.client_id), 20),
                (counted("2026-11-29", &self.app.client_id), 7),
                (counted("2026-11-29", "another"), 100),
            ]),
        }
    }

    /// What is found about the one authenticator.
    async fn findings(&self) -> Vec<Finding> {
        self.findings_after(&LatestSignIn::Complete).await
    }

    /// The same after a sign-in that came as far as this.
    async fn findings_after(&self, latest_sign_in: &LatestSignIn) -> Vec<Finding> {
        let row = self.store.authenticators().find(NAME).await.unwrap().unwrap();
        let circumstances = AuthenticatorInput {
            redirect_url: &Url::parse("https://crm.example.com/api/auth:redirect").unwrap(),
            environment: &Environment::new(Vec::new(), None),
            latest_sign_in: Some(latest_sign_in),
            calls: Some(&self.calls()),
        };
        examine_authenticator(&self.store, &self.dingtalk, &row, circumstances).await
    }

    /// What is found about the whole.
    async fn examined(
        &self,
        nocobase: Option<NocoBaseProbe<'_>>,
        authenticator: Option<&str>,
    ) -> Vec<Finding> {
        let clock = Clock::manual(DateTime::<Utc>::UNIX_EPOCH);
        let registry = Registry::new(self.store.clone(), None, true, clock.clone());
        let patient = CheckInput {
            program: None,
            store: &self.store,
            dingtalk: &self.dingtalk,
            index: Some(&self.index),
            key: None,
            redirect_url: &Url::parse("https://crm.example.com/api/auth:redirect").unwrap(),
            latest_sign_ins: &[],
            calls: Some(&self.calls()),
            nocobase,
            authenticator,
            registry: &registry,
            entropy: &Entropy::seeded(1),
            now: clock.now(),
        };
        examine(&patient).await
    }

    /// The status of one check after complete settings were added and `edit` was done to the app.
    async fn status_after(edit: impl FnOnce(&mut App)) -> BTreeMap<&'static str, Status> {
        let ward = Self::open().await;
        ward.add(ward.options()).await;
        ward.edit_app(edit);
        ward.findings()
            .await
            .into_iter()
            .map(|finding| (finding.check, finding.status))
            .collect()
    }
}

#[actix_web::test]
async fn a_healthy_sidecar_has_nothing_wrong() {
    let ward = Ward::open().await;
    ward.add(ward.options()).await;

    let mut findings = examine_database(&ward.store, Some(&ward.index)).await;
    findings.extend(ward.findings().await);

    let sick: Vec<_> = findings
        .iter()
        .filter(|finding| finding.status != Status::Ok)
        .collect();
    assert!(sick.is_empty(), "{sick:#?}");
    assert_eq!(ward.control().unexpected(), Vec::<String>::new());
    assert!(
        findings.iter().any(|finding| finding.check == "credentials"),
        "{findings:#?}"
    );
}

#[actix_web::test]
async fn a_site_without_dingtalk_is_told_to_add_it() {
    let ward = Ward::open().await;

    let findings = ward.examined(None, None).await;

    assert_eq!(findings.last().unwrap().check, "authenticators");
    assert_eq!(Report::of(findings).worst(), Status::Warning);
}

#[actix_web::test]
async fn an_unknown_address_of_nocobase_is_told_and_the_rest_examined() {
    let ward = Ward::open().await;
    let secret = SessionSecret::new(&[7; 32]);
    let probe = NocoBaseProbe {
        url: None,
        api_base: "/api/",
        secret: &secret,
        now: DateTime::<Utc>::UNIX_EPOCH,
        plugin: "auth-dingtalk",
        version: "0.1.0",
    };

    let findings = ward.examined(Some(probe), None).await;

    let of = |check| findings.iter().find(|finding| finding.check == check).unwrap();
    assert_eq!(of("nocobase").status, Status::Unknown);
    assert!(of("nocobase").action_key.unwrap().contains("NOCOBASE_URL"));
    assert_eq!(of("authenticators").status, Status::Warning);
    assert!(
        findings.iter().any(|finding| finding.check == "plugin"),
        "{findings:#?}"
    );
}

#[actix_web::test]
async fn whoever_asks_about_one_method_is_told_of_that_one_and_what_to_do_where_they_are() {
    let ward = Ward::open().await;
    ward.add(ward.options()).await;
    let row = ward.store.authenticators().find(NAME).await.unwrap().unwrap();
    let changes = AuthenticatorChanges {
        enabled: Some(false),
        ..AuthenticatorChanges::default()
    };
    ward.store
        .authenticators()
        .update(row.id, changes, DateTime::<Utc>::UNIX_EPOCH)
        .await
        .unwrap();

    let findings = ward.examined(None, Some(NAME)).await;
    let mistyped = ward.examined(None, Some("typo")).await;

    let enabled = findings
        .iter()
        .find(|finding| finding.check == "enabled")
        .unwrap();
    assert_eq!(enabled.action_key, Some("Tick Enabled and save."));
    assert!(findings.iter().all(|finding| finding.check != "authenticators"));
    let missing = mistyped.last().unwrap();
    assert_eq!((missing.check, missing.status), ("authenticators", Status::Error));
    assert!(
        missing.params.contains(&("names", NAME.to_owned())),
        "{missing:?}"
    );
}

#[actix_web::test]
async fn settings_without_credentials_ask_dingtalk_nothing() {
    let ward = Ward::open().await;
    ward.add(json!({"clientId": ward.app.client_id})).await;

    let findings = ward.findings().await;

    assert_eq!(Report::of(findings).worst(), Status::Error);
    assert_eq!(ward.control().all_calls(), 0);
}

#[actix_web::test]
async fn a_wrong_secret_is_found_and_never_repeated() {
    let ward = Ward::open().await;
    ward.add(json!({"clientId": ward.app.client_id, "clientSecret": "canary-secret"}))
        .await;

    let findings = ward.findings().await;

    let credentials = findings
        .iter()
        .find(|finding| finding.check == "credentials")
        .unwrap();
    assert_eq!(credentials.status, Status::Error);
    assert!(!format!("{findings:?}").contains("canary-secret"));
}

#[actix_web::test]
async fn a_secret_that_was_changed_at_dingtalk_is_found_despite_the_token_in_the_cache() {
    let ward = Ward::open().await;
    ward.add(ward.options()).await;
    ward.findings().await;
    ward.edit_app(|app| app.client_secret = "another".to_owned());
    ward.control().expire_app_tokens();

    let findings = ward.findings().await;

    let credentials = findings
        .iter()
        .find(|finding| finding.check == "credentials")
        .unwrap();
    assert_eq!(credentials.status, Status::Error);
}

#[actix_web::test]
async fn whether_codes_of_dingtalks_client_can_be_redeemed_is_tested_where_they_are_asked_for() {
    let of = async |changes: Value, edit: fn(&mut App)| {
        let ward = Ward::open().await;
        let mut options = ward.options();
        for (key, value) in changes.as_object().unwrap() {
            options[key] = value.clone();
        }
        ward.add(options).await;
        ward.edit_app(edit);
        let found = ward.findings().await.into_iter();
        let calls = ward.control().calls(CallKind::UserInfo);
        let mut about = found.filter(|finding| finding.check == "in-client");
        (
            about.next().map(|finding| (finding.status, finding.message_key)),
            calls,
        )
    };
    let untouched: fn(&mut App) = |_| {};

    assert_eq!(of(json!({}), untouched).await, (None, 0));
    assert_eq!(
        of(json!({ "autoLogin": true, "autoLoginType": "oauth" }), untouched).await,
        (None, 0)
    );
    for (changes, edit, status, message, calls) in [
        (
            json!({ "autoLogin": true }),
            untouched,
            Status::Ok,
            "DingTalk tells this app who opens it inside DingTalk.",
            1,
        ),
        (
            json!({ "autoLogin": true, "corpId": null }),
            untouched,
            Status::Error,
            "Signing in inside DingTalk needs the Corp ID, which is empty.",
            0,
        ),
        (
            json!({ "autoLogin": true, "corpId": "2468" }),
            untouched,
            Status::Warning,
            "The Corp ID does not look like one of DingTalk's.",
            0,
        ),
        (
            json!({ "autoLogin": true }),
            |app| assert!(app.permissions.remove(permission::BASE)),
            Status::Error,
            "The DingTalk app lacks the permission {{permission}}.",
            1,
        ),
    ] {
        assert_eq!(
            of(changes, edit).await,
            (Some((status, message)), calls),
            "{message}"
        );
    }
}

#[actix_web::test]
async fn a_missing_organization_permission_is_named() {
    let ward = Ward::open().await;
    ward.add(ward.options()).await;
    ward.edit_app(|app| {
        app.permissions.remove(permission::GET_MEMBER);
    });

    let findings = ward.findings().await;

    let organization = findings
        .iter()
        .find(|finding| finding.check == "organization-permissions")
        .unwrap();
    assert_eq!(organization.status, Status::Error);
    assert_eq!(
        organization.params,
        [("permission", permission::GET_MEMBER.to_owned())]
    );
    let credentials = findings
        .iter()
        .find(|finding| finding.check == "credentials")
        .unwrap();
    assert_eq!(credentials.status, Status::Ok);
}

#[actix_web::test]
async fn an_unpublished_app_is_found_and_the_remedy_names_publishing() {
    let ward = Ward::open().await;
    ward.add(ward.options()).await;
    ward.edit_app(|app| app.status = AppStatus::Unpublished);

    let findings = ward.findings().await;

    let mut findings = findings.iter();
    let credentials = findings.find(|finding| finding.check == "credentials").unwrap();
    assert_eq!(credentials.status, Status::Error);
    assert!(credentials.action_key.unwrap().contains("publish a version"));
}

#[actix_web::test]
async fn why_dingtalk_is_not_reached_is_told() {
    let mut ward = Ward::open().await;
    ward.add(ward.options()).await;
    // Nobody listens on a port that was free a moment ago.
    let port = std::net::TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap()
        .port();
    let nowhere = Url::parse(&format!("http://127.0.0.1:{port}")).unwrap();
    let endpoints = Endpoints {
        login: nowhere.clone(),
        api: nowhere.clone(),
        oapi: nowhere,
    };
    ward.dingtalk = DingTalk::new(&endpoints, Limits::default(), Arc::new(|_| {})).unwrap();

    let findings = ward.findings().await;

    let mut findings = findings.iter();
    let credentials = findings.find(|finding| finding.check == "credentials").unwrap();
    assert_eq!(credentials.status, Status::Error);
    let (name, reason) = &credentials.params[0];
    assert!(*name == "reason" && reason.contains("refused"), "{reason}");
}

#[actix_web::test]
async fn an_address_that_is_not_on_the_list_is_found() {
    let elsewhere = IpAddr::V4(Ipv4Addr::new(203, 0, 113, 7));

    let status = Ward::status_after(|app| app.allowed_addresses = vec![elsewhere]).await;

    assert_eq!(status["ip-allow-list"], Status::Error);
    assert_ne!(status["credentials"], Status::Error);
}

#[actix_web::test]
async fn tables_of_another_shape_end_the_examination() {
    let folder = tempfile::tempdir().unwrap();
    let settings = DatabaseSettings::Sqlite {
        path: folder.path().join("empty.sqlite"),
    };
    let store = Store::connect(&settings, Arc::new(|_| {})).await.unwrap();

    let findings = examine_database(&store, None).await;

    assert_eq!(
        findings.iter().map(|finding| finding.check).collect::<Vec<_>>(),
        ["database"]
    );
    assert_eq!(Report::of(findings).worst(), Status::Error);
}

#[tokio::test]
async fn the_calls_of_the_app_are_told_with_what_a_sign_in_takes() {
    let in_client = |subject| json!({ "subject": subject, "autoLogin": true });
    for (options, each, inside) in [
        (json!({ "subject": "unionId", "corpId": null }), "2", None),
        (json!({ "subject": "unionId" }), "3", None),
        (json!({ "subject": "userId", "corpId": null }), "3", None),
        (in_client("unionId"), "3", Some("1")),
        (in_client("mobile"), "3", Some("2")),
        (
            json!({ "subject": "unionId", "deniedDepartments": "7" }),
            "4",
            None,
        ),
        (
            json!({ "subject": "userId", "deniedDepartments": "7" }),
            "4",
            None,
        ),
        (
            json!({ "subject": "unionId", "corpId": null, "deniedDepartments": "7" }),
            "4",
            None,
        ),
        (
            json!({ "subject": "unionId", "autoLogin": true, "allowedDepartments": "7", "refreshPhone": "always" }),
            "4",
            Some("3"),
        ),
        (
            json!({ "subject": "mobile", "autoLogin": true, "refreshPhone": "always" }),
            "3",
            Some("2"),
        ),
    ] {
        let ward = Ward::open().await;
        let mut all = ward.options();
        all.as_object_mut()
            .unwrap()
            .extend(options.as_object().unwrap().clone());
        ward.add(all).await;

        let findings = ward.findings().await;

        let calls = findings.iter().find(|finding| finding.check == "calls").unwrap();
        let told: BTreeMap<_, _> = calls
            .params
            .iter()
            .map(|(name, value)| (*name, value.as_str()))
            .collect();
        let mut expected = BTreeMap::from([("today", "7"), ("month", "27"), ("each", each)]);
        expected.extend(inside.map(|inside| ("inside", inside)));
        assert_eq!(told, expected);
    }
}

#[actix_web::test]
async fn what_rules_for_people_need_is_asked_for_and_named() {
    let of = async |rules: Value, without: Option<&'static str>| {
        let ward = Ward::open().await;
        let mut options = ward.options();
        for (key, value) in rules.as_object().unwrap() {
            options[key] = value.clone();
        }
        ward.add(options).await;
        ward.edit_app(|app| {
            if let Some(permission) = without {
                app.permissions.remove(permission);
            }
        });
        let findings = ward.findings().await;
        let calls =
            [CallKind::DepartmentsOfUser, CallKind::UserDetails].map(|kind| ward.control().calls(kind));
        (findings, calls)
    };
    let about = |findings: &[Finding], check: &str| {
        let mut about = findings.iter().filter(|finding| finding.check == check);
        about.next().cloned()
    };

    let (findings, calls) = of(json!({}), None).await;
    for check in [
        "rules-permissions",
        "roles-of-new-users",
        "main-department",
        "picture",
    ] {
        assert_eq!(about(&findings, check), None);
    }
    assert_eq!(calls, [0, 0]);

    let (findings, calls) = of(json!({ "allowedDepartments": "7" }), None).await;
    assert_eq!(about(&findings, "rules-permissions").unwrap().status, Status::Ok);
    assert_eq!(calls, [1, 0]);

    let rules = json!({ "roleRules": "department 7 = member\ntitle CTO = member" });
    let (findings, calls) = of(rules.clone(), Some(permission::GET_DEPARTMENT_LIST)).await;
    let refused = about(&findings, "rules-permissions").unwrap();
    assert_eq!(refused.status, Status::Error);
    let params = format!("{:?}", refused.params);
    assert!(params.contains("\"qyapi_get_department_list\""), "{params}");
    assert!(
        params.contains("appscope/apply?content=dingdemo8qk3v1x7w2ab%23qyapi_get_department_list"),
        "{params}"
    );
    assert_eq!(calls, [1, 1]);
    assert_eq!(about(&findings, "roles-of-new-users").unwrap().status, Status::Ok);
    let (findings, _) = of(rules, Some(permission::GET_MEMBER)).await;
    assert_eq!(
        about(&findings, "rules-permissions").unwrap().status,
        Status::Error
    );
    assert_eq!(
        about(&findings, "organization-permissions").unwrap().status,
        Status::Error
    );

    // Only inside DingTalk the directory is asked for what follows it.
    let (_, calls) = of(json!({ "refreshPhone": "always" }), None).await;
    assert_eq!(calls, [0, 0]);
    let inside = json!({ "refreshPhone": "always", "autoLogin": true, "corpId": "ding1" });
    assert_eq!(of(inside, None).await.1, [0, 1]);

    let rules = json!({ "defaultRole": "nobody", "mainDepartment": "7", "refreshAvatar": "always" });
    let (findings, _) = of(rules, None).await;
    assert_eq!(
        about(&findings, "roles-of-new-users").unwrap().status,
        Status::Error
    );
    assert_eq!(
        about(&findings, "main-department").unwrap().status,
        Status::Warning
    );
    assert_eq!(about(&findings, "picture").unwrap().status, Status::Warning);
    let (findings, _) = of(json!({ "roleRules": "title CTO = admin" }), None).await;
    assert_eq!(
        about(&findings, "roles-of-new-users").unwrap().status,
        Status::Error
    );
    let (findings, _) = of(json!({ "roleRules": "title CTO = member\nwhoever" }), None).await;
    let settings = about(&findings, "settings").unwrap();
    assert_eq!(settings.status, Status::Error);
    assert!(
        settings.params.contains(&("line", "2".to_owned())),
        "{settings:?}"
    );
}

#[actix_web::test]
async fn a_permission_of_the_organization_that_was_missing_is_not_told_as_a_personal_one() {
    for (options, status) in [
        (json!({ "subject": "unionId" }), Status::Error),
        (json!({ "subject": "userId" }), Status::Unknown),
        (
            json!({ "subject": "unionId", "allowedDepartments": "7" }),
            Status::Unknown,
        ),
        (
            json!({ "subject": "unionId", "roleRules": "title CTO = member" }),
            Status::Unknown,
        ),
    ] {
        let ward = Ward::open().await;
        let mut all = ward.options();
        all.as_object_mut()
            .unwrap()
            .extend(options.as_object().unwrap().clone());
        ward.add(all).await;
        let refused = LatestSignIn::ProfileRefused {
            permissions: Vec::new(),
        };

        let findings = ward.findings_after(&refused).await;

        let personal = findings
            .iter()
            .find(|finding| finding.check == "personal-permissions");
        assert_eq!(personal.unwrap().status, status, "{options}");
    }
}
