//! The cookie of a flow: the flow, sealed under the cookie's name.

use std::borrow::Cow;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chacha20poly1305::aead::{Aead as _, Payload};
use chacha20poly1305::{KeyInit as _, XChaCha20Poly1305, XNonce};
use hkdf::Hkdf;
use secrecy::ExposeSecret as _;
use serde::{Deserialize, Serialize};
use sha2::Sha256;
use uuid::Uuid;
use zeroize::Zeroizing;

use super::flow::{AuthorizedFlow, CompletedFlow, Flow, FlowData, FlowPurpose, PendingFlow, Proof};
use super::return_path::ReturnPath;
use crate::aes_key::AesKey;
use crate::dingtalk::UserAccessToken;
use crate::entropy::Entropy;
use crate::nocobase::UserId;

/// The most a sealed flow may take in the cookie header.
pub const SEALED_LIMIT: usize = 1536;

const COOKIE_PREFIX: &str = "nbdt_";
const HOST_COOKIE_PREFIX: &str = "__Host-nbdt_";
const KEY_PURPOSE: &[u8] = b"nocobase-dingtalk flow cookie v1";
const NONCE_BYTES: usize = 24;
const KEY_BYTES: usize = 32;

/// What a cookie holds. One level: serde reads a flattened part into a tree of its own first.
#[derive(Serialize, Deserialize)]
struct Sealed<'a> {
    #[serde(rename = "i")]
    id: Uuid,
    #[serde(rename = "h", borrow)]
    handle: Cow<'a, str>,
    #[serde(rename = "s", borrow)]
    state: Cow<'a, str>,
    #[serde(rename = "a", borrow)]
    authenticator: Cow<'a, str>,
    #[serde(rename = "r", borrow)]
    return_path: Cow<'a, str>,
    #[serde(rename = "e")]
    ends_at: i64,
    #[serde(rename = "c", default, skip_serializing_if = "Option::is_none")]
    code: Option<Zeroizing<String>>,
    #[serde(rename = "t", default, skip_serializing_if = "Option::is_none")]
    token: Option<Zeroizing<String>>,
    #[serde(rename = "o", default, skip_serializing_if = "Option::is_none")]
    corp_id: Option<String>,
    #[serde(rename = "u", default, skip_serializing_if = "std::ops::Not::not")]
    is_used: bool,
    #[serde(rename = "l", default, skip_serializing_if = "Option::is_none")]
    linked_user: Option<UserId>,
}

impl Flow {
    /// The name of its cookie; the prefix that binds a cookie to the host exists only behind https.
    pub fn cookie_name(&self, secure: bool) -> String {
        let prefix = if secure { HOST_COOKIE_PREFIX } else { COOKIE_PREFIX };
        format!("{prefix}{}", self.handle())
    }
}

/// Whether a cookie of this name may hold a flow.
pub fn is_flow_cookie(name: &str) -> bool {
    name.starts_with(COOKIE_PREFIX) || name.starts_with(HOST_COOKIE_PREFIX)
}

/// Whether a cookie of this name counts here: behind https only those that nobody on plain http, and no other host of
/// the domain, can have planted.
pub fn counts_here(name: &str, secure: bool) -> bool {
    name.starts_with(if secure { HOST_COOKIE_PREFIX } else { COOKIE_PREFIX })
}

/// Seals flows into cookie values and opens them again.
#[derive(Clone)]
pub struct FlowSeal {
    cipher: XChaCha20Poly1305,
    entropy: Entropy,
}

impl FlowSeal {
    /// Derives its key from what all replicas share: the secret, and NocoBase's AES key where there is one. That key is
    /// random, so a cookie tells nothing about the secret, which a person may have made up.
    ///
    /// # Panics
    ///
    /// Never: 32 bytes is a length that HKDF gives and the cipher takes.
    #[expect(clippy::expect_used, reason = "32 bytes is a length that HKDF-SHA256 gives")]
    pub fn new(secret: &[u8], aes_key: Option<&AesKey>, entropy: Entropy) -> Self {
        let mut key = Zeroizing::new([0_u8; KEY_BYTES]);
        Hkdf::<Sha256>::new(aes_key.map(AesKey::bytes), secret)
            .expand(KEY_PURPOSE, key.as_mut_slice())
            .expect("32 bytes can be derived");
        Self {
            cipher: XChaCha20Poly1305::new(key.as_slice().try_into().expect("the key has 32 bytes")),
            entropy,
        }
    }

    /// The cookie value of a flow; `None` when it would be longer than a cookie may be.
    pub fn seal(&self, flow: &Flow, secure: bool) -> Option<String> {
        let data = flow.data();
        let mut content = Sealed {
            id: data.id,
            handle: Cow::Borrowed(&data.handle),
            state: Cow::Borrowed(&data.state),
            authenticator: Cow::Borrowed(&data.authenticator),
            return_path: Cow::Borrowed(data.return_path.as_str()),
            ends_at: data.ends_at,
            code: None,
            token: None,
            corp_id: None,
            is_used: matches!(flow, Flow::Completed(_)),
            linked_user: match data.purpose {
                FlowPurpose::SignIn => None,
                FlowPurpose::Link(user) => Some(user),
            },
        };
        if let Flow::Authorized(authorized) = flow {
            match &authorized.proof {
                Proof::Code(code) => content.code = Some(code.expose_secret().to_owned().into()),
                Proof::Token(token) => {
                    content.token = Some(token.token.expose_secret().to_owned().into());
                    content.corp_id.clone_from(&token.corp_id);
                }
            }
        }
        let plain = Zeroizing::new(serde_json::to_vec(&content).ok()?);
        let nonce = self.entropy.bytes::<NONCE_BYTES>();
        let name = flow.cookie_name(secure);
        let sealed = self
            .cipher
            .encrypt(
                &XNonce::from(nonce),
                Payload {
                    msg: &plain,
                    aad: name.as_bytes(),
                },
            )
            .ok()?;
        let value = URL_SAFE_NO_PAD.encode([nonce.as_slice(), &sealed].concat());
        (value.len() <= SEALED_LIMIT).then_some(value)
    }

    /// The flow in a cookie; `None` when it was not sealed by us under this very name.
    pub fn open(&self, name: &str, value: &str) -> Option<Flow> {
        if value.len() > SEALED_LIMIT {
            return None;
        }
        let bytes = URL_SAFE_NO_PAD.decode(value).ok()?;
        let (nonce, sealed) = bytes.split_at_checked(NONCE_BYTES)?;
        let nonce: [u8; NONCE_BYTES] = nonce.try_into().ok()?;
        let plain = self
            .cipher
            .decrypt(
                &XNonce::from(nonce),
                Payload {
                    msg: sealed,
                    aad: name.as_bytes(),
                },
            )
            .map(Zeroizing::new)
            .ok()?;
        let content: Sealed<'_> = serde_json::from_slice(&plain).ok()?;
        let data = FlowData {
            id: content.id,
            handle: content.handle.into_owned(),
            state: content.state.into_owned(),
            authenticator: content.authenticator.into_owned(),
            return_path: ReturnPath::accepted_before(content.return_path.into_owned()),
            ends_at: content.ends_at,
            purpose: content.linked_user.map_or(FlowPurpose::SignIn, FlowPurpose::Link),
        };
        if content.is_used {
            return Some(Flow::Completed(CompletedFlow(data)));
        }
        let proof = match (content.code, content.token) {
            (None, None) => return Some(Flow::Pending(PendingFlow(data))),
            (Some(code), None) => Proof::Code(code.as_str().into()),
            (_, Some(token)) => Proof::Token(UserAccessToken {
                token: token.as_str().into(),
                corp_id: content.corp_id,
            }),
        };
        Some(Flow::Authorized(AuthorizedFlow { data, proof }))
    }
}

#[cfg(test)]
mod tests {
    use chrono::{DateTime, Utc};
    use proptest::prelude::*;

    use super::*;

    fn now() -> DateTime<Utc> {
        DateTime::from_timestamp(1_763_600_000, 0).unwrap()
    }

    fn seal() -> FlowSeal {
        FlowSeal::new(b"a secret of the tests", None, Entropy::seeded(7))
    }

    fn pending() -> Flow {
        let return_path = ReturnPath::parse("/signin?redirect=%2Fadmin").unwrap();
        PendingFlow::new("s_ab12", return_path, &Entropy::seeded(1), now()).into()
    }

    #[test]
    fn a_flow_comes_back_out_of_its_cookie() {
        let flow = pending();
        let value = seal().seal(&flow, false).unwrap();

        let opened = seal().open(&flow.cookie_name(false), &value).unwrap();

        assert_eq!(opened.handle(), flow.handle());
        assert_eq!(opened.return_path().as_str(), "/signin?redirect=%2Fadmin");
        assert!(matches!(opened, Flow::Pending(_)) && !opened.has_state("state"));
    }

    #[test]
    fn a_cookie_under_another_name_or_secret_does_not_open() {
        let flow = pending();
        let value = seal().seal(&flow, false).unwrap();
        let other = FlowSeal::new(b"another secret", None, Entropy::seeded(7));

        assert!(seal().open("nbdt_other", &value).is_none());
        assert!(seal().open(&flow.cookie_name(true), &value).is_none());
        assert!(other.open(&flow.cookie_name(false), &value).is_none());
    }

    #[test]
    fn a_cookie_does_not_tell_whether_a_guessed_secret_is_right() {
        let [right, wrong] = ["a", "b"].map(|digit| AesKey::from_hex(&digit.repeat(64)).unwrap());
        let sealed_with = |key| FlowSeal::new(b"changeme", key, Entropy::seeded(7));
        let flow = pending();
        let name = flow.cookie_name(false);
        let value = sealed_with(Some(&right)).seal(&flow, false).unwrap();

        assert!(sealed_with(None).open(&name, &value).is_none());
        assert!(sealed_with(Some(&wrong)).open(&name, &value).is_none());
        assert!(sealed_with(Some(&right)).open(&name, &value).is_some());
    }

    #[test]
    fn a_changed_cookie_does_not_open() {
        let flow = pending();
        let name = flow.cookie_name(false);
        let value = seal().seal(&flow, false).unwrap();
        for index in 0..value.len() {
            let mut changed = value.clone().into_bytes();
            changed[index] = if changed[index] == b'A' { b'B' } else { b'A' };
            let changed = String::from_utf8(changed).unwrap();

            // The last symbol carries spare bits; a decoder that ignored them would give the same bytes.
            assert!(
                changed == value || seal().open(&name, &changed).is_none(),
                "symbol {index}"
            );
        }
    }

    proptest! {
        #[test]
        fn no_cookie_makes_the_seal_panic(name in ".{0,40}", value in "[A-Za-z0-9_-]{0,300}") {
            prop_assert!(seal().open(&name, &value).is_none());
        }
    }
}
