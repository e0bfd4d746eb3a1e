//! The two template forms of NocoBase's texts: `{{name}}` (i18next) and `{{t("Key", {"ns":"…"})}}` (schemas).
//!
//! Both are replaced in one pass: what a value or a translation contains is never expanded again, so text that
//! comes from outside stays text.

/// Fills `{{name}}` from `values`. A name without a value stays as it stands, where a reader can report it.
pub(super) fn interpolate(text: &str, values: &[(&str, &str)]) -> String {
    replace(text, |inside| {
        let name = inside.trim();
        values
            .iter()
            .find(|(known, _)| *known == name)
            .map(|(_, value)| (*value).to_owned())
    })
}

/// Replaces every `{{t("Key", …)}}` by what `translate` gives for the key.
///
/// The namespace is not looked at: a key of another namespace is not ours, and shows itself as it would in NocoBase.
pub(super) fn translate(text: &str, translate: impl Fn(&str) -> String) -> String {
    replace(text, |inside| key_of(inside).map(|key| translate(&key)))
}

/// Gives each `{{…}}` to `replacement`; where that declines, the braces and what they hold are kept.
fn replace(text: &str, replacement: impl Fn(&str) -> Option<String>) -> String {
    let mut replaced = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, after)) = rest.split_once("{{") {
        replaced.push_str(before);
        if let Some((length, value)) = ends(after).find_map(|end| Some((end, replacement(&after[..end])?))) {
            replaced.push_str(&value);
            rest = &after[length + "}}".len()..];
        } else {
            replaced.push_str("{{");
            rest = after;
        }
    }
    replaced.push_str(rest);
    replaced
}

/// Where a template may end: at each `}}` before the next `{{`, since `{"ns":"…"}}}` and a key may hold braces.
fn ends(after: &str) -> impl Iterator<Item = usize> {
    let limit = after.find("{{").unwrap_or(after.len());
    let bytes = &after.as_bytes()[..limit];
    (0..bytes.len().saturating_sub(1)).filter(|&at| bytes[at..].starts_with(b"}}"))
}

/// The key in `t("Key")` or `t('Key', {…})`, with its backslash escapes undone.
fn key_of(call: &str) -> Option<String> {
    let arguments = call
        .trim()
        .strip_prefix('t')?
        .trim_start()
        .strip_prefix('(')?
        .strip_suffix(')')?
        .trim();
    let quote = arguments
        .chars()
        .next()
        .filter(|&first| first == '"' || first == '\'')?;
    let mut key = String::new();
    let mut characters = arguments[quote.len_utf8()..].chars();
    loop {
        match characters.next()? {
            '\\' => key.push(match characters.next()? {
                'n' => '\n',
                other => other,
            }),
            end if end == quote => break,
            character => key.push(character),
        }
    }
    let rest = characters.as_str().trim_start();
    let options = rest.strip_prefix(',').map(str::trim);
    let is_whole =
        rest.is_empty() || options.is_some_and(|given| given.starts_with('{') && given.ends_with('}'));
    is_whole.then_some(key)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_fill_their_names_however_these_are_spaced() {
        let text = interpolate("{{ seconds }} or {{seconds}}s, {{other}}", &[("seconds", "7")]);

        assert_eq!(text, "7 or 7s, {{other}}");
    }

    #[test]
    fn a_value_is_never_expanded_again() {
        let text = interpolate("{{a}} {{b}}", &[("a", "{{b}}"), ("b", "{{a}}")]);

        assert_eq!(text, "{{b}} {{a}}");
    }

    fn shout(text: &str) -> String {
        translate(text, str::to_uppercase)
    }

    #[test]
    fn a_schema_template_becomes_its_translation() {
        for (template, text) in [
            (r#"{{t("Client ID")}}"#, "CLIENT ID"),
            (
                r#"{{t("Client ID", {"ns":"nocobase-plugin-auth-dingtalk"})}}"#,
                "CLIENT ID",
            ),
            (r#"{{t("Client ID", { ns: "x" }) }}"#, "CLIENT ID"),
            (
                r"{{ t('It\'s', {ns:['x','client'], nsMode:'fallback'}) }}",
                "IT'S",
            ),
            (r#"{{t("Say \"hi\" (now)")}}"#, "SAY \"HI\" (NOW)"),
            (r#"a {{t("b")}} c {{t("d")}}"#, "a B c D"),
            (r#"{{t("closing }} inside")}}"#, "CLOSING }} INSIDE"),
        ] {
            assert_eq!(shout(template), text, "{template}");
        }
    }

    #[test]
    fn everything_else_in_braces_is_left_alone() {
        for text in [
            "{{$env.CLIENT_ID}}",
            "{{REDIRECT_URL}}",
            r#"{{t("open"#,
            "{{t(key)}}",
            r#"{{t("a") + t("b")}}"#,
            r#"{{text("a")}}"#,
            "}} {{ }}",
            "{{{{",
        ] {
            assert_eq!(shout(text), text);
        }
    }

    #[test]
    fn an_open_brace_does_not_swallow_the_template_after_it() {
        assert_eq!(shout(r#"{{ {{t("a")}}"#), "{{ A");
    }
}
