//! HMAC for `jsonwebtoken`, which reads and writes tokens and is handed its cryptography.

use hmac::digest::InvalidLength;
use hmac::{Hmac, KeyInit, Mac};
use jsonwebtoken::crypto::{CryptoProvider, JwtSigner, JwtVerifier, KeyUtils};
use jsonwebtoken::errors::{ErrorKind, Result};
use jsonwebtoken::signature::{self, Signer, Verifier};
use jsonwebtoken::{Algorithm, AlgorithmFamily};
use sha2::{Sha256, Sha384, Sha512};

static PROVIDER: CryptoProvider = CryptoProvider {
    signer_factory: |algorithm, key| Ok(Box::new(Keyed::new(*algorithm, key.family(), key.as_bytes())?)),
    verifier_factory: |algorithm, key| {
        let bytes = key.try_get_as_bytes()?;
        Ok(Box::new(Keyed::new(*algorithm, key.family(), bytes)?))
    },
    // About public keys, of which there are none.
    key_utils: KeyUtils::new_unimplemented(),
};

/// Comes before the first token is signed or read: `jsonwebtoken` panics without.
pub(super) fn provide() {
    // An error says that this was done before.
    let _ = PROVIDER.install_default();
}

/// A hash function with the secret in it.
enum Keyed {
    Hs256(Hmac<Sha256>),
    Hs384(Hmac<Sha384>),
    Hs512(Hmac<Sha512>),
}

impl Keyed {
    fn new(algorithm: Algorithm, family: AlgorithmFamily, key: &[u8]) -> Result<Self> {
        if family != AlgorithmFamily::Hmac {
            return Err(ErrorKind::InvalidKeyFormat.into());
        }
        #[expect(
            clippy::wildcard_enum_match_arm,
            reason = "the list is open, and HMAC are these three"
        )]
        let keyed = match algorithm {
            Algorithm::HS256 => Hmac::new_from_slice(key).map(Self::Hs256),
            Algorithm::HS384 => Hmac::new_from_slice(key).map(Self::Hs384),
            Algorithm::HS512 => Hmac::new_from_slice(key).map(Self::Hs512),
            _ => return Err(ErrorKind::UnsupportedAlgorithm.into()),
        };
        keyed.map_err(|InvalidLength| ErrorKind::InvalidKeyFormat.into())
    }

    fn name(&self) -> Algorithm {
        match self {
            Self::Hs256(_) => Algorithm::HS256,
            Self::Hs384(_) => Algorithm::HS384,
            Self::Hs512(_) => Algorithm::HS512,
        }
    }
}

impl Signer<Vec<u8>> for Keyed {
    fn try_sign(&self, message: &[u8]) -> std::result::Result<Vec<u8>, signature::Error> {
        fn tag<M: Mac + Clone>(mac: &M, message: &[u8]) -> Vec<u8> {
            mac.clone().chain_update(message).finalize().into_bytes().to_vec()
        }
        Ok(match self {
            Self::Hs256(mac) => tag(mac, message),
            Self::Hs384(mac) => tag(mac, message),
            Self::Hs512(mac) => tag(mac, message),
        })
    }
}

impl Verifier<Vec<u8>> for Keyed {
    fn verify(&self, message: &[u8], tag: &Vec<u8>) -> std::result::Result<(), signature::Error> {
        // The whole tag, in constant time.
        match self {
            Self::Hs256(mac) => mac.clone().chain_update(message).verify_slice(tag),
            Self::Hs384(mac) => mac.clone().chain_update(message).verify_slice(tag),
            Self::Hs512(mac) => mac.clone().chain_update(message).verify_slice(tag),
        }
        .map_err(signature::Error::from_source)
    }
}

impl JwtSigner for Keyed {
    fn algorithm(&self) -> Algorithm {
        self.name()
    }
}

impl JwtVerifier for Keyed {
    fn algorithm(&self) -> Algorithm {
        self.name()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use jsonwebtoken::{DecodingKey, EncodingKey, crypto};

    /// The first test case of RFC 4231.
    const KEY: [u8; 20] = [0x0b; 20];
    const MESSAGE: &[u8] = b"Hi There";
    const TAGS: [(Algorithm, &str); 3] = [
        (
            Algorithm::HS256,
            "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7",
        ),
        (
            Algorithm::HS384,
            "afd03944d84895626b0825f4ab46907f15f9dadbe4101ec682aa034c7cebc59c\
             faea9ea9076ede7f4af152e8b2fa9cb6",
        ),
        (
            Algorithm::HS512,
            "87aa7cdea5ef619d4ff0b4241a1d6cb02379f4e2ce4ec2787ad0b30545e17cde\
             daa833b7d6b8a702038b274eaea3f4e4be9d914eeb61f1702e696c203a126854",
        ),
    ];

    #[test]
    fn tags_are_those_of_the_standard() {
        for (algorithm, hex) in TAGS {
            let keyed = Keyed::new(algorithm, AlgorithmFamily::Hmac, &KEY).unwrap();
            let tag = keyed.try_sign(MESSAGE).unwrap();

            assert_eq!(hex::encode(&tag), hex);
            assert!(keyed.verify(MESSAGE, &tag).is_ok());
            assert!(keyed.verify(b"Hi there", &tag).is_err());
            assert!(keyed.verify(MESSAGE, &tag[1..].to_vec()).is_err());
            assert!(keyed.verify(MESSAGE, &Vec::new()).is_err());
            assert!(Keyed::new(algorithm, AlgorithmFamily::Rsa, &KEY).is_err());
        }
    }

    #[test]
    fn other_signatures_than_hmac_are_not_to_be_had() {
        provide();
        let (encoding, decoding) = (EncodingKey::from_secret(&KEY), DecodingKey::from_secret(&KEY));
        for algorithm in [Algorithm::RS256, Algorithm::ES256, Algorithm::EdDSA] {
            assert!(crypto::sign(MESSAGE, &encoding, algorithm).is_err());
            assert!(crypto::verify("AAAA", MESSAGE, &decoding, algorithm).is_err());
        }
    }
}
