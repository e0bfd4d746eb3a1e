//! One option after the other, as it is stored: templates rendered, kinds checked, by the name that the form gives it.

use std::collections::BTreeSet;

use secrecy::{ExposeSecret, SecretString};
use serde_json::Value;
use url::Url;

use super::auto_login::AutoLogin;
use super::department_fence::department_ids;
use super::environment::{Environment, EnvironmentError};
use super::secrets::SECRET_MASK;
use crate::nocobase::SubjectKind;

/// An option that cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum OptionsError {
    /// The value is of the wrong kind.
    #[error("the option {field} is not usable")]
    Malformed {
        /// The path of the option.
        field: &'static str,
    },
    /// One line of the value cannot be read.
    #[error("line {line} of the option {field} is not usable")]
    MalformedLine {
        /// The path of the option.
        field: &'static str,
        /// Counted from one.
        line: usize,
    },
    /// The value refers to a secret variable that cannot be read.
    #[error("the option {field} cannot be filled in")]
    Unreadable {
        /// The path of the option.
        field: &'static str,
        /// Which variable, and why.
        #[source]
        source: EnvironmentError,
    },
    /// The value is kept apart and cannot be read.
    #[error("the option {field} is kept apart and cannot be read")]
    Locked {
        /// The path of the option.
        field: &'static str,
        /// Why.
        #[source]
        source: EnvironmentError,
    },
    /// The value refers to a secret variable, and would show it to everybody.
    #[error("the option {field} would show a secret variable to everybody")]
    Public {
        /// The path of the option.
        field: &'static str,
    },
}

impl OptionsError {
    /// The path of the option, as the form names it.
    pub const fn field(&self) -> &'static str {
        match self {
            Self::Malformed { field }
            | Self::MalformedLine { field, .. }
            | Self::Unreadable { field, .. }
            | Self::Locked { field, .. }
            | Self::Public { field } => field,
        }
    }
}

/// Stored options, and what fills in their templates.
pub struct Reader<'a> {
    /// As stored.
    pub options: &'a Value,
    /// What fills them in.
    pub environment: &'a Environment,
}

impl Reader<'_> {
    fn value(&self, field: &'static str) -> Option<&Value> {
        field
            .split('.')
            .try_fold(self.options, |value, key| value.get(key))
            .filter(|value| !value.is_null())
    }

    /// As stored; text or nothing.
    fn stored(&self, field: &'static str) -> Result<Option<&str>, OptionsError> {
        self.value(field)
            .map(|value| value.as_str().ok_or(OptionsError::Malformed { field }))
            .transpose()
    }

    /// Text that nobody is shown, in the options or kept apart from them.
    pub fn secret(&self, field: &'static str) -> Result<Option<SecretString>, OptionsError> {
        let stored = self.stored(field)?;
        if stored != Some(SECRET_MASK) {
            return self.rendered(field, stored);
        }
        let kept = self
            .environment
            .kept(field)
            .map_err(|source| OptionsError::Locked { field, source })?;
        self.rendered(field, kept.map(ExposeSecret::expose_secret))
    }

    /// Text that people and DingTalk's pages show.
    pub fn text(&self, field: &'static str) -> Result<Option<String>, OptionsError> {
        let stored = self.stored(field)?;
        if stored.is_some_and(|text| self.environment.is_secret(text)) {
            return Err(OptionsError::Public { field });
        }
        let rendered = self.rendered(field, stored)?;
        Ok(rendered.map(|text| text.expose_secret().to_owned()))
    }

    fn rendered(
        &self,
        field: &'static str,
        text: Option<&str>,
    ) -> Result<Option<SecretString>, OptionsError> {
        let Some(text) = text else {
            return Ok(None);
        };
        let rendered = self
            .environment
            .render(text)
            .map_err(|source| OptionsError::Unreadable { field, source })?;
        // People paste with a line break or a space around.
        let trimmed = rendered.as_ref().map(|text| text.expose_secret().trim());
        Ok(trimmed.filter(|text| !text.is_empty()).map(SecretString::from))
    }

    /// Yes or no; no where nothing is said.
    pub fn flag(&self, field: &'static str) -> Result<bool, OptionsError> {
        self.flag_or(field, false)
    }

    /// As [`Reader::flag`], with what is meant where nothing is said.
    pub fn flag_or(&self, field: &'static str, unsaid: bool) -> Result<bool, OptionsError> {
        match self.value(field) {
            None => Ok(unsaid),
            Some(Value::Bool(flag)) => Ok(*flag),
            // A template can only give text.
            Some(_) => match self.text(field)?.as_deref() {
                Some("true") => Ok(true),
                Some("false") => Ok(false),
                None => Ok(unsaid),
                Some(_) => Err(OptionsError::Malformed { field }),
            },
        }
    }

    /// A whole number, as a number or as text.
    pub fn number_or(&self, field: &'static str, unsaid: u32) -> Result<u32, OptionsError> {
        let malformed = OptionsError::Malformed { field };
        match self.value(field) {
            None => Ok(unsaid),
            Some(Value::Number(number)) => {
                let number = number.as_u64().and_then(|number| u32::try_from(number).ok());
                number.ok_or(malformed)
            }
            Some(_) => match self.text(field)? {
                None => Ok(unsaid),
                Some(text) => text.parse().map_err(|_| malformed),
            },
        }
    }

    /// Ids of departments, with anything between them that separates words.
    pub fn departments(&self, field: &'static str) -> Result<BTreeSet<i64>, OptionsError> {
        let ids = self.text(field)?.map(|text| department_ids(&text));
        ids.map_or_else(
            || Ok(BTreeSet::default()),
            |ids| ids.ok_or(OptionsError::Malformed { field }),
        )
    }

    pub(super) fn subject(&self) -> Result<SubjectKind, OptionsError> {
        let Some(text) = self.text("subject")? else {
            return Ok(SubjectKind::default());
        };
        let found = SubjectKind::ALL
            .into_iter()
            .find(|subject| subject.label() == text);
        found.ok_or(OptionsError::Malformed { field: "subject" })
    }

    pub(super) fn auto_login(&self) -> Result<Option<AutoLogin>, OptionsError> {
        const FIELD: &str = "autoLoginType";
        let way = match self.text(FIELD)? {
            Some(label) => AutoLogin::named(&label).ok_or(OptionsError::Malformed { field: FIELD })?,
            None => AutoLogin::default(),
        };
        Ok(self.flag("autoLogin")?.then_some(way))
    }

    pub(super) fn origin(&self, field: &'static str) -> Result<Option<String>, OptionsError> {
        let Some(text) = self.text(field)? else {
            return Ok(None);
        };
        let malformed = || OptionsError::Malformed { field };
        let url = Url::parse(&text).map_err(|_| malformed())?;
        let is_origin = matches!(url.scheme(), "http" | "https")
            && url.path() == "/"
            && url.query().is_none()
            && url.fragment().is_none()
            && url.username().is_empty()
            && url.password().is_none();
        if is_origin {
            Ok(Some(url.origin().ascii_serialization()))
        } else {
            Err(malformed())
        }
    }
}
