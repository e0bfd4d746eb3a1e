//! What a person does, step by step. DingTalk's own page costs nothing here: its answer is put together from the
//! address it would have shown, with a code that names the person (see `double.rs`).

use std::net::SocketAddr;
use std::sync::{Mutex, PoisonError};
use std::time::Instant;

use hyper::StatusCode;
use jsonwebtoken::{EncodingKey, Header, encode};
use nocobase_dingtalk::session::SessionSecret;
use serde_json::json;

use crate::Outcome;
use crate::connection::{Connections, Extras, parameter};
use crate::database::AUTHENTICATOR;

/// One kind of journey at one address; with several, each request of a sign-in goes to the next one.
pub struct Journey {
    pub at: Vec<SocketAddr>,
    pub kind: Kind,
}

pub enum Kind {
    /// The three requests of a sign-in, straight to the sidecar, as the bridge forwards them.
    Sidecar(Bridge),
    /// The three requests of a sign-in, to the bridge inside NocoBase (or to the floor's look-alikes).
    Browser { authenticator: String },
    /// The two requests of the community plugin.
    Community { authenticator: String },
    /// The second of them alone.
    CommunityCallback { authenticator: String },
    /// The floor's sign-in alone.
    FloorSignIn,
    /// One GET.
    Get { path: String, status: StatusCode },
}

/// Signs what the bridge signs.
pub struct Bridge {
    key: EncodingKey,
    origin: String,
    latest: Mutex<Option<(Instant, String)>>,
}

/// A bridge token is good for a minute.
const TOKEN_SECONDS: i64 = 60;
const TOKEN_USED_SECONDS: u64 = 20;

impl Bridge {
    pub fn new(secret: &[u8], origin: &str) -> Self {
        // It hands `jsonwebtoken` the cryptography that signing needs.
        let _ = SessionSecret::new(secret);
        Self {
            key: EncodingKey::from_secret(secret),
            origin: origin.to_owned(),
            latest: Mutex::new(None),
        }
    }

    /// Signing is NocoBase's work, so one token serves for a while; the sidecar checks it at every request.
    fn token(&self) -> Outcome<String> {
        let mut latest = self.latest.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((at, token)) = latest.as_ref()
            && at.elapsed().as_secs() < TOKEN_USED_SECONDS
        {
            return Ok(token.clone());
        }
        let now = now()?;
        let host = self.origin.trim_start_matches("http://");
        let claims = json!({
            "aud": "nocobase-dingtalk", "iat": now, "exp": now + TOKEN_SECONDS, "app": "main", "bridge": "0.1.0",
            "api": "/api/", "origin": self.origin, "host": host, "forwarded": {}, "peer": "127.0.0.1",
        });
        let token = encode(&Header::default(), &claims, &self.key)?;
        *latest = Some((Instant::now(), token.clone()));
        Ok(token)
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "a token is checked against the machine's clock"
)]
fn now() -> Outcome<i64> {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH)?;
    Ok(i64::try_from(since.as_secs())?)
}

/// Whose turn it is: the person, and a number that no other attempt has.
#[derive(Clone, Copy)]
pub struct Turn {
    pub person: u64,
    pub attempt: u64,
}

impl Turn {
    /// The code that DingTalk's double understands.
    pub fn code(self) -> String {
        format!("p{}-{}", self.person, self.attempt)
    }
}

impl Kind {
    pub fn steps(&self) -> &'static [&'static str] {
        match self {
            Self::Sidecar(_) | Self::Browser { .. } => &["start", "return", "sign-in"],
            Self::Community { .. } => &["address", "callback"],
            Self::CommunityCallback { .. } => &["callback"],
            Self::FloorSignIn => &["sign-in"],
            Self::Get { .. } => &["request"],
        }
    }
}

impl Journey {
    /// Goes through it once; `stamp` is told the end of each step.
    pub async fn go(
        &self,
        connections: &mut Connections,
        turn: Turn,
        stamp: &mut impl FnMut(usize),
    ) -> Outcome<()> {
        match &self.kind {
            Kind::Sidecar(bridge) => {
                let token = bridge.token()?;
                let headers = [("x-dingtalk-bridge", token.as_str()), ("x-dingtalk-hop", "1")];
                sign_in(connections, AUTHENTICATOR, &headers, turn, stamp).await
            }
            Kind::Browser { authenticator } => sign_in(connections, authenticator, &[], turn, stamp).await,
            Kind::Community { authenticator } => {
                let path = format!("/api/{COMMUNITY}:getAuthUrl");
                let body = json!({ "authenticator": authenticator, "redirect": "/admin" });
                let extras = Extras {
                    json: Some(body.to_string()),
                    ..Extras::default()
                };
                connections
                    .next()
                    .post(&path, extras)
                    .await?
                    .with(StatusCode::OK)?;
                stamp(0);
                community_callback(connections, authenticator, turn).await?;
                stamp(1);
                Ok(())
            }
            Kind::CommunityCallback { authenticator } => {
                community_callback(connections, authenticator, turn).await?;
                stamp(0);
                Ok(())
            }
            Kind::FloorSignIn => {
                let extras = Extras {
                    json: Some(json!({ "flow": turn.code() }).to_string()),
                    ..Extras::default()
                };
                connections
                    .next()
                    .post("/api/auth:signIn", extras)
                    .await?
                    .with(StatusCode::OK)?;
                stamp(0);
                Ok(())
            }
            Kind::Get { path, status } => {
                connections
                    .next()
                    .get(path, Extras::default())
                    .await?
                    .with(*status)?;
                stamp(0);
                Ok(())
            }
        }
    }
}

const COMMUNITY: &str = "nocobase-plugin-dingtalk";

async fn community_callback(connections: &mut Connections, authenticator: &str, turn: Turn) -> Outcome<()> {
    let code = turn.code();
    let path = format!(
        "/api/{COMMUNITY}:redirectAuth?authenticator={authenticator}&redirect=%2Fadmin&code={code}&state=1"
    );
    let answer = connections
        .next()
        .get(&path, Extras::default())
        .await?
        .with(StatusCode::FOUND)?;
    parameter(answer.location()?, "token")?;
    Ok(())
}

/// Start, return and sign-in, with the cookies of one browser.
async fn sign_in(
    connections: &mut Connections,
    authenticator: &str,
    headers: &[(&str, &str)],
    turn: Turn,
    stamp: &mut impl FnMut(usize),
) -> Outcome<()> {
    let path =
        format!("/api/auth:redirect?authenticator={authenticator}&return=%2Fsignin%3Fredirect%3D%2Fadmin");
    let extras = Extras {
        headers,
        ..Extras::default()
    };
    let begun = connections
        .next()
        .get(&path, extras)
        .await?
        .with(StatusCode::FOUND)?;
    stamp(0);
    let state = parameter(begun.location()?, "state")?;
    let path = format!(
        "/api/auth:redirect?code={code}&authCode={code}&state={state}",
        code = turn.code()
    );
    let extras = Extras {
        headers,
        cookie: Some(begun.cookie("nbdt_")?),
        json: None,
    };
    let returned = connections
        .next()
        .get(&path, extras)
        .await?
        .with(StatusCode::FOUND)?;
    stamp(1);
    let handle = parameter(returned.location()?, "dingtalk")?;
    let mut headers = headers.to_vec();
    headers.push(("x-authenticator", authenticator));
    let extras = Extras {
        headers: &headers,
        cookie: Some(returned.cookie("nbdt_")?),
        json: Some(json!({ "flow": handle }).to_string()),
    };
    connections
        .next()
        .post("/api/auth:signIn", extras)
        .await?
        .with(StatusCode::OK)?;
    stamp(2);
    Ok(())
}
