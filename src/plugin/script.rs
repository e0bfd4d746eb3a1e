//! A JavaScript file of the package, and the places where packing writes into it.

use std::collections::BTreeMap;

use serde_json::{Value, json};

/// What replaces the tokens; each is the JavaScript for one value.
pub(super) struct Fill {
    replacements: [(&'static str, String); 6],
}

impl Fill {
    /// `form`, `directory_form` and `button` are JSON texts, so that the order of their keys survives.
    pub(super) fn new(
        sidecar_url: Option<&str>,
        programs: &BTreeMap<&'static str, String>,
        version: &str,
        form: &str,
        directory_form: &str,
        button: &str,
    ) -> Self {
        let string = |text: &str| literal(&Value::from(text).to_string());
        Self {
            replacements: [
                (
                    r#""__NBDT_SIDECAR_URL__""#,
                    sidecar_url.map_or_else(|| "null".to_owned(), string),
                ),
                (r#""__NBDT_PROGRAMS__""#, literal(&json!(programs).to_string())),
                (r#""__NBDT_VERSION__""#, string(version)),
                (r#""__NBDT_FORM__""#, literal(form.trim())),
                (r#""__NBDT_DIRECTORY_FORM__""#, literal(directory_form.trim())),
                (r#""__NBDT_BUTTON__""#, literal(button.trim())),
            ],
        }
    }

    /// The script with every token, its quotes included, replaced; a replacement is not searched again.
    pub(super) fn apply(&self, script: &str) -> String {
        let mut filled = String::with_capacity(script.len());
        let mut rest = script;
        while let Some((at, token, value)) = self.first_in(rest) {
            filled.push_str(&rest[..at]);
            filled.push_str(value);
            rest = &rest[at + token.len()..];
        }
        filled.push_str(rest);
        filled
    }

    fn first_in(&self, script: &str) -> Option<(usize, &'static str, &str)> {
        let found = self
            .replacements
            .iter()
            .filter_map(|(token, value)| script.find(token).map(|at| (at, *token, value.as_str())));
        found.min_by_key(|(at, _, _)| *at)
    }
}

/// JSON as JavaScript that is safe in every place a script may stand: inside a `<script>` element and in engines
/// where U+2028 and U+2029 end a line. All three can only occur inside strings of the JSON.
fn literal(json: &str) -> String {
    json.replace("</", "<\\/")
        .replace('\u{2028}', "\\u2028")
        .replace('\u{2029}', "\\u2029")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fill(sidecar_url: &str) -> Fill {
        Fill::new(
            Some(sidecar_url),
            &BTreeMap::from([("linux-x64", "0a".to_owned())]),
            "1.2.3",
            "{\"b\": 1, \"a\": 2}\n",
            "{\"d\": 3}",
            "{}",
        )
    }

    #[test]
    fn tokens_with_their_quotes_become_values() {
        let script = r#"f("__NBDT_SIDECAR_URL__", "__NBDT_VERSION__", "__NBDT_FORM__", "__NBDT_DIRECTORY_FORM__", "__NBDT_BUTTON__")"#;

        assert_eq!(
            fill("http://127.0.0.1:13100").apply(script),
            r#"f("http://127.0.0.1:13100", "1.2.3", {"b": 1, "a": 2}, {"d": 3}, {})"#
        );
    }

    #[test]
    fn a_token_in_other_quotes_or_in_part_is_left_alone() {
        let script = r#"'__NBDT_VERSION__' "__NBDT_VERSION__x" __NBDT_FORM__"#;

        assert_eq!(fill("").apply(script), script);
    }

    #[test]
    fn a_hostile_value_stays_inside_its_string() {
        let hostile = "\";alert(1);//</script>\u{2028}\n\\";

        let script = fill(hostile).apply(r#"x = "__NBDT_SIDECAR_URL__";"#);

        assert_eq!(script, r#"x = "\";alert(1);//<\/script>\u2028\n\\";"#);
    }

    #[test]
    fn a_value_that_spells_a_token_is_not_replaced() {
        assert_eq!(
            Fill::new(
                None,
                &BTreeMap::new(),
                "v",
                r#"{"a":"__NBDT_VERSION__"}"#,
                "{}",
                "{}"
            )
            .apply(r#""__NBDT_FORM__""#),
            r#"{"a":"__NBDT_VERSION__"}"#
        );
    }
}
