//! The two signed tokens: NocoBase's session token and the token by which the bridge is recognised.
//!
//! Both are signed with the one secret that NocoBase and the sidecar share. Neither is accepted in
//! the other's place: a bridge token has an audience and no `temp`, a session token the reverse.

use std::fmt;
use std::ops::RangeInclusive;
use std::sync::Arc;

use chrono::{DateTime, Utc};
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, Validation, decode, encode};
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use uuid::Uuid;

use super::hmac;
use crate::nocobase::UserId;

/// The `aud` of a bridge token.
pub const BRIDGE_AUDIENCE: &str = "nocobase-dingtalk";

/// The `aud` of a token by which NocoBase knows changes for ours.
const CHANGES_AUDIENCE: &str = "nocobase-dingtalk-changes";

/// NocoBase's HMAC secret, ready to sign and to verify; it cannot print itself.
#[derive(Clone)]
pub struct SessionSecret {
    encoding: EncodingKey,
    decoding: DecodingKey,
    of_session: Arc<Validation>,
    of_bridge: Arc<Validation>,
    is_short: bool,
}

/// Why a token was not accepted, or could not be made.
#[derive(Debug, thiserror::Error)]
pub enum TokenError {
    /// The text is no token, the signature differs, or the claims are not those of this kind of token.
    #[error("the token is not valid")]
    Invalid(#[source] Option<jsonwebtoken::errors::Error>),
    /// The signature is right, and the bridge token's sixty seconds are over or have not begun: two clocks differ.
    #[error("the token is not of this time")]
    Expired,
}

/// What an interactive session token says, in NocoBase's spelling.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Claims {
    /// The user; NocoBase on MariaDB writes it as text.
    #[serde(deserialize_with = "number_or_text")]
    pub user_id: UserId,
    /// True for a session, absent for an API key.
    #[serde(default)]
    pub temp: bool,
    /// When this token was signed, in seconds.
    pub iat: i64,
    /// When the session began, in milliseconds.
    pub sign_in_time: i64,
    /// When this token ends, in seconds.
    pub exp: i64,
    /// The identifier under which the token is renewed and blocked.
    pub jti: Uuid,
}

/// What the bridge says of the request it forwards.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct BridgeClaims {
    /// The signed-in NocoBase user, where there is one. Not `userId`: NocoBase would take the token for an API key.
    #[serde(default)]
    pub actor: Option<serde_json::Value>,
    /// The public origin as NocoBase sees it.
    #[serde(default)]
    pub origin: Option<String>,
    /// The raw `Host` header of the request.
    #[serde(default)]
    pub host: Option<String>,
    /// The raw forwarding headers of the request.
    #[serde(default)]
    pub forwarded: Forwarded,
    /// The address of the socket that NocoBase accepted.
    #[serde(default)]
    pub peer: Option<String>,
    /// The bridge's version.
    #[serde(default)]
    pub bridge: Option<String>,
    /// NocoBase's API base path.
    #[serde(default)]
    pub api: Option<String>,
    /// NocoBase's application name.
    #[serde(default)]
    pub app: Option<String>,
    /// The path of NocoBase's sign-in page, which moves with its version and its settings.
    #[serde(default, rename = "signIn")]
    pub sign_in: Option<String>,
    exp: i64,
    iat: i64,
    #[serde(default)]
    nbf: Option<i64>,
    #[serde(default)]
    temp: bool,
}

/// What a token says by which NocoBase knows changes for ours.
#[derive(Serialize)]
struct ChangesClaims {
    aud: &'static str,
    iat: i64,
    exp: i64,
    digest: String,
}

/// Forwarding headers as they arrived at NocoBase.
#[derive(Clone, Debug, Default, Deserialize)]
pub struct Forwarded {
    /// `X-Forwarded-For`.
    #[serde(default, rename = "for")]
    pub for_: Option<String>,
    /// `X-Forwarded-Proto`.
    #[serde(default)]
    pub proto: Option<String>,
    /// `X-Forwarded-Host`.
    #[serde(default)]
    pub host: Option<String>,
    /// `Forwarded` of RFC 7239.
    #[serde(default)]
    pub standard: Option<String>,
}

impl BridgeClaims {
    /// The signed-in user's id, which NocoBase may give as number or text.
    pub fn user(&self) -> Option<UserId> {
        let value = self.actor.as_ref()?;
        value
            .as_i64()
            .or_else(|| value.as_str()?.parse().ok())
            .map(UserId)
    }
}

/// HMAC-SHA256 gains nothing by a key of more bytes, and loses by one of fewer.
const SHORT: usize = 32;

impl SessionSecret {
    /// Takes the secret as NocoBase uses it: bytes, not decoded from anything.
    pub fn new(bytes: &[u8]) -> Self {
        hmac::provide();
        let mut of_session = hmac_validation();
        of_session.validate_aud = false;
        let mut of_bridge = hmac_validation();
        of_bridge.set_audience(&[BRIDGE_AUDIENCE]);
        of_bridge.set_required_spec_claims(&["aud", "exp"]);
        Self {
            encoding: EncodingKey::from_secret(bytes),
            decoding: DecodingKey::from_secret(bytes),
            of_session: Arc::new(of_session),
            of_bridge: Arc::new(of_bridge),
            is_short: bytes.len() < SHORT,
        }
    }

    /// Whether it is so short that who has a signed token may find it by trying.
    pub fn is_short(&self) -> bool {
        self.is_short
    }

    /// Signs a session token as NocoBase does.
    pub fn sign(&self, claims: &Claims) -> Result<String, TokenError> {
        encode(&Header::new(Algorithm::HS256), claims, &self.encoding)
            .map_err(|error| TokenError::Invalid(Some(error)))
    }

    /// Signs changes that NocoBase is to make: this body, and no other, within a minute.
    pub fn sign_changes(&self, body: &[u8], now: DateTime<Utc>) -> Result<String, TokenError> {
        let claims = ChangesClaims {
            aud: CHANGES_AUDIENCE,
            iat: now.timestamp(),
            exp: now.timestamp() + MAX_BRIDGE_SECONDS,
            digest: hex::encode(Sha256::digest(body)),
        };
        encode(&Header::new(Algorithm::HS256), &claims, &self.encoding)
            .map_err(|error| TokenError::Invalid(Some(error)))
    }

    /// Reads a session token; how old it may be is the token policy's to say.
    pub fn verify(&self, token: &str) -> Result<Claims, TokenError> {
        let claims = decode::<serde_json::Value>(token, &self.decoding, &self.of_session)
            .map_err(|error| TokenError::Invalid(Some(error)))?
            .claims;
        if claims.get("aud").is_some() {
            return Err(TokenError::Invalid(None));
        }
        let claims: Claims = serde_json::from_value(claims).map_err(|_| TokenError::Invalid(None))?;
        let times = [claims.iat, claims.exp, claims.sign_in_time / 1000];
        if claims.temp && times.iter().all(|time| TIMES.contains(time)) {
            Ok(claims)
        } else {
            Err(TokenError::Invalid(None))
        }
    }

    /// Reads a bridge token. Its `exp` is compared with `now`, in seconds.
    pub fn verify_bridge(&self, token: &str, now: i64) -> Result<BridgeClaims, TokenError> {
        let claims = decode::<BridgeClaims>(token, &self.decoding, &self.of_bridge)
            .map_err(|error| TokenError::Invalid(Some(error)))?
            .claims;
        let life = 1..=MAX_BRIDGE_SECONDS;
        let is_of_another_app = claims.app.as_deref().is_some_and(|app| app != SERVED_APP);
        if claims.temp || is_of_another_app || !life.contains(&claims.exp.saturating_sub(claims.iat)) {
            return Err(TokenError::Invalid(None));
        }
        let begins = claims.nbf.unwrap_or(claims.iat).max(claims.iat);
        if now > claims.exp.saturating_add(LEEWAY_SECONDS) || begins > now.saturating_add(LEEWAY_SECONDS) {
            return Err(TokenError::Expired);
        }
        Ok(claims)
    }
}

/// The seconds from 1970 to the year 9999: whatever is calculated with them stays a number.
const TIMES: RangeInclusive<i64> = 0..=253_402_300_799;
/// NocoBase's application that the plugin works in; session tokens do not say theirs.
const SERVED_APP: &str = "main";
/// The longest life of a bridge token that is believed.
const MAX_BRIDGE_SECONDS: i64 = 60;
/// How far the clocks of NocoBase's machine and ours may differ.
const LEEWAY_SECONDS: i64 = 30;

/// NocoBase signs with HS256 and accepts the whole family. Times are compared with our own clock.
fn hmac_validation() -> Validation {
    let mut validation = Validation::new(Algorithm::HS256);
    validation.validate_exp = false;
    validation.algorithms = vec![Algorithm::HS256, Algorithm::HS384, Algorithm::HS512];
    validation.set_required_spec_claims::<&str>(&[]);
    validation
}

fn number_or_text<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<UserId, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Either {
        Number(i64),
        Text(String),
    }
    match Either::deserialize(deserializer)? {
        Either::Number(id) => Ok(UserId(id)),
        Either::Text(text) => text.parse().map(UserId).map_err(serde::de::Error::custom),
    }
}

impl fmt::Debug for SessionSecret {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("SessionSecret(..)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn secret() -> SessionSecret {
        SessionSecret::new(b"a secret of the tests")
    }

    fn claims() -> Claims {
        Claims {
            user_id: UserId(7),
            temp: true,
            iat: 1_763_600_000,
            sign_in_time: 1_763_600_000_123,
            exp: 1_763_686_400,
            jti: Uuid::from_u128(1),
        }
    }

    fn signed(claims: &serde_json::Value) -> String {
        encode(&Header::new(Algorithm::HS256), claims, &secret().encoding).unwrap()
    }

    #[test]
    fn a_session_token_comes_back_as_it_was_signed() {
        let token = secret().sign(&claims()).unwrap();

        assert_eq!(secret().verify(&token).unwrap(), claims());
    }

    #[test]
    fn a_user_id_written_as_text_is_read() {
        let mut value = serde_json::to_value(claims()).unwrap();
        value["userId"] = json!("7");

        assert_eq!(secret().verify(&signed(&value)).unwrap().user_id, UserId(7));
    }

    #[test]
    fn a_token_of_another_secret_is_refused() {
        let token = SessionSecret::new(b"another").sign(&claims()).unwrap();

        assert!(secret().verify(&token).is_err());
    }

    #[test]
    fn an_unsigned_token_is_refused() {
        // {"alg":"none","typ":"JWT"} in front of otherwise good claims.
        let token = secret().sign(&claims()).unwrap();
        let payload = token.split('.').nth(1).unwrap();

        assert!(
            secret()
                .verify(&format!("eyJhbGciOiJub25lIiwidHlwIjoiSldUIn0.{payload}."))
                .is_err()
        );
    }

    #[test]
    fn a_bridge_token_is_no_session_and_a_session_no_bridge_token() {
        let now = claims().iat;
        let bridge = signed(&json!({"aud": BRIDGE_AUDIENCE, "iat": now, "exp": now + 60, "actor": 7}));
        let both = signed(
            &json!({"aud": BRIDGE_AUDIENCE, "iat": now, "exp": now + 60, "userId": 7,
            "temp": true, "signInTime": 1, "jti": Uuid::from_u128(1)}),
        );

        assert_eq!(
            secret().verify_bridge(&bridge, now).unwrap().user(),
            Some(UserId(7))
        );
        assert!(secret().verify(&bridge).is_err());
        assert!(secret().verify(&both).is_err());
        assert!(secret().verify_bridge(&both, now).is_err());
        assert!(
            secret()
                .verify_bridge(&secret().sign(&claims()).unwrap(), now)
                .is_err()
        );
    }

    #[test]
    fn a_token_for_changes_is_neither_a_session_nor_a_bridge_token() {
        let now = DateTime::from_timestamp(1_763_600_000, 0).unwrap();

        let token = secret().sign_changes(b"{}", now).unwrap();

        assert!(secret().verify(&token).is_err());
        assert!(secret().verify_bridge(&token, now.timestamp()).is_err());
        let again = secret().sign_changes(b"{ }", now).unwrap();
        assert_ne!(token, again);
    }

    #[test]
    fn a_bridge_token_ends_and_cannot_be_made_to_last() {
        let now = 1_763_600_000;
        let old = signed(&json!({"aud": BRIDGE_AUDIENCE, "iat": now - 200, "exp": now - 140}));
        let long = signed(&json!({"aud": BRIDGE_AUDIENCE, "iat": now, "exp": now + 3600}));

        assert!(matches!(
            secret().verify_bridge(&old, now),
            Err(TokenError::Expired)
        ));
        assert!(matches!(
            secret().verify_bridge(&long, now),
            Err(TokenError::Invalid(None))
        ));
    }

    #[test]
    fn a_bridge_token_of_another_application_or_of_no_time_at_all_is_refused() {
        let now = 1_763_600_000;
        let refused = |claims: serde_json::Value| secret().verify_bridge(&signed(&claims), now).unwrap_err();
        for claims in [
            json!({"aud": BRIDGE_AUDIENCE, "iat": now, "exp": now + 60, "app": "a_sub_app"}),
            json!({"aud": BRIDGE_AUDIENCE, "iat": now, "exp": now + 60, "app": ""}),
            json!({"aud": BRIDGE_AUDIENCE, "iat": now + 10, "exp": now}),
            json!({"aud": BRIDGE_AUDIENCE, "iat": now, "exp": now}),
        ] {
            assert!(
                matches!(refused(claims.clone()), TokenError::Invalid(None)),
                "{claims}"
            );
        }
        for claims in [
            json!({"aud": BRIDGE_AUDIENCE, "iat": now, "exp": now + 60, "nbf": now + 31}),
            json!({"aud": BRIDGE_AUDIENCE, "iat": now, "exp": now + 60, "nbf": i64::MAX}),
            json!({"aud": BRIDGE_AUDIENCE, "iat": now + 120, "exp": now + 180}),
            json!({"aud": BRIDGE_AUDIENCE, "iat": now - 120, "exp": now - 60}),
        ] {
            assert!(matches!(refused(claims.clone()), TokenError::Expired), "{claims}");
        }
        let good =
            signed(&json!({"aud": BRIDGE_AUDIENCE, "iat": now, "exp": now + 60, "nbf": now, "app": "main"}));
        assert!(secret().verify_bridge(&good, now).is_ok());
    }

    #[test]
    fn times_beyond_all_calculation_are_refused() {
        let now = claims().iat;
        for (iat, exp) in [(-10, i64::MAX), (i64::MIN, i64::MAX), (now, i64::MAX)] {
            let bridge = signed(&json!({"aud": BRIDGE_AUDIENCE, "iat": iat, "exp": exp}));

            assert!(secret().verify_bridge(&bridge, now).is_err(), "{iat} {exp}");
        }
        for field in ["iat", "exp", "signInTime"] {
            for time in [i64::MIN, -1_000, i64::MAX] {
                let mut value = serde_json::to_value(claims()).unwrap();
                value[field] = json!(time);

                assert!(secret().verify(&signed(&value)).is_err(), "{field} {time}");
            }
        }
    }
}
