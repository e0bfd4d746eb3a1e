//! Tokens: nothing without our signature is believed, no text is both a session and a bridge token, and what is
//! believed can be calculated with.

#![no_main]

use std::sync::LazyLock;

use jsonwebtoken::{Algorithm, EncodingKey, Header, encode};
use libfuzzer_sys::fuzz_target;
use nocobase_dingtalk::nocobase::UserId;
use nocobase_dingtalk::session::{Claims, SessionSecret};
use serde_json::{Value, json};
use uuid::Uuid;

const SECRET: &[u8] = b"a secret of the fuzzer";
const NOW: i64 = 1_763_600_000;
const FAMILY: [Algorithm; 3] = [Algorithm::HS256, Algorithm::HS384, Algorithm::HS512];

static OURS: LazyLock<SessionSecret> = LazyLock::new(|| SessionSecret::new(SECRET));
static GOOD: LazyLock<[String; 2]> = LazyLock::new(|| {
    let session = Claims {
        user_id: UserId(7),
        temp: true,
        iat: NOW,
        sign_in_time: NOW * 1000,
        exp: NOW + 86_400,
        jti: Uuid::from_u128(1),
    };
    let bridge = json!({"aud": "nocobase-dingtalk", "iat": NOW, "exp": NOW + 60, "actor": 7});
    [OURS.sign(&session).unwrap(), signed(Algorithm::HS256, &bridge)]
});

fn signed(algorithm: Algorithm, claims: &Value) -> String {
    encode(&Header::new(algorithm), claims, &EncodingKey::from_secret(SECRET)).unwrap()
}

fuzz_target!(|input: (usize, u8, &str)| {
    let (position, change, text) = input;
    if !GOOD.iter().any(|good| good == text) {
        refused(text);
    }
    for good in GOOD.iter() {
        let mut changed = good.clone().into_bytes();
        let position = position % changed.len();
        changed[position] ^= change & 0x7f;
        let changed = String::from_utf8(changed).unwrap();
        if changed != *good {
            refused(&changed);
        }
        // Another header or other claims before a good signature, and no signature.
        let parts: Vec<&str> = good.split('.').collect();
        if !parts.contains(&text) {
            refused(&format!("{text}.{}.{}", parts[1], parts[2]));
            refused(&format!("{}.{text}.{}", parts[0], parts[2]));
            refused(&format!("{}.{}.{text}", parts[0], parts[1]));
        }
    }
    if let Ok(claims @ Value::Object(_)) = serde_json::from_str(text) {
        believed(&signed(FAMILY[position % 3], &claims));
    }
});

fn refused(token: &str) {
    assert!(OURS.verify(token).is_err(), "{token}");
    assert!(OURS.verify_bridge(token, NOW).is_err(), "{token}");
}

/// Signed with our secret, so what it says is NocoBase's word.
fn believed(token: &str) {
    let session = OURS.verify(token);
    let bridge = OURS.verify_bridge(token, NOW);
    assert!(
        session.is_err() || bridge.is_err(),
        "both a session and a bridge token"
    );
    if let Ok(claims) = session {
        // As sessions calculate, with policies of a century.
        const CENTURY: i64 = 3_155_760_000_000;
        for milliseconds in [
            claims.iat.checked_mul(1000),
            claims.exp.checked_mul(1000),
            Some(claims.sign_in_time),
        ] {
            let milliseconds = milliseconds.expect("in bounds");
            assert!(
                milliseconds.checked_add(CENTURY).is_some() && milliseconds.checked_sub(CENTURY).is_some()
            );
            assert!((NOW * 1000 + CENTURY).checked_sub(milliseconds).is_some());
        }
        assert!(claims.temp);
    }
    if let Ok(claims) = bridge {
        let _user = claims.user();
    }
    assert!(OURS.verify_bridge(token, NOW + 3600).is_err() || OURS.verify_bridge(token, NOW - 3600).is_err());
}
