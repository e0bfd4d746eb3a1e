//! A language that the product speaks, and which one a visitor gets.

use std::fmt;

/// One of the languages that `locales/` holds, named by NocoBase's language codes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Language {
    /// English, the language of the keys.
    #[default]
    EnUs,
    /// Chinese; also given to readers of the other Chinese locales, which have no texts of their own.
    ZhCn,
    /// Hindi.
    HiIn,
    /// Russian.
    RuRu,
    /// German.
    DeDe,
    /// Indonesian.
    IdId,
    /// Turkish.
    TrTr,
}

impl Language {
    /// Every language, English first.
    pub const ALL: [Self; 7] = [
        Self::EnUs,
        Self::ZhCn,
        Self::HiIn,
        Self::RuRu,
        Self::DeDe,
        Self::IdId,
        Self::TrTr,
    ];

    /// NocoBase's code of the language, as in `X-Locale` and `users.appLang`.
    pub const fn code(self) -> &'static str {
        match self {
            Self::EnUs => "en-US",
            Self::ZhCn => "zh-CN",
            Self::HiIn => "hi-IN",
            Self::RuRu => "ru-RU",
            Self::DeDe => "de-DE",
            Self::IdId => "id-ID",
            Self::TrTr => "tr-TR",
        }
    }

    /// The language for a tag: the same code, else the same primary tag (`de` and `de-AT` mean German).
    fn find(tag: &str) -> Option<Self> {
        let tag = tag.trim();
        let exact = Self::ALL
            .into_iter()
            .find(|language| same_tag(language.code(), tag));
        exact.or_else(|| {
            Self::ALL
                .into_iter()
                .find(|language| primary(language.code()).eq_ignore_ascii_case(primary(tag)))
        })
    }
}

impl fmt::Display for Language {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.code())
    }
}

/// The language for a request: what the client's interface is in, what the user has chosen, what the browser
/// prefers, English.
pub fn negotiate(x_locale: Option<&str>, user: Option<&str>, accept_language: Option<&str>) -> Language {
    x_locale
        .and_then(Language::find)
        .or_else(|| user.and_then(Language::find))
        .or_else(|| accept_language.and_then(most_wanted))
        .unwrap_or_default()
}

/// The known language with the highest weight in an `Accept-Language` header; the first among equals.
fn most_wanted(accept_language: &str) -> Option<Language> {
    let mut best: Option<(Language, f32)> = None;
    for range in accept_language.split(',') {
        let (tag, parameters) = range.split_once(';').unwrap_or((range, ""));
        let weight = weight(parameters);
        if let Some(language) = Language::find(tag)
            && weight > best.map_or(0.0, |(_, highest)| highest)
        {
            best = Some((language, weight));
        }
    }
    best.map(|(language, _)| language)
}

/// The `q` of a language range: 1 when there is none, 0 (never) when it is not a number.
fn weight(parameters: &str) -> f32 {
    match parameters.trim().strip_prefix("q=") {
        Some(quality) => quality.trim().parse().unwrap_or(0.0),
        None => 1.0,
    }
}

/// Tags compare without case, and some clients write `zh_CN`.
fn same_tag(code: &str, tag: &str) -> bool {
    code.len() == tag.len()
        && code
            .bytes()
            .zip(tag.bytes())
            .all(|(ours, theirs)| ours.eq_ignore_ascii_case(&theirs) || (ours == b'-' && theirs == b'_'))
}

fn primary(tag: &str) -> &str {
    tag.split(['-', '_']).next().unwrap_or(tag)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_interface_language_wins_over_the_users_and_the_browsers() {
        assert_eq!(
            negotiate(Some("hi-IN"), Some("tr-TR"), Some("de")),
            Language::HiIn
        );
        assert_eq!(negotiate(None, Some("tr-TR"), Some("de")), Language::TrTr);
        assert_eq!(negotiate(None, None, Some("de")), Language::DeDe);
        assert_eq!(negotiate(None, None, None), Language::EnUs);
    }

    #[test]
    fn a_language_without_texts_leaves_the_choice_to_the_next_source() {
        assert_eq!(negotiate(Some("fr-FR"), Some("ru-RU"), None), Language::RuRu);
        assert_eq!(
            negotiate(Some("fr-FR"), Some(""), Some("ja, ko;q=0.5")),
            Language::EnUs
        );
    }

    #[test]
    fn a_primary_tag_stands_for_the_language() {
        for (tag, language) in [
            ("de", Language::DeDe),
            ("DE-at", Language::DeDe),
            ("zh-TW", Language::ZhCn),
            ("zh_CN", Language::ZhCn),
            ("zh-Hant-HK", Language::ZhCn),
            ("en-GB", Language::EnUs),
            (" id ", Language::IdId),
        ] {
            assert_eq!(negotiate(Some(tag), Some("tr-TR"), None), language, "{tag}");
        }
    }

    #[test]
    fn a_tag_that_only_begins_alike_is_another_language() {
        assert_eq!(negotiate(Some("den-DE"), None, None), Language::EnUs);
        assert_eq!(negotiate(Some("idx"), None, None), Language::EnUs);
    }

    #[test]
    fn the_browsers_weights_decide() {
        assert_eq!(
            negotiate(None, None, Some("fr, en;q=0.3, ru;q=0.8")),
            Language::RuRu
        );
        assert_eq!(negotiate(None, None, Some("tr;q=0.7,de;q=0.7")), Language::TrTr);
        assert_eq!(negotiate(None, None, Some("de;q=0, hi;q=0.1")), Language::HiIn);
        assert_eq!(negotiate(None, None, Some("de;q=many, *;q=0.1")), Language::EnUs);
        assert_eq!(negotiate(None, None, Some("de;q=NaN, id")), Language::IdId);
    }
}
