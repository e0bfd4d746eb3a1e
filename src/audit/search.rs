//! A search of the audit: day by day from the newest, keeping one page.

use std::collections::BTreeSet;
use std::fs::File;
use std::io::{self, BufRead as _, BufReader, Read as _};
use std::path::Path;

use chrono::{DateTime, Utc};

use super::day::{self, Day};
use super::entry::{Entry, Event};

/// More than any line of ours; a longer one is no entry.
const LINE_BYTES: u64 = 64 * 1024;
/// The largest page, for a whole export.
const PAGE: u64 = 10_000;

/// What an entry must be like; `None` admits all.
#[derive(Clone, Debug, Default)]
pub struct Filter {
    /// The name of the sign-in method.
    pub authenticator: Option<String>,
    /// The NocoBase users of whom it is about one.
    pub users: Option<BTreeSet<i64>>,
    /// What it is about.
    pub event: Option<Event>,
    /// How it ended.
    pub ended: Option<Ended>,
    /// The number a person quotes.
    pub reference: Option<String>,
    /// Not before.
    pub from: Option<DateTime<Utc>>,
    /// Before.
    pub to: Option<DateTime<Utc>>,
}

/// How what is looked for has ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Ended {
    /// With this result: `OK`, or a public code.
    With(String),
    /// With any refusal.
    Refused,
}

/// A page of entries.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FoundEntries {
    /// Newest first.
    pub entries: Vec<Entry>,
    /// How many there are on all pages.
    pub count: u64,
}

impl Filter {
    fn admits(&self, entry: &Entry) -> bool {
        fn is<T: PartialEq>(wanted: Option<&T>, actual: &T) -> bool {
            wanted.is_none_or(|wanted| wanted == actual)
        }
        is(self.authenticator.as_ref(), &entry.authenticator)
            && is(self.event.as_ref(), &entry.event)
            && is(self.reference.as_ref(), &entry.reference)
            && self.ended.as_ref().is_none_or(|ended| ended.is_of(entry))
            && self
                .users
                .as_ref()
                .is_none_or(|users| entry.user_id.is_some_and(|user| users.contains(&user)))
            && self.from.is_none_or(|from| from <= entry.time)
            && self.to.is_none_or(|to| entry.time < to)
    }

    /// An entry's file is that of its own day.
    fn admits_day(&self, day: &Day) -> bool {
        self.from.is_none_or(|from| from.date_naive() <= day.date)
            && self.to.is_none_or(|to| day.date <= to.date_naive())
    }
}

impl Ended {
    fn is_of(&self, entry: &Entry) -> bool {
        match self {
            Self::With(result) => *result == entry.result,
            Self::Refused => entry.result != crate::error_code::OK,
        }
    }
}

pub(super) fn search(folder: &Path, filter: &Filter, page: u64, page_size: u64) -> io::Result<FoundEntries> {
    let page_size = page_size.clamp(1, PAGE);
    let first = page.saturating_sub(1).saturating_mul(page_size);
    let end = first.saturating_add(page_size);
    let mut found = FoundEntries {
        entries: Vec::new(),
        count: 0,
    };
    let days = day::list(folder)?;
    for files in days.chunk_by(|a, b| a.date == b.date) {
        if !files.first().is_some_and(|day| filter.admits_day(day)) {
            continue;
        }
        // Of this day, the newest `wanted` are all that can still stand on the page or before it.
        let mut newest = NewestEntries::new(end.saturating_sub(found.count));
        let before = found.count;
        for file in files {
            found.count += read(&file.path, filter, &mut newest)?;
        }
        let skipped = first.saturating_sub(before);
        let room = page_size - found.entries.len() as u64;
        let skipped = usize::try_from(skipped).unwrap_or(usize::MAX);
        let room = usize::try_from(room).unwrap_or(usize::MAX);
        found
            .entries
            .extend(newest.into_entries().into_iter().skip(skipped).take(room));
    }
    Ok(found)
}

/// Collects the newest entries of a day without keeping the whole day.
struct NewestEntries {
    wanted: usize,
    /// With the order they were read in, which decides between entries of one millisecond.
    entries: Vec<(usize, Entry)>,
    read: usize,
}

impl NewestEntries {
    fn new(wanted: u64) -> Self {
        Self {
            wanted: usize::try_from(wanted).unwrap_or(usize::MAX),
            entries: Vec::new(),
            read: 0,
        }
    }

    fn add(&mut self, entry: Entry) {
        if self.wanted == 0 {
            return;
        }
        self.read += 1;
        self.entries.push((self.read, entry));
        if self.entries.len() >= self.wanted.saturating_mul(2) {
            self.settle();
        }
    }

    fn settle(&mut self) {
        self.entries
            .sort_by(|(a, x), (b, y)| y.time.cmp(&x.time).then(b.cmp(a)));
        self.entries.truncate(self.wanted);
    }

    fn into_entries(mut self) -> Vec<Entry> {
        self.settle();
        self.entries.into_iter().map(|(_, entry)| entry).collect()
    }
}

/// Adds the entries of one file that pass, and tells how many did. A line that is no entry (half a line at the end of
/// a file being written or after a crash) is passed over.
fn read(path: &Path, filter: &Filter, newest: &mut NewestEntries) -> io::Result<u64> {
    let file = match File::open(path) {
        Ok(file) => file,
        // Pruned since the folder was listed.
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(0),
        Err(error) => return Err(error),
    };
    let mut reader = BufReader::with_capacity(64 * 1024, file);
    let (mut line, mut count) = (Vec::new(), 0);
    loop {
        line.clear();
        if (&mut reader).take(LINE_BYTES).read_until(b'\n', &mut line)? == 0 {
            return Ok(count);
        }
        if let Ok(entry) = serde_json::from_slice::<Entry>(&line)
            && filter.admits(&entry)
        {
            count += 1;
            newest.add(entry);
        }
    }
}
