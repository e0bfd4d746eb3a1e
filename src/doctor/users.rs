//! Checks of users: their phone numbers, and whether new ones can be made.

use super::finding::Finding;
use crate::nocobase::UserId;
use crate::phone::Dialled;
use serde_json::Value;
use std::collections::BTreeMap;

const PHONE_NUMBERS: &str = "phone-numbers";

/// So many are named; the next examination names the next ones.
const NAMED: usize = 10;

/// `phones` are those of all users, as they stand there.
pub(super) fn check_phone_numbers(phones: &[(UserId, String)]) -> Finding {
    let mut users: BTreeMap<Dialled, Vec<UserId>> = BTreeMap::new();
    for (user, phone) in phones {
        if let Some(number) = Dialled::read(phone) {
            users.entry(number).or_default().push(*user);
        }
    }
    let shared: Vec<_> = users.iter().filter(|(_, users)| users.len() > 1).collect();
    if shared.is_empty() {
        return Finding::ok(PHONE_NUMBERS, "No two users have the same phone number.");
    }
    let mut named: Vec<String> = shared
        .iter()
        .take(NAMED)
        .map(|(number, users)| {
            let users: Vec<String> = users.iter().map(ToString::to_string).collect();
            format!("{number} (id {})", users.join(", "))
        })
        .collect();
    if shared.len() > NAMED {
        named.push("…".to_owned());
    }
    Finding::warning(
        PHONE_NUMBERS,
        "More than one user has each of these phone numbers, so nobody is found by them: {{numbers}}.",
    )
    .with("numbers", named.join("; "))
    .advise("Correct the numbers on the users page. A member may have entered the number of somebody else.")
}

/// `unlinked` are the numbers of those whom only a number can lead to; `total` are all users.
pub(super) fn check_missing_phone_numbers(unlinked: &[Option<String>], total: u64) -> Finding {
    const PHONE_NUMBERS: &str = "missing-phone-numbers";
    let has_number = |phone: &Option<String>| phone.as_deref().and_then(Dialled::read).is_some();
    let missing = unlinked.iter().filter(|phone| !has_number(phone)).count();
    if missing == 0 {
        return Finding::ok(
            PHONE_NUMBERS,
            "Every user who has not signed in with DingTalk yet has a phone number.",
        );
    }
    Finding::warning(
        PHONE_NUMBERS,
        "{{count}} of {{total}} users have no usable phone number and have not signed in with DingTalk yet, so DingTalk does not find them.",
    )
    .with("count", missing.to_string())
    .with("total", total.to_string())
    .advise("Fill in their phone numbers before they sign in. Who is not found is refused, or signed up as a second user.")
}

const PHONE_EDITING: &str = "phone-editing";

/// `system_settings` is NocoBase's row; a setting that is not there is on, as in NocoBase.
pub(super) fn check_phone_editing(system_settings: &Value, bind_administrators: bool) -> Finding {
    let can_edit = system_settings["enableEditProfile"] != Value::Bool(false);
    if !can_edit {
        return Finding::ok(PHONE_EDITING, "Users cannot change their own phone number.");
    }
    if bind_administrators {
        return Finding::warning(
            PHONE_EDITING,
            "Users can change their own phone number, and administrators too are linked by phone number.",
        )
        .advise("Switch off linking administrators by phone number, or editing the profile in the system settings.");
    }
    Finding::warning(
        PHONE_EDITING,
        "Users can change their own phone number, by which DingTalk finds a user at the first sign-in.",
    )
    .advise("Switch off editing the profile in the system settings if phone numbers must be right.")
}

const NEW_USERS: &str = "new-users";

/// `required` are the columns of users that must be filled and that we do not fill.
pub(super) fn check_new_users(has_default_role: bool, required: &[String]) -> Finding {
    if !has_default_role {
        return Finding::error(
            NEW_USERS,
            "No role is the default one, so no new user can be made.",
        )
        .advise("Choose a default role in the settings of roles.");
    }
    if !required.is_empty() {
        return Finding::error(
            NEW_USERS,
            "Users have required fields without a default value, so no new user can be made: {{fields}}.",
        )
        .with("fields", required.join(", "))
        .advise("Give these fields a default value, or make them optional.");
    }
    Finding::ok(NEW_USERS, "New users can be made, with the default role.")
}

#[cfg(test)]
mod phone_numbers_tests {
    use super::super::finding::Status;

    use super::*;

    fn judged(phones: &[(i64, &str)]) -> Finding {
        let phones: Vec<_> = phones
            .iter()
            .map(|(user, phone)| (UserId(*user), (*phone).to_owned()))
            .collect();
        check_phone_numbers(&phones)
    }

    #[test]
    fn two_spellings_of_one_number_are_told_with_who_has_them() {
        let finding = judged(&[
            (1, "139 0000 4000"),
            (2, "13900004001"),
            (7, "+8613900004000"),
            (8, "null"),
            (9, "null"),
        ]);

        assert_eq!(finding.status, Status::Warning);
        assert_eq!(
            finding.params,
            [("numbers", "+8613900004000 (id 1, 7)".to_owned())]
        );
    }

    #[test]
    fn a_long_list_is_cut() {
        let phones: Vec<(i64, String)> = (0..40)
            .map(|user| (user, format!("139000040{:02}", user / 2)))
            .collect();
        let phones: Vec<(i64, &str)> = phones
            .iter()
            .map(|(user, phone)| (*user, phone.as_str()))
            .collect();

        let named = &judged(&phones).params[0].1;

        assert_eq!(named.matches(';').count(), NAMED);
        assert!(named.ends_with('…'));
    }

    #[test]
    fn numbers_of_one_user_each_are_fine() {
        assert_eq!(
            judged(&[(1, "13900004000"), (2, "+1-3900004000"), (3, "")]).status,
            Status::Ok
        );
    }
    #[test]
    fn those_who_will_not_be_found_are_counted() {
        let phones =
            [Some("13900004000"), None, Some(""), Some("null")].map(|phone| phone.map(str::to_owned));

        let finding = check_missing_phone_numbers(&phones, 7);

        assert_eq!(finding.status, Status::Warning);
        assert_eq!(
            finding.params,
            [("count", "3".to_owned()), ("total", "7".to_owned())]
        );
        assert_eq!(check_missing_phone_numbers(&phones[..1], 7).status, Status::Ok);
    }
}

#[cfg(test)]
mod phone_editing_tests {
    use serde_json::json;

    use super::super::finding::Status;

    use super::*;

    #[test]
    fn only_a_setting_that_is_off_keeps_users_from_editing() {
        assert_eq!(
            check_phone_editing(&json!({"enableEditProfile": false}), true).status,
            Status::Ok
        );
        for settings in [
            json!({"enableEditProfile": true}),
            json!({"enableEditProfile": null}),
            json!({}),
        ] {
            assert_eq!(check_phone_editing(&settings, false).status, Status::Warning);
            assert_eq!(check_phone_editing(&settings, true).status, Status::Warning);
            assert_ne!(
                check_phone_editing(&settings, true).message_key,
                check_phone_editing(&settings, false).message_key
            );
        }
    }
}

#[cfg(test)]
mod new_users_tests {
    use super::super::finding::Status;

    use super::*;

    #[test]
    fn what_keeps_new_users_out_is_named() {
        assert_eq!(check_new_users(false, &[]).status, Status::Error);
        let finding = check_new_users(true, &["badge".to_owned(), "floor".to_owned()]);
        assert_eq!(
            (finding.status, finding.params),
            (Status::Error, vec![("fields", "badge, floor".to_owned())])
        );
        assert_eq!(check_new_users(true, &[]).status, Status::Ok);
    }
}
