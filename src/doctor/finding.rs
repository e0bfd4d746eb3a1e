//! A finding: what one check saw.

/// How bad it is; ordered, so that the worst of several is their maximum.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
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

impl Status {
    /// The name on the wire and in the command line's JSON.
    pub const fn label(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Unknown => "unknown",
            Self::Warning => "warning",
            Self::Error => "error",
        }
    }
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

/// The status of the whole; nothing found is nothing wrong.
pub fn worst(findings: &[Finding]) -> Status {
    findings
        .iter()
        .map(|finding| finding.status)
        .max()
        .unwrap_or(Status::Ok)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_whole_is_as_bad_as_its_worst_part() {
        let findings = [
            Finding::ok("a", "A"),
            Finding::warning("b", "B"),
            Finding::unknown("c", "C"),
        ];

        assert_eq!(worst(&findings), Status::Warning);
        assert_eq!(worst(&[]), Status::Ok);
        assert!(Status::Error > Status::Warning);
    }
}
