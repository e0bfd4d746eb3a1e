//! A day: one file of the audit, named `audit-YYYY-MM-DD-<instance>.jsonl`.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use chrono::NaiveDate;

/// A file of the audit that is there.
#[derive(Debug)]
pub(super) struct Day {
    pub(super) date: NaiveDate,
    pub(super) path: PathBuf,
}

/// All days of all instances, newest first; whatever else lies in the folder is left alone.
pub(super) fn list(folder: &Path) -> io::Result<Vec<Day>> {
    let mut days = Vec::new();
    for file in fs::read_dir(folder)? {
        let file = file?;
        let date = file.file_name().to_str().and_then(date);
        if let Some(date) = date
            && file.file_type()?.is_file()
        {
            days.push(Day {
                date,
                path: file.path(),
            });
        }
    }
    days.sort_by(|a, b| b.date.cmp(&a.date).then_with(|| a.path.cmp(&b.path)));
    Ok(days)
}

/// The file of one instance; characters that mean something to a file system become `_`.
pub(super) fn name(date: NaiveDate, instance: &str) -> String {
    let instance: String = instance
        .chars()
        .map(|c| {
            if c.is_ascii_alphanumeric() || matches!(c, '-' | '.') {
                c
            } else {
                '_'
            }
        })
        .take(64)
        .collect();
    format!("audit-{}-{instance}.jsonl", date.format("%Y-%m-%d"))
}

fn date(name: &str) -> Option<NaiveDate> {
    let rest = name.strip_prefix("audit-")?.strip_suffix(".jsonl")?;
    let (date, rest) = rest.split_at_checked("YYYY-MM-DD".len())?;
    rest.strip_prefix('-')?;
    NaiveDate::parse_from_str(date, "%Y-%m-%d").ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_tells_its_day_whatever_the_instance_is_called() {
        let day = NaiveDate::from_ymd_opt(2026, 11, 21).unwrap();
        for instance in [
            "a",
            "",
            "pod-7.svc",
            "../../etc/passwd",
            "a/b\\c:d\n",
            &"x".repeat(300),
        ] {
            let name = name(day, instance);
            assert_eq!(date(&name), Some(day), "{name}");
            assert!(!name.contains(['/', '\\', '\n']) && name.len() < 100, "{name}");
        }
    }

    #[test]
    fn other_files_have_no_day() {
        for name in [
            "audit-2026-11-21.jsonl",
            "audit-2026-13-21-a.jsonl",
            "audit-2026-11-21-a.jsonl.bak",
            "audit-钉钉钉钉-a.jsonl",
            "audit-.jsonl",
            "other-2026-11-21-a.jsonl",
        ] {
            assert_eq!(date(name), None, "{name}");
        }
    }
}
