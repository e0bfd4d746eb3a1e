//! `docs/glossary.md`, held against every text and every guide: one word for one thing.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use pulldown_cmark::{Event, Parser, Tag, TagEnd};

use crate::languages::LANGUAGES;

fn read(path: &str) -> String {
    fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(path)).unwrap()
}

/// What one language calls a thing.
struct Cell {
    said: Vec<String>,
    struck: Vec<String>,
}

impl Cell {
    /// Words, and struck out behind them those that are not said: `link, links ~~binding~~`.
    fn parse(cell: &str) -> Self {
        let (said, struck) = cell.trim().split_once("~~").unwrap_or((cell, ""));
        let words = |list: &str| -> Vec<String> {
            let words = list.split(',').map(str::trim);
            words
                .filter(|word| !word.is_empty() && *word != "—")
                .map(str::to_owned)
                .collect()
        };
        Self {
            said: words(said),
            struck: words(struck.trim_end_matches("~~")),
        }
    }
}

/// The rows of the tables: a thing, as each of [`LANGUAGES`] calls it.
fn rows() -> Vec<[Cell; 7]> {
    let glossary = read("docs/glossary.md");
    let rows = glossary.lines().filter(|line| {
        line.starts_with("| ") && !line.starts_with("| ---") && !line.starts_with("| English")
    });
    rows.map(|row| {
        let cells: Vec<Cell> = row.trim_matches('|').split('|').map(Cell::parse).collect();
        <[Cell; 7]>::try_from(cells).unwrap_or_else(|_| panic!("seven cells, please: {row}"))
    })
    .collect()
}

fn texts(language: &str) -> BTreeMap<String, String> {
    serde_json::from_str(&read(&format!("locales/{language}.json"))).unwrap()
}

/// A text without what is no word of it: `{{place}}`, `APP_KEY`, `Contact.User.Read`, `--env-file`.
fn words_of(text: &str) -> String {
    let mut parts = text.split("{{");
    let mut words = parts.next().unwrap().to_owned();
    words.extend(parts.map(|part| part.split_once("}}").unwrap().1));
    let is_part = |character: char| character.is_ascii_alphanumeric() || "_.-".contains(character);
    let is_name = |token: &&str| {
        token.starts_with("--") || token.contains('_') || token.trim_matches('.').contains('.')
    };
    let all = words.clone();
    for name in all.split(|character| !is_part(character)).filter(is_name) {
        words = words.replace(name, "");
    }
    words
}

/// The prose of a guide, a paragraph a line: what it quotes from a screen (bold) and from a machine (code) is not its own.
fn prose_of(guide: &str) -> String {
    let mut prose = String::new();
    let mut is_label = false;
    for event in Parser::new(guide) {
        if matches!(event, Event::Start(Tag::Strong) | Event::End(TagEnd::Strong)) {
            is_label = !is_label;
        } else if let (Event::Text(text), false) = (&event, is_label) {
            prose.push_str(text);
        } else if matches!(event, Event::SoftBreak) {
            prose.push(' ');
        } else if matches!(
            event,
            Event::End(TagEnd::Heading(_) | TagEnd::Paragraph | TagEnd::Item)
        ) {
            prose.push('\n');
        }
    }
    prose
}

/// Whether a letter of a word, in scripts that part words.
fn is_letter(character: char) -> bool {
    let is_devanagari = matches!(character, '\u{900}'..='\u{963}' | '\u{966}'..='\u{97f}');
    let is_han = matches!(character, '\u{3400}'..='\u{9fff}');
    (character.is_alphanumeric() || is_devanagari) && !is_han
}

fn is_inside_a_word(before: &str, after: &str) -> bool {
    before.chars().next_back().is_some_and(is_letter) && after.chars().next().is_some_and(is_letter)
}

/// Whether a text says a word of the glossary. A word with a capital is looked for as it stands.
fn says(text: &str, word: &str) -> bool {
    let text = if word.chars().any(char::is_uppercase) {
        text.to_owned()
    } else {
        text.to_lowercase()
    };
    word.split('…').all(|piece| text.contains(piece))
        && text
            .char_indices()
            .map(|(at, _)| text.split_at(at))
            .any(|(before, after)| !is_inside_a_word(before, after) && begins_with(after, word))
}

/// A text without the words of a language that are said although a part of them is struck out: "automatic login".
fn without_longer_words(text: &str, rows: &[[Cell; 7]], index: usize) -> String {
    let struck = |word: &str| {
        rows.iter()
            .flat_map(|row| &row[index].struck)
            .any(|one| says(word, one))
    };
    let mut text = text.to_owned();
    for word in rows
        .iter()
        .flat_map(|row| &row[index].said)
        .filter(|word| word.contains(' ') && struck(word))
    {
        while let Some(at) = text.to_ascii_lowercase().find(&word.to_ascii_lowercase()) {
            text.replace_range(at..at + word.len(), "");
        }
    }
    text
}

/// Whether a text begins with a word and the word ends there; `…` is any letters, none too.
fn begins_with(text: &str, word: &str) -> bool {
    let (piece, rest) = word
        .split_once('…')
        .map_or((word, None), |(piece, rest)| (piece, Some(rest)));
    let Some(after) = text.strip_prefix(piece) else {
        return false;
    };
    let Some(rest) = rest else {
        return !is_inside_a_word(piece, after);
    };
    let letters = after
        .find(|character| !is_letter(character))
        .unwrap_or(after.len());
    let mut ends = after[..letters].char_indices().map(|(at, _)| at).chain([letters]);
    ends.any(|at| begins_with(&after[at..], rest))
}

#[test]
fn a_word_of_the_glossary_is_a_whole_word_unless_it_says_otherwise() {
    for (text, word) in [
        ("Zu den Zugangsdaten.", "Zugangsdaten"),
        ("У сервиса sidecar", "сервис… sidecar"),
        ("Verknüpfte Benutzer", "verknüpft… benutzer…"),
        ("ditautkan", "…taut…"),
        ("请检查Sidecar设置", "Sidecar"),
        ("लॉगिन इतिहास", "लॉगिन"),
    ] {
        assert!(says(text, word), "{text} says {word}");
    }
    for (text, word) in [
        ("Benutzer", "nutzer"),
        ("включены", "включен"),
        ("लॉगिन इतिहास", "लॉग"),
        ("sidecar", "Sidecar"),
        ("сервис и sidecar", "сервис… sidecar"),
    ] {
        assert!(!says(text, word), "{text} does not say {word}");
    }
}

#[test]
fn no_text_says_what_the_glossary_strikes_out() {
    let rows = rows();
    let mut said = Vec::new();
    for (index, language) in LANGUAGES.into_iter().enumerate() {
        for text in texts(language).values() {
            let words = without_longer_words(&words_of(text), &rows, index);
            let struck = rows.iter().flat_map(|row| &row[index].struck);
            said.extend(
                struck
                    .filter(|word| says(&words, word))
                    .map(|word| format!("{language}, {word}: {text}")),
            );
        }
    }
    assert!(said.is_empty(), "{}", said.join("\n"));
}

#[test]
fn no_guide_says_what_the_glossary_strikes_out() {
    let rows = rows();
    let mut said = Vec::new();
    for (index, language) in LANGUAGES.into_iter().enumerate() {
        let prose = prose_of(&read(&format!("docs/guide.{}.md", &language[..2])));
        for line in prose.lines().map(|line| without_longer_words(line, &rows, index)) {
            let struck = rows.iter().flat_map(|row| &row[index].struck);
            said.extend(
                struck
                    .filter(|word| says(&line, word))
                    .map(|word| format!("{language}, {word}: {line}")),
            );
        }
    }
    assert!(said.is_empty(), "{}", said.join("\n"));
}

#[test]
fn every_text_has_the_word_of_its_language_for_what_the_english_one_names() {
    let all = LANGUAGES.map(texts);
    let mut lacking = Vec::new();
    for [english, others @ ..] in rows() {
        let named = |text: &str| english.said.iter().any(|word| says(&words_of(text), word));
        for key in all[0].keys().filter(|key| named(key)) {
            for (index, cell) in others
                .iter()
                .enumerate()
                .filter(|(_, cell)| !cell.said.is_empty())
            {
                let text = &all[index + 1][key];
                if !cell.said.iter().any(|word| says(text, word)) {
                    lacking.push(format!("{}, {}: {text}", LANGUAGES[index + 1], cell.said[0]));
                }
            }
        }
    }
    assert!(lacking.is_empty(), "{}", lacking.join("\n"));
}
