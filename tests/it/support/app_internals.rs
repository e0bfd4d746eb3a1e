//! What a test sees from behind the app: its tables, its counters, its secret.

use dingtalk_simulator::{CallKind, Person};
use jsonwebtoken::{EncodingKey, Header, encode};
use nocobase_dingtalk::session::SessionSecret;
use sea_orm::{ConnectionTrait, Database, DatabaseConnection, Statement, TryGetable};
use serde_json::{Value, json};

use super::app::TestApp;

/// The rows that a sign-in may make.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rows {
    /// `users`
    pub users: i64,
    /// `rolesUsers`
    pub roles: i64,
    /// `usersAuthenticators`
    pub links: i64,
    /// `issuedTokens`
    pub tokens: i64,
}

/// Counts the statements of the database.
pub struct Statements(u64);

impl Statements {
    /// From now on, when all that began behind an answer's back is done.
    pub async fn count(app: &TestApp) -> Self {
        app.background.done().await;
        Self(app.counter("database_seconds_count").await)
    }

    /// How many there were since the last time this was asked.
    pub async fn read(&mut self, app: &TestApp) -> u64 {
        let now = app.counter("database_seconds_count").await;
        now - std::mem::replace(&mut self.0, now)
    }

    /// As [`Statements::read`], once what is done behind an answer's back is done too.
    pub async fn read_when_done(&mut self, app: &TestApp) -> u64 {
        app.background.done().await;
        self.read(app).await
    }
}

impl TestApp {
    /// A connection of the test's own to the app's tables.
    pub async fn tables(&self) -> DatabaseConnection {
        let path = self.folder.path().join("nocobase-dingtalk.sqlite");
        Database::connect(format!("sqlite://{}", path.display()))
            .await
            .unwrap()
    }

    /// Changes the tables behind the app's back.
    pub async fn run(&self, sql: &str) {
        self.tables().await.execute_unprepared(sql).await.unwrap();
    }

    /// The one value that a query answers with.
    pub async fn value<T: TryGetable>(&self, sql: &str) -> T {
        let tables = self.tables().await;
        let statement = Statement::from_string(tables.get_database_backend(), sql);
        let row = tables.query_one_raw(statement).await.unwrap();
        row.unwrap_or_else(|| panic!("no row: {sql}"))
            .try_get_by_index(0)
            .unwrap()
    }

    /// How many rows there are of what a sign-in makes.
    pub async fn rows(&self) -> Rows {
        let count = async |table: &str| {
            let sql = format!(r#"SELECT COUNT(*) FROM "{table}""#);
            self.value::<i64>(&sql).await
        };
        Rows {
            users: count("users").await,
            roles: count("rolesUsers").await,
            links: count("usersAuthenticators").await,
            tokens: count("issuedTokens").await,
        }
    }

    /// The value of a counter, summed over its labels.
    pub async fn counter(&self, name: &str) -> u64 {
        let text = self.browser().visit("/metrics").await.text;
        let lines = text.lines().filter(|line| {
            line.strip_prefix("nocobase_dingtalk_").is_some_and(|line| {
                line.strip_prefix(name)
                    .is_some_and(|rest| rest.starts_with(['{', ' ']))
            })
        });
        lines
            .filter_map(|line| line.rsplit(' ').next()?.parse::<u64>().ok())
            .sum()
    }

    /// Signs claims as NocoBase or the bridge would.
    pub fn sign(&self, claims: &Value) -> String {
        sign_with(&self.secret(), claims)
    }

    /// The secret of sessions and flows.
    pub fn secret(&self) -> Vec<u8> {
        std::fs::read(self.folder.path().join("session-secret.key")).unwrap()
    }

    /// A bridge token that is good now, for a request that reached NocoBase so.
    pub fn bridge_token(&self, mut claims: Value) -> String {
        let now = self.clock.now().timestamp();
        claims["aud"] = json!("nocobase-dingtalk");
        claims["iat"] = json!(now);
        claims["exp"] = json!(now + 60);
        self.sign(&claims)
    }

    /// The calls DingTalk has had, in the order code, profile, app token, user id.
    pub fn calls(&self) -> [usize; 4] {
        [
            CallKind::UserAccessToken,
            CallKind::Profile,
            CallKind::AppAccessToken,
            CallKind::UserIdByUnionId,
        ]
        .map(|kind| self.dingtalk.calls(kind))
    }

    /// A person DingTalk knows.
    pub fn person(&self, key: &str) -> Person {
        let mut people = self.dingtalk.people().into_iter();
        people.find(|person| person.key == key).unwrap()
    }
}

/// Signs claims with HS256.
pub fn sign_with(secret: &[u8], claims: &Value) -> String {
    // It hands `jsonwebtoken` the cryptography; beside a sidecar in another process nobody else has done so.
    let _ = SessionSecret::new(secret);
    encode(&Header::default(), claims, &EncodingKey::from_secret(secret)).unwrap()
}
