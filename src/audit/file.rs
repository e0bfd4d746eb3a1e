//! The file being written: append-only, readable by its owner alone, one write a line.

use std::fs::File;
use std::io::{self, Read as _, Seek as _, SeekFrom, Write as _};
use std::path::{Path, PathBuf};

use chrono::NaiveDate;

use super::day;
use crate::files::{append_to_private_file, is_still_at, make_private_folder};

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
        let path = self.folder.join(day::name(date, &self.instance));
        // Moved or deleted: what was written to it now, nobody would find.
        if date != self.date || !is_still_at(&self.file, &path)? {
            if date == self.date {
                log::warn!(
                    "the audit's file {} was moved or deleted; a new one is begun",
                    path.display()
                );
            }
            make_private_folder(&self.folder)?;
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
    let mut file = append_to_private_file(&folder.join(day::name(date, instance)))?;
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
