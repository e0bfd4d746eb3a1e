//! The JSON schemas that every user interface is made from: the settings form of an authenticator, that of a source of
//! the directory, and the sign-in button.

use std::sync::LazyLock;

use serde_json::Value;

/// The settings form as it stands in the repository; key order is the order of the fields.
pub(super) const FORM: &str = include_str!("../../client-schema/authenticator-form.json");
/// The form of a source of the directory likewise.
pub(super) const DIRECTORY_FORM: &str = include_str!("../../client-schema/directory-source-form.json");
/// The sign-in button's texts as they stand in the repository.
pub(super) const BUTTON: &str = include_str!("../../client-schema/sign-in-button.json");

/// What the settings form can only know at run time.
#[derive(Clone, Copy, Debug)]
pub struct FormFill<'a> {
    /// The address an administrator copies into the DingTalk developer console.
    pub redirect_url: &'a str,
}

/// The settings form of an authenticator in NocoBase's schema dialect, with the Redirect URL filled in.
pub fn form_schema(fill: &FormFill<'_>) -> Value {
    static SCHEMA: LazyLock<Value> = LazyLock::new(|| parse(FORM));
    let mut schema = SCHEMA.clone();
    fill_strings(&mut schema, "{{REDIRECT_URL}}", fill.redirect_url);
    schema
}

/// The form of a source of the directory, with the address filled in to which DingTalk sends its events.
pub fn directory_form_schema(callback_address: &str) -> Value {
    static SCHEMA: LazyLock<Value> = LazyLock::new(|| parse(DIRECTORY_FORM));
    let mut schema = SCHEMA.clone();
    fill_strings(&mut schema, "{{CALLBACK_ADDRESS}}", callback_address);
    schema
}

/// The sign-in button's texts and its sentence for every error code.
pub fn sign_in_button() -> &'static Value {
    static SCHEMA: LazyLock<Value> = LazyLock::new(|| parse(BUTTON));
    &SCHEMA
}

#[expect(
    clippy::expect_used,
    reason = "the files are fixed at build time and tests parse both"
)]
fn parse(schema: &str) -> Value {
    serde_json::from_str(schema).expect("a client schema is JSON")
}

fn fill_strings(value: &mut Value, placeholder: &str, filling: &str) {
    match value {
        Value::String(text) => {
            if text.contains(placeholder) {
                *text = text.replace(placeholder, filling);
            }
        }
        Value::Array(items) => items
            .iter_mut()
            .for_each(|item| fill_strings(item, placeholder, filling)),
        Value::Object(fields) => fields
            .values_mut()
            .for_each(|field| fill_strings(field, placeholder, filling)),
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const REDIRECT_URL: &str = "https://crm.example.com/api/auth:redirect";

    #[test]
    fn the_redirect_url_is_filled_in_and_nothing_else_changes() {
        let filled = form_schema(&FormFill {
            redirect_url: REDIRECT_URL,
        });

        let source: Value = serde_json::from_str(FORM).unwrap();
        assert_ne!(filled, source);
        assert_eq!(
            filled.to_string().replace(REDIRECT_URL, "{{REDIRECT_URL}}"),
            source.to_string()
        );
    }

    #[test]
    fn the_address_for_events_is_filled_in_and_nothing_else_changes() {
        let address = "https://crm.example.com/api/dingtalk-events/tree";

        let filled = directory_form_schema(address);

        let source: Value = serde_json::from_str(DIRECTORY_FORM).unwrap();
        assert_ne!(filled, source);
        assert_eq!(
            filled.to_string().replace(address, "{{CALLBACK_ADDRESS}}"),
            source.to_string()
        );
    }

    #[test]
    fn the_button_has_a_sentence_for_errors() {
        assert!(sign_in_button()["errors"]["FLOW_NOT_FOUND"].is_string());
        assert!(sign_in_button()["unknownError"].is_string());
    }
}
