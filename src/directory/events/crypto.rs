//! How DingTalk signs and encrypts what it posts: SHA-1 over the sorted parts, AES-256-CBC, a padding of 32 bytes.
//!
//! The signature is looked at before anything is decrypted, so that nobody learns from how a text fails to decrypt.

use std::fmt;

use aes::Aes256;
use base64::Engine as _;
use base64::alphabet;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use cbc::cipher::block_padding::NoPadding;
use cbc::cipher::{BlockModeDecrypt as _, BlockModeEncrypt as _, KeyIvInit as _};
use secrecy::{ExposeSecret as _, SecretSlice, SecretString};
use serde::{Deserialize, Serialize};
use sha1::{Digest as _, Sha1};
use subtle::ConstantTimeEq as _;

use crate::entropy::Entropy;

const KEY_LENGTH: usize = 32;
const VECTOR_LENGTH: usize = 16;
/// DingTalk pads to twice the block of the cipher.
const PADDED_TO: usize = 32;
/// Before the message: random bytes, then its length.
const RANDOM: usize = 16;
const PREFIX: usize = RANDOM + 4;

/// The last character of an EncodingAESKey has bits to spare, and they are seldom zero.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &alphabet::STANDARD,
    GeneralPurposeConfig::new()
        .with_decode_allow_trailing_bits(true)
        .with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// An EncodingAESKey that is none.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the EncodingAESKey is not 43 letters and digits")]
pub struct CallbackKeyError;

/// Why a text is not DingTalk's.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SealError {
    /// Somebody without the token has signed it, or nobody.
    #[error("the signature is wrong")]
    Signature,
    /// Signed with our token, and yet not encrypted with our key.
    #[error("it cannot be decrypted with the EncodingAESKey")]
    Undecipherable,
    /// Meant for another app.
    #[error("it is meant for another app")]
    Owner,
}

/// What a request says about its text, in the address.
#[derive(Clone, Copy)]
pub struct Signed<'a> {
    /// Forty hexadecimal digits.
    pub signature: &'a str,
    /// As it was sent.
    pub timestamp: &'a str,
    /// As it was sent.
    pub nonce: &'a str,
    /// The text, in Base64.
    pub encrypt: &'a str,
}

/// An encrypted answer, spelt as DingTalk wants it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SealedReply {
    /// Over the three others.
    pub msg_signature: String,
    /// Milliseconds.
    #[serde(rename = "timeStamp")]
    pub timestamp: String,
    /// Random.
    pub nonce: String,
    /// The text.
    pub encrypt: String,
}

/// Token and key of one callback address.
pub struct Seal {
    token: SecretString,
    key: SecretSlice<u8>,
    owners: Vec<String>,
}

impl fmt::Debug for Seal {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Seal([REDACTED])")
    }
}

impl Seal {
    /// `owners` are the names under which DingTalk knows the app; the first is ours in answers.
    pub fn new(
        token: &SecretString,
        encoding_aes_key: &SecretString,
        owners: Vec<String>,
    ) -> Result<Self, CallbackKeyError> {
        let key = zeroize::Zeroizing::new(
            BASE64
                .decode(encoding_aes_key.expose_secret())
                .map_err(|_| CallbackKeyError)?,
        );
        if key.len() != KEY_LENGTH {
            return Err(CallbackKeyError);
        }
        Ok(Self {
            token: token.clone(),
            key: key.to_vec().into(),
            owners,
        })
    }

    /// The message, if it is DingTalk's and for this app.
    pub fn open(&self, signed: Signed<'_>) -> Result<String, SealError> {
        let expected = self.signature(signed.timestamp, signed.nonce, signed.encrypt);
        let given = signed.signature.to_ascii_lowercase();
        if !bool::from(expected.as_bytes().ct_eq(given.as_bytes())) {
            return Err(SealError::Signature);
        }
        let opened = self.decrypt(signed.encrypt).ok_or(SealError::Undecipherable)?;
        if self.owners.contains(&opened.owner) {
            Ok(opened.message)
        } else {
            Err(SealError::Owner)
        }
    }

    /// An answer to DingTalk; `None` when the library refuses, which it does for no length there is.
    pub fn seal(&self, message: &str, timestamp: i64, entropy: &Entropy) -> Option<SealedReply> {
        let timestamp = timestamp.to_string();
        let nonce = hex::encode(entropy.bytes::<8>());
        // Sixteen characters, as DingTalk's own libraries draw them.
        let random = hex::encode(entropy.bytes::<8>());
        let encrypt = self.encrypt(&random, message)?;
        Some(SealedReply {
            msg_signature: self.signature(&timestamp, &nonce, &encrypt),
            timestamp,
            nonce,
            encrypt,
        })
    }

    fn signature(&self, timestamp: &str, nonce: &str, encrypt: &str) -> String {
        let mut parts = [self.token.expose_secret(), timestamp, nonce, encrypt];
        parts.sort_unstable();
        let mut digest = Sha1::new();
        for part in parts {
            digest.update(part);
        }
        hex::encode(digest.finalize())
    }

    fn decrypt(&self, encrypt: &str) -> Option<Opened> {
        let mut bytes = BASE64.decode(encrypt).ok()?;
        let key = self.key.expose_secret();
        let decryptor = cbc::Decryptor::<Aes256>::new_from_slices(key, &key[..VECTOR_LENGTH]).ok()?;
        let padded = decryptor.decrypt_padded::<NoPadding>(&mut bytes).ok()?;
        let plain = without_padding(padded)?;
        let (prefix, rest) = plain.split_at_checked(PREFIX)?;
        let length = prefix.get(RANDOM..)?.try_into().ok().map(u32::from_be_bytes)?;
        let (message, owner) = rest.split_at_checked(usize::try_from(length).ok()?)?;
        Some(Opened {
            message: std::str::from_utf8(message).ok()?.to_owned(),
            owner: std::str::from_utf8(owner).ok()?.to_owned(),
        })
    }

    fn encrypt(&self, random: &str, message: &str) -> Option<String> {
        let mut plain = random.as_bytes().to_vec();
        plain.extend_from_slice(&u32::try_from(message.len()).ok()?.to_be_bytes());
        plain.extend_from_slice(message.as_bytes());
        plain.extend_from_slice(self.owners.first()?.as_bytes());
        let pad = PADDED_TO - plain.len() % PADDED_TO;
        plain.resize(plain.len() + pad, u8::try_from(pad).ok()?);
        let key = self.key.expose_secret();
        let encryptor = cbc::Encryptor::<Aes256>::new_from_slices(key, &key[..VECTOR_LENGTH]).ok()?;
        Some(BASE64.encode(encryptor.encrypt_padded_vec::<NoPadding>(&plain)))
    }
}

struct Opened {
    message: String,
    owner: String,
}

fn without_padding(padded: &[u8]) -> Option<&[u8]> {
    let pad = usize::from(*padded.last()?);
    if !(1..=PADDED_TO).contains(&pad) {
        return None;
    }
    let (plain, padding) = padded.split_at_checked(padded.len().checked_sub(pad)?)?;
    padding
        .iter()
        .all(|byte| usize::from(*byte) == pad)
        .then_some(plain)
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Vector {
        token: &'static str,
        key: &'static str,
        owner: &'static str,
        timestamp: &'static str,
        nonce: &'static str,
        signature: &'static str,
        encrypt: &'static str,
        random: &'static str,
        message: &'static str,
    }

    const MADE_HERE: Vector = Vector {
        token: "tokentest0001",
        key: "abcdefghijklmnopqrstuvwxyz0123456789ABCDEFG",
        owner: "dingtestappkey000001",
        timestamp: "1700000000000",
        nonce: "",
        signature: "",
        encrypt: "",
        random: "0123456789abcdef",
        message: "",
    };

    /// The first two are DingTalk's own.
    const VECTORS: [Vector; 5] = [
        Vector {
            token: "123456",
            key: "4g5j64qlyl3zvetqxz5jiocdr586fn2zvjpa8zls3ij",
            owner: "suite4xxxxxxxxxxxxxxx",
            timestamp: "1445827045067",
            nonce: "nEXhMP4r",
            signature: "5a65ceeef9aab2d149439f82dc191dd6c5cbe2c0",
            encrypt: "1a3NBxmCFwkCJvfoQ7WhJHB+iX3qHPsc9JbaDznE1i03peOk1LaOQoRz3+nlyGNhwmwJ3vDMG+OzrHMeiZI7gTRWVdUBmfxjZ8Ej23JVYa9VrYeJ5as7XM/ZpulX8NEQis44w53h1qAgnC3PRzM7Zc/D6Ibr0rgUathB6zRHP8PYrfgnNOS9PhSBdHlegK+AGGanfwjXuQ9+0pZcy0w9lQ==",
            random: "hU3bEfGZZewzhG5a",
            message: r#"{"EventType":"check_create_suite_url","Random":"LPIdSnlF","TestSuiteKey":"suite4xxxxxxxxxxxxxxx"}"#,
        },
        Vector {
            token: "123456",
            key: "1234567890123456789012345678901234567890123",
            owner: "dingsnotzck6pm5veliw",
            timestamp: "1614767836",
            nonce: "A7Co0cJLMzIDtMMI",
            signature: "9a95a004dd16f5c307e849b994173f76aa26e5eb",
            encrypt: "YvkvaGe4hQxd3VxRmEty0dVlnCOAqwf56xwTRHDHoOURqhalbmBJQk5FNcRk42Gl5T0YQXZNwpwWSm1xAFJ5ZA==",
            random: "dICkEDLj0eb6yAbc",
            message: "success",
        },
        Vector {
            nonce: "nonce123",
            signature: "cc66515f2da2daaf63dbd954244b5631b35ea9f4",
            encrypt: "Q3stYC6hdFzMh9T8HCvyDLV8JeomtQuxZLosYEI28mjzSD5UpK2hp0QUc4H6M/N5MhmQrZhPMFCGB2Y7Jx/UzyKIL2AaedSjD5X8NnlRK40I7/PzPn557FTBe0i07GdB",
            message: r#"{"EventType":"check_url"}"#,
            ..MADE_HERE
        },
        // Its length counts bytes, not characters.
        Vector {
            nonce: "nonce124",
            signature: "35724363e216577ba32e4c3742663cb70629041f",
            encrypt: "Q3stYC6hdFzMh9T8HCvyDMsdwHgPW20ibzncttljRpDIIHr90oZhfPuULtN1iFDigcYedytsYizRzEaLSd9Mu++K2p5DQVETZVnc7rKJpeA0ysdf1mZ4loJhNrh2UZnhnImryCgPq/DlZR4zFLDuYjQfSceq42L7BZweKcXbZVUceRiZFhpEKtyoPoewXbBLb3RyuKyztcG8V1wZoEz3Ew==",
            message: r#"{"EventType":"user_add_org","CorpId":"dingcorp1","TimeStamp":"1700000000000","UserId":["u张三"]}"#,
            ..MADE_HERE
        },
        // Aligned, so that a whole block of padding follows.
        Vector {
            nonce: "nonce125",
            signature: "8ab5ad91d682aa39c2288b72db6168c98fa76861",
            encrypt: "Q3stYC6hdFzMh9T8HCvyDHS/ePtdh2F+LXPq9FuXK+UV2zzgni+DlzckHxvXlRLegq+uuZ/j4ULPRGlqhQENWvyMCjZ2k0jZCeXFrque0B49ML81uMO4WDgPBx5h/6ta",
            message: "xxxxxxxxxxxxxxxxxxxxxxxx",
            ..MADE_HERE
        },
    ];

    impl Vector {
        fn seal(&self) -> Seal {
            seal_of(self.token, self.key, self.owner)
        }

        fn signed(&self) -> Signed<'_> {
            Signed {
                signature: self.signature,
                timestamp: self.timestamp,
                nonce: self.nonce,
                encrypt: self.encrypt,
            }
        }
    }

    fn seal_of(token: &str, key: &str, owner: &str) -> Seal {
        Seal::new(&token.into(), &key.into(), vec![owner.to_owned()]).unwrap()
    }

    #[test]
    fn every_known_text_is_opened_and_made_again() {
        for vector in &VECTORS {
            let seal = vector.seal();

            assert_eq!(seal.open(vector.signed()).unwrap(), vector.message);
            let encrypted = seal.encrypt(vector.random, vector.message).unwrap();
            assert_eq!(encrypted, vector.encrypt, "{}", vector.message);
        }
    }

    #[test]
    fn a_key_whose_last_character_has_bits_to_spare_is_a_key() {
        let seal = seal_of(
            "",
            "aaabWe22zMdfpVVF6kFsZ9E4ODL1wjjykB5ifzjLzzz",
            "dingn4jxcg1w9jy9exxx",
        );

        let opened = seal.decrypt(
            "cKVPF3fvpb646ZnKPbYn/Y5fChYt4e3OjgLbwuMSMm7fuv/Sfu0POorlMHTLide0mitKXnWk1hs/ON7onS9WcQ==",
        );

        let opened = opened.unwrap();
        assert_eq!(
            (opened.message.as_str(), opened.owner.as_str()),
            ("success", "dingn4jxcg1w9jy9exxx")
        );
    }

    #[test]
    fn a_changed_part_is_no_longer_signed() {
        let vector = &VECTORS[3];
        let seal = vector.seal();
        let signed = vector.signed();

        for forged in [
            Signed {
                timestamp: "1700000000001",
                ..signed
            },
            Signed {
                nonce: "nonce125",
                ..signed
            },
            Signed {
                signature: "",
                ..signed
            },
            Signed {
                encrypt: VECTORS[4].encrypt,
                ..signed
            },
        ] {
            assert_eq!(seal.open(forged), Err(SealError::Signature));
        }
        let shouted = vector.signature.to_uppercase();
        let signed = Signed {
            signature: &shouted,
            ..signed
        };
        assert!(seal.open(signed).is_ok());
    }

    #[test]
    fn a_text_for_another_app_and_one_of_another_key_are_told_apart() {
        let vector = &VECTORS[3];
        let other_owner = seal_of(vector.token, vector.key, "dingother");
        let other_key = seal_of(
            vector.token,
            "1234567890123456789012345678901234567890123",
            vector.owner,
        );

        assert_eq!(other_owner.open(vector.signed()), Err(SealError::Owner));
        assert_eq!(other_key.open(vector.signed()), Err(SealError::Undecipherable));
    }

    #[test]
    fn an_answer_is_opened_by_who_has_the_keys() {
        let seal = VECTORS[2].seal();

        let reply = seal
            .seal("success", 1_700_000_000_123, &Entropy::seeded(1))
            .unwrap();

        let signed = Signed {
            signature: &reply.msg_signature,
            timestamp: &reply.timestamp,
            nonce: &reply.nonce,
            encrypt: &reply.encrypt,
        };
        assert_eq!(seal.open(signed).unwrap(), "success");
        assert_eq!(reply.timestamp, "1700000000123");
    }

    #[test]
    fn a_key_of_another_length_is_refused() {
        for key in ["", "short", &"a".repeat(42), &"a".repeat(44), &"!".repeat(43)] {
            let made = Seal::new(&"t".into(), &key.into(), vec![]);
            assert_eq!(made.unwrap_err(), CallbackKeyError, "{key}");
        }
    }

    #[test]
    fn what_is_no_padding_is_refused() {
        assert_eq!(without_padding(&[]), None);
        assert_eq!(without_padding(&[0; 32]), None);
        assert_eq!(without_padding(&[33; 64]), None);
        assert_eq!(without_padding(&[9; 8]), None);
        assert_eq!(without_padding(&[1, 2, 3, 2]), None);
        assert_eq!(without_padding(&[7, 2, 2]), Some(&[7][..]));
    }
}
