//! The user guides: what they name stands on the screen in their language, and all of them say the same.
//!
//! In a guide, bold is a label, and italic the beginning of a message. The labels are NocoBase's
//! (`nocobase_labels.json`, which the journey in NocoBase compares with NocoBase's own), those of DingTalk's developer
//! console (Chinese in every language), and ours.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use pulldown_cmark::{Event, Parser, Tag, TagEnd};
use serde::de::DeserializeOwned;

use crate::golden::read_all;
use crate::languages::LANGUAGES;

/// In bytes: a picture is loaded with its guide, and all of them travel in the package.
const LARGEST_PICTURE: u64 = 30_000;
const ALL_PICTURES: u64 = 700_000;

fn repository(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(path)
}

fn json<T: DeserializeOwned>(path: &str) -> T {
    serde_json::from_str(&fs::read_to_string(repository(path)).unwrap()).unwrap()
}

fn short(language: &str) -> &str {
    language.split('-').next().unwrap()
}

/// A heading, a paragraph, or an item of a list without the items in it.
struct Block {
    kind: String,
    labels: Vec<String>,
    messages: Vec<String>,
    pictures: Vec<Picture>,
}

struct Picture {
    path: String,
    alternative: String,
}

impl Block {
    fn new(kind: impl Into<String>) -> Self {
        Self {
            kind: kind.into(),
            labels: Vec::new(),
            messages: Vec::new(),
            pictures: Vec::new(),
        }
    }
}

/// The guide in a language.
#[expect(
    clippy::wildcard_enum_match_arm,
    reason = "the other events of Markdown name nothing"
)]
fn guide(language: &str) -> Vec<Block> {
    let text = fs::read_to_string(repository(&format!("docs/guide.{}.md", short(language)))).unwrap();
    let mut blocks = Vec::new();
    let mut marked = String::new();
    let mut path = String::new();
    for event in Parser::new(&text) {
        match event {
            Event::Start(Tag::Heading { level, .. }) => blocks.push(Block::new(level.to_string())),
            Event::Start(Tag::Paragraph) => blocks.push(Block::new("paragraph")),
            Event::Start(Tag::Item) => blocks.push(Block::new("item")),
            Event::Start(Tag::Strong | Tag::Emphasis) => marked.clear(),
            Event::Start(Tag::Image { dest_url, .. }) => {
                path = dest_url.into_string();
                marked.clear();
            }
            Event::Text(text) | Event::Code(text) => marked.push_str(&text),
            Event::SoftBreak => marked.push(' '),
            Event::End(TagEnd::Strong) => blocks.last_mut().unwrap().labels.push(marked.clone()),
            Event::End(TagEnd::Emphasis) => blocks.last_mut().unwrap().messages.push(marked.clone()),
            Event::End(TagEnd::Image) => blocks.last_mut().unwrap().pictures.push(Picture {
                path: path.clone(),
                alternative: marked.clone(),
            }),
            _ => {}
        }
    }
    blocks
}

type Texts = BTreeMap<String, String>;
/// Texts by language, by key, by NocoBase's package.
type NocoBaseLabels = BTreeMap<String, BTreeMap<String, Texts>>;

fn nocobase_labels() -> NocoBaseLabels {
    json("tests/corpus/nocobase_labels.json")
}

fn dingtalk_labels() -> Vec<String> {
    json("tests/corpus/dingtalk_labels.json")
}

/// What the screen shows in a language, by the text: keys that tell one thing from another.
struct Screen {
    labels: BTreeMap<String, BTreeSet<String>>,
    sentences: BTreeMap<String, BTreeSet<String>>,
}

impl Screen {
    fn of(language: &str) -> Self {
        let texts: Texts = json(&format!("locales/{language}.json"));
        let mut screen = Self {
            labels: BTreeMap::new(),
            sentences: BTreeMap::new(),
        };
        // The texts of the console are not on a page of NocoBase.
        let sources = ["client-schema", "nocobase-plugin", "plugin.json"].map(read_all);
        let sources: String = sources.iter().flat_map(BTreeMap::values).cloned().collect();
        let sources = sources.replace('\\', "");
        for (key, text) in &texts {
            if ['"', '\'']
                .iter()
                .any(|quote| sources.contains(&format!("{quote}{key}{quote}")))
            {
                screen.add(key, text);
            }
            let keys = screen.sentences.entry(text.clone()).or_default();
            keys.insert(key.clone());
        }
        for (package, labels) in nocobase_labels() {
            for (key, texts) in labels {
                // NocoBase speaks English where it does not speak a language.
                let text = texts.get(language).unwrap_or(&texts["en-US"]);
                screen.add(&format!("{package} {key}"), text);
            }
        }
        for label in dingtalk_labels() {
            screen.add(&label, &label);
        }
        screen
    }

    fn add(&mut self, key: &str, text: &str) {
        let keys = self.labels.entry(text.to_owned()).or_default();
        keys.insert(key.to_owned());
    }

    /// The keys of which this is the text.
    fn keys(&self, label: &str) -> BTreeSet<String> {
        self.labels.get(label).cloned().unwrap_or_default()
    }

    /// The keys of the sentences that begin like this.
    fn sentences(&self, beginning: &str) -> BTreeSet<String> {
        let sentences = self.sentences.range(beginning.to_owned()..);
        let sentences = sentences.take_while(|(text, _)| text.starts_with(beginning));
        sentences.flat_map(|(_, keys)| keys.clone()).collect()
    }
}

#[test]
fn every_label_and_every_message_of_a_guide_is_on_the_screen_in_its_language() {
    for language in LANGUAGES {
        let screen = Screen::of(language);

        let blocks = guide(language);

        let labels = blocks.iter().flat_map(|block| &block.labels);
        let unknown: Vec<_> = labels.filter(|label| screen.keys(label).is_empty()).collect();
        assert!(unknown.is_empty(), "{language}: no label is called {unknown:?}");
        let messages = blocks.iter().flat_map(|block| &block.messages);
        let unknown: Vec<_> = messages
            .filter(|message| screen.sentences(message).is_empty())
            .collect();
        assert!(unknown.is_empty(), "{language}: no message begins {unknown:?}");
    }
}

#[test]
fn the_guides_name_the_same_things_step_by_step() {
    let (english, screen) = (guide("en-US"), Screen::of("en-US"));
    for language in LANGUAGES {
        let there = Screen::of(language);

        let translated = guide(language);

        let kinds =
            |blocks: &[Block]| -> Vec<String> { blocks.iter().map(|block| block.kind.clone()).collect() };
        assert_eq!(kinds(&translated), kinds(&english), "{language}");
        for (block, original) in translated.iter().zip(&english) {
            let names_the_same = block.labels.len() == original.labels.len()
                && block.messages.len() == original.messages.len()
                && block
                    .labels
                    .iter()
                    .zip(&original.labels)
                    .all(|(label, english)| !there.keys(label).is_disjoint(&screen.keys(english)))
                && block
                    .messages
                    .iter()
                    .zip(&original.messages)
                    .all(|(message, english)| {
                        !there.sentences(message).is_disjoint(&screen.sentences(english))
                    });
            assert!(
                names_the_same,
                "{language} has {:?} {:?} where English has {:?} {:?}",
                block.labels, block.messages, original.labels, original.messages
            );
        }
    }
}

#[test]
fn every_label_that_is_kept_for_the_guides_is_named_in_them() {
    let named: BTreeSet<String> = guide("en-US")
        .into_iter()
        .flat_map(|block| block.labels)
        .collect();

    let kept = nocobase_labels().into_values().flat_map(BTreeMap::into_values);
    let kept = kept.map(|texts| texts["en-US"].clone()).chain(dingtalk_labels());
    let unused: Vec<String> = kept.filter(|label| !named.contains(label)).collect();
    assert!(unused.is_empty(), "{unused:?}");
}

#[test]
fn every_guide_shows_the_pictures_of_its_language_and_they_are_small() {
    let mut shown = BTreeSet::new();
    let mut of_english = Vec::new();
    for language in LANGUAGES {
        let pictures: Vec<Picture> = guide(language)
            .into_iter()
            .flat_map(|block| block.pictures)
            .collect();

        let names: Vec<String> = pictures
            .iter()
            .map(|picture| picture.path.replace(&format!(".{}.", short(language)), "."))
            .collect();
        if language == "en-US" {
            of_english.clone_from(&names);
        }
        assert_eq!(names, of_english, "{language}");
        for picture in pictures {
            assert!(!picture.alternative.is_empty(), "{}", picture.path);
            shown.insert(repository("docs").join(picture.path));
        }
    }

    let kept: BTreeSet<PathBuf> = fs::read_dir(repository("docs/pictures"))
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    assert_eq!(shown, kept);
    let sizes: Vec<u64> = kept
        .iter()
        .map(|path| fs::metadata(path).unwrap().len())
        .collect();
    assert!(sizes.iter().all(|size| *size <= LARGEST_PICTURE), "{sizes:?}");
    assert!(sizes.iter().sum::<u64>() <= ALL_PICTURES, "{sizes:?}");
}
