//! NocoBase's `{{ … }}` templates inside option values.

/// A piece of a text: as written, or to be looked up.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Piece<'a> {
    Text(&'a str),
    Lookup {
        /// The path, such as `$env.CLIENT_ID`.
        key: &'a str,
        /// What stands in for a missing value; never empty.
        default: Option<&'a str>,
    },
}

/// Cuts a text at its templates. What only resembles one (`{{t("…")}}`, an unclosed brace) is text.
pub(super) fn pieces(text: &str) -> Vec<Piece<'_>> {
    let mut pieces = Vec::new();
    let mut text_start = 0;
    let mut position = 0;
    while let Some(offset) = text[position..].find("{{") {
        let start = position + offset;
        if let Some((piece, length)) = lookup(&text[start..]) {
            if text_start < start {
                pieces.push(Piece::Text(&text[text_start..start]));
            }
            pieces.push(piece);
            position = start + length;
            text_start = position;
        } else {
            position = start + 1;
        }
    }
    if text_start < text.len() {
        pieces.push(Piece::Text(&text[text_start..]));
    }
    pieces
}

/// The template at the very start of a text, and its length.
fn lookup(text: &str) -> Option<(Piece<'_>, usize)> {
    let inside = text.strip_prefix("{{")?.trim_start();
    let key_length = inside
        .find(|character: char| !is_key_character(character))
        .unwrap_or(inside.len());
    let (key, rest) = inside.split_at(key_length);
    let (default, rest) = match rest.strip_prefix(':') {
        Some(rest) => rest.split_at(rest.find('}')?),
        None => ("", rest.trim_start()),
    };
    let rest = rest.strip_prefix("}}")?;
    let default = Some(default).filter(|default| !default.is_empty());
    Some((Piece::Lookup { key, default }, text.len() - rest.len()))
}

fn is_key_character(character: char) -> bool {
    character.is_alphanumeric() || matches!(character, '_' | '.' | '$' | '-')
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const fn env(key: &'static str, default: Option<&'static str>) -> Piece<'static> {
        Piece::Lookup { key, default }
    }

    #[test]
    fn templates_are_found_with_and_without_spaces_and_defaults() {
        for (text, expected) in [
            ("{{$env.A}}", vec![env("$env.A", None)]),
            ("{{ $env.A }}", vec![env("$env.A", None)]),
            ("{{$env.A:b c}}", vec![env("$env.A", Some("b c"))]),
            ("{{$env.A:}}", vec![env("$env.A", None)]),
            (
                "a-{{$env.A}}-b",
                vec![Piece::Text("a-"), env("$env.A", None), Piece::Text("-b")],
            ),
            (
                "{{$env.A}}{{$env.B}}",
                vec![env("$env.A", None), env("$env.B", None)],
            ),
            (
                "{{{$env.A}}}",
                vec![Piece::Text("{"), env("$env.A", None), Piece::Text("}")],
            ),
        ] {
            assert_eq!(pieces(text), expected, "{text}");
        }
    }

    #[test]
    fn what_only_resembles_a_template_stays_text() {
        for text in [
            "{{t(\"DingTalk\")}}",
            "{{$env.A",
            "{{ $env A }}",
            "{$env.A}",
            "{{$env.A:b}c}}",
            "",
        ] {
            assert!(
                pieces(text).iter().all(|piece| matches!(piece, Piece::Text(_))),
                "{text}"
            );
        }
    }

    proptest! {
        #[test]
        fn no_text_is_lost_between_the_pieces(text in "[a{}$.:é ]{0,24}") {
            let texts: usize = pieces(&text)
                .iter()
                .map(|piece| match piece { Piece::Text(text) => text.len(), Piece::Lookup { .. } => 0 })
                .sum();
            prop_assert!(texts <= text.len());
            prop_assert!(texts == text.len() || text.contains("}}"));
        }
    }
}
