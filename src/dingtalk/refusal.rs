//! A refusal: how DingTalk says no, in the words of its two generations of APIs.
//!
//! The newer API has a status and `{"code", "message", "requestid", "accessdenieddetail"}`. The older one answers 200
//! and `{"errcode", "errmsg", "request_id"}`, where 88 means that its gateway refused and the reason stands in
//! `sub_code`, or only inside `errmsg`. The egress of either may be blocked with `{"source": "x5"}`. Messages are for
//! people and change; only codes are looked at.

use std::time::Duration;

use serde_json::{Map, Value};

use super::call::Call;
use super::error::{ErrorKind, Fault};
use super::raw_answer::RawAnswer;

/// DingTalk counts by the second.
const PER_SECOND: Duration = Duration::from_secs(1);
/// And some of its limits by the minute.
const PER_MINUTE: Duration = Duration::from_mins(1);
/// How long an address stays blocked after 10 000 calls within 20 s; asking sooner is known not to help.
const BLOCKED: Duration = Duration::from_mins(5);
/// The longest word of DingTalk's that is passed on.
const WORD: usize = 80;

/// The error an object stands for; `None` when it is no refusal.
pub(super) fn refusal(call: Call, answer: &RawAnswer, body: &Map<String, Value>) -> Option<ErrorKind> {
    if body.get("source").and_then(Value::as_str) == Some("x5") {
        return Some(ErrorKind::Throttled { retry_after: BLOCKED });
    }
    let code = code(body)?;
    Some(match code.as_str() {
        // Codes for a rate begin like those for a missing permission, so they come first.
        limit if limit.starts_with("Forbidden.AccessDenied.Qps") && limit.contains("Limit") => {
            let retry_after = answer.retry_after.unwrap_or(PER_SECOND);
            ErrorKind::Throttled { retry_after }
        }
        limit if limit.starts_with("Forbidden.AccessDenied.Qpm") && limit.contains("Limit") => {
            let retry_after = answer.retry_after.unwrap_or(PER_MINUTE);
            ErrorKind::Throttled { retry_after }
        }
        _ if answer.status == 429 || is_legacy_throttle(&code) => {
            let retry_after = answer.retry_after.unwrap_or(PER_SECOND);
            ErrorKind::Throttled { retry_after }
        }
        "Forbidden.AccessDenied.ApiCountLimitForOrg" | "90020" => ErrorKind::QuotaUsedUp,
        // "System busy" does not say whether an authorization code was used, but a question can be asked again.
        "-1" if !call.redeems_a_code() => {
            let retry_after = answer.retry_after.unwrap_or(PER_SECOND);
            ErrorKind::Throttled { retry_after }
        }
        _ if answer.status == 504 => ErrorKind::TimedOut,
        // The gateway waited 3 s for what stands behind it; 88 without a reason is its own authentication.
        "15" | "88" => ErrorKind::TimedOut,
        "invalidParameter.authCode.notFound" | "40029" | "40078" | "42003" => ErrorKind::CodeRejected,
        "invalidParameter.idOrSecret.notFound"
        | "invalidClientIdOrSecret"
        | "invalid.client"
        | "unauthorized.client"
        | "authFailed"
        | "40089"
        | "40096" => ErrorKind::CredentialsRejected,
        "InvalidAuthentication" | "accesstoken.expired" | "40001" | "40014" | "42001" => {
            ErrorKind::TokenRejected
        }
        "Forbidden.AccessDenied.IpNotInWhiteList" | "60020" => ErrorKind::IpNotAllowed,
        "Forbidden.AccessDenied.AccessTokenPermissionDenied" | "60011"
            if !permissions(call, body).is_empty() =>
        {
            ErrorKind::PermissionMissing(permissions(call, body))
        }
        "50002" | "50004" => ErrorKind::NotInScope,
        "40079" => ErrorKind::AppNotVisible,
        "50003" | "50005" => ErrorKind::AppUnavailable,
        _ if has_unreadable_number(body) => ErrorKind::Malformed(Fault::Field("errcode")),
        _ => {
            let code = sanitized(&code).unwrap_or_else(|| "unknown".to_owned());
            ErrorKind::Refused {
                code,
                status: answer.status,
            }
        }
    })
}

/// The body's own number of the request, else the header's.
pub(super) fn request_id(answer: &RawAnswer, body: &Map<String, Value>) -> Option<String> {
    ["requestid", "request_id", "requestId"]
        .iter()
        .find_map(|name| body.get(*name)?.as_str().and_then(sanitized))
        .or_else(|| answer.request_id.clone())
}

/// A word of DingTalk's that may stand in a log line: `[A-Za-z0-9._-]`, 80 characters; `None` when nothing is left.
pub(super) fn sanitized(word: &str) -> Option<String> {
    let word: String = word
        .chars()
        .filter(|c| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-'))
        .take(WORD)
        .collect();
    (!word.is_empty()).then_some(word)
}

/// A number that the documentation's samples also print as a string.
pub(super) fn text(value: &Value) -> Option<String> {
    value
        .as_str()
        .map(|text| text.trim().to_owned())
        .or_else(|| value.as_number().map(ToString::to_string))
}

/// `None` when the object claims success.
fn code(body: &Map<String, Value>) -> Option<String> {
    if let Some(errcode) = body.get("errcode") {
        // Neither a number nor a text is no success either.
        let errcode = text(errcode).unwrap_or_default();
        return match errcode.as_str() {
            "0" => None,
            "88" => Some(sub_code(body).unwrap_or(errcode)),
            _ => Some(errcode),
        };
    }
    body.get("code").map(|code| text(code).unwrap_or_default())
}

/// The older API numbers its refusals; anything else is no answer, and says nothing that lasts.
fn has_unreadable_number(body: &Map<String, Value>) -> bool {
    let errcode = body
        .get("errcode")
        .map(|errcode| text(errcode).unwrap_or_default());
    errcode.is_some_and(|errcode| errcode.parse::<i64>().is_err())
}

fn sub_code(body: &Map<String, Value>) -> Option<String> {
    body.get("sub_code")
        .and_then(text)
        .filter(|code| !code.is_empty())
        .or_else(|| {
            let message = body.get("errmsg")?.as_str()?;
            let (_, rest) = message.split_once("subcode=")?;
            let digits: String = rest.chars().take_while(char::is_ascii_digit).collect();
            (!digits.is_empty()).then_some(digits)
        })
}

fn is_legacy_throttle(code: &str) -> bool {
    code.parse()
        .is_ok_and(|code: u32| (90_001..=90_019).contains(&code))
}

/// The names in `accessdenieddetail`, or those in the text of the older API, or the one that the call is known to take.
fn permissions(call: Call, body: &Map<String, Value>) -> Vec<String> {
    const MOST: usize = 10;
    let listed = body
        .get("accessdenieddetail")
        .and_then(|detail| detail.get("requiredScopes"))
        .and_then(Value::as_array)
        .map(|names| names.iter().filter_map(Value::as_str).collect::<Vec<_>>());
    let names = listed.unwrap_or_else(|| {
        ["sub_msg", "errmsg"]
            .iter()
            .filter_map(|name| body.get(*name)?.as_str())
            .find_map(named_in_text)
            .unwrap_or_default()
    });
    let permissions: Vec<String> = names.into_iter().filter_map(sanitized).take(MOST).collect();
    if permissions.is_empty() {
        call.permission().map(str::to_owned).into_iter().collect()
    } else {
        permissions
    }
}

fn named_in_text(message: &str) -> Option<Vec<&str>> {
    // Two wordings are known; both may stand in one message.
    let (_, rest) = message
        .split_once("requiredScopes=[")
        .or_else(|| message.split_once("：["))?;
    let (names, _) = rest.split_once(']')?;
    Some(names.split(',').collect())
}
