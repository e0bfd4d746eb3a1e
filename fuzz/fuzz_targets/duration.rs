//! A duration of NocoBase's token policy is none or lies between nothing and a century, so that it can be added to
//! any time of ours.

#![no_main]

use chrono::{DateTime, TimeDelta};
use libfuzzer_sys::fuzz_target;
use nocobase_dingtalk::session::TokenPolicy;
use nocobase_dingtalk::session::policy::parse_duration;
use serde_json::{Value, json};

fuzz_target!(|text: &str| {
    let duration = parse_duration(text);
    check(duration);
    // A unit may stand apart and in any case; without one, a number counts milliseconds.
    assert_eq!(parse_duration(&text.to_ascii_uppercase()), duration);
    if text.len() <= 98 && text.ends_with(|c: char| c.is_ascii_digit()) {
        assert_eq!(parse_duration(&format!("{text}ms")), duration);
    }
    let policy = |value: &Value| {
        TokenPolicy::parse(&json!({
            "tokenExpirationTime": value, "sessionExpirationTime": value, "expiredTokenRenewLimit": value,
        }))
    };
    assert_eq!(policy(&json!(text)).map(|policy| policy.renew_limit), duration);
    if let Ok(value) = serde_json::from_str(text) {
        check(policy(&value).map(|policy| policy.session_expiration));
    }
});

fn check(duration: Option<TimeDelta>) {
    let Some(duration) = duration else { return };
    assert!(
        (TimeDelta::zero()..=TimeDelta::days(36_600)).contains(&duration),
        "{duration}"
    );
    let year_2200 = DateTime::from_timestamp(7_258_118_400, 0).unwrap();
    assert!(year_2200.checked_add_signed(duration).is_some());
}
