//! A request to the API, reduced to what its operations look at.

use std::net::IpAddr;

use actix_web::HttpRequest;
use actix_web::http::header::{CONTENT_TYPE, HeaderMap};
use serde_json::{Map, Value};

use super::answer::Refusal;

/// Header that carries a token to the new API.
pub const TOKEN_HEADER: &str = "x-acs-dingtalk-access-token";

/// What operations look at.
#[derive(Debug)]
pub struct ApiRequest {
    /// Who connects.
    pub peer: Option<IpAddr>,
    /// Whom the client believes to speak with.
    pub host: Option<String>,
    /// The variable part of the path, where it has one.
    pub subject: Option<String>,
    token: Option<String>,
    query: Vec<(String, String)>,
    body: Option<Map<String, Value>>,
}

impl ApiRequest {
    /// Reads one; a body counts only as a JSON object that is declared as JSON.
    pub fn read(request: &HttpRequest, body: &[u8]) -> Self {
        let token = request
            .headers()
            .get(TOKEN_HEADER)
            .and_then(|value| value.to_str().ok());
        Self {
            peer: request.peer_addr().map(|address| address.ip()),
            host: request
                .headers()
                .get("Host")
                .and_then(|host| host.to_str().ok())
                .map(str::to_owned),
            subject: request.match_info().get("subject").map(str::to_owned),
            token: token.filter(|token| !token.is_empty()).map(str::to_owned),
            query: serde_urlencoded::from_str(request.query_string()).unwrap_or_default(),
            body: declares_json(request.headers())
                .then(|| serde_json::from_slice(body).ok())
                .flatten(),
        }
    }

    /// The token in the header of the new API.
    pub fn header_token(&self) -> Option<&str> {
        self.token.as_deref()
    }

    /// A parameter of the query that is not empty.
    pub fn query(&self, name: &str) -> Option<&str> {
        let (_, value) = self
            .query
            .iter()
            .find(|(key, value)| key == name && !value.is_empty())?;
        Some(value)
    }

    /// A text field of the body that is not empty.
    pub fn field(&self, name: &str) -> Option<&str> {
        self.body
            .as_ref()?
            .get(name)?
            .as_str()
            .filter(|text| !text.is_empty())
    }

    /// A number in the body.
    pub fn number(&self, name: &str) -> Option<i64> {
        self.body.as_ref()?.get(name)?.as_i64()
    }

    /// A list in the body.
    pub fn list(&self, name: &str) -> Option<&Vec<Value>> {
        self.body.as_ref()?.get(name)?.as_array()
    }

    /// Whether a field of the body says yes.
    pub fn flag(&self, name: &str) -> bool {
        self.body.as_ref().and_then(|body| body.get(name)) == Some(&Value::Bool(true))
    }

    /// Whether a field stands in the body at all.
    pub fn has(&self, name: &str) -> bool {
        self.body.as_ref().is_some_and(|body| body.get(name).is_some())
    }

    /// A text field the new API insists on.
    pub fn mandatory(&self, name: &str) -> Result<&str, Refusal> {
        if self.body.is_none() {
            return Err(Refusal::missing("body"));
        }
        self.field(name).ok_or_else(|| Refusal::missing(name))
    }
}

/// Whether the body is declared as JSON.
pub fn declares_json(headers: &HeaderMap) -> bool {
    let declared = headers
        .get(CONTENT_TYPE)
        .and_then(|value| value.to_str().ok())
        .unwrap_or_default();
    declared
        .split(';')
        .next()
        .is_some_and(|media| media.trim().eq_ignore_ascii_case("application/json"))
}
