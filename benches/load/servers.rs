//! The programs that stand around what is measured, each a process of its own: DingTalk's double, which keeps nothing
//! and so costs little; a bare handler; and the floor, which does what a returning sign-in cannot do without.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use actix_web::{App, HttpRequest, HttpResponse, HttpServer, web};
use serde::Deserialize;
use serde_json::{Value, json};
use sqlx::PgPool;
use sqlx::postgres::PgPoolOptions;
use uuid::Uuid;

use crate::Outcome;
use crate::database::AUTHENTICATOR;

/// Serves until it is killed; the first line says where.
async fn serve(
    workers: usize,
    port: u16,
    routes: impl Fn(&mut web::ServiceConfig) + Clone + Send + 'static,
) -> Outcome<()> {
    let server = HttpServer::new(move || App::new().configure(routes.clone()))
        .workers(workers)
        .keep_alive(Duration::from_secs(75))
        .bind(("127.0.0.1", port))?;
    let address = server.addrs().first().copied().ok_or("no address")?;
    println!("listening on http://{address}");
    Ok(server.run().await?)
}

/// What an address of ours in DingTalk's answers looks like: person 7 is `u7` in the code, the token and the profile.
struct Double {
    latency: Duration,
    calls: AtomicU64,
    /// How long each attempt was held, in all its calls; only where there is a latency.
    held: Mutex<HashMap<String, Duration>>,
}

impl Double {
    /// Passes the time DingTalk would take.
    async fn hold(&self, code: &str) {
        self.calls.fetch_add(1, Ordering::Relaxed);
        if self.latency.is_zero() {
            return;
        }
        let begun = Instant::now();
        tokio::time::sleep(self.latency).await;
        let attempt = code.rsplit('-').next().unwrap_or_default().to_owned();
        let mut held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        *held.entry(attempt).or_default() += begun.elapsed();
    }
}

/// `p12-345` (person 12, attempt 345) as 12.
fn person(code: &str) -> u64 {
    let digits = code.trim_start_matches('p').split('-').next().unwrap_or_default();
    digits.parse().unwrap_or_default()
}

/// DingTalk's four calls, and the one more that the community plugin makes.
pub async fn double(port: u16, latency: Duration) -> Outcome<()> {
    #[derive(Deserialize)]
    struct Redemption {
        code: String,
    }
    let state = web::Data::new(Double {
        latency,
        calls: AtomicU64::new(0),
        held: Mutex::default(),
    });
    serve(1, port, move |config| {
        config
            .app_data(state.clone())
            .route("/v1.0/oauth2/userAccessToken", web::post().to(async |double: web::Data<Double>, body: web::Json<Redemption>| {
                double.hold(&body.code).await;
                HttpResponse::Ok().json(json!({ "accessToken": body.code, "refreshToken": "r", "expireIn": 7200 }))
            }))
            .route("/v1.0/contact/users/me", web::get().to(async |double: web::Data<Double>, request: HttpRequest| {
                let token = request.headers().get("x-acs-dingtalk-access-token");
                let code = token.and_then(|token| token.to_str().ok()).unwrap_or_default();
                double.hold(code).await;
                let person = person(code);
                HttpResponse::Ok().json(json!({
                    "unionId": format!("union{person}"), "openId": format!("open{person}"), "nick": format!("Person {person}"),
                    "mobile": mobile(person), "stateCode": "86", "avatarUrl": "https://static.example/a.png",
                }))
            }))
            .route("/v1.0/oauth2/accessToken", web::post().to(async |double: web::Data<Double>| {
                double.hold("app-0").await;
                HttpResponse::Ok().json(json!({ "accessToken": "app", "expireIn": 7200 }))
            }))
            .route("/topapi/user/getbyunionid", web::post().to(async |double: web::Data<Double>, body: web::Json<Value>| {
                double.hold("app-0").await;
                let person = body["unionid"].as_str().unwrap_or_default().trim_start_matches("union");
                let result = json!({ "contact_type": 0, "userid": format!("staff{person}") });
                HttpResponse::Ok().json(json!({ "errcode": 0, "errmsg": "ok", "result": result }))
            }))
            .route("/topapi/v2/user/get", web::post().to(async |double: web::Data<Double>, body: web::Json<Value>| {
                double.hold("app-0").await;
                let id = body["userid"].as_str().unwrap_or_default();
                let name = format!("Person {}", id.trim_start_matches("staff"));
                HttpResponse::Ok().json(json!({ "errcode": 0, "errmsg": "ok", "result": { "userid": id, "name": name } }))
            }))
            .route("/calls", web::get().to(async |double: web::Data<Double>| {
                HttpResponse::Ok().json(double.calls.load(Ordering::Relaxed))
            }))
            .route("/held", web::get().to(async |double: web::Data<Double>| {
                let held = std::mem::take(&mut *double.held.lock().unwrap_or_else(PoisonError::into_inner));
                let micros: HashMap<String, u64> = held.iter().map(|(code, held)| (code.clone(), crate::drive::micros(*held))).collect();
                HttpResponse::Ok().json(micros)
            }));
    })
    .await
}

/// Eleven digits that no other person has.
fn mobile(person: u64) -> String {
    (13_000_000_000 + person).to_string()
}

/// The least that answers a start: a fixed 302.
pub async fn bare() -> Outcome<()> {
    serve(2, 0, |config| {
        config.route("/api/auth:redirect", web::get().to(fixed));
    })
    .await
}

async fn fixed() -> HttpResponse {
    let location = "https://login.dingtalk.com/oauth2/auth?client_id=ding&response_type=code&scope=openid&prompt=consent&state=0123456789abcdef0123456789abcdef&dingtalk=0123456789abcdef";
    HttpResponse::Found()
        .insert_header(("location", location))
        .insert_header((
            "set-cookie",
            "nbdt_0123456789abcdef=0; Path=/; HttpOnly; SameSite=Lax",
        ))
        .finish()
}

struct Floor {
    pool: PgPool,
    dingtalk: reqwest::Client,
    dingtalk_url: String,
}

const POOL: u32 = 10;

/// A returning sign-in's two calls and its statement, with nothing around them: no flow, no matching, no session
/// token, no audit. Start and return are answered too, so that it can be asked three times as the sidecar is.
pub async fn floor(database: &str, dingtalk_url: &str) -> Outcome<()> {
    let state = web::Data::new(Floor {
        pool: PgPoolOptions::new()
            .max_connections(POOL)
            .connect(database)
            .await?,
        dingtalk: nocobase_dingtalk::tls::client_builder().no_proxy().build()?,
        dingtalk_url: dingtalk_url.to_owned(),
    });
    serve(2, 0, move |config| {
        config
            .app_data(state.clone())
            .route("/api/auth:redirect", web::get().to(fixed))
            .route(
                "/api/auth:signIn",
                web::post().to(async |floor: web::Data<Floor>, body: web::Json<Value>| {
                    match floor.sign_in(&body).await {
                        Ok(answer) => HttpResponse::Ok().json(answer),
                        Err(failure) => HttpResponse::InternalServerError().body(failure.to_string()),
                    }
                }),
            );
    })
    .await
}

const SIGN_IN: &str = r#"WITH person AS (SELECT u."id" AS "id", u."nickname" AS "nickname", u."username" AS "username",
 u."email" AS "email", u."phone" AS "phone", u."appLang" AS "appLang", u."passwordChangeTz" AS "passwordChangeTz",
 u."systemSettings"::text AS "systemSettings", u."createdById" AS "createdById", u."updatedById" AS "updatedById",
 u."createdAt" AS "createdAt", u."updatedAt" AS "updatedAt", u."sort" AS "sort", (SELECT r."roleName"
 FROM "public"."rolesUsers" r WHERE r."userId" = u."id" ORDER BY CASE WHEN r."default" THEN 0 ELSE 1 END, r."roleName"
 LIMIT 1) AS "preferredRole" FROM "public"."usersAuthenticators" l JOIN "public"."users" u ON u."id" = l."userId"
 WHERE l."authenticator" = $1 AND l."uuid" = $2), session AS (INSERT INTO "public"."issuedTokens" ("authenticator",
 "id", "jti", "issuedTime", "signInTime", "createdAt", "updatedAt", "userId") SELECT $1, CAST($3 AS uuid),
 CAST($4 AS uuid), $5, $5, now(), now(), person."id" FROM person) SELECT * FROM person"#;

impl Floor {
    async fn sign_in(&self, body: &Value) -> Outcome<Value> {
        let code = body["flow"].as_str().unwrap_or_default();
        let redemption = json!({ "clientId": "ding", "clientSecret": "secret", "code": code, "grantType": "authorization_code" });
        let url = format!("{}/v1.0/oauth2/userAccessToken", self.dingtalk_url);
        let token: Value = self
            .dingtalk
            .post(url)
            .json(&redemption)
            .send()
            .await?
            .json()
            .await?;
        let token = token["accessToken"].as_str().ok_or("no token")?;
        let url = format!("{}/v1.0/contact/users/me", self.dingtalk_url);
        let profile = self
            .dingtalk
            .get(url)
            .header("x-acs-dingtalk-access-token", token);
        let profile: Value = profile.send().await?.json().await?;
        let subject = profile["unionId"].as_str().ok_or("no union id")?;
        let row = sqlx::query(SIGN_IN)
            .bind(AUTHENTICATOR)
            .bind(subject)
            .bind(fresh_id())
            .bind(fresh_id())
            .bind(1_763_600_523_678_i64)
            .fetch_one(&self.pool)
            .await?;
        let id: i64 = sqlx::Row::try_get(&row, "id")?;
        let nickname: Option<String> = sqlx::Row::try_get(&row, "nickname")?;
        Ok(json!({ "id": id, "nickname": nickname }))
    }
}

#[expect(clippy::disallowed_methods, reason = "the key of a row that nobody reads")]
fn fresh_id() -> String {
    Uuid::new_v4().to_string()
}
