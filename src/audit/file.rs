//! The file being written: append-only, readable by its owner alone, one write a line.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read as _, Seek as _, SeekFrom, Write as _};
use std::path::{Path, PathBuf};

use chrono::NaiveDate;

use super::day;

/// Writes one instance's entries, each into the file of its day.
#[derive(Debug)]
pub(super) struct Writer {
    folder: PathBuf,
    instance: String,
    date: NaiveDate,
    file: File,
    /// The file ends in half a line: a write failed, or an earlier process did not come to its end.
    torn: bool,
}

impl Writer {
    pub(super) fn open(folder: &Path, instance: &str, date: NaiveDate) -> io::Result<Self> {
        let (file, torn) = open(folder, instance, date)?;
        Ok(Self {
            folder: folder.to_owned(),
            instance: instance.to_owned(),
            date,
            file,
            torn,
        })
    }

    /// `line` ends in a line feed.
    pub(super) fn append(&mut self, date: NaiveDate, line: &[u8]) -> io::Result<()> {
        if date != self.date {
            (self.file, self.torn) = open(&self.folder, &self.instance, date)?;
            self.date = date;
        }
        let written = if self.torn {
            // The half line stays by itself, and costs nobody else's entry.
            self.file.write_all(&[b"\n", line].concat())
        } else {
            self.file.write_all(line)
        };
        self.torn = written.is_err();
        written
    }
}

fn open(folder: &Path, instance: &str, date: NaiveDate) -> io::Result<(File, bool)> {
    let mut options = OpenOptions::new();
    options.read(true).append(true).create(true);
    #[cfg(unix)]
    {
        use std::os::unix::fs::OpenOptionsExt as _;
        options.mode(0o600);
    }
    let mut file = options.open(folder.join(day::name(date, instance)))?;
    let torn = if file.metadata()?.len() == 0 {
        false
    } else {
        let mut last = [0];
        file.seek(SeekFrom::End(-1))?;
        file.read_exact(&mut last)?;
        last != *b"\n"
    };
    Ok((file, torn))
}

/// The folder and those above it; an existing folder keeps its rights.
pub(super) fn make_folder(folder: &Path) -> io::Result<()> {
    let mut builder = fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    {
        use std::os::unix::fs::DirBuilderExt as _;
        builder.mode(0o700);
    }
    builder.create(folder)
}
