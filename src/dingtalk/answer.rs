//! An answer understood: DingTalk's JSON turned into values, or into the error it stands for.
//!
//! Lenient where DingTalk is loose (numbers and booleans as text, empty fields), strict where an identity depends on
//! it. A status of 200 means nothing here: only an object without an error code and with every needed field is a
//! success.

use std::collections::BTreeSet;
use std::time::Duration;

use secrecy::SecretString;
use serde_json::{Map, Value};

use super::call::Call;
use super::error::{DingTalkError, ErrorKind, Fault};
use super::identity::{ClientUser, DingTalkUserId, Member, Profile, UnionId, UserAccessToken};
pub use super::raw_answer::RawAnswer;
use super::refusal::{refusal, request_id, text};
use super::surrogates::mended;

type Object = Map<String, Value>;

/// No token seen is longer than a hundred characters.
const TOKEN_BYTES: usize = 4096;
/// Documented as two hours.
const LONGEST_LIFE: Duration = Duration::from_hours(24);

/// A fresh app access token and how long it lives.
#[derive(Debug)]
pub struct IssuedAppToken {
    /// What the older API wants.
    pub token: SecretString,
    /// From now on.
    pub lifetime: Duration,
}

/// The answer to a redeemed code.
pub fn user_access_token(answer: &RawAnswer) -> Result<UserAccessToken, DingTalkError> {
    understood(Call::UserAccessToken, answer, |body| {
        Ok(UserAccessToken {
            token: token(body)?,
            corp_id: optional(body, "corpId"),
        })
    })
}

/// The answer to a profile request.
pub fn profile(answer: &RawAnswer) -> Result<Profile, DingTalkError> {
    understood(Call::Profile, answer, |body| {
        let union_id = body
            .get("unionId")
            .and_then(Value::as_str)
            .and_then(UnionId::parse);
        Ok(Profile {
            union_id: union_id.ok_or(Fault::Field("unionId"))?,
            open_id: optional(body, "openId"),
            nick: optional(body, "nick").map(without_controls),
            mobile: optional(body, "mobile"),
            state_code: optional(body, "stateCode").map(|code| code.trim_start_matches('+').to_owned()),
            avatar_url: optional(body, "avatarUrl"),
            email: optional(body, "email"),
            visitor: body.get("visitor").is_some_and(is_true),
        })
    })
}

/// The answer to a request for the app's own credential.
pub fn app_access_token(answer: &RawAnswer) -> Result<IssuedAppToken, DingTalkError> {
    understood(Call::AppAccessToken, answer, |body| {
        let seconds = body
            .get("expireIn")
            .and_then(text)
            .and_then(|text| text.parse().ok());
        let lifetime = Duration::from_secs(seconds.ok_or(Fault::Field("expireIn"))?).min(LONGEST_LIFE);
        Ok(IssuedAppToken {
            token: token(body)?,
            lifetime,
        })
    })
}

/// The answer about a member's id; `None` for somebody who is none.
pub fn user_id(answer: &RawAnswer) -> Result<Option<DingTalkUserId>, DingTalkError> {
    unless_gone(understood(Call::UserIdByUnionId, answer, |body| {
        let result = result(body)?;
        match result.get("contact_type").and_then(text).as_deref() {
            Some("0") => own_user_id(result).map(Some),
            // An external contact: somebody the organization knows, not somebody in it.
            Some("1") => Ok(None),
            Some(_) | None => Err(Fault::Field("contact_type")),
        }
    }))
}

/// The answer to a redeemed code of the client.
pub fn client_user(answer: &RawAnswer) -> Result<ClientUser, DingTalkError> {
    understood(Call::UserInfo, answer, |body| {
        let result = result(body)?;
        Ok(ClientUser {
            user_id: own_user_id(result)?,
            union_id: result
                .get("unionid")
                .and_then(Value::as_str)
                .and_then(UnionId::parse)
                .ok_or(Fault::Field("unionid"))?,
            name: optional(result, "name").map(without_controls),
        })
    })
}

/// The directory's entry of a member; `None` for somebody who is none.
pub fn member(answer: &RawAnswer) -> Result<Option<Member>, DingTalkError> {
    unless_gone(understood(Call::UserDetails, answer, |body| {
        let result = result(body)?;
        Ok(Some(Member {
            user_id: own_user_id(result)?,
            mobile: optional(result, "mobile"),
            state_code: optional(result, "state_code").map(|code| code.trim_start_matches('+').to_owned()),
            title: optional(result, "title"),
            avatar_url: optional(result, "avatar"),
            is_administrator: ["admin", "boss"]
                .iter()
                .any(|flag| result.get(*flag).is_some_and(is_true)),
        }))
    }))
}

/// The departments of a member, each with those above it; `None` for somebody who is none. Every member belongs to one.
pub fn departments(answer: &RawAnswer) -> Result<Option<BTreeSet<i64>>, DingTalkError> {
    const FIELD: Fault = Fault::Field("parent_list");
    unless_gone(understood(Call::DepartmentsOfUser, answer, |body| {
        let paths = result(body)?.get("parent_list").and_then(Value::as_array);
        let mut departments = BTreeSet::new();
        for path in paths.ok_or(FIELD)? {
            let ids = path.get("parent_dept_id_list").and_then(Value::as_array);
            for id in ids.ok_or(FIELD)? {
                // One that cannot be read may be the one that decides.
                let id = text(id).and_then(|id| id.parse().ok());
                departments.insert(id.ok_or(FIELD)?);
            }
        }
        if departments.is_empty() {
            return Err(FIELD);
        }
        Ok(Some(departments))
    }))
}

/// What the older API has answered.
pub(super) fn result(body: &Object) -> Result<&Object, Fault> {
    known_error_number(body)?;
    body.get("result")
        .and_then(Value::as_object)
        .ok_or(Fault::Field("result"))
}

/// Success is said with a zero; an object without it says nothing.
pub(super) fn known_error_number(body: &Object) -> Result<(), Fault> {
    if body.contains_key("errcode") {
        Ok(())
    } else {
        Err(Fault::Field("errcode"))
    }
}

/// A list that must be there.
pub(super) fn entries<'body>(body: &'body Object, name: &'static str) -> Result<&'body [Value], Fault> {
    let entries = body.get(name).and_then(Value::as_array);
    entries.map(Vec::as_slice).ok_or(Fault::Field(name))
}

pub(super) fn own_user_id(result: &Object) -> Result<DingTalkUserId, Fault> {
    result
        .get("userid")
        .and_then(Value::as_str)
        .and_then(DingTalkUserId::parse)
        .ok_or(Fault::Field("userid"))
}

/// "Does not exist", "not in this organization" and "has left" are answers, too.
pub(super) fn unless_gone<T>(found: Result<Option<T>, DingTalkError>) -> Result<Option<T>, DingTalkError> {
    match found {
        Err(DingTalkError {
            kind: ErrorKind::Refused { code, .. },
            ..
        }) if matches!(code.as_str(), "33012" | "60111" | "60121") => Ok(None),
        found => found,
    }
}

pub(super) fn understood<T>(
    call: Call,
    answer: &RawAnswer,
    read: impl FnOnce(&Object) -> Result<T, Fault>,
) -> Result<T, DingTalkError> {
    // Bytes that are no UTF-8 may stand in a nickname; in an identifier they are refused there.
    let text = String::from_utf8_lossy(&answer.body);
    let parsed: Option<Value> = serde_json::from_str(&text)
        .ok()
        .or_else(|| serde_json::from_str(&mended(&text)?).ok());
    let Some(Value::Object(body)) = parsed else {
        let fault = Fault::NotJson {
            status: answer.status,
        };
        return Err(without_code(answer, fault).at(call, answer.request_id.clone()));
    };
    let failed = |kind: ErrorKind| kind.at(call, request_id(answer, &body));
    if let Some(refusal) = refusal(call, answer, &body) {
        return Err(failed(refusal));
    }
    if !(200..300).contains(&answer.status) {
        let fault = Fault::Status {
            status: answer.status,
        };
        return Err(failed(without_code(answer, fault)));
    }
    read(&body).map_err(|fault| failed(ErrorKind::Malformed(fault)))
}

/// An answer of which only the status says anything: of some gateway, not of DingTalk's logic.
fn without_code(answer: &RawAnswer, fault: Fault) -> ErrorKind {
    const ONE_SECOND: Duration = Duration::from_secs(1);
    match answer.status {
        429 => ErrorKind::Throttled {
            retry_after: answer.retry_after.unwrap_or(ONE_SECOND),
        },
        504 => ErrorKind::TimedOut,
        _ => ErrorKind::Malformed(fault),
    }
}

/// A token is sent back in a header or an address, so it must be able to stand there.
fn token(body: &Object) -> Result<SecretString, Fault> {
    body.get("accessToken")
        .and_then(Value::as_str)
        .filter(|token| !token.is_empty() && token.len() <= TOKEN_BYTES)
        .filter(|token| token.chars().all(|c| c.is_ascii_graphic()))
        .map(SecretString::from)
        .ok_or(Fault::Field("accessToken"))
}

/// A text that may be absent, blank or a number.
pub(super) fn optional(body: &Object, name: &str) -> Option<String> {
    body.get(name).and_then(text).filter(|text| !text.is_empty())
}

pub(super) fn is_true(value: &Value) -> bool {
    value.as_bool().unwrap_or_else(|| {
        value
            .as_str()
            .is_some_and(|text| text.eq_ignore_ascii_case("true"))
    })
}

pub(super) fn without_controls(text: String) -> String {
    if text.chars().any(char::is_control) {
        text.chars().filter(|c| !c.is_control()).collect()
    } else {
        text
    }
}
