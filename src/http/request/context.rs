//! One request, read: who sends it, from where, in which language, with what.

use std::borrow::Cow;
use std::net::IpAddr;
use std::rc::Rc;
use std::time::Duration;

use actix_web::http::header::{self, HeaderMap};
use actix_web::{HttpRequest, web};
use chrono::TimeDelta;
use serde_json::{Map, Value};

use crate::config::Mode;
use crate::http::ApiError;
use crate::http::request::client_origin::{Forwarding, way_to_nocobase};
use crate::http::request::query::Query;
use crate::http::server::connection::{Connection, body_bytes};
use crate::http::throttle::leaky_buckets::network;
use crate::http::{Access, AppState, RequestError};
use crate::nocobase::{Role, User};
use crate::origin::Origin;
use crate::plugin::{Language, negotiate};
use crate::product::{ADMINISTRATOR_ROLES, PASSWORD_AUTHENTICATOR};
use crate::session::{BridgeClaims, Claims, TokenError, TokenPolicy, cookies};
use crate::sign_in::{CookieIn, Requester};

/// The header by which the bridge is recognised.
pub const BRIDGE_HEADER: &str = "X-Dingtalk-Bridge";
/// How often a request was forwarded; more than once is a loop.
const HOP_HEADER: &str = "X-Dingtalk-Hop";
/// The most that anybody may send.
const BODY_LIMIT: usize = 256 * 1024;
/// And somebody who is not signed in: a handle, or an account with its password.
pub const PUBLIC_BODY_LIMIT: usize = 16 * 1024;
const NAME_LIMIT: usize = 255;

/// Who uses an action.
#[derive(Clone)]
pub struct Caller {
    /// The user, when we checked the session ourselves.
    pub user: Option<Box<User>>,
    /// Their roles.
    pub roles: Vec<Role>,
    /// The claims of the session.
    pub claims: Option<Claims>,
    /// The token that replaces the one sent.
    pub renewed: Option<String>,
    /// The policy of tokens.
    pub policy: Option<TokenPolicy>,
    /// The user's id, whoever checked the session.
    pub user_id: Option<i64>,
}

/// One request.
pub struct Context {
    /// The request itself.
    pub request: HttpRequest,
    /// What every request may use.
    pub state: web::Data<AppState>,
    /// The body's JSON object; empty without a body.
    pub values: Map<String, Value>,
    /// The query.
    pub query: Query,
    /// The record's key in the path.
    pub key: Option<String>,
    /// The origin the browser sees, as the settings say it, or the request.
    pub origin: Origin,
    /// The origin as the request alone says it.
    pub requested: Option<Origin>,
    /// The person's address.
    pub address: Option<IpAddr>,
    /// What the person is told to name.
    pub reference: String,
    /// The bridge's word, when it forwarded this.
    pub bridge: Option<BridgeClaims>,
    /// Who it is, where the action asks.
    pub caller: Option<Caller>,
}

impl Context {
    /// Reads the head of a request. Nothing has been done with it when this fails.
    pub fn of(
        request: &HttpRequest,
        state: &web::Data<AppState>,
        reference: &str,
        key: Option<String>,
    ) -> Result<Self, ApiError> {
        let hops = text_header(request, HOP_HEADER)?;
        if hops.is_some_and(|hops| hops.trim() != "1") {
            return Err(RequestError::Loop.into());
        }
        let bridge = match text_header(request, BRIDGE_HEADER)? {
            None => None,
            Some(token) => {
                let now = state.clock.now().timestamp();
                let claims = state.sessions.secret().verify_bridge(token, now);
                Some(claims.map_err(|error| match error {
                    TokenError::Expired => RequestError::ClockMismatch,
                    TokenError::Invalid(_) => RequestError::SecretMismatch,
                })?)
            }
        };
        let way = bridge.as_ref().map_or_else(|| way_here(request), way_to_nocobase);
        let requested = state.edge.proxies.origin(&way);
        let origin = match (&state.edge.public_origin, &requested) {
            (Some(origin), _) | (None, Ok(origin)) => origin.clone(),
            (None, Err(header)) => return Err(RequestError::InvalidHeader(header).into()),
        };
        let address = state.edge.proxies.client_address(&way);
        Ok(Self {
            query: Query::parse(request.query_string()),
            origin,
            requested: requested.ok(),
            address,
            reference: reference.to_owned(),
            request: request.clone(),
            state: state.clone(),
            values: Map::new(),
            key,
            bridge,
            caller: None,
        })
    }

    /// Reads the body, which takes memory for as long as its sender likes: after everything that can be refused without.
    pub async fn read_body(&mut self, payload: web::Payload, access: Access) -> Result<(), RequestError> {
        let most = match access {
            Access::Public => PUBLIC_BODY_LIMIT,
            Access::SignedIn | Access::Administrator => {
                if let Some(connection) = self.request.conn_data::<Rc<Connection>>() {
                    connection.allow(body_bytes(self.request.headers(), BODY_LIMIT));
                }
                BODY_LIMIT
            }
        };
        self.values = read_values(&self.request, payload, most, self.state.edge.body_within).await?;
        Ok(())
    }

    /// Says who it is, as far as the action wants to know.
    pub async fn identify(&self, access: Access) -> Result<Option<Caller>, ApiError> {
        match (access, self.state.mode) {
            (Access::Public, _) => Ok(None),
            (Access::SignedIn | Access::Administrator, Mode::BesideNocoBase) => {
                // NocoBase's access control has decided already; only the bridge can say so.
                let bridge = self.bridge.as_ref().ok_or(RequestError::NoPermission)?;
                let user_id = bridge.user().ok_or(RequestError::NoPermission)?.0;
                let caller = Caller {
                    user: None,
                    roles: Vec::new(),
                    claims: None,
                    renewed: None,
                    policy: None,
                    user_id: Some(user_id),
                };
                Ok(Some(caller))
            }
            (Access::SignedIn | Access::Administrator, Mode::Alone) => self.check_session().await.map(Some),
        }
    }

    /// Whether who it is may do this. Beside NocoBase, NocoBase has said so.
    pub fn may(&self, access: Access) -> bool {
        let is_administrator = |caller: &Caller| {
            let mut roles = caller.roles.iter();
            roles.any(|role| ADMINISTRATOR_ROLES.contains(&role.name.as_str()))
        };
        access != Access::Administrator
            || self.state.mode == Mode::BesideNocoBase
            || self.caller.as_ref().is_some_and(is_administrator)
    }

    async fn check_session(&self) -> Result<Caller, ApiError> {
        let is_stream = text_header(&self.request, "Accept")? == Some("text/event-stream");
        let token = self.bearer_token()?;
        let checked = self.state.sessions.check(token.as_deref(), is_stream).await?;
        let roles = self.state.store.roles().of(checked.user.id).await?;
        if roles.is_empty() {
            return Err(RequestError::NoRoles.into());
        }
        let wanted = text_header(&self.request, "X-Role")?.filter(|role| !role.is_empty());
        if wanted.is_some_and(|wanted| wanted != "__union__" && roles.iter().all(|role| role.name != wanted))
        {
            return Err(RequestError::RoleNotFound.into());
        }
        if let Some(name) = self.authenticator()? {
            let sign_in = &self.state.sign_in;
            sign_in
                .look_at_session(name, checked.user.id, self.attempt())
                .await;
        }
        Ok(Caller {
            user_id: Some(checked.user.id.0),
            user: Some(Box::new(checked.user)),
            roles,
            claims: Some(checked.claims),
            renewed: checked.renewed,
            policy: Some(checked.policy),
        })
    }

    /// The path of the sign-in page, where NocoBase says it.
    pub fn sign_in_page(&self) -> Option<&str> {
        self.bridge.as_ref()?.sign_in.as_deref()
    }

    /// The token of the request: `Authorization: Bearer`, or `token` in the query as NocoBase takes it.
    pub fn bearer_token(&self) -> Result<Option<String>, RequestError> {
        let header = text_header(&self.request, "Authorization")?;
        let bearer = header
            .and_then(|value| value.split_once(' '))
            .and_then(|(scheme, token)| {
                scheme
                    .eq_ignore_ascii_case("bearer")
                    .then(|| token.trim().to_owned())
            });
        Ok(bearer
            .or_else(|| self.query.only("token").map(str::to_owned))
            .filter(|token| !token.is_empty()))
    }

    /// The authenticator the request is for.
    pub fn authenticator(&self) -> Result<Option<&str>, RequestError> {
        Ok(text_header(&self.request, "X-Authenticator")?.filter(|name| !name.is_empty()))
    }

    /// The browser's cookies, those of other programs on this host among them, whatever bytes they hold.
    pub fn cookies(&self) -> Vec<CookieIn> {
        let headers = self.request.headers().get_all(header::COOKIE);
        headers.flat_map(|value| cookies_in(value.as_bytes())).collect()
    }

    /// The program that asks, as it calls itself.
    pub fn user_agent(&self) -> Cow<'_, str> {
        let value = self.request.headers().get(header::USER_AGENT);
        value.map_or(Cow::Borrowed(""), |value| {
            String::from_utf8_lossy(value.as_bytes())
        })
    }

    /// Who is asking, for the audit.
    pub fn attempt(&self) -> Requester {
        Requester {
            reference: self.reference.clone(),
            address: self.address,
            queue_key: self.address.map(network),
            records_refusals: self.state.throttles.sign_ins.records_refusals(self.address),
        }
    }

    /// The language of the answer.
    pub fn language(&self) -> Language {
        language_of(&self.request, self.caller.as_ref())
    }

    /// A text of the body; `None` when it is absent or null.
    pub fn text(&self, name: &'static str) -> Result<Option<&str>, RequestError> {
        match self.values.get(name) {
            None | Some(Value::Null) => Ok(None),
            Some(Value::String(text)) if text.len() <= NAME_LIMIT * 4 && !text.contains('\0') => {
                Ok(Some(text))
            }
            Some(_) => Err(RequestError::InvalidField(name)),
        }
    }

    /// The cookies of a renewed session, for the answer.
    pub fn session_lifetime(&self) -> TimeDelta {
        self.caller
            .as_ref()
            .and_then(|caller| caller.policy)
            .map_or_else(TimeDelta::zero, |policy| policy.session_expiration)
    }

    /// Cookies that repeat the session of this request.
    pub fn session_cookies(&self, token: &str) -> Result<Vec<cookies::SessionCookie>, RequestError> {
        let authenticator = self.authenticator()?.unwrap_or(PASSWORD_AUTHENTICATOR);
        let role = self
            .caller
            .as_ref()
            .and_then(|caller| caller.roles.first())
            .map(|role| role.name.as_str());
        Ok(self
            .state
            .sessions
            .cookies(token, authenticator, role, self.session_lifetime()))
    }
}

/// The language of an answer, also for requests that could not be read.
pub fn language_of(request: &HttpRequest, caller: Option<&Caller>) -> Language {
    let header = |name: &str| {
        let value = request.headers().get(name)?;
        Some(String::from_utf8_lossy(value.as_bytes()))
    };
    let query = Query::parse(request.query_string());
    let chosen = header("X-Locale").or_else(|| query.only("locale").map(Cow::Borrowed));
    let of_user = caller
        .and_then(|caller| caller.user.as_ref())
        .and_then(|user| user.app_lang.as_deref());
    negotiate(chosen.as_deref(), of_user, header("Accept-Language").as_deref())
}

/// A header that is text; one that is not is an error, not an absence.
pub fn text_header<'a>(
    request: &'a HttpRequest,
    name: &'static str,
) -> Result<Option<&'a str>, RequestError> {
    let Some(value) = request.headers().get(name) else {
        return Ok(None);
    };
    value
        .to_str()
        .map(Some)
        .map_err(|_| RequestError::InvalidHeader(name))
}

/// How a request came here, when nobody forwarded it for us.
pub fn way_here(request: &HttpRequest) -> Forwarding<'_> {
    let headers = request.headers();
    Forwarding {
        peer: request.peer_addr().map(|address| address.ip()),
        host: headers
            .get("Host")
            .map(|value| String::from_utf8_lossy(value.as_bytes())),
        forwarded_for: all_lines(headers, "X-Forwarded-For"),
        forwarded_proto: all_lines(headers, "X-Forwarded-Proto"),
        forwarded_host: all_lines(headers, "X-Forwarded-Host"),
        forwarded: all_lines(headers, "Forwarded"),
    }
}

/// A list header, whole: a proxy may add a line of its own behind the one that the client made up, or a part behind bytes
/// that are no text.
fn all_lines<'a>(headers: &'a HeaderMap, name: &str) -> Option<Cow<'a, str>> {
    headers
        .get_all(name)
        .map(|value| String::from_utf8_lossy(value.as_bytes()))
        .reduce(|before, line| format!("{before},{line}").into())
}

/// The pairs of a `Cookie` header that are text; somebody else's bytes spoil nobody else's pair.
fn cookies_in(header: &[u8]) -> impl Iterator<Item = CookieIn> {
    header.split(|byte| *byte == b';').filter_map(|pair| {
        let (name, value) = std::str::from_utf8(pair).ok()?.split_once('=')?;
        Some(CookieIn {
            name: name.trim().to_owned(),
            value: value.trim().to_owned(),
        })
    })
}

async fn read_values(
    request: &HttpRequest,
    payload: web::Payload,
    most: usize,
    within: Duration,
) -> Result<Map<String, Value>, RequestError> {
    if request.method() != "POST" {
        return Ok(Map::new());
    }
    // actix's own time limit ends with the head.
    let body = tokio::time::timeout(within, payload.to_bytes_limited(most)).await;
    let bytes = match body {
        Ok(Ok(Ok(bytes))) => bytes,
        Ok(Ok(Err(_))) | Err(_) => return Err(RequestError::BodyIncomplete),
        Ok(Err(_)) => return Err(RequestError::BodyTooLarge),
    };
    if bytes.iter().all(u8::is_ascii_whitespace) {
        return Ok(Map::new());
    }
    match serde_json::from_slice(&bytes) {
        Ok(Value::Object(values)) => Ok(values),
        // NocoBase's SDK sends `null` where there is nothing to send.
        Ok(Value::Null) => Ok(Map::new()),
        Ok(_) | Err(_) => Err(RequestError::InvalidJson),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_foreign_cookie_of_the_corpus_hides_ours() {
        let corpus = include_bytes!("../../../tests/corpus/cookies.txt");
        let lines = corpus
            .split(|byte| *byte == b'\n')
            .filter(|line| !line.is_empty());
        let mut count = 0;
        for line in lines.filter(|line| !line.starts_with(b"#")) {
            let found: Vec<_> = cookies_in(line)
                .filter(|cookie| cookie.name.starts_with("nbdt_"))
                .map(|cookie| (cookie.name, cookie.value))
                .collect();

            let ours = [("nbdt_abc".to_owned(), "value-1".to_owned())];
            assert_eq!(found, ours, "{}", String::from_utf8_lossy(line));
            count += 1;
        }
        assert!(count > 15, "{count}");
    }
}
