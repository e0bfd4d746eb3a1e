//! NocoBase's environment variables, as option values refer to them (`{{$env.NAME}}`).
//!
//! A secret variable is decrypted only when something refers to it, so that an unreadable secret of another plugin
//! keeps nobody from signing in.

use std::collections::HashMap;

use secrecy::{ExposeSecret as _, SecretString};

use super::template::{Piece, pieces};
use crate::aes_key::AesKey;
use crate::nocobase::{EnvironmentVariable, KeptSecret};

/// A secret that cannot be read: a variable's, or one kept apart.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum EnvironmentError {
    /// There is no key to read it with.
    #[error("the secret {name} needs NocoBase's AES key")]
    KeyMissing {
        /// What it is called.
        name: String,
    },
    /// The key is another one, or the stored text is damaged.
    #[error("the secret {name} cannot be decrypted with this AES key")]
    Unreadable {
        /// What it is called.
        name: String,
    },
}

/// What option values refer to: the variables, the secrets kept apart for this authenticator, and the key to both.
#[derive(Clone, Debug)]
pub struct Environment {
    variables: HashMap<String, EnvironmentVariable>,
    kept: HashMap<String, Result<SecretString, EnvironmentError>>,
    key: Option<AesKey>,
}

impl Environment {
    /// The environment of a site; without a key only its secrets are out of reach.
    pub fn new(variables: Vec<EnvironmentVariable>, key: Option<&AesKey>) -> Self {
        Self {
            variables: HashMap::new(),
            kept: HashMap::new(),
            key: key.cloned(),
        }
        .with_variables(variables)
    }

    /// The same with these variables.
    #[must_use]
    pub fn with_variables(mut self, variables: Vec<EnvironmentVariable>) -> Self {
        self.variables = variables
            .into_iter()
            .map(|variable| (variable.name.clone(), variable))
            .collect();
        self
    }

    /// The same with these secrets of one authenticator.
    #[must_use]
    pub fn with_kept(mut self, secrets: &[KeptSecret]) -> Self {
        self.kept = secrets
            .iter()
            .map(|secret| (secret.place.clone(), self.decrypt(&secret.place, &secret.value)))
            .collect();
        self
    }

    /// The secret that is kept apart for this place of the options.
    pub(super) fn kept(&self, place: &str) -> Result<Option<&SecretString>, EnvironmentError> {
        self.kept
            .get(place)
            .map(Result::as_ref)
            .transpose()
            .map_err(Clone::clone)
    }

    /// Whether a secret that is kept apart refers to variables.
    pub fn kept_refers_to_variables(&self) -> bool {
        let mut secrets = self.kept.values().flatten();
        secrets.any(|secret| secret.expose_secret().contains("{{"))
    }

    /// Whether the text refers to a secret variable.
    pub(super) fn is_secret(&self, text: &str) -> bool {
        pieces(text).into_iter().any(|piece| match piece {
            Piece::Text(_) => false,
            Piece::Lookup { key, .. } => self.variable(key).is_some_and(|variable| variable.secret),
        })
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
        match self.variable(key) {
            Some(variable) if variable.secret => self.decrypt(&variable.name, &variable.value).map(Some),
            Some(variable) => Ok(Some(variable.value.as_str().into())),
            None => Ok(default.map(SecretString::from)),
        }
    }

    fn variable(&self, key: &str) -> Option<&EnvironmentVariable> {
        self.variables.get(key.strip_prefix("$env.")?)
    }

    fn decrypt(&self, name: &str, stored: &str) -> Result<SecretString, EnvironmentError> {
        let name = || name.to_owned();
        let key = self
            .key
            .as_ref()
            .ok_or_else(|| EnvironmentError::KeyMissing { name: name() })?;
        key.decrypt(stored)
            .ok_or_else(|| EnvironmentError::Unreadable { name: name() })
    }
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
