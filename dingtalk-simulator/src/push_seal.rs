//! The cryptography of callbacks, from DingTalk's side.

use aes::Aes256;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use cbc::cipher::block_padding::NoPadding;
use cbc::cipher::{BlockModeDecrypt as _, BlockModeEncrypt as _, KeyIvInit as _};
use sha1::{Digest as _, Sha1};

/// A block of the padding.
const BLOCK: usize = 32;

/// The key behind the 43 characters of the console; none for what is no key.
pub fn key(encoding_aes_key: &str) -> Option<[u8; 32]> {
    let config = GeneralPurposeConfig::new()
        .with_decode_allow_trailing_bits(true)
        .with_decode_padding_mode(DecodePaddingMode::RequireNone);
    let engine = GeneralPurpose::new(&base64::alphabet::STANDARD, config);
    engine.decode(encoding_aes_key).ok()?.try_into().ok()
}

/// Sixteen characters, length, message, owner, padding; encrypted.
pub fn encrypt(key: &[u8; 32], random: &str, message: &str, owner: &str) -> String {
    let length = u32::try_from(message.len()).unwrap_or(u32::MAX).to_be_bytes();
    let mut plain = [random.as_bytes(), &length, message.as_bytes(), owner.as_bytes()].concat();
    let padding = BLOCK - plain.len() % BLOCK;
    plain.extend(std::iter::repeat_n(
        u8::try_from(padding).unwrap_or_default(),
        padding,
    ));
    let vector: [u8; 16] = std::array::from_fn(|index| key[index]);
    let encryptor = cbc::Encryptor::<Aes256>::new(key.into(), &vector.into());
    STANDARD.encode(encryptor.encrypt_padded_vec::<NoPadding>(&plain))
}

/// Message and owner of what a server answered; none for what cannot be opened.
pub fn decrypt(key: &[u8; 32], encrypted: &str) -> Option<(String, String)> {
    let bytes = STANDARD.decode(encrypted).ok()?;
    let vector: [u8; 16] = std::array::from_fn(|index| key[index]);
    let decryptor = cbc::Decryptor::<Aes256>::new(key.into(), &vector.into());
    let mut plain = decryptor.decrypt_padded_vec::<NoPadding>(&bytes).ok()?;
    let padding = usize::from(*plain.last()?);
    if padding == 0 || padding > BLOCK || padding > plain.len() {
        return None;
    }
    plain.truncate(plain.len() - padding);
    let length = plain
        .get(16..20)?
        .iter()
        .fold(0, |length, byte| length << 8 | usize::from(*byte));
    let message = plain.get(20..20 + length)?.to_vec();
    let owner = plain.get(20 + length..)?.to_vec();
    Some((String::from_utf8(message).ok()?, String::from_utf8(owner).ok()?))
}

/// The signature over four texts, in whatever order they are given.
pub fn signature(token: &str, timestamp: &str, nonce: &str, encrypted: &str) -> String {
    let mut parts = [token, timestamp, nonce, encrypted];
    parts.sort_unstable();
    hex::encode(Sha1::digest(parts.concat()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dingtalks_own_example_is_made_again() {
        let key = key("1234567890123456789012345678901234567890123").unwrap();

        let encrypted = encrypt(&key, "dICkEDLj0eb6yAbc", "success", "dingsnotzck6pm5veliw");

        assert_eq!(
            encrypted,
            "YvkvaGe4hQxd3VxRmEty0dVlnCOAqwf56xwTRHDHoOURqhalbmBJQk5FNcRk42Gl5T0YQXZNwpwWSm1xAFJ5ZA=="
        );
        assert_eq!(
            signature("123456", "1614767836", "A7Co0cJLMzIDtMMI", &encrypted),
            "9a95a004dd16f5c307e849b994173f76aa26e5eb"
        );
        assert_eq!(
            decrypt(&key, &encrypted),
            Some(("success".to_owned(), "dingsnotzck6pm5veliw".to_owned()))
        );
    }
}
