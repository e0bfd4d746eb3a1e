//! NocoBase's token policy: how long tokens and sessions live.

use chrono::TimeDelta;
use serde_json::Value;

/// The row `token-policy-config` of `tokenControlConfig`, read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TokenPolicy {
    /// Life of one token; after it the token must be renewed.
    pub token_expiration: TimeDelta,
    /// Life of the session, counted from the sign-in.
    pub session_expiration: TimeDelta,
    /// How long after its end a token can still be renewed.
    pub renew_limit: TimeDelta,
}

impl TokenPolicy {
    /// Reads NocoBase's JSON; `None` when a duration is missing or is none.
    pub fn parse(config: &Value) -> Option<Self> {
        let duration = |key: &str| match config.get(key)? {
            Value::String(text) => parse_duration(text),
            Value::Number(number) => of_millis(number.as_f64()?),
            Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_) => None,
        };
        Some(Self {
            token_expiration: duration("tokenExpirationTime")?,
            session_expiration: duration("sessionExpirationTime")?,
            renew_limit: duration("expiredTokenRenewLimit")?,
        })
    }
}

/// The grammar of the `ms` package that NocoBase uses: `30m`, `1.5 h`, `7d`; a bare number is milliseconds.
pub fn parse_duration(text: &str) -> Option<TimeDelta> {
    const LONGEST_TEXT: usize = 100;
    if text.is_empty() || text.len() > LONGEST_TEXT {
        return None;
    }
    let end = text
        .find(|c: char| !(c.is_ascii_digit() || c == '.' || c == '-'))
        .unwrap_or(text.len());
    let (number, unit) = text.split_at(end);
    let number: f64 = if number.ends_with('.') {
        None
    } else {
        number.parse().ok()
    }?;
    let millis_per_unit: f64 = match unit.trim_start_matches(' ').to_ascii_lowercase().as_str() {
        "" | "ms" | "msec" | "msecs" | "millisecond" | "milliseconds" => 1.0,
        "s" | "sec" | "secs" | "second" | "seconds" => 1e3,
        "m" | "min" | "mins" | "minute" | "minutes" => 6e4,
        "h" | "hr" | "hrs" | "hour" | "hours" => 3.6e6,
        "d" | "day" | "days" => 8.64e7,
        "w" | "week" | "weeks" => 6.048e8,
        "y" | "yr" | "yrs" | "year" | "years" => 3.155_76e10,
        _ => return None,
    };
    of_millis(number * millis_per_unit)
}

fn of_millis(millis: f64) -> Option<TimeDelta> {
    // A century bounds what follows: sums with points in time cannot overflow.
    const LONGEST_MILLIS: f64 = 3.155_76e12;
    let millis = millis.round();
    if !(0.0..=LONGEST_MILLIS).contains(&millis) {
        return None;
    }
    #[expect(
        clippy::cast_possible_truncation,
        reason = "the range was checked on the line above"
    )]
    TimeDelta::try_milliseconds(millis as i64)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn durations_are_read_as_nocobase_reads_them() {
        for (text, millis) in [
            ("1d", 86_400_000),
            ("7d", 604_800_000),
            ("30m", 1_800_000),
            ("12 hours", 43_200_000),
            ("1.5h", 5_400_000),
            (".5s", 500),
            ("250", 250),
            ("2 Weeks", 1_209_600_000),
        ] {
            assert_eq!(
                parse_duration(text),
                TimeDelta::try_milliseconds(millis),
                "{text}"
            );
        }
    }

    #[test]
    fn what_is_no_duration_is_refused() {
        for text in [
            "",
            "d",
            "1x",
            "1d2h",
            "--1d",
            "-1d",
            "1.",
            "1e99y",
            "99999999999y",
            "NaN",
            "1 d d",
        ] {
            assert_eq!(parse_duration(text), None, "{text}");
        }
    }

    #[test]
    fn numbers_are_milliseconds_within_a_century() {
        let policy = |number: serde_json::Value| {
            let config = serde_json::json!({
                "tokenExpirationTime": number, "sessionExpirationTime": number, "expiredTokenRenewLimit": number,
            });
            TokenPolicy::parse(&config).map(|policy| policy.session_expiration)
        };

        assert_eq!(policy(250.into()), TimeDelta::try_milliseconds(250));
        for number in [i64::MIN, -1, 4_000_000_000_000, i64::MAX] {
            assert_eq!(policy(number.into()), None, "{number}");
        }
    }

    proptest! {
        #[test]
        fn no_text_makes_the_parser_panic(text in ".{0,120}") {
            let _duration = parse_duration(&text);
        }

        #[test]
        fn whole_numbers_of_every_unit_are_exact(count in 0_i64..3_000, unit in prop_oneof![
            Just(("s", 1_000_i64)), Just(("m", 60_000)), Just(("h", 3_600_000)), Just(("d", 86_400_000))]) {
            prop_assert_eq!(parse_duration(&format!("{count}{}", unit.0)), TimeDelta::try_milliseconds(count * unit.1));
        }
    }
}
