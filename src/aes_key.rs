//! NocoBase's AES key, and how it stores secrets with it: hexadecimal text, sixteen bytes of initialisation vector, then
//! AES-256-CBC with PKCS#7 padding.

use std::fmt;

use aes::Aes256;
use cbc::cipher::block_padding::Pkcs7;
use cbc::cipher::{BlockModeDecrypt as _, BlockModeEncrypt as _, KeyIvInit as _};
use secrecy::{ExposeSecret as _, SecretSlice, SecretString};

use crate::entropy::Entropy;

const KEY_LENGTH: usize = 32;
const VECTOR_LENGTH: usize = 16;

/// The key of secret variables and of the secrets that are kept apart.
#[derive(Clone)]
pub struct AesKey(SecretSlice<u8>);

impl fmt::Debug for AesKey {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("AesKey([REDACTED])")
    }
}

/// A key that is none.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the AES key is not 32 bytes")]
pub struct AesKeyError;

impl AesKey {
    /// The key from NocoBase's key file, which holds it raw.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, AesKeyError> {
        if bytes.len() == KEY_LENGTH {
            Ok(Self(bytes.to_vec().into()))
        } else {
            Err(AesKeyError)
        }
    }

    /// The raw key, for what else is derived from it.
    pub fn bytes(&self) -> &[u8] {
        self.0.expose_secret()
    }

    /// The key from `APP_AES_SECRET_KEY`, which holds it in hexadecimal. As in Node, what follows the digits does not
    /// count.
    pub fn from_hex(text: &str) -> Result<Self, AesKeyError> {
        let digits = text.bytes().take_while(u8::is_ascii_hexdigit).count();
        let bytes = hex::decode(&text[..digits - digits % 2]).map_err(|_| AesKeyError)?;
        Self::from_bytes(&zeroize::Zeroizing::new(bytes))
    }

    /// The plain text of what NocoBase, or [`AesKey::encrypt`], has stored; `None` for anything else.
    pub fn decrypt(&self, stored: &str) -> Option<SecretString> {
        let mut bytes = zeroize::Zeroizing::new(hex::decode(stored).ok()?);
        let (vector, ciphertext) = bytes.split_at_mut_checked(VECTOR_LENGTH)?;
        let decryptor = cbc::Decryptor::<Aes256>::new_from_slices(self.0.expose_secret(), vector).ok()?;
        let plain = decryptor.decrypt_padded::<Pkcs7>(ciphertext).ok()?;
        std::str::from_utf8(plain).ok().map(SecretString::from)
    }

    /// A text as NocoBase stores secrets.
    pub fn encrypt(&self, text: &str, entropy: &Entropy) -> Option<String> {
        let vector = entropy.bytes::<VECTOR_LENGTH>();
        let encryptor = cbc::Encryptor::<Aes256>::new_from_slices(self.0.expose_secret(), &vector).ok()?;
        let ciphertext = encryptor.encrypt_padded_vec::<Pkcs7>(text.as_bytes());
        Some(hex::encode(vector) + &hex::encode(ciphertext))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_encrypted_is_read_back_and_never_looks_the_same_twice() {
        let key = AesKey::from_hex(&"0123456789abcdef".repeat(4)).unwrap();
        let entropy = Entropy::seeded(1);

        let [one, other] = ["s3cret-v\u{e4}rde"; 2].map(|text| key.encrypt(text, &entropy).unwrap());

        assert_ne!(one, other);
        assert_eq!(key.decrypt(&one).unwrap().expose_secret(), "s3cret-v\u{e4}rde");
        assert_eq!(key.decrypt(&other).unwrap().expose_secret(), "s3cret-v\u{e4}rde");
    }

    #[test]
    fn keys_of_another_length_are_refused() {
        assert_eq!(AesKey::from_hex("00").unwrap_err(), AesKeyError);
        assert_eq!(AesKey::from_hex("zz").unwrap_err(), AesKeyError);
        assert_eq!(AesKey::from_bytes(&[0; 33]).unwrap_err(), AesKeyError);
    }
}
