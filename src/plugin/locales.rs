//! The texts shown to people: one flat file a language, each key the English sentence.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use super::language::Language;
use super::template;

/// The texts of all languages.
#[derive(Debug)]
pub struct Locales(BTreeMap<Language, BTreeMap<String, String>>);

impl Locales {
    /// The texts that are built into the binary.
    pub fn embedded() -> &'static Self {
        static EMBEDDED: LazyLock<Locales> = LazyLock::new(Locales::parse_embedded);
        &EMBEDDED
    }

    #[expect(
        clippy::expect_used,
        reason = "the files are fixed at build time and a test parses each"
    )]
    fn parse_embedded() -> Self {
        let parse =
            |language| serde_json::from_str(source(language)).expect("a locale is a flat JSON object");
        Self(
            Language::ALL
                .into_iter()
                .map(|language| (language, parse(language)))
                .collect(),
        )
    }

    /// The text for a key; the key itself, which is English, where there is none.
    pub fn text<'a>(&'a self, language: Language, key: &'a str) -> &'a str {
        self.resources(language).get(key).map_or(key, String::as_str)
    }

    /// The text for a key with its `{{name}}`s filled.
    pub fn format(&self, language: Language, key: &str, values: &[(&str, &str)]) -> String {
        template::interpolate(self.text(language, key), values)
    }

    /// A schema's text with every `{{t("Key", …)}}` in it translated.
    pub fn expand(&self, language: Language, text: &str) -> String {
        template::translate(text, |key| self.text(language, key).to_owned())
    }

    /// All texts of a language, as NocoBase's `app:getLang` hands them to a client.
    pub fn resources(&self, language: Language) -> &BTreeMap<String, String> {
        static NONE: BTreeMap<String, String> = BTreeMap::new();
        self.0.get(&language).unwrap_or(&NONE)
    }
}

/// The locale file of a language, as it stands in the repository and in the package.
pub(super) const fn source(language: Language) -> &'static str {
    match language {
        Language::EnUs => include_str!("../../locales/en-US.json"),
        Language::ZhCn => include_str!("../../locales/zh-CN.json"),
        Language::HiIn => include_str!("../../locales/hi-IN.json"),
        Language::RuRu => include_str!("../../locales/ru-RU.json"),
        Language::DeDe => include_str!("../../locales/de-DE.json"),
        Language::IdId => include_str!("../../locales/id-ID.json"),
        Language::TrTr => include_str!("../../locales/tr-TR.json"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_language_has_texts() {
        for language in Language::ALL {
            assert!(!Locales::embedded().resources(language).is_empty(), "{language}");
        }
    }

    #[test]
    fn a_text_is_in_the_language_asked_for() {
        let locales = Locales::embedded();

        assert_eq!(locales.text(Language::HiIn, "DingTalk"), "डिंगटॉक");
        assert_eq!(
            locales.expand(Language::HiIn, r#"{{t("DingTalk", {"ns":"x"})}} 1"#),
            "डिंगटॉक 1"
        );
    }

    #[test]
    fn an_unknown_key_shows_itself_filled() {
        let text = Locales::embedded().format(Language::DeDe, "No such {{thing}}", &[("thing", "key")]);

        assert_eq!(text, "No such key");
    }
}
