//! A flow: one sign-in under way, sealed into a cookie of the browser that began it.
//!
//! The server keeps nothing until the sign-in is completed, so any replica can go on with what another
//! began. A flow moves only forward: [`PendingFlow`] (the browser is at DingTalk) becomes [`AuthorizedFlow`] (it came
//! back with a code), and a returned flow is used_flows once. When DingTalk is too busy to say who it is after
//! the code was redeemed, the flow goes on with the token it got: the code is never redeemed again. What is left at the
//! end, [`CompletedFlow`], opens nothing any more.

use std::borrow::Cow;
use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chacha20poly1305::aead::{Aead as _, Payload};
use chacha20poly1305::{KeyInit as _, XChaCha20Poly1305, XNonce};
use chrono::{DateTime, TimeDelta, Utc};
use hkdf::Hkdf;
use secrecy::{ExposeSecret as _, SecretString};
use serde::{Deserialize, Serialize};
use sha2::Sha256;
use subtle::ConstantTimeEq as _;
use uuid::Uuid;
use zeroize::Zeroizing;

use crate::aes_key::AesKey;
use crate::dingtalk::UserAccessToken;
use crate::entropy::Entropy;

/// How long a person has, from the click on the button to the end of the sign-in.
pub const FLOW_LIFETIME: TimeDelta = TimeDelta::minutes(10);
/// The most a sealed flow may take in the cookie header.
pub const SEALED_LIMIT: usize = 1536;

const COOKIE_PREFIX: &str = "nbdt_";
const HOST_COOKIE_PREFIX: &str = "__Host-nbdt_";
const KEY_PURPOSE: &[u8] = b"nocobase-dingtalk flow cookie v1";
const NONCE_BYTES: usize = 24;
const KEY_BYTES: usize = 32;
const HANDLE_BYTES: usize = 12;
const STATE_BYTES: usize = 24;

/// A flow whose browser was sent to DingTalk.
pub struct PendingFlow(FlowData);

/// A flow whose browser came back from DingTalk with a code.
pub struct AuthorizedFlow {
    data: FlowData,
    proof: Proof,
}

/// A flow that has given its session. It is kept until its time is over, so that who comes back to it is told so.
pub struct CompletedFlow(FlowData);

/// What DingTalk gave this flow last.
pub enum Proof {
    /// The code to redeem.
    Code(SecretString),
    /// What the code was redeemed for.
    Token(UserAccessToken),
}

/// How far a flow came.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub enum UsedUp {
    /// Its code is to be redeemed.
    Code(Uuid),
    /// Its code was redeemed.
    Token(Uuid),
}

/// A flow as it was found in a cookie.
pub enum Flow {
    /// The browser has not come back yet.
    Pending(PendingFlow),
    /// The browser came back, and the sign-in can be completed.
    Authorized(AuthorizedFlow),
    /// The sign-in was completed.
    Completed(CompletedFlow),
}

struct FlowData {
    id: Uuid,
    handle: String,
    state: String,
    authenticator: String,
    return_path: String,
    ends_at: i64,
}

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
}

impl PendingFlow {
    /// Begins a flow that ends ten minutes from `now`.
    pub fn new(authenticator: &str, return_path: &str, entropy: &Entropy, now: DateTime<Utc>) -> Self {
        Self(FlowData {
            id: entropy.uuid(),
            handle: entropy.text::<HANDLE_BYTES>(),
            state: entropy.text::<STATE_BYTES>(),
            authenticator: authenticator.to_owned(),
            return_path: return_path.to_owned(),
            ends_at: (now + FLOW_LIFETIME).timestamp(),
        })
    }

    /// The value that DingTalk carries back to us.
    pub fn state(&self) -> &str {
        &self.0.state
    }

    /// The browser came back with a code.
    pub fn returned(self, code: SecretString) -> AuthorizedFlow {
        AuthorizedFlow {
            data: self.0,
            proof: Proof::Code(code),
        }
    }
}

impl AuthorizedFlow {
    /// What there is to go on with.
    pub fn proof(&self) -> &Proof {
        &self.proof
    }

    /// Whether it came back with this code, as far as it still knows: a redeemed code is not kept.
    pub fn has_code(&self, code: &SecretString) -> bool {
        match &self.proof {
            Proof::Code(own) => own
                .expose_secret()
                .as_bytes()
                .ct_eq(code.expose_secret().as_bytes())
                .into(),
            Proof::Token(_) => true,
        }
    }

    /// It has given its session.
    pub fn used(self) -> CompletedFlow {
        CompletedFlow(self.data)
    }

    /// The code was redeemed; from now on the token stands in its place.
    pub fn redeemed(&mut self, token: UserAccessToken) {
        self.proof = Proof::Token(token);
    }

    /// The identifier under which its session is issued.
    pub fn id(&self) -> Uuid {
        self.data.id
    }

    /// The end of its ten minutes, in seconds.
    pub fn ends_at(&self) -> i64 {
        self.data.ends_at
    }

    /// What is used_flows once: the flow with its code, and after that the flow with what the code gave.
    pub fn step(&self) -> UsedUp {
        match self.proof {
            Proof::Code(_) => UsedUp::Code(self.data.id),
            Proof::Token(_) => UsedUp::Token(self.data.id),
        }
    }
}

impl From<PendingFlow> for Flow {
    fn from(begun: PendingFlow) -> Self {
        Self::Pending(begun)
    }
}

impl From<AuthorizedFlow> for Flow {
    fn from(returned: AuthorizedFlow) -> Self {
        Self::Authorized(returned)
    }
}

impl From<CompletedFlow> for Flow {
    fn from(used: CompletedFlow) -> Self {
        Self::Completed(used)
    }
}

impl Flow {
    /// Whether this is the flow that DingTalk's answer belongs to.
    pub fn has_state(&self, state: &str) -> bool {
        self.data().state.as_bytes().ct_eq(state.as_bytes()).into()
    }

    fn data(&self) -> &FlowData {
        match self {
            Self::Pending(begun) => &begun.0,
            Self::Authorized(returned) => &returned.data,
            Self::Completed(used) => &used.0,
        }
    }

    /// The name by which the sign-in page speaks of this flow. It is not secret.
    pub fn handle(&self) -> &str {
        &self.data().handle
    }

    /// The authenticator it was begun with.
    pub fn authenticator(&self) -> &str {
        &self.data().authenticator
    }

    /// The page to return to.
    pub fn return_path(&self) -> &str {
        &self.data().return_path
    }

    /// Whether its ten minutes are over.
    pub fn has_ended(&self, now: DateTime<Utc>) -> bool {
        now.timestamp() >= self.data().ends_at
    }

    /// The end of its ten minutes, in seconds.
    pub fn ends_at(&self) -> i64 {
        self.data().ends_at
    }

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
            return_path: Cow::Borrowed(&data.return_path),
            ends_at: data.ends_at,
            code: None,
            token: None,
            corp_id: None,
            is_used: matches!(flow, Flow::Completed(_)),
        };
        if let Flow::Authorized(returned) = flow {
            match &returned.proof {
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
            return_path: content.return_path.into_owned(),
            ends_at: content.ends_at,
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

impl fmt::Debug for Flow {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Flow")
            .field("authenticator", &self.authenticator())
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn now() -> DateTime<Utc> {
        DateTime::from_timestamp(1_763_600_000, 0).unwrap()
    }

    fn seal() -> FlowSeal {
        FlowSeal::new(b"a secret of the tests", None, Entropy::seeded(7))
    }

    fn begun() -> Flow {
        PendingFlow::new("s_ab12", "/signin?redirect=%2Fadmin", &Entropy::seeded(1), now()).into()
    }

    #[test]
    fn a_flow_comes_back_out_of_its_cookie() {
        let flow = begun();
        let value = seal().seal(&flow, false).unwrap();

        let opened = seal().open(&flow.cookie_name(false), &value).unwrap();

        assert_eq!(opened.handle(), flow.handle());
        assert_eq!(opened.return_path(), "/signin?redirect=%2Fadmin");
        assert!(matches!(opened, Flow::Pending(_)) && !opened.has_state("state"));
    }

    #[test]
    fn a_cookie_under_another_name_or_secret_does_not_open() {
        let flow = begun();
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
        let flow = begun();
        let name = flow.cookie_name(false);
        let value = sealed_with(Some(&right)).seal(&flow, false).unwrap();

        assert!(sealed_with(None).open(&name, &value).is_none());
        assert!(sealed_with(Some(&wrong)).open(&name, &value).is_none());
        assert!(sealed_with(Some(&right)).open(&name, &value).is_some());
    }

    #[test]
    fn a_changed_cookie_does_not_open() {
        let flow = begun();
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

    #[test]
    fn a_flow_ends_after_ten_minutes() {
        let flow = begun();

        assert!(!flow.has_ended(now() + TimeDelta::seconds(599)));
        assert!(flow.has_ended(now() + TimeDelta::seconds(600)));
    }

    #[test]
    fn states_are_long_and_never_repeat() {
        let entropy = Entropy::secure();
        let states: std::collections::HashSet<String> = (0..10_000)
            .map(|_| PendingFlow::new("s", "/", &entropy, now()).state().to_owned())
            .collect();

        assert_eq!(states.len(), 10_000);
        assert!(
            states
                .iter()
                .all(|state| URL_SAFE_NO_PAD.decode(state).unwrap().len() * 8 >= 128)
        );
    }

    proptest! {
        #[test]
        fn no_cookie_makes_the_seal_panic(name in ".{0,40}", value in "[A-Za-z0-9_-]{0,300}") {
            prop_assert!(seal().open(&name, &value).is_none());
        }
    }
}
