//! Why something was done, or not, for somebody in a synchronization: the sentence for each reason, in the reader's language.

use serde_json::Value;

use crate::plugin::{Language, Locales};

/// The codes of the rows, and what each means.
const REASONS: &[(&str, &str)] = &[
    (
        "NO_PHONE",
        "DingTalk shows no phone number, by which they would be found.",
    ),
    (
        "NO_UNION_ID",
        "DingTalk gives no union ID, by which they would be found.",
    ),
    (
        "PHONE_SHARED",
        "Somebody else in DingTalk has the same phone number.",
    ),
    (
        "EMAIL_SHARED",
        "Somebody else in DingTalk has the same email, so it is not taken over.",
    ),
    ("PHONE_AMBIGUOUS", "More than one user has this phone number."),
    ("PHONE_TAKEN", "Another user has this phone number."),
    ("EMAIL_TAKEN", "Another user has this email."),
    ("USERNAME_TAKEN", "Another user has this username."),
    (
        "ADMINISTRATOR",
        "The user with this phone number may configure the site, and is linked by hand only.",
    ),
    (
        "USER_TAKEN",
        "The user with this phone number is somebody else in DingTalk.",
    ),
    (
        "LINK_ELSEWHERE",
        "Their DingTalk account is linked to another user; the link stays.",
    ),
    ("MISSING", "Missing in DingTalk; the days to wait have begun."),
    (
        "STILL_THERE",
        "DingTalk still has them, outside of what is read; nothing is done.",
    ),
    (
        "NOT_IN_SCOPE",
        "The DingTalk app may not see them, so it is not known whether they have left.",
    ),
    (
        "ACTOR",
        "Whoever has started the synchronization is not taken out by it.",
    ),
    ("LAST_ROOT", "The last user with the role root stays."),
    ("USER_GONE", "The user does not exist any more."),
    ("PARENT_MISSING", "The department above it was not written."),
    ("REFUSED", "NocoBase did not take it. Its log says why."),
    (
        "API_KEYS",
        "Their API keys go on working: {{count}}. Delete them in NocoBase.",
    ),
    (
        "GAP",
        "Not everything could be read, so nobody counts as having left. Missing: {{count}}.",
    ),
    (
        "COUNT_DIFFERS",
        "DingTalk counts more people than were read, so nobody counts as having left. Missing: {{count}}.",
    ),
    (
        "SCOPE_NARROWED",
        "The contact scope is smaller than last time, so nobody counts as having left. Missing: {{count}}.",
    ),
];

/// The sentence for the reason that the detail of a row gives; a code that a later version wrote stands for itself.
pub fn sentence(detail: &Value, language: Language) -> Option<String> {
    let code = detail.get("reason")?.as_str()?;
    let Some((_, key)) = REASONS.iter().find(|(known, _)| *known == code) else {
        return Some(code.to_owned());
    };
    let count = detail.get("count").map(Value::to_string).unwrap_or_default();
    Some(Locales::embedded().format(language, key, &[("count", &count)]))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn every_reason_has_a_text_and_what_is_unknown_stands_for_itself() {
        for (code, key) in REASONS {
            let told = sentence(&json!({ "reason": code, "count": 3 }), Language::EnUs).unwrap();
            assert_eq!(told, key.replace("{{count}}", "3"));
        }
        let told = sentence(&json!({ "reason": "OF_A_LATER_VERSION" }), Language::EnUs);
        assert_eq!(told.as_deref(), Some("OF_A_LATER_VERSION"));
        assert_eq!(sentence(&json!({}), Language::EnUs), None);
    }
}
