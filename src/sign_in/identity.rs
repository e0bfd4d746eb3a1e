//! The verified facts DingTalk gave about a person.

use std::fmt;

use crate::nocobase::LinkSource;
use crate::phone::{Dialled, digits};

/// Who DingTalk says this is.
#[derive(Debug)]
pub struct Identity {
    /// What we store and recognise the person by.
    pub subject: Subject,
    /// The phone number, where DingTalk gave one.
    pub phone: Result<Phone, NoPhone>,
    /// The name to show for a new user.
    pub nickname: Option<String>,
    /// Address of their picture, where DingTalk gave one.
    pub avatar: Option<String>,
}

/// What a person is stored and recognised by.
#[derive(Debug)]
pub struct Subject {
    /// The id, as links store it.
    pub id: String,
    /// What kind of id that is, and whose.
    pub source: LinkSource,
}

/// Why there is no phone number to find somebody by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NoPhone {
    /// There is one, and DingTalk keeps it from this app: all of it, or some of its digits.
    Withheld,
    /// The account has none, or what stands there is none: accounts that an organization made for its members need none.
    Missing,
    /// The organization's directory shows the app none: there is none, or the app lacks the permission.
    NotShown,
}

/// The country code of mainland China, whose numbers are usually written without it.
const MAINLAND: &str = "86";
/// Length of a mainland number.
const MAINLAND_DIGITS: usize = 11;
/// The longest number of E.164, without the country code's share.
const MOST_DIGITS: usize = 15;
const FEWEST_DIGITS: usize = 4;
const COUNTRY_DIGITS: usize = 4;
/// NocoBase's column for nicknames.
const NICKNAME_LIMIT: usize = 255;

/// A phone number with its country code, neither masked nor guessed.
#[derive(Clone, PartialEq, Eq)]
pub struct Phone {
    country: String,
    digits: String,
    dialled: Dialled,
}

impl Phone {
    /// Reads what DingTalk sends.
    pub fn parse(state_code: Option<&str>, mobile: Option<&str>) -> Result<Self, NoPhone> {
        let Some(mobile) = mobile else {
            // DingTalk tells the country of a number also to an app that may not see the number.
            return Err(state_code.map_or(NoPhone::Missing, |_| NoPhone::Withheld));
        };
        if mobile.contains('*') {
            return Err(NoPhone::Withheld);
        }
        Self::read(state_code, mobile).ok_or(NoPhone::Missing)
    }

    fn read(state_code: Option<&str>, mobile: &str) -> Option<Self> {
        let all = digits(mobile)?;
        let (country, digits) = match all.strip_prefix('+') {
            // Numbers from outside the mainland may carry their own code.
            Some(whole) => {
                let country = own_country_code(mobile).or_else(|| Dialled::country_code(&all))?;
                let digits = whole.strip_prefix(country.as_str())?.to_owned();
                (country, digits)
            }
            None => (code(state_code?)?, all.into_owned()),
        };
        let plausible = (FEWEST_DIGITS..=MOST_DIGITS).contains(&digits.len());
        let dialled = plausible.then(|| Dialled::new(&country, &digits))??;
        Some(Self {
            country,
            digits,
            dialled,
        })
    }

    /// What is dialled, by which numbers are compared.
    pub const fn dialled(&self) -> Dialled {
        self.dialled
    }

    /// The spellings that most numbers have, by which an index finds them.
    pub fn spellings(&self) -> Vec<String> {
        let Self { country, digits, .. } = self;
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

/// The code in front of the first hyphen, which needs no plan of numbers.
fn own_country_code(mobile: &str) -> Option<String> {
    let (country, _) = mobile.split_once('-')?;
    code(country)
}

/// A country code, with or without what is dialled in front of it.
fn code(text: &str) -> Option<String> {
    let text = text.trim();
    let digits = text
        .strip_prefix('+')
        .or_else(|| text.strip_prefix("00"))
        .unwrap_or(text);
    let is_code = (1..=COUNTRY_DIGITS).contains(&digits.len())
        && digits.bytes().all(|byte| byte.is_ascii_digit())
        && !digits.starts_with('0');
    is_code.then(|| digits.to_owned())
}

fn reads_as_mainland(number: &str) -> bool {
    number.len() == MAINLAND_DIGITS && number.starts_with('1')
        || number.len() == MAINLAND_DIGITS + MAINLAND.len() && number.starts_with("861")
}

/// The nickname as NocoBase can hold it.
pub fn nickname(name: Option<&str>) -> Option<String> {
    let nick: String = name?
        .chars()
        .filter(|c| !c.is_control() && *c != char::REPLACEMENT_CHARACTER)
        .collect();
    let nick: String = nick.trim().chars().take(NICKNAME_LIMIT).collect();
    (!nick.is_empty()).then_some(nick)
}

/// What is left of a nickname for a table whose alphabet is smaller than Unicode; at last nothing, since a name may be
/// missing and a person may not.
pub fn shortened(nickname: &str) -> Option<String> {
    let plane: String = nickname.chars().filter(|c| u32::from(*c) <= 0xFFFF).collect();
    let plane = plane.trim();
    (!plane.is_empty() && plane != nickname).then(|| plane.to_owned())
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
        Phone::parse(Some(state_code), Some(mobile)).ok()
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
    fn however_dingtalk_spells_a_number_it_is_stored_in_one_way() {
        for (state_code, mobile) in [
            ("86", "13900004000"),
            ("0086", "13900004000"),
            ("86", "+8613900004000"),
            ("86", "008613900004000"),
            ("852", "+86 139 0000 4000"),
            ("86", "１３９００００４０００"),
            ("86", "139-0000-4000 "),
        ] {
            let phone = phone(state_code, mobile).unwrap_or_else(|| panic!("{state_code} {mobile}"));

            assert_eq!(phone.stored(), "13900004000", "{state_code} {mobile}");
            assert_eq!(phone.dialled(), Dialled::read("13900004000").unwrap());
        }
        for mobile in ["+85291234567", "0085291234567", "+852-9123 4567"] {
            assert_eq!(phone("86", mobile).unwrap().stored(), "+852-91234567", "{mobile}");
        }
        assert_eq!(
            phone("61", "0412345678").unwrap().dialled(),
            phone("61", "412345678").unwrap().dialled()
        );
    }

    #[test]
    fn a_number_that_is_kept_from_us_is_not_taken_for_one_that_is_missing() {
        for (state_code, mobile, expected) in [
            (Some("86"), None, NoPhone::Withheld),
            (Some("86"), Some("155****3240"), NoPhone::Withheld),
            (None, None, NoPhone::Missing),
            (None, Some(""), NoPhone::Missing),
            (Some("86"), Some(" "), NoPhone::Missing),
            (Some("86"), Some("null"), NoPhone::Missing),
        ] {
            assert_eq!(
                Phone::parse(state_code, mobile),
                Err(expected),
                "{state_code:?} {mobile:?}"
            );
        }
    }

    #[test]
    fn a_name_that_does_not_fit_becomes_shorter_and_then_none() {
        assert_eq!(shortened("👩 李雷").as_deref(), Some("李雷"));
        assert_eq!(shortened("李雷"), None);
        assert_eq!(shortened("👩"), None);
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
            let read = Phone::parse(state_code, mobile).ok();
            assert_eq!(read, None, "{state_code:?} {mobile:?}");
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
