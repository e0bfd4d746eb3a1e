//! Every input is read as the answer to each of DingTalk's calls: a success has all an identity needs, an error can
//! stand in a log, and what is neither a JSON object nor of a good status is never a success.

#![no_main]

use std::time::Duration;

use libfuzzer_sys::fuzz_target;
use nocobase_dingtalk::dingtalk::answer::{self, RawAnswer};
use nocobase_dingtalk::dingtalk::organization_answer;
use nocobase_dingtalk::dingtalk::{DingTalkError, DingTalkUserId, ErrorKind, UnionId};
use secrecy::ExposeSecret as _;
use serde_json::Value;

const LONGEST_WAIT: Duration = Duration::from_mins(5);

fuzz_target!(|input: (u16, u16, &[u8])| {
    let (status, retry_after, body) = input;
    let answer = RawAnswer {
        // Mostly one of those that mean something.
        status: [200, 400, 429, 500, 504, status][usize::from(status) % 6],
        request_id: Some("header-1".to_owned()),
        retry_after: (retry_after > 0).then(|| Duration::from_secs(u64::from(retry_after)).min(LONGEST_WAIT)),
        body: body.to_vec(),
    };
    let said: Option<Value> = serde_json::from_slice(body).ok().filter(Value::is_object);

    if let Some(token) = success(&answer, said.as_ref(), answer::user_access_token(&answer)) {
        check_token(token.token.expose_secret());
        assert!(token.corp_id.is_none_or(|id| !id.trim().is_empty()));
    }
    if let Some(issued) = success(&answer, said.as_ref(), answer::app_access_token(&answer)) {
        check_token(issued.token.expose_secret());
        assert!(issued.lifetime <= Duration::from_hours(24));
    }
    if let Some(profile) = success(&answer, said.as_ref(), answer::profile(&answer)) {
        assert!(UnionId::parse(profile.union_id.as_str()).is_some());
        assert!(
            !profile
                .nick
                .is_some_and(|nick| nick.chars().any(char::is_control))
        );
        assert!(!profile.state_code.is_some_and(|code| code.starts_with('+')));
    }
    match answer::departments(&answer) {
        Ok(None) => {}
        // Nobody is let past a list of departments by an answer that names none.
        found => {
            let departments = success(&answer, said.as_ref(), found).flatten();
            assert!(departments.is_none_or(|departments| !departments.is_empty()));
        }
    }
    if let Ok(scope) = organization_answer::data_scope(&answer) {
        success(&answer, said.as_ref(), Ok(scope));
    }
    match organization_answer::members_page(1, &answer) {
        // A department that is gone is said in words.
        Ok(None) => {
            let text = String::from_utf8_lossy(body).into_owned();
            assert!(["60003", "\\u"].iter().any(|word| text.contains(word)));
        }
        found => {
            // Everybody on a page is somebody, or the page is none: one fewer would look like a leaver.
            let page = success(&answer, said.as_ref(), found).flatten();
            let listed = said.as_ref().and_then(|said| said["result"]["list"].as_array());
            assert!(page.is_none_or(|page| listed.is_none_or(|listed| listed.len() == page.entries.len())));
        }
    }
    match answer::user_id(&answer) {
        Ok(None) => {
            // "Nobody" is said in words, or with the kind of an external contact.
            let text = String::from_utf8_lossy(body).into_owned();
            assert!(
                ["33012", "60111", "60121", "contact_type", "\\u"]
                    .iter()
                    .any(|word| text.contains(word))
            );
        }
        found => {
            if let Some(Some(id)) = success(&answer, said.as_ref(), found) {
                assert!(DingTalkUserId::parse(id.as_str()).is_some());
            }
        }
    }
});

fn check_token(token: &str) {
    assert!(!token.is_empty() && token.len() <= 4096 && token.bytes().all(|byte| byte.is_ascii_graphic()));
}

/// What the answer gave; an error is looked at here.
fn success<T>(answer: &RawAnswer, said: Option<&Value>, outcome: Result<T, DingTalkError>) -> Option<T> {
    let error = match outcome {
        Ok(value) => {
            assert!((200..300).contains(&answer.status));
            // Bytes that are no UTF-8 are read leniently, so `said` may be missing, and then only because of them.
            if let Some(said) = said {
                assert!(said.get("errcode").is_none_or(|code| code == 0
                    || code.as_str().map(str::trim) == Some("0")
                    || code.to_string() == "0"));
                assert!(said.get("errcode").is_some() || said.get("code").is_none());
                assert!(said.get("source").is_none_or(|source| source != "x5"));
            } else {
                assert!(std::str::from_utf8(&answer.body).is_err());
            }
            return Some(value);
        }
        Err(error) => error,
    };
    let words = format!("{error} {}", error.request_id.as_deref().unwrap_or_default());
    assert!(
        words.len() < 1200 && words.bytes().all(|byte| byte == b' ' || byte.is_ascii_graphic()),
        "{words:?}"
    );
    assert!(error.retry_after().is_none_or(|wait| wait <= LONGEST_WAIT));
    if let ErrorKind::Refused { code, .. } = &error.kind {
        assert!(!code.is_empty() && code.len() <= 80);
    }
    None
}
