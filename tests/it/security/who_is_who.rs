//! Who is who, when many sign in at once, through the whole app on every database.

use std::collections::{HashMap, HashSet};

use dingtalk_simulator::{App as DingTalkApp, Control, Person, Simulator, SimulatorOptions};
use futures_util::future::join_all;
use nocobase_dingtalk::app::App;
use nocobase_dingtalk::clock::Clock;
use nocobase_dingtalk::config::{Config, Sources};
use nocobase_dingtalk::entropy::Entropy;
use nocobase_dingtalk::nocobase::{DatabaseSettings, NewAuthenticator, ServerDatabase, ServerDialect, Store};
use secrecy::ExposeSecret as _;
use serde_json::{Value, json};

use crate::support::app::AUTHENTICATOR;
use crate::support::browser::{Bridge, Browser};
use crate::support::database::{Kind, TestDatabase, now, on_every_database};

const SECRET: &str = "a key of the tests, long enough by itself";
const PEOPLE: usize = 25;
/// Each of them signs in once a round, all at the same time: a thousand sign-ins.
const ROUNDS: usize = 40;

/// Two people whose union ids differ only in case, and many more.
fn people() -> Vec<Person> {
    (0..PEOPLE)
        .map(|index| {
            let union_id = match index {
                0 => "uNiOn".to_owned(),
                1 => "UnIoN".to_owned(),
                _ => format!("union{index}"),
            };
            let mobile = format!("139001390{index:02}");
            Person::employee(
                &format!("p{index}"),
                &format!("Person {index}"),
                &union_id,
                &mobile,
            )
        })
        .collect()
}

fn settings_of(server: &ServerDatabase) -> Vec<(&'static str, String)> {
    let dialect = match server.dialect {
        ServerDialect::Postgres => "postgres",
        ServerDialect::MySql => "mysql",
        ServerDialect::MariaDb => "mariadb",
    };
    vec![
        ("DB_DIALECT", dialect.to_owned()),
        ("DB_HOST", server.host.clone()),
        ("DB_PORT", server.port.to_string()),
        ("DB_DATABASE", server.database.clone()),
        ("DB_USER", server.user.clone()),
        ("DB_PASSWORD", server.password.expose_secret().to_owned()),
        ("DB_SCHEMA", server.schema.clone().unwrap_or_default()),
        ("DB_TABLE_PREFIX", server.table_prefix.clone()),
        ("DB_UNDERSCORED", server.underscored.to_string()),
        ("DB_TIMEZONE", server.timezone.to_string()),
        ("APP_KEY", SECRET.to_owned()),
    ]
}

/// The production app beside the database of a test, or alone where that is an embedded one.
async fn start(database: &TestDatabase, folder: &std::path::Path, dingtalk: &str) -> App {
    let mut settings = match &database.settings {
        DatabaseSettings::Server(server) => settings_of(server),
        DatabaseSettings::Sqlite { .. } => Vec::new(),
    };
    settings.extend([
        ("SIDECAR_STORAGE", folder.to_str().unwrap().to_owned()),
        ("SIDECAR_LISTEN", "127.0.0.1:0".to_owned()),
        ("DINGTALK_LOGIN_URL", dingtalk.to_owned()),
        ("DINGTALK_API_URL", dingtalk.to_owned()),
        ("DINGTALK_OAPI_URL", dingtalk.to_owned()),
        ("DINGTALK_QPS_PER_API", "0".to_owned()),
        ("INIT_ROOT_PASSWORD", "a root password".to_owned()),
    ]);
    let pairs: Vec<(&str, &str)> = settings
        .iter()
        .map(|(name, value)| (*name, value.as_str()))
        .collect();
    let config = Config::load(&Sources::of_pairs(&pairs)).unwrap();
    App::build(config, Clock::manual(now()), Entropy::secure(), None)
        .await
        .unwrap()
}

async fn add_authenticator(store: &Store, app: &DingTalkApp) {
    let new = NewAuthenticator {
        name: AUTHENTICATOR.to_owned(),
        auth_type: "dingtalk".to_owned(),
        title: None,
        description: String::new(),
        options: json!({
            "public": { "autoSignup": true },
            "clientId": app.client_id,
            "clientSecret": app.client_secret,
        }),
        secrets: Vec::new(),
        enabled: true,
    };
    store.authenticators().create(new, now()).await.unwrap();
    let plugin = crate::support::app::PLUGIN;
    store
        .system()
        .set_plugin_enabled(plugin, plugin, "0.1.0", true, now())
        .await
        .unwrap();
}

async fn round(browser: &Browser, dingtalk: &Control, people: &[Person]) -> Vec<Value> {
    join_all(people.iter().map(|person| {
        let mut browser = browser.clone();
        async move {
            let answer = browser.sign_in(dingtalk, &person.key).await;
            assert_eq!(answer.status, 200, "{}", answer.text);
            let user = answer.json["data"]["user"].clone();
            assert_eq!(user["phone"].as_str(), person.mobile.as_deref());
            let token = answer.json["data"]["token"].as_str().unwrap();
            let claims = jsonwebtoken::dangerous::insecure_decode::<Value>(token)
                .unwrap()
                .claims;
            assert_eq!(
                claims["userId"].to_string().trim_matches('"'),
                user["id"].to_string()
            );
            assert_eq!(browser.jar["nb_auth_token_main"], token);
            user["id"].clone()
        }
    }))
    .await
}

#[tokio::test]
async fn a_thousand_interleaved_sign_ins_never_swap_two_people() {
    on_every_database(|database| async move {
        if database.kind == Kind::PostgresRenamed {
            return;
        }
        let dingtalk_app = DingTalkApp::demo("http://127.0.0.1/replaced-below");
        let people = people();
        let simulator = Simulator::start(SimulatorOptions {
            apps: vec![dingtalk_app.clone()],
            people: people.clone(),
            ..SimulatorOptions::default()
        })
        .await
        .unwrap();
        let folder = tempfile::tempdir().unwrap();
        let app = start(&database, folder.path(), &simulator.url()).await;
        let (store, stop) = (app.store().clone(), app.stopper());
        add_authenticator(&store, &dingtalk_app).await;
        let url = format!("http://{}", app.address());
        tokio::spawn(app.run());
        let dingtalk = simulator.control();
        dingtalk.edit_app(&dingtalk_app.client_id, |app| {
            app.redirect_uris = vec![format!("{url}/api/auth:redirect")];
        });
        // Beside NocoBase a sign-in comes through the plugin.
        let bridge = match &database.settings {
            DatabaseSettings::Server(_) => Some(Bridge {
                secret: SECRET,
                clock: Clock::manual(now()),
            }),
            DatabaseSettings::Sqlite { .. } => None,
        };
        let browser = Browser::new(&url).through(bridge);

        let first = round(&browser, &dingtalk, &people).await;
        for _ in 1..ROUNDS {
            assert_eq!(round(&browser, &dingtalk, &people).await, first);
        }

        let distinct: HashSet<String> = first.iter().map(Value::to_string).collect();
        assert_eq!(distinct.len(), PEOPLE);
        let by_union_id: HashMap<&str, &Value> = people
            .iter()
            .map(|person| person.union_id.as_str())
            .zip(&first)
            .collect();
        for (union_id, id) in by_union_id {
            let linked = store.links().find_user(AUTHENTICATOR, union_id).await.unwrap();
            assert_eq!(json!(linked.unwrap().user.id), *id, "{union_id}");
        }
        assert_eq!(dingtalk.unexpected(), Vec::<String>::new());
        stop.now().await;
        simulator.stop().await;
    })
    .await;
}
