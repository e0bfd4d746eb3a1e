//! Half characters: DingTalk cuts names, and sometimes through an emoji. What is left is a `\ud83d` without its other half,
//! which is no text, so that no parser takes the answer it stands in.

/// The JSON with the replacement character in the place of every half; `None` when there is none.
pub(super) fn mended(json: &str) -> Option<String> {
    let mut mended = String::with_capacity(json.len());
    let mut rest = json;
    let mut was_changed = false;
    while let Some(at) = rest.find('\\') {
        let (before, escape) = rest.split_at(at);
        mended.push_str(before);
        let length = match unit(escape) {
            Some(0xD800..=0xDBFF) if escape.get(6..).and_then(unit).is_some_and(is_second_half) => 12,
            Some(0xD800..=0xDFFF) => {
                mended.push('\u{FFFD}');
                was_changed = true;
                rest = escape.get(6..)?;
                continue;
            }
            Some(_) => 6,
            // What is escaped goes with its backslash, since it may be one itself.
            None => 1 + escape.chars().nth(1).map_or(0, char::len_utf8),
        };
        let (whole, behind) = escape.split_at_checked(length)?;
        mended.push_str(whole);
        rest = behind;
    }
    mended.push_str(rest);
    was_changed.then_some(mended)
}

const fn is_second_half(unit: u32) -> bool {
    matches!(unit, 0xDC00..=0xDFFF)
}

/// The number in a `\uXXXX` at the beginning.
fn unit(escape: &str) -> Option<u32> {
    let digits = escape.strip_prefix("\\u")?.get(..4)?;
    u32::from_str_radix(digits, 16).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn half_a_character_is_replaced_and_everything_else_stays() {
        for (json, expected) in [
            (r#"{"nick":"a\ud83d"}"#, Some("{\"nick\":\"a\u{FFFD}\"}")),
            (r#"{"nick":"\udc69b"}"#, Some("{\"nick\":\"\u{FFFD}b\"}")),
            (r#"["\ud83d\ud83d\udc69"]"#, Some("[\"\u{FFFD}\\ud83d\\udc69\"]")),
            (r#"["\ud83d\u0041"]"#, Some("[\"\u{FFFD}\\u0041\"]")),
            (r#"["\ud83d\udc69 \\ud83d 钉 \u94ad"]"#, None),
            ("[\"\\", None),
            (r#"["\u12"]"#, None),
        ] {
            assert_eq!(mended(json).as_deref(), expected, "{json}");
        }
    }
}
