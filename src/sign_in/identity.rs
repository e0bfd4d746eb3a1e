//! The verified facts DingTalk gave about a person.

use std::fmt;

use crate::dingtalk::Profile;

/// Who DingTalk says this is.
#[derive(Debug)]
pub struct Identity {
    /// What we store and recognise the person by.
    pub subject: String,
    /// The phone number, where DingTalk gave one.
    pub phone: Option<Phone>,
    /// The name to show for a new user.
    pub nickname: Option<String>,
}

/// The country code of mainland China, whose numbers are usually written without it.
const MAINLAND: &str = "86";
/// Length of a mainland number.
const MAINLAND_DIGITS: usize = 11;
/// The longest number of E.164, without the country code's share.
const MOST_DIGITS: usize = 15;
const FEWEST_DIGITS: usize = 4;
/// NocoBase's column for nicknames.
const NICKNAME_LIMIT: usize = 255;

/// A phone number with its country code, neither masked nor guessed.
#[derive(Clone, PartialEq, Eq)]
pub struct Phone {
    country: String,
    digits: String,
}

impl Phone {
    /// Reads what DingTalk sends. `None` when there is no number, or none that can be relied on: masked,
    /// blank, without a country code.
    pub fn parse(state_code: Option<&str>, mobile: Option<&str>) -> Option<Self> {
        let mobile = mobile?.trim();
        let (country, digits) = match mobile.strip_prefix('+') {
            // Numbers from outside the mainland may carry their own code, in front of the first hyphen.
            Some(international) => international.split_once('-')?,
            None => (state_code?.trim().trim_start_matches('+'), mobile),
        };
        let digits: String = digits.chars().filter(|c| !matches!(c, ' ' | '-')).collect();
        let is_number = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
        let plausible = is_number(country)
            && country.len() <= 4
            && is_number(&digits)
            && (FEWEST_DIGITS..=MOST_DIGITS).contains(&digits.len());
        plausible.then(|| Self {
            country: country.to_owned(),
            digits,
        })
    }

    /// Every spelling under which NocoBase may hold this number and no other one.
    pub fn spellings(&self) -> Vec<String> {
        let Self { country, digits } = self;
        let mut spellings = vec![format!("+{country}-{digits}"), format!("+{country}{digits}")];
        let bare = format!("{country}{digits}");
        if country == MAINLAND {
            spellings.extend([digits.clone(), bare]);
        } else if !reads_as_mainland(&bare) {
            // "1" and "3800138000" written together are a mainland number: another person's.
            spellings.push(bare);
        }
        spellings
    }

    /// The spelling stored for a new user.
    pub fn stored(&self) -> String {
        if self.country == MAINLAND {
            self.digits.clone()
        } else {
            format!("+{}-{}", self.country, self.digits)
        }
    }
}

fn reads_as_mainland(number: &str) -> bool {
    number.len() == MAINLAND_DIGITS && number.starts_with('1')
        || number.len() == MAINLAND_DIGITS + MAINLAND.len() && number.starts_with("861")
}

/// The nickname as NocoBase can hold it.
pub fn nickname(profile: &Profile) -> Option<String> {
    let nick: String = profile
        .nick
        .as_deref()?
        .chars()
        .filter(|c| !c.is_control())
        .collect();
    let nick: String = nick.trim().chars().take(NICKNAME_LIMIT).collect();
    (!nick.is_empty()).then_some(nick)
}

impl fmt::Debug for Phone {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "Phone(+{}-..)", self.country)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn phone(state_code: &str, mobile: &str) -> Option<Phone> {
        Phone::parse(Some(state_code), Some(mobile))
    }

    #[test]
    fn a_mainland_number_has_four_spellings_and_is_stored_bare() {
        let phone = phone("86", "13900139000").unwrap();

        let mut spellings = phone.spellings();
        spellings.sort();
        assert_eq!(
            spellings,
            [
                "+86-13900139000",
                "+8613900139000",
                "13900139000",
                "8613900139000"
            ]
        );
        assert_eq!(phone.stored(), "13900139000");
    }

    #[test]
    fn a_foreign_number_matches_only_spellings_with_its_code() {
        let phone = phone("852", "91234567").unwrap();

        assert_eq!(
            phone.spellings(),
            ["+852-91234567", "+85291234567", "85291234567"]
        );
        assert_eq!(phone.stored(), "+852-91234567");
    }

    #[test]
    fn a_foreign_number_never_matches_a_mainland_number_of_the_same_digits() {
        let same_national = phone("1", "13800138000").unwrap();
        let same_written_together = phone("1", "3800138000").unwrap();

        assert!(!same_national.spellings().contains(&"13800138000".to_owned()));
        assert!(
            !same_written_together
                .spellings()
                .contains(&"13800138000".to_owned())
        );
    }

    #[test]
    fn a_number_may_carry_its_own_country_code() {
        assert_eq!(phone("86", "+852-91234567"), phone("852", "91234567"));
        assert_eq!(phone("+86", "139 0013 9000"), phone("86", "13900139000"));
    }

    #[test]
    fn what_is_no_reliable_number_is_no_number() {
        for (state_code, mobile) in [
            (Some("86"), None),
            (Some("86"), Some("")),
            (Some("86"), Some("   ")),
            (Some("86"), Some("null")),
            (Some("86"), Some("155****3240")),
            (Some("86"), Some("+86")),
            (Some("86"), Some("+-139")),
            (None, Some("13900139000")),
            (Some(""), Some("13900139000")),
            (Some("8x6"), Some("13900139000")),
            (Some("86"), Some("١٣٩٠٠١٣٩٠٠٠")),
            (Some("86"), Some("123")),
            (Some("86"), Some("1234567890123456")),
        ] {
            assert_eq!(
                Phone::parse(state_code, mobile),
                None,
                "{state_code:?} {mobile:?}"
            );
        }
    }

    #[test]
    fn a_phone_number_does_not_print_itself() {
        assert_eq!(
            format!("{:?}", phone("86", "13900139000").unwrap()),
            "Phone(+86-..)"
        );
    }
}
