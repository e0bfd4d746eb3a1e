//! Beside NocoBase: whatever is here already is changed by NocoBase, and new people are written past it.

use std::sync::{Arc, Mutex};

use actix_web::dev::ServerHandle;
use actix_web::{App, HttpRequest, HttpResponse, HttpServer, web};
use chrono::TimeDelta;
use dingtalk_simulator::DEMO_CORP_ID;
use jsonwebtoken::{DecodingKey, Validation, decode};
use nocobase_dingtalk::nocobase::{NewSyncSource, RecordKind};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use super::*;
use crate::support::beside_nocobase::{APP_KEY, app_beside_nocobase};
use crate::support::database::{Kind, TestDatabase, on};

/// What NocoBase was asked to change, and how often it is not there before it does.
#[derive(Default)]
struct Asked {
    operations: Vec<Value>,
    refusals: Vec<(u16, &'static str)>,
}

struct NocoBase {
    url: String,
    asked: Arc<Mutex<Asked>>,
    server: ServerHandle,
}

impl NocoBase {
    fn start() -> Self {
        let asked: Arc<Mutex<Asked>> = Arc::default();
        let shared = web::Data::from(Arc::clone(&asked));
        let server = HttpServer::new(move || {
            App::new()
                .app_data(shared.clone())
                .route("/api/dingtalk:applyChanges", web::post().to(apply))
        })
        .workers(1)
        .disable_signals()
        .bind(("127.0.0.1", 0))
        .unwrap();
        let url = format!("http://{}", server.addrs()[0]);
        let server = server.run();
        let handle = server.handle();
        tokio::spawn(server);
        Self {
            url,
            asked,
            server: handle,
        }
    }

    /// What it was asked since the last time.
    fn operations(&self) -> Vec<Value> {
        std::mem::take(&mut self.asked.lock().unwrap().operations)
    }

    fn refuse(&self, status: u16, code: &'static str) {
        self.asked.lock().unwrap().refusals.push((status, code));
    }
}

impl Drop for NocoBase {
    fn drop(&mut self) {
        drop(self.server.stop(false));
    }
}

async fn apply(request: HttpRequest, body: web::Bytes, asked: web::Data<Mutex<Asked>>) -> HttpResponse {
    let token = request.headers().get("authorization").unwrap().to_str().unwrap();
    let token = token.strip_prefix("Bearer ").unwrap();
    let mut validation = Validation::new(jsonwebtoken::Algorithm::HS256);
    validation.set_audience(&["nocobase-dingtalk-changes"]);
    // The tests' clock stands still.
    validation.validate_exp = false;
    let claims = decode::<Value>(token, &DecodingKey::from_secret(APP_KEY.as_bytes()), &validation);
    let claims = claims.unwrap().claims;
    assert_eq!(claims["digest"], hex::encode(Sha256::digest(&body)));
    assert!(claims["exp"].as_i64().unwrap() - claims["iat"].as_i64().unwrap() <= 60);
    let operation: Value = serde_json::from_slice(&body).unwrap();
    let mut asked = asked.lock().unwrap();
    if let Some((status, code)) = asked.refusals.pop() {
        let status = actix_web::http::StatusCode::from_u16(status).unwrap();
        return HttpResponse::build(status).json(json!({ "errors": [{ "code": code, "message": code }] }));
    }
    let done: Vec<Value> = operation["people"]
        .as_array()
        .into_iter()
        .flatten()
        .map(|person| {
            let uid = person.get("uid").unwrap_or(&person["record"]["uid"]);
            json!({ "uid": uid, "outcome": "rolesRemoved", "roles": ["member"], "apiKeys": 2 })
        })
        .collect();
    asked.operations.push(operation);
    HttpResponse::Ok().json(json!({ "data": { "done": done, "failed": [] } }))
}

async fn start_beside(database: &TestDatabase, nocobase: &NocoBase) -> TestApp {
    database.with_directory().await;
    let app = app_beside_nocobase(database, &[("NOCOBASE_URL", &nocobase.url)]).await;
    let new = NewSyncSource {
        name: SOURCE.to_owned(),
        display_name: None,
        enabled: true,
        options: json!({ "authenticator": AUTHENTICATOR, "preview": false, "graceDays": 0 }),
        secrets: Vec::new(),
    };
    let sources = database.store.sync_sources();
    sources.create(new, app.clock.now()).await.unwrap();
    app
}

async fn run_beside(app: &TestApp, body: Value) -> Value {
    let mut administrator = Browser::new(&app.url).with("X-Dingtalk-Bridge", &bridge_token(app));
    let begun = administrator.post(&action("startRun"), body).await;
    assert_eq!(begun.status, 200, "{}", begun.text);
    loop {
        let run = administrator.get(&action("run")).await.json["data"].clone();
        let state = run["state"].as_str().unwrap().to_owned();
        if !["waiting", "reading", "comparing", "writing"].contains(&state.as_str()) {
            return run;
        }
        tokio::task::yield_now().await;
    }
}

fn bridge_token(app: &TestApp) -> String {
    let now = app.clock.now().timestamp();
    let host = app.url.split("://").nth(1).unwrap();
    let claims = json!({
        "aud": "nocobase-dingtalk", "app": "main", "iat": now, "exp": now + 60, "host": host, "peer": "127.0.0.1",
        "actor": 0,
    });
    crate::support::app_internals::sign_with(APP_KEY.as_bytes(), &claims)
}

fn named<'a>(operations: &'a [Value], name: &str) -> Vec<&'a Value> {
    operations
        .iter()
        .filter(|operation| operation["operation"] == name)
        .collect()
}

async fn new_people_go_past_nocobase_and_everything_else_through_it(database: Arc<TestDatabase>) {
    let nocobase = NocoBase::start();
    let app = start_beside(&database, &nocobase).await;
    // It is being started.
    nocobase.refuse(503, "APP_STARTING");

    let first = run_beside(&app, json!({ "reason": "schedule" })).await;

    assert_eq!(
        (&first["state"], &first["reason"]),
        (&json!("done"), &json!("schedule")),
        "{first}"
    );
    let operations = nocobase.operations();
    let levels = named(&operations, "departments");
    assert_eq!(levels[0]["records"][0]["uid"], "1");
    assert_eq!(levels[0]["source"]["name"], SOURCE);
    assert_eq!(levels.len(), 3, "{levels:?}");
    let arrived = named(&operations, "arrived");
    assert_eq!(arrived[0]["userIds"].as_array().unwrap().len(), 4);
    assert_eq!(arrived[0]["announce"], true);
    assert!(named(&operations, "people").is_empty());

    app.dingtalk
        .edit_person("li-lei", |person| "Li Lei II".clone_into(&mut person.name));
    app.dingtalk.leave("han-meimei", DEMO_CORP_ID);
    app.wait(TimeDelta::seconds(1));
    let second = run_beside(&app, json!({})).await;

    assert_eq!(second["state"], "done", "{second}");
    let operations = nocobase.operations();
    let records = database.store.sync_records();
    let records = records.all(SOURCE, RecordKind::Person).await.unwrap();
    let user = |uid: &str| records.iter().find(|record| record.uid == uid).unwrap().resource;
    let people = named(&operations, "people");
    assert_eq!(people[0]["keepDepartments"], false);
    assert_eq!(people[0]["people"][0]["userId"], json!(user("staff-li-lei")));
    assert_eq!(people[0]["people"][0]["record"]["nickname"], "Li Lei II");
    assert_eq!(people[0]["people"].as_array().unwrap().len(), 1);
    let leavers = named(&operations, "leavers");
    assert_eq!(leavers[0]["how"], "removeRoles");
    assert_eq!(
        leavers[0]["people"],
        json!([{ "uid": "staff-han-meimei", "userId": user("staff-han-meimei") }])
    );

    // Its plugin is switched off: no waiting helps.
    nocobase.refuse(409, "SYNC_PLUGIN_OFF");
    let third = run_beside(&app, json!({})).await;
    assert_eq!(
        (&third["state"], &third["code"]),
        (&json!("failed"), &json!("SYNC_PLUGIN_OFF")),
        "{third}"
    );
}

#[tokio::test]
async fn on_postgres() {
    on(
        Kind::Postgres,
        new_people_go_past_nocobase_and_everything_else_through_it,
    )
    .await;
}

#[tokio::test]
async fn on_postgres_with_names_of_another_kind() {
    on(
        Kind::PostgresRenamed,
        new_people_go_past_nocobase_and_everything_else_through_it,
    )
    .await;
}

#[tokio::test]
async fn on_mariadb() {
    on(
        Kind::MariaDb,
        new_people_go_past_nocobase_and_everything_else_through_it,
    )
    .await;
}
