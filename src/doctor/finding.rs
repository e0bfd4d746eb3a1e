//! A finding: what one check saw; and all of them, told in a language.

use crate::plugin::{Language, Locales};
use serde::Serialize;
use std::cmp::Reverse;

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

/// The findings of an examination, problems first.
#[derive(Debug)]
pub struct Report(Vec<Finding>);

/// A report in the language of its reader, as it goes over the wire.
#[derive(Debug, Serialize)]
pub struct Told {
    /// The whole in one line.
    pub verdict: String,
    /// Every finding.
    pub findings: Vec<ToldFinding>,
}

/// A finding in the language of its reader.
#[derive(Debug, Serialize)]
pub struct ToldFinding {
    /// The check's stable name.
    pub check: &'static str,
    /// How bad it is.
    pub status: Status,
    /// What was seen.
    pub message: String,
    /// What to do, where there is something.
    pub action: Option<String>,
}

impl Report {
    /// Sorts the findings; those that are equally bad stay in the order in which people mend things.
    pub fn of(mut findings: Vec<Finding>) -> Self {
        findings.sort_by_key(|finding| Reverse(finding.status));
        Self(findings)
    }

    /// The status of the whole; nothing found is nothing wrong.
    pub fn worst(&self) -> Status {
        self.0.first().map_or(Status::Ok, |finding| finding.status)
    }

    /// The report for a reader of this language.
    pub fn tell(&self, language: Language) -> Told {
        let findings = self.0.iter().map(|finding| tell(finding, language)).collect();
        Told {
            verdict: self.verdict(language),
            findings,
        }
    }

    fn verdict(&self, language: Language) -> String {
        let count = |status| self.0.iter().filter(|finding| finding.status == status).count();
        let warnings = count(Status::Warning);
        let key = match self.worst() {
            Status::Ok => "Everything is in order.",
            Status::Unknown => "Nothing to mend. Not known yet: {{count}}.",
            Status::Warning => "Nothing to mend. To look at: {{count}}.",
            Status::Error if warnings == 0 => "To mend: {{count}}.",
            Status::Error => "To mend: {{count}}. To look at: {{warnings}}.",
        };
        let (count, warnings) = (count(self.worst()).to_string(), warnings.to_string());
        let values = [("count", count.as_str()), ("warnings", warnings.as_str())];
        Locales::embedded().format(language, key, &values)
    }
}

fn tell(finding: &Finding, language: Language) -> ToldFinding {
    let values: Vec<(&str, &str)> = finding
        .params
        .iter()
        .map(|(name, value)| (*name, value.as_str()))
        .collect();
    let text = |key| Locales::embedded().format(language, key, &values);
    ToldFinding {
        check: finding.check,
        status: finding.status,
        message: text(finding.message_key),
        action: finding.action_key.map(text),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const OK: Finding = Finding::ok("a", "A");
    const UNKNOWN: Finding = Finding::unknown("b", "B");
    const WARNING: Finding = Finding::warning("c", "C");
    const ERROR: Finding = Finding::error("d", "D");

    fn verdict(findings: &[&Finding]) -> String {
        let findings = findings.iter().map(|&finding| finding.clone()).collect();
        Report::of(findings).tell(Language::EnUs).verdict
    }

    #[test]
    fn problems_come_first_and_equals_stay_in_their_order() {
        let second = Finding::error("e", "E");

        let report = Report::of(vec![OK, WARNING, ERROR, UNKNOWN, second]);

        let told = report.tell(Language::EnUs);
        let checks: Vec<_> = told.findings.iter().map(|finding| finding.check).collect();
        assert_eq!(checks, ["d", "e", "c", "b", "a"]);
        assert_eq!(report.worst(), Status::Error);
    }

    #[test]
    fn the_verdict_counts_what_is_worst() {
        assert_eq!(verdict(&[]), "Everything is in order.");
        assert_eq!(verdict(&[&OK, &OK]), "Everything is in order.");
        assert_eq!(verdict(&[&OK, &UNKNOWN]), "Nothing to mend. Not known yet: 1.");
        assert_eq!(
            verdict(&[&WARNING, &UNKNOWN, &WARNING]),
            "Nothing to mend. To look at: 2."
        );
        assert_eq!(verdict(&[&ERROR, &UNKNOWN]), "To mend: 1.");
        assert_eq!(verdict(&[&WARNING, &ERROR]), "To mend: 1. To look at: 1.");
    }
}
