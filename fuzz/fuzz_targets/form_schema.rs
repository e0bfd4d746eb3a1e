//! The settings form filled in: the address stands where its placeholder stood, and nothing else differs, whatever
//! the address holds; translating the form afterwards expands nothing in it.

#![no_main]

use libfuzzer_sys::fuzz_target;
use nocobase_dingtalk::plugin::{FormFill, Language, Locales, form_schema};
use serde_json::Value;

const PLACEHOLDER: &str = "{{REDIRECT_URL}}";

fuzz_target!(|redirect_url: &str| {
    let source = form_schema(&FormFill {
        redirect_url: PLACEHOLDER,
    });
    let filled = form_schema(&FormFill { redirect_url });

    assert!(
        compare(&source, &filled, redirect_url) > 0,
        "the form has no placeholder"
    );
    // Text that comes from outside and looks like a template: replaced in one pass, or left alone.
    let key = "Client ID";
    let text = format!("{redirect_url}{{{{t(\"{key}\")}}}}");
    let expanded = Locales::embedded().expand(Language::DeDe, &text);
    if !redirect_url.contains("{{") && !redirect_url.ends_with('{') {
        let translated = Locales::embedded().text(Language::DeDe, key);
        assert_eq!(expanded, format!("{redirect_url}{translated}"));
    }
});

/// How many texts differ; all of them only by the address in the placeholder's place.
fn compare(source: &Value, filled: &Value, redirect_url: &str) -> usize {
    match (source, filled) {
        (Value::String(before), Value::String(after)) => {
            assert_eq!(*after, before.replace(PLACEHOLDER, redirect_url));
            usize::from(before.contains(PLACEHOLDER))
        }
        (Value::Array(before), Value::Array(after)) => {
            assert_eq!(before.len(), after.len());
            before
                .iter()
                .zip(after)
                .map(|(one, other)| compare(one, other, redirect_url))
                .sum()
        }
        (Value::Object(before), Value::Object(after)) => {
            assert!(before.keys().eq(after.keys()));
            before
                .values()
                .zip(after.values())
                .map(|(one, other)| compare(one, other, redirect_url))
                .sum()
        }
        (before, after) => {
            assert_eq!(before, after);
            0
        }
    }
}
