//! An answer of the API, in the envelope of its generation.

use std::net::IpAddr;

use serde_json::{Map, Value, json};

use super::call::{CallKind, Generation};
use super::ids::Ids;
use super::limit::Limit;

/// What an operation comes to: the fields of its success, or why not.
pub type Reply = Result<Map<String, Value>, Refusal>;

/// Why an operation is refused, in the words of one generation.
#[derive(Debug)]
pub enum Refusal {
    /// With an HTTP status and a code.
    Open {
        /// HTTP status.
        status: u16,
        /// What a client decides by.
        code: String,
        /// Text for people.
        message: String,
        /// Permissions that would have allowed it.
        required_scopes: Vec<String>,
    },
    /// By the gateway in front of the old API (token, permission, address, limit).
    Gateway {
        /// The number a client decides by.
        number: i64,
        /// Text for people.
        message: String,
    },
    /// By the operation itself.
    Business {
        /// The number a client decides by.
        number: i64,
        /// Text for people.
        message: String,
    },
}

impl Refusal {
    /// A refusal of the new API.
    pub fn open(status: u16, code: &str, message: &str) -> Self {
        Self::Open {
            status,
            code: code.to_owned(),
            message: message.to_owned(),
            required_scopes: Vec::new(),
        }
    }

    /// The new API's word for a field that is not there.
    pub fn missing(name: &str) -> Self {
        Self::open(
            400,
            &format!("Missing{name}"),
            &format!("{name} is mandatory for this action."),
        )
    }

    /// A refusal by the old API's gateway.
    pub fn gateway(number: i64, message: &str) -> Self {
        Self::Gateway {
            number,
            message: message.to_owned(),
        }
    }

    /// A refusal by an operation of the old API.
    pub fn business(number: i64, message: &str) -> Self {
        Self::Business {
            number,
            message: message.to_owned(),
        }
    }

    /// The app lacks a permission.
    pub fn permission(kind: CallKind, permission: &str, client_id: &str) -> Self {
        match kind.generation() {
            Generation::Open => Self::Open {
                status: 403,
                code: "Forbidden.AccessDenied.AccessTokenPermissionDenied".to_owned(),
                message: format!("应用尚未开通所需的权限：[{permission}]"),
                required_scopes: vec![permission.to_owned()],
            },
            Generation::Top | Generation::Bare => Self::gateway(
                60011,
                &format!(
                    "应用尚未开通所需的权限：[{permission}]，点击链接申请并开通即可：https://open-dev.dingtalk.com/appscope/apply?content={client_id}%23{permission}, {{requiredScopes=[{permission}]}}"
                ),
            ),
        }
    }

    /// The caller's address is not allowed.
    pub fn address(kind: CallKind, address: Option<IpAddr>, client_id: &str) -> Self {
        let address = address.map_or_else(|| "unknown".to_owned(), |address| address.to_string());
        match kind.generation() {
            Generation::Open => Self::open(
                403,
                "Forbidden.AccessDenied.IpNotInWhiteList",
                &format!("访问ip不在白名单之中,request ip={address}"),
            ),
            Generation::Top | Generation::Bare => Self::gateway(
                60020,
                &format!("访问ip不在白名单之中,request ip={address} appKey({client_id})"),
            ),
        }
    }

    /// A limit is exceeded.
    pub fn limited(kind: CallKind, limit: Limit) -> Self {
        match kind.generation() {
            Generation::Open => Self::open(403, limit.open_api_code(), "您的请求超过了接口调用频率限制"),
            Generation::Top | Generation::Bare => {
                Self::gateway(limit.old_api_code(), "您的服务器调用钉钉开放平台接口过于频繁")
            }
        }
    }

    /// Name in the list of last events.
    pub fn label(&self) -> String {
        match self {
            Self::Open { code, .. } => code.clone(),
            Self::Gateway { number, .. } => format!("88/{number}"),
            Self::Business { number, .. } => number.to_string(),
        }
    }
}

/// An answer before it goes onto the wire, where a fault may still distort it.
#[derive(Debug)]
pub struct Answer {
    /// HTTP status.
    pub status: u16,
    /// Body.
    pub body: Value,
    /// Identifier in body and header.
    pub request_id: String,
}

impl Answer {
    /// Puts a reply into the envelope of its operation.
    pub fn new(kind: CallKind, reply: Reply, ids: &mut Ids) -> Self {
        match kind.generation() {
            Generation::Open => {
                let request_id = ids.open_api_request();
                let (status, body) = match reply {
                    Ok(fields) => (200, Value::Object(fields)),
                    Err(refusal) => open_envelope(refusal, &request_id),
                };
                Self {
                    status,
                    body,
                    request_id,
                }
            }
            generation @ (Generation::Top | Generation::Bare) => {
                let request_id = ids.old_api_request();
                let mut body = old_envelope(generation, reply);
                if generation == Generation::Top {
                    body.insert("request_id".to_owned(), json!(request_id));
                }
                Self {
                    status: 200,
                    body: Value::Object(body),
                    request_id,
                }
            }
        }
    }
}

fn open_envelope(refusal: Refusal, request_id: &str) -> (u16, Value) {
    match refusal {
        Refusal::Open {
            status,
            code,
            message,
            required_scopes,
        } => {
            let mut body = json!({"requestid": request_id, "code": code, "message": message});
            if !required_scopes.is_empty() {
                body["accessdenieddetail"] = json!({"requiredScopes": required_scopes});
            }
            (status, body)
        }
        Refusal::Gateway { message, .. } | Refusal::Business { message, .. } => (
            500,
            json!({"requestid": request_id, "code": "unknownError", "message": message}),
        ),
    }
}

fn old_envelope(generation: Generation, reply: Reply) -> Map<String, Value> {
    let body = match reply {
        Ok(fields) => {
            let mut body = Map::from_iter([
                ("errcode".to_owned(), json!(0)),
                ("errmsg".to_owned(), json!("ok")),
            ]);
            body.extend(fields);
            return body;
        }
        Err(Refusal::Gateway { number, message }) if generation == Generation::Top => json!({
            "errcode": 88,
            "sub_code": number.to_string(),
            "sub_msg": message,
            "errmsg": format!("ding talk error[subcode={number},submsg={message}]"),
        }),
        Err(Refusal::Gateway { number, message } | Refusal::Business { number, message }) => {
            json!({"errcode": number, "errmsg": message})
        }
        Err(Refusal::Open { message, .. }) => json!({"errcode": -1, "errmsg": message}),
    };
    match body {
        Value::Object(fields) => fields,
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Array(_) => Map::new(),
    }
}
