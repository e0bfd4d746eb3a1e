//! How often DingTalk was called, by app, API and day: its smaller editions allow a number of calls a month.
//!
//! Each instance adds lines to a file of its own for each month, `calls-YYYY-MM-<instance>.jsonl`, in the folder that
//! the instances share, and never rewrites one: processes that overlap while one takes the other's place lose nothing.
//! A line says how many calls came since the line before. Days are those of Beijing, by which DingTalk counts.

use std::collections::BTreeMap;
use std::fs;
use std::io::{self, Write as _};
use std::mem;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use chrono::{DateTime, FixedOffset, Months, NaiveDate, Utc};
use serde::{Deserialize, Serialize};

use crate::clock::Clock;
use crate::files::{append_to_private_file, make_private_folder};

const PREFIX: &str = "calls-";
const SUFFIX: &str = ".jsonl";
const MONTH: &str = "%Y-%m";
/// Seconds that Beijing is ahead of UTC, all year.
const BEIJING: i32 = 8 * 3600;
/// Files of earlier months are removed: a year can be compared with the one before.
const KEPT: Months = Months::new(13);

/// Counts calls; clones count together.
#[derive(Clone, Debug)]
pub struct CallCounts(Arc<Counter>);

#[derive(Debug)]
struct Counter {
    folder: PathBuf,
    instance: String,
    clock: Clock,
    unsaved: Mutex<BTreeMap<Counted, u64>>,
}

/// What is counted together.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Counted {
    /// The day in Beijing.
    pub day: NaiveDate,
    /// The Client ID of the app.
    pub app: String,
    /// The API, by the name that it has in metrics.
    pub call: String,
}

#[derive(Serialize, Deserialize)]
struct Line {
    #[serde(flatten)]
    counted: Counted,
    count: u64,
}

/// The day in Beijing.
fn day_of(time: DateTime<Utc>) -> NaiveDate {
    FixedOffset::east_opt(BEIJING).map_or_else(
        || time.date_naive(),
        |beijing| time.with_timezone(&beijing).date_naive(),
    )
}

fn month_of(day: NaiveDate) -> String {
    day.format(MONTH).to_string()
}

impl CallCounts {
    /// Counts into `folder`, which is made for its owner only when the first call is saved.
    pub fn new(folder: &Path, instance: &str, clock: Clock) -> Self {
        Self(Arc::new(Counter {
            folder: folder.to_owned(),
            instance: instance
                .chars()
                .filter(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '.'))
                .take(64)
                .collect(),
            clock,
            unsaved: Mutex::default(),
        }))
    }

    /// Counts one call, which was sent just now.
    pub fn add(&self, app: &str, call: &str) {
        let counted = Counted {
            day: day_of(self.0.clock.now()),
            app: app.to_owned(),
            call: call.to_owned(),
        };
        *self.0.unsaved().entry(counted).or_default() += 1;
    }

    /// Writes what was counted since the last time, and removes the files of long ago. What cannot be written stays
    /// counted.
    pub async fn save(&self) -> io::Result<()> {
        let counter = Arc::clone(&self.0);
        tokio::task::spawn_blocking(move || counter.save()).await?
    }

    /// What all instances counted this month, and this one has not saved yet.
    pub async fn of_this_month(&self) -> io::Result<CallsOfMonth> {
        let mut month = saved_in(&self.0.folder, self.0.clock.now()).await?;
        let wanted = month_of(month.today);
        for (counted, count) in self.0.unsaved().iter() {
            if month_of(counted.day) == wanted {
                *month.counts.entry(counted.clone()).or_default() += count;
            }
        }
        Ok(month)
    }
}

/// The calls of a month up to a day.
#[derive(Debug)]
pub struct CallsOfMonth {
    /// The day.
    pub today: NaiveDate,
    /// How many.
    pub counts: BTreeMap<Counted, u64>,
}

impl CallsOfMonth {
    /// All calls of an app.
    pub fn of(&self, app: &str) -> u64 {
        self.rows(app).map(|(_, count)| count).sum()
    }

    /// Those of today.
    pub fn today_of(&self, app: &str) -> u64 {
        self.rows(app)
            .filter_map(|(counted, count)| (counted.day == self.today).then_some(count))
            .sum()
    }

    /// The counts of an app.
    pub fn rows<'a>(&'a self, app: &'a str) -> impl Iterator<Item = (&'a Counted, u64)> {
        let ours = self.counts.iter().filter(move |(counted, _)| counted.app == app);
        ours.map(|(counted, count)| (counted, *count))
    }
}

/// What all instances have saved of the month of this moment; a folder that is not there holds nothing.
pub async fn saved_in(folder: &Path, now: DateTime<Utc>) -> io::Result<CallsOfMonth> {
    let (folder, today) = (folder.to_owned(), day_of(now));
    let counts = tokio::task::spawn_blocking(move || read(&folder, today)).await??;
    Ok(CallsOfMonth { today, counts })
}

impl Counter {
    fn unsaved(&self) -> MutexGuard<'_, BTreeMap<Counted, u64>> {
        self.unsaved.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whoever counts does not wait for the disk.
    fn save(&self) -> io::Result<()> {
        let mut taken = mem::take(&mut *self.unsaved());
        if taken.is_empty() {
            return Ok(());
        }
        let outcome = self.append(&mut taken);
        for (counted, count) in taken {
            *self.unsaved().entry(counted).or_default() += count;
        }
        outcome.and_then(|()| self.prune())
    }

    /// Leaves what could not be written.
    fn append(&self, counts: &mut BTreeMap<Counted, u64>) -> io::Result<()> {
        make_private_folder(&self.folder)?;
        while let Some(entry) = counts.first_entry() {
            let line = Line {
                counted: entry.key().clone(),
                count: *entry.get(),
            };
            let month = month_of(line.counted.day);
            let path = self
                .folder
                .join(format!("{PREFIX}{month}-{}{SUFFIX}", self.instance));
            // Half a line, which a full disk leaves, ends here.
            let text = format!("\n{}", serde_json::to_string(&line)?);
            append_to_private_file(&path)?.write_all(text.as_bytes())?;
            entry.remove();
        }
        Ok(())
    }

    fn prune(&self) -> io::Result<()> {
        let oldest = day_of(self.clock.now()).checked_sub_months(KEPT).map(month_of);
        for (month, path) in files(&self.folder)? {
            if oldest.as_ref().is_some_and(|oldest| month < *oldest) {
                fs::remove_file(path)?;
            }
        }
        Ok(())
    }
}

fn read(folder: &Path, day: NaiveDate) -> io::Result<BTreeMap<Counted, u64>> {
    let wanted = month_of(day);
    let mut counts = BTreeMap::new();
    let files = match files(folder) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(counts),
        files => files?,
    };
    for (_, path) in files.into_iter().filter(|(month, _)| *month == wanted) {
        // What is no line is half of one, whose calls were written again.
        let lines = String::from_utf8_lossy(&fs::read(path)?).into_owned();
        for Line { counted, count } in lines.lines().filter_map(|line| serde_json::from_str(line).ok()) {
            *counts.entry(counted).or_default() += count;
        }
    }
    Ok(counts)
}

/// Our files, with their months.
fn files(folder: &Path) -> io::Result<Vec<(String, PathBuf)>> {
    let mut files = Vec::new();
    for file in fs::read_dir(folder)? {
        let file = file?;
        let name = file.file_name();
        let month = name
            .to_str()
            .and_then(|name| name.strip_prefix(PREFIX)?.strip_suffix(SUFFIX)?.get(..7))
            .map(str::to_owned);
        if let Some(month) = month
            && file.file_type()?.is_file()
        {
            files.push((month, file.path()));
        }
    }
    Ok(files)
}

#[cfg(test)]
mod tests {
    use chrono::TimeDelta;

    use super::*;

    /// Twenty minutes to midnight in Beijing, on the last day of a month.
    fn clock() -> Clock {
        Clock::manual("2026-11-30T15:40:00Z".parse().unwrap())
    }

    fn counted(day: &str, app: &str, call: &str) -> Counted {
        Counted {
            day: day.parse().unwrap(),
            app: app.to_owned(),
            call: call.to_owned(),
        }
    }

    fn november() -> DateTime<Utc> {
        "2026-11-02T12:00:00Z".parse().unwrap()
    }

    #[tokio::test]
    async fn days_and_months_are_those_of_beijing() {
        let (folder, clock) = (tempfile::tempdir().unwrap(), clock());
        let counts = CallCounts::new(folder.path(), "1", clock.clone());

        counts.add("ding1", "profile");
        clock.advance(TimeDelta::minutes(30));
        counts.add("ding1", "profile");
        counts.save().await.unwrap();

        let december = counts.of_this_month().await.unwrap();
        assert_eq!(december.today, "2026-12-01".parse().unwrap());
        assert_eq!((december.of("ding1"), december.today_of("ding1")), (1, 1));
        let november = saved_in(folder.path(), november()).await.unwrap();
        assert_eq!(
            november.counts,
            BTreeMap::from([(counted("2026-11-30", "ding1", "profile"), 1)])
        );
        assert_eq!((november.of("ding1"), november.today_of("ding1")), (1, 0));
    }

    #[tokio::test]
    async fn instances_that_share_a_folder_are_counted_together_and_so_is_a_process_before_this_one() {
        let (folder, clock) = (tempfile::tempdir().unwrap(), clock());
        for instance in ["1", "1", "pod/2"] {
            let counts = CallCounts::new(folder.path(), instance, clock.clone());
            counts.add("ding1", "profile");
            counts.add("ding1", "profile");
            counts.add("ding2", "profile");
            counts.save().await.unwrap();
        }

        let found = saved_in(folder.path(), november()).await.unwrap();

        assert_eq!(
            found.counts,
            BTreeMap::from([
                (counted("2026-11-30", "ding1", "profile"), 6),
                (counted("2026-11-30", "ding2", "profile"), 3),
            ])
        );
    }

    #[tokio::test]
    async fn what_cannot_be_written_stays_counted_and_half_a_line_costs_no_other() {
        let root = tempfile::tempdir().unwrap();
        let folder = root.path().join("calls");
        let counts = CallCounts::new(&folder, "1", clock());
        counts.add("ding1", "profile");
        fs::write(&folder, "in the way").unwrap();
        assert!(counts.save().await.is_err());
        fs::remove_file(&folder).unwrap();
        assert_eq!(counts.of_this_month().await.unwrap().of("ding1"), 1);
        fs::create_dir(&folder).unwrap();
        fs::write(folder.join("calls-2026-11-1.jsonl"), "\n{\"day\":\"2026-11").unwrap();

        counts.save().await.unwrap();

        let found = saved_in(&folder, november()).await.unwrap();
        assert_eq!(
            found.counts,
            BTreeMap::from([(counted("2026-11-30", "ding1", "profile"), 1)])
        );
        assert_eq!(counts.of_this_month().await.unwrap().of("ding1"), 1);
    }

    #[tokio::test]
    async fn months_of_long_ago_are_removed_and_other_files_are_not() {
        let (folder, clock) = (tempfile::tempdir().unwrap(), clock());
        for name in [
            "calls-2025-09-1.jsonl",
            "calls-2025-10-1.jsonl",
            "audit-2020-01-01-1.jsonl",
        ] {
            fs::write(folder.path().join(name), "").unwrap();
        }
        let counts = CallCounts::new(folder.path(), "1", clock);
        counts.add("ding1", "profile");

        counts.save().await.unwrap();

        let left: Vec<bool> = [
            "calls-2025-09-1.jsonl",
            "calls-2025-10-1.jsonl",
            "audit-2020-01-01-1.jsonl",
        ]
        .iter()
        .map(|name| folder.path().join(name).exists())
        .collect();
        assert_eq!(left, [false, true, true]);
    }
}
