//! Whether a phone number leads to every user, and to one only.

use std::collections::BTreeMap;

use crate::nocobase::UserId;
use crate::phone::Dialled;

use super::finding::Finding;

const CHECK: &str = "phone-numbers";
/// So many are named; the next examination names the next ones.
const NAMED: usize = 10;

/// `phones` are those of all users, as they stand there.
pub(super) fn judge(phones: &[(UserId, String)]) -> Finding {
    let mut users: BTreeMap<Dialled, Vec<UserId>> = BTreeMap::new();
    for (user, phone) in phones {
        if let Some(number) = Dialled::read(phone) {
            users.entry(number).or_default().push(*user);
        }
    }
    let shared: Vec<_> = users.iter().filter(|(_, users)| users.len() > 1).collect();
    if shared.is_empty() {
        return Finding::ok(CHECK, "No two users have the same phone number.");
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
        CHECK,
        "More than one user has each of these phone numbers, so nobody is found by them: {{numbers}}.",
    )
    .with("numbers", named.join("; "))
    .advise("Correct the numbers on the users page. A member may have entered the number of somebody else.")
}

/// `unlinked` are the numbers of those whom only a number can lead to; `total` are all users.
pub(super) fn judge_missing(unlinked: &[Option<String>], total: u64) -> Finding {
    const CHECK: &str = "missing-phone-numbers";
    let has_number = |phone: &Option<String>| phone.as_deref().and_then(Dialled::read).is_some();
    let missing = unlinked.iter().filter(|phone| !has_number(phone)).count();
    if missing == 0 {
        return Finding::ok(
            CHECK,
            "Every user who has not signed in with DingTalk yet has a phone number.",
        );
    }
    Finding::warning(
        CHECK,
        "{{count}} of {{total}} users have no usable phone number and have not signed in with DingTalk yet, so DingTalk does not find them.",
    )
    .with("count", missing.to_string())
    .with("total", total.to_string())
    .advise("Fill in their phone numbers before they sign in. Who is not found is refused, or signed up as a second user.")
}

#[cfg(test)]
mod tests {
    use super::super::finding::Status;
    use super::*;

    fn judged(phones: &[(i64, &str)]) -> Finding {
        let phones: Vec<_> = phones
            .iter()
            .map(|(user, phone)| (UserId(*user), (*phone).to_owned()))
            .collect();
        judge(&phones)
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

        let finding = judge_missing(&phones, 7);

        assert_eq!(finding.status, Status::Warning);
        assert_eq!(
            finding.params,
            [("count", "3".to_owned()), ("total", "7".to_owned())]
        );
        assert_eq!(judge_missing(&phones[..1], 7).status, Status::Ok);
    }
}
