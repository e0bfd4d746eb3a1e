//! A finding: what one check saw.

use serde::Serialize;

/// How bad it is, the better before the worse.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Status {
    /// As it should be.
    Ok,
    /// Cannot be told now; no reason to believe that something is wrong.
    Unknown,
    /// Sign-ins work, but somebody should look at it.
    Warning,
    /// Sign-ins fail, or are not safe, until somebody mends it.
    Error,
}

/// What one check saw and what to do about it, in keys of the locales.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// The check's stable name.
    pub check: &'static str,
    /// How bad it is.
    pub status: Status,
    /// What was seen.
    pub message_key: &'static str,
    /// The values of the `{{name}}`s in both texts.
    pub params: Vec<(&'static str, String)>,
    /// What to do, where there is something.
    pub action_key: Option<&'static str>,
}

impl Finding {
    pub(super) const fn ok(check: &'static str, message_key: &'static str) -> Self {
        Self::new(check, Status::Ok, message_key)
    }

    pub(super) const fn unknown(check: &'static str, message_key: &'static str) -> Self {
        Self::new(check, Status::Unknown, message_key)
    }

    pub(super) const fn warning(check: &'static str, message_key: &'static str) -> Self {
        Self::new(check, Status::Warning, message_key)
    }

    pub(super) const fn error(check: &'static str, message_key: &'static str) -> Self {
        Self::new(check, Status::Error, message_key)
    }

    const fn new(check: &'static str, status: Status, message_key: &'static str) -> Self {
        Self {
            check,
            status,
            message_key,
            params: Vec::new(),
            action_key: None,
        }
    }

    pub(super) fn is_error(&self) -> bool {
        self.status == Status::Error
    }

    pub(super) fn with(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.params.push((name, value.into()));
        self
    }

    pub(super) const fn advise(mut self, action_key: &'static str) -> Self {
        self.action_key = Some(action_key);
        self
    }
}
