//! The grammar of NocoBase's env file: that of Node's dotenv 16, which is one regular expression.
//!
//! ```text
//! ^\s*(?:export\s+)?([\w.-]+)(?:\s*=\s*?|:\s+?)
//!   (\s*'(?:\\'|[^'])*'|\s*"(?:\\"|[^"])*"|\s*`(?:\\`|[^`])*`|[^#\r\n]+)?\s*(?:#.*)?$
//! ```
//!
//! Nothing is an error: what does not match is skipped. `\s` also crosses lines, so a name may stand on one line and
//! its `=` or its quoted value on a later one. Held against dotenv itself by `tests/dotenv`.

use std::collections::HashMap;

/// What a line of the file sets a variable to.
pub struct Assignment {
    /// The value.
    pub value: String,
    /// The line its name stands on, counted from 1.
    pub line: usize,
}

/// The assignments of a file, the last one of each variable.
pub fn parse(bytes: &[u8]) -> HashMap<String, Assignment> {
    let text = String::from_utf8_lossy(bytes)
        .replace("\r\n", "\n")
        .replace('\r', "\n");
    let scanner = Scanner {
        text: text.chars().collect(),
    };
    let mut assignments = HashMap::new();
    let (mut counted, mut line) = (0, 1);
    let mut at = 0;
    while let Some(start) = scanner.line_start(at) {
        let name = scanner.spaces(start);
        let Some(found) = scanner.assignment(name) else {
            // All starts of lines before the name lead to the same name.
            at = name + 1;
            continue;
        };
        line += newlines(&scanner.text[counted..found.name.0]);
        counted = found.name.0;
        at = found.end;
        let value = unquoted(&scanner.text[found.value.0..found.value.1]);
        // The environment of a process ends a value there.
        let value = value.split('\0').next().unwrap_or_default().to_owned();
        let name: String = scanner.text[found.name.0..found.name.1].iter().collect();
        // To JavaScript that is no property like others.
        if name != "__proto__" {
            assignments.insert(name, Assignment { value, line });
        }
    }
    assignments
}

/// Where a match has its parts.
struct Match {
    name: (usize, usize),
    value: (usize, usize),
    end: usize,
}

struct Scanner {
    text: Vec<char>,
}

impl Scanner {
    fn get(&self, at: usize) -> Option<char> {
        self.text.get(at).copied()
    }

    /// The first place from `at` on where `^` holds.
    fn line_start(&self, at: usize) -> Option<usize> {
        (at..self.text.len()).find(|&place| place == 0 || ends_line(self.text[place - 1]))
    }

    /// Whether `$` holds.
    fn line_end(&self, at: usize) -> bool {
        self.get(at).is_none_or(ends_line)
    }

    /// The end of the run of characters from `at` on that are such.
    fn run(&self, at: usize, is_such: impl Fn(char) -> bool) -> usize {
        (at..self.text.len())
            .find(|&place| !is_such(self.text[place]))
            .unwrap_or(self.text.len())
    }

    fn spaces(&self, at: usize) -> usize {
        self.run(at, is_space)
    }

    /// An assignment whose name, or the word `export` before it, stands at `at`.
    fn assignment(&self, at: usize) -> Option<Match> {
        self.exported(at)
            .and_then(|name| self.named(name))
            .or_else(|| self.named(at))
    }

    /// The place behind `export` and a space.
    fn exported(&self, at: usize) -> Option<usize> {
        let behind = at + "export".len();
        if !self.text.get(at..behind)?.iter().copied().eq("export".chars()) {
            return None;
        }
        let name = self.spaces(behind);
        (name > behind).then_some(name)
    }

    /// A name, a separator and then whatever value there is: an empty one always matches.
    fn named(&self, at: usize) -> Option<Match> {
        let name_end = self.run(at, |c| c.is_ascii_alphanumeric() || matches!(c, '_' | '.' | '-'));
        let separator = self.spaces(name_end);
        let start = if name_end == at {
            return None;
        } else if self.get(separator) == Some('=') {
            separator + 1
        } else if self.get(name_end) == Some(':') && self.get(name_end + 1).is_some_and(is_space) {
            name_end + 2
        } else {
            return None;
        };
        let (value_end, end) = self.quoted(start).unwrap_or_else(|| {
            let value_end = self.run(start, |c| c != '#' && c != '\n');
            // There is a comment, the end of the line or that of the file, so this is always something.
            (value_end, self.rest(value_end).unwrap_or(value_end))
        });
        Some(Match {
            name: (at, name_end),
            value: (start, value_end),
            end,
        })
    }

    /// The ends of a value in quotes and of what follows it. A quote behind a backslash ends the value only when no
    /// other can; of these the last one does.
    fn quoted(&self, at: usize) -> Option<(usize, usize)> {
        let open = self.spaces(at);
        let quote = self.get(open).filter(|&c| is_quote(c))?;
        let mut escaped = Vec::new();
        let mut place = open + 1;
        let mut closing = None;
        while let Some(c) = self.get(place) {
            if c == '\\' && self.get(place + 1) == Some(quote) {
                escaped.push(place + 1);
                place += 1;
            } else if c == quote {
                closing = Some(place);
                break;
            }
            place += 1;
        }
        closing
            .into_iter()
            .chain(escaped.into_iter().rev())
            .find_map(|place| Some((place + 1, self.rest(place + 1)?)))
    }

    /// `\s*(?:#.*)?$`: the end of the match, when nothing but spaces and a comment follows.
    fn rest(&self, at: usize) -> Option<usize> {
        let behind = self.spaces(at);
        match self.get(behind) {
            None => Some(behind),
            Some('#') => Some(self.run(behind, |c| !ends_line(c))),
            Some(_) => (at..behind).rev().find(|&place| self.line_end(place)),
        }
    }
}

/// The value without the spaces around it and without its quotes; in double quotes `\n` and `\r` mean what they say.
fn unquoted(value: &[char]) -> String {
    let start = value.iter().position(|&c| !is_space(c)).unwrap_or(value.len());
    let end = value
        .iter()
        .rposition(|&c| !is_space(c))
        .map_or(start, |last| last + 1);
    let scanner = Scanner {
        text: value[start..end].to_vec(),
    };
    let text = &scanner.text;
    let mut bare = String::new();
    let mut place = 0;
    // dotenv takes the quotes off every line that begins and ends with the same ones.
    while let Some(&c) = text.get(place) {
        let is_open = is_quote(c) && (place == 0 || ends_line(text[place - 1]));
        let close = (place + 1..text.len())
            .rev()
            .take_while(|_| is_open)
            .find(|&close| text[close] == c && scanner.line_end(close + 1));
        if let Some(close) = close {
            bare.extend(&text[place + 1..close]);
            place = close + 1;
        } else {
            bare.push(c);
            place += 1;
        }
    }
    if text.first() == Some(&'"') {
        bare = bare.replace("\\n", "\n").replace("\\r", "\r");
    }
    bare
}

fn newlines(text: &[char]) -> usize {
    text.iter().filter(|&&c| c == '\n').count()
}

fn is_quote(c: char) -> bool {
    matches!(c, '\'' | '"' | '`')
}

/// JavaScript's `\s`, which has the byte order mark and not the next line.
fn is_space(c: char) -> bool {
    c == '\u{feff}' || (c.is_whitespace() && c != '\u{85}')
}

/// What `^` and `$` see, and `.` does not.
fn ends_line(c: char) -> bool {
    matches!(c, '\n' | '\r' | '\u{2028}' | '\u{2029}')
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::fs;
    use std::path::Path;

    use serde::Deserialize;

    use super::*;

    type Values = BTreeMap<String, String>;

    #[derive(Deserialize)]
    struct Expected {
        files: BTreeMap<String, Values>,
        generated: Vec<Generated>,
    }

    #[derive(Deserialize)]
    struct Generated {
        /// A character is a byte.
        text: String,
        expected: Values,
    }

    fn values(bytes: &[u8]) -> Values {
        let values = |(name, assignment): (String, Assignment)| (name, assignment.value);
        parse(bytes).into_iter().map(values).collect()
    }

    #[test]
    fn every_file_of_the_corpus_is_read_as_dotenv_reads_it() {
        let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/corpus/env_files");
        let expected = fs::read(corpus.join("expected.json")).unwrap();
        let expected: Expected = serde_json::from_slice(&expected).unwrap();
        let files = fs::read_dir(corpus.join("files")).unwrap().count();

        assert_eq!(files, expected.files.len(), "run tests/dotenv/oracle.mjs");
        assert!(files >= 80 && expected.generated.len() >= 200);
        for (name, expected) in expected.files {
            let bytes = fs::read(corpus.join("files").join(&name)).unwrap();
            assert_eq!(values(&bytes), expected, "{name}");
        }
        for Generated { text, expected } in expected.generated {
            let bytes: Vec<u8> = text.chars().map(|c| u8::try_from(c).unwrap()).collect();
            assert_eq!(values(&bytes), expected, "{text:?}");
        }
    }

    #[test]
    fn a_line_is_counted_as_editors_count_it() {
        for (text, line) in [
            ("A=1\nB=2\nX=3\n", 3),
            ("X=1\r\n\r\nA=\"2\r\n3\"\r\nexport\r\n X\r\n= 4", 6),
            ("A=\u{2028}\rX=1", 2),
            ("\u{feff}X=1", 1),
        ] {
            assert_eq!(parse(text.as_bytes())["X"].line, line, "{text:?}");
        }
    }

    #[test]
    fn a_million_empty_lines_before_one_without_an_assignment_are_not_each_tried_to_the_end() {
        let lines = format!("{}a", "\n".repeat(1_000_000));

        assert!(parse(lines.as_bytes()).is_empty());
    }
}
