//! The id of a code that DingTalk's client gave: what is remembered of it, and under which its session is recorded.
//!
//! All replicas find the same one, and nobody without the secret finds the code by it.

use hkdf::Hkdf;
use secrecy::{ExposeSecret as _, SecretString};
use sha2::Sha256;
use uuid::{Builder, Uuid};

use crate::aes_key::AesKey;

const PURPOSE: &[u8] = b"nocobase-dingtalk in-client code v1";

/// Finds the ids of codes.
#[derive(Clone)]
pub(super) struct CodeIds(Hkdf<Sha256>);

impl CodeIds {
    /// Ids under what all replicas share.
    pub(super) fn new(secret: &[u8], aes_key: Option<&AesKey>) -> Self {
        Self(Hkdf::new(aes_key.map(AesKey::bytes), secret))
    }

    /// The id of a code.
    ///
    /// # Panics
    ///
    /// Never: 16 bytes is a length that HKDF gives.
    #[expect(clippy::expect_used, reason = "16 bytes is a length that HKDF-SHA256 gives")]
    pub(super) fn of(&self, code: &SecretString) -> Uuid {
        let mut id = [0; 16];
        self.0
            .expand_multi_info(&[PURPOSE, code.expose_secret().as_bytes()], &mut id)
            .expect("16 bytes can be derived");
        Builder::from_random_bytes(id).into_uuid()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_replica_finds_the_same_id_and_nobody_else_does() {
        let code = SecretString::from("e4b0c1d2a3");
        let id = CodeIds::new(b"one secret", None).of(&code);

        assert_eq!(CodeIds::new(b"one secret", None).of(&code), id);
        assert_ne!(CodeIds::new(b"another secret", None).of(&code), id);
        assert_ne!(
            CodeIds::new(b"one secret", None).of(&SecretString::from("e4b0c1d2a4")),
            id
        );
    }
}
