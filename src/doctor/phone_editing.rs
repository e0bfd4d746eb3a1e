//! Whether users can edit the phone number by which they are found.

use serde_json::Value;

use super::finding::Finding;

const CHECK: &str = "phone-editing";

/// `system_settings` is NocoBase's row; a setting that is not there is on, as in NocoBase.
pub(super) fn judge(system_settings: &Value, bind_administrators: bool) -> Finding {
    let can_edit = system_settings["enableEditProfile"] != Value::Bool(false);
    if !can_edit {
        return Finding::ok(CHECK, "Users cannot change their own phone number.");
    }
    if bind_administrators {
        return Finding::warning(
            CHECK,
            "Users can change their own phone number, and administrators too are linked by phone number.",
        )
        .advise("Switch off linking administrators by phone number, or editing the profile in the system settings.");
    }
    Finding::warning(
        CHECK,
        "Users can change their own phone number, by which DingTalk finds a user at the first sign-in.",
    )
    .advise("Switch off editing the profile in the system settings if phone numbers must be right.")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::finding::Status;
    use super::*;

    #[test]
    fn only_a_setting_that_is_off_keeps_users_from_editing() {
        assert_eq!(
            judge(&json!({"enableEditProfile": false}), true).status,
            Status::Ok
        );
        for settings in [
            json!({"enableEditProfile": true}),
            json!({"enableEditProfile": null}),
            json!({}),
        ] {
            assert_eq!(judge(&settings, false).status, Status::Warning);
            assert_eq!(judge(&settings, true).status, Status::Warning);
            assert_ne!(
                judge(&settings, true).message_key,
                judge(&settings, false).message_key
            );
        }
    }
}
