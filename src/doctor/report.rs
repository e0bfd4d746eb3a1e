//! What an examination says to a reader: a verdict, then what needs a hand, and what is in order at the end.

use std::cmp::Reverse;

use serde::Serialize;

use crate::plugin::{Language, Locales};

use super::finding::{Finding, Status};

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
