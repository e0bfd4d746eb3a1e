//! NocoBase's environment variables, as option values refer to them (`{{$env.NAME}}`).
//!
//! A secret variable is stored as hexadecimal text: sixteen bytes of initialisation vector, then AES-256-CBC with
//! PKCS#7 padding. It is decrypted only when something refers to it, so that an unreadable secret of another plugin
//! keeps nobody from signing in.

use std::collections::HashMap;
use std::fmt;

use aes::Aes256;
use cbc::cipher::block_padding::Pkcs7;
use cbc::cipher::{BlockModeDecrypt as _, KeyIvInit as _};
use secrecy::{ExposeSecret as _, SecretSlice, SecretString};

use super::template::{Piece, pieces};

const KEY_LENGTH: usize = 32;
const VECTOR_LENGTH: usize = 16;

/// A row of `environmentVariables`.
#[derive(Clone)]
pub struct EnvironmentVariable {
    /// What templates call it.
    pub name: String,
    /// True when the value is encrypted.
    pub secret: bool,
    /// As stored.
    pub value: String,
}

impl fmt::Debug for EnvironmentVariable {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("EnvironmentVariable")
            .field("name", &self.name)
            .field("secret", &self.secret)
            .finish_non_exhaustive()
    }
}

/// NocoBase's key for secret variables.
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

    /// The key from `APP_AES_SECRET_KEY`, which holds it in hexadecimal.
    pub fn from_hex(text: &str) -> Result<Self, AesKeyError> {
        let bytes = zeroize::Zeroizing::new(hex::decode(text.trim()).map_err(|_| AesKeyError)?);
        Self::from_bytes(&bytes)
    }
}

/// A secret variable that cannot be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum EnvironmentError {
    /// There is no key to read it with.
    #[error("the secret variable {name} needs NocoBase's AES key")]
    KeyMissing {
        /// The variable.
        name: String,
    },
    /// The key is another one, or the stored text is damaged.
    #[error("the secret variable {name} cannot be decrypted with this AES key")]
    Unreadable {
        /// The variable.
        name: String,
    },
}

/// The variables and the key to the secret ones.
#[derive(Clone, Debug)]
pub struct Environment {
    variables: HashMap<String, EnvironmentVariable>,
    key: Option<AesKey>,
}

impl Environment {
    /// The environment of a site; without a key only its secret variables are out of reach.
    pub fn new(variables: Vec<EnvironmentVariable>, key: Option<&AesKey>) -> Self {
        let variables = variables
            .into_iter()
            .map(|variable| (variable.name.clone(), variable))
            .collect();
        Self {
            variables,
            key: key.cloned(),
        }
    }

    /// Fills in the templates of a text as NocoBase does: `None` when the text is one template without a value,
    /// while inside longer text a missing value becomes nothing.
    pub fn render(&self, text: &str) -> Result<Option<SecretString>, EnvironmentError> {
        if let [Piece::Lookup { key, default }] = pieces(text.trim()).as_slice() {
            return self.value(key, *default);
        }
        let mut rendered = zeroize::Zeroizing::new(String::with_capacity(text.len()));
        for piece in pieces(text) {
            match piece {
                Piece::Text(text) => rendered.push_str(text),
                Piece::Lookup { key, default } => {
                    if let Some(value) = self.value(key, default)? {
                        rendered.push_str(value.expose_secret());
                    }
                }
            }
        }
        Ok(Some(rendered.as_str().into()))
    }

    fn value(&self, key: &str, default: Option<&str>) -> Result<Option<SecretString>, EnvironmentError> {
        match key
            .strip_prefix("$env.")
            .and_then(|name| self.variables.get(name))
        {
            Some(variable) if variable.secret => self.decrypt(variable).map(Some),
            Some(variable) => Ok(Some(variable.value.as_str().into())),
            None => Ok(default.map(SecretString::from)),
        }
    }

    fn decrypt(&self, variable: &EnvironmentVariable) -> Result<SecretString, EnvironmentError> {
        let Some(key) = &self.key else {
            return Err(EnvironmentError::KeyMissing {
                name: variable.name.clone(),
            });
        };
        plaintext(key, &variable.value).ok_or_else(|| EnvironmentError::Unreadable {
            name: variable.name.clone(),
        })
    }
}

fn plaintext(key: &AesKey, stored: &str) -> Option<SecretString> {
    let mut bytes = zeroize::Zeroizing::new(hex::decode(stored).ok()?);
    let (vector, ciphertext) = bytes.split_at_mut_checked(VECTOR_LENGTH)?;
    let decryptor = cbc::Decryptor::<Aes256>::new_from_slices(key.0.expose_secret(), vector).ok()?;
    let plain = decryptor.decrypt_padded::<Pkcs7>(ciphertext).ok()?;
    std::str::from_utf8(plain).ok().map(SecretString::from)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// "s3cret-värde" under the key of [`key`], made with `openssl enc -aes-256-cbc`.
    const STORED: &str = "00112233445566778899aabbccddeeffa4bf57ee90824863b5f86a3e0ca87aa4";

    fn key() -> AesKey {
        AesKey::from_hex(&"0123456789abcdef".repeat(4)).unwrap()
    }

    fn variable(name: &str, secret: bool, value: &str) -> EnvironmentVariable {
        EnvironmentVariable {
            name: name.to_owned(),
            secret,
            value: value.to_owned(),
        }
    }

    fn rendered(environment: &Environment, text: &str) -> Option<String> {
        environment
            .render(text)
            .unwrap()
            .map(|text| text.expose_secret().to_owned())
    }

    #[test]
    fn templates_are_rendered_as_nocobase_renders_them() {
        let environment = Environment::new(
            vec![variable("ID", false, "ding1"), variable("EMPTY", false, "")],
            None,
        );

        for (text, expected) in [
            ("plain", Some("plain")),
            ("", Some("")),
            ("{{$env.ID}}", Some("ding1")),
            (" {{ $env.ID }} ", Some("ding1")),
            ("{{$env.EMPTY:other}}", Some("")),
            ("{{$env.MISSING}}", None),
            ("{{$env.MISSING:fallback}}", Some("fallback")),
            ("{{$user.id}}", None),
            ("a{{$env.MISSING}}b", Some("ab")),
            ("a{{$env.ID}}b{{$env.ID}}", Some("ading1bding1")),
            ("{{t(\"x\")}}", Some("{{t(\"x\")}}")),
        ] {
            assert_eq!(rendered(&environment, text).as_deref(), expected, "{text}");
        }
    }

    #[test]
    fn a_secret_variable_is_decrypted() {
        let environment = Environment::new(vec![variable("S", true, STORED)], Some(&key()));

        assert_eq!(
            rendered(&environment, "{{$env.S}}").as_deref(),
            Some("s3cret-värde")
        );
    }

    #[test]
    fn a_secret_that_cannot_be_read_is_an_error_and_only_where_it_is_used() {
        let other_key = AesKey::from_hex(&"f".repeat(64)).unwrap();
        for (stored, key) in [
            ("not hex", Some(key())),
            ("0011", Some(key())),
            (&STORED[..32], Some(key())),
            (&STORED[..40], Some(key())),
            (STORED, Some(other_key)),
            (STORED, None),
        ] {
            let variables = vec![variable("S", true, stored), variable("ID", false, "ding1")];
            let environment = Environment::new(variables, key.as_ref());

            assert!(environment.render("{{$env.S}}").is_err(), "{stored}");
            assert_eq!(rendered(&environment, "{{$env.ID}}").as_deref(), Some("ding1"));
        }
    }

    #[test]
    fn keys_of_another_length_are_refused() {
        assert_eq!(AesKey::from_hex("00").unwrap_err(), AesKeyError);
        assert_eq!(AesKey::from_hex("zz").unwrap_err(), AesKeyError);
        assert_eq!(AesKey::from_bytes(&[0; 33]).unwrap_err(), AesKeyError);
    }

    #[test]
    fn neither_key_nor_value_prints_itself() {
        let environment = Environment::new(
            vec![variable("S", true, STORED), variable("P", false, "pl41n")],
            Some(&key()),
        );

        let printed = format!("{environment:?}");

        assert!(
            !printed.contains("0011") && !printed.contains("pl41n") && !printed.contains("89, 171"),
            "{printed}"
        );
    }
}
