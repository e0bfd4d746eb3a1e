//! What is dialled: a phone number apart from how somebody spells it.
//!
//! NocoBase checks nothing of a phone number, so people keep them as they like: with blanks, hyphens and brackets, in
//! full width, with `+86`, `0086`, `86` or nothing in front, with the zero that is dialled at home. Two spellings are one
//! number when the numbering plans of the countries say so. A number without a country is one of mainland China.

use std::borrow::Cow;

mod given;

use rlibphonenumber::enums::Region;
use rlibphonenumber::{PHONE_NUMBER_UTIL, PhoneNumber};

pub use given::{NoPhone, Phone};

/// A number as it is dialled: country code and national number.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Dialled(u64);

/// The longest text that is taken for a number.
const LONGEST: usize = 64;

impl Dialled {
    /// The number that a text stands for; `None` when it is none, masked, or more than one.
    pub fn read(text: &str) -> Option<Self> {
        let digits = digits(text)?;
        if let Some(number) = mainland_mobile(&digits) {
            return Some(number);
        }
        let national = parsed(&digits)?;
        if digits.starts_with('+') || is_mainland_mobile(national.0) {
            return Some(national);
        }
        // Written with the code of another country, and without a plus.
        let abroad = PHONE_NUMBER_UTIL.parse(format!("+{digits}"), None).ok();
        let abroad = abroad.filter(|number| PHONE_NUMBER_UTIL.is_valid_number(number));
        Some(abroad.as_ref().and_then(Self::of).unwrap_or(national))
    }

    /// The number with this country code and these digits, which nobody has to guess.
    pub fn new(country: &str, digits: &str) -> Option<Self> {
        let whole = format!("+{country}{digits}");
        // A country that no plan knows has no rules to spell its numbers by.
        parsed(&whole).or_else(|| whole.get(1..)?.parse().ok().map(Self))
    }

    /// The country code of a number that begins with `+`, as far as a plan knows it.
    pub fn country_code(international: &str) -> Option<String> {
        let number = PHONE_NUMBER_UTIL.parse(&digits(international)?, None).ok()?;
        Some(number.country_code.to_string())
    }

    fn of(number: &PhoneNumber) -> Option<Self> {
        // With an extension behind it, it is dialled differently.
        if number.extension.is_some() {
            return None;
        }
        // Where a zero begins the number and is no prefix, as in Italy, it is dialled.
        let zeros = match number.italian_leading_zero {
            Some(true) => number.number_of_leading_zeros.unwrap_or(1),
            _ => 0,
        };
        let zeros = "0".repeat(usize::try_from(zeros).ok()?.min(LONGEST));
        let whole = format!("{}{zeros}{}", number.country_code, number.national_number);
        whole.parse().ok().map(Self)
    }
}

/// As it is dialled from abroad.
impl std::fmt::Display for Dialled {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "+{}", self.0)
    }
}

impl std::fmt::Debug for Dialled {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("Dialled(..)")
    }
}

fn parsed(digits: &str) -> Option<Dialled> {
    let number = PHONE_NUMBER_UTIL.parse(digits, Some(Region::CN)).ok()?;
    Dialled::of(&number)
}

/// The digits of a text in ASCII, with a plus in front where one or its `00` stood there. Only what people put between
/// digits may be between them: a letter, a star or a comma makes it something else than one number.
fn digits(text: &str) -> Option<Cow<'_, str>> {
    if text.len() > LONGEST {
        return None;
    }
    if !text.is_empty() && !text.starts_with("00") && text.bytes().all(|byte| byte.is_ascii_digit()) {
        return Some(Cow::Borrowed(text));
    }
    let mut digits = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '0'..='9' => digits.push(character),
            '０'..='９' => digits.push(char::from_u32(u32::from(character) - 0xFEE0)?),
            '+' | '＋' if digits.is_empty() => digits.push('+'),
            _ if is_between_digits(character) => {}
            _ => return None,
        }
    }
    if let Some(rest) = digits.strip_prefix("00") {
        digits = format!("+{rest}");
    }
    let has_digits = digits.trim_start_matches('+').len() > 2;
    has_digits.then_some(Cow::Owned(digits))
}

fn is_between_digits(character: char) -> bool {
    character.is_whitespace()
        || matches!(
            character,
            '-' | '.' | '(' | ')' | '（' | '）' | '－' | '．' | '\u{2010}'..='\u{2015}' | '\u{2212}'
        )
        // Marks without a width, which come with a copied number.
        || matches!(character, '\u{200B}'..='\u{200F}' | '\u{202A}'..='\u{202E}' | '\u{2060}'..='\u{2069}' | '\u{FEFF}')
}

/// A country code and eleven digits that begin with 1.
const MAINLAND_MOBILES: std::ops::Range<u64> = 8_610_000_000_000..8_620_000_000_000;

const fn is_mainland_mobile(number: u64) -> bool {
    MAINLAND_MOBILES.start <= number && number < MAINLAND_MOBILES.end
}

/// What nearly everybody has, in the spellings in which nearly everybody has it; no plan is asked.
fn mainland_mobile(digits: &str) -> Option<Dialled> {
    let national = digits.trim_start_matches('+');
    let is_written_with_code = national.len() != digits.len();
    let national = match national.strip_prefix("86") {
        Some(rest) if rest.len() == 11 => rest,
        _ if is_written_with_code => return None,
        _ => national,
    };
    if national.len() != 11 {
        return None;
    }
    let number = 8_600_000_000_000 + national.parse::<u64>().ok()?;
    is_mainland_mobile(number).then_some(Dialled(number))
}

/// Whether log lines of this target may hold phone numbers: those of the library do, at the level of traces.
pub fn says_phone_numbers(log_target: &str) -> bool {
    log_target == "rlibphonenumber" || log_target.starts_with("rlibphonenumber::")
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Spelling, country of who wrote it, and what is dialled; `-` stands for no number.
    const CORPUS: &str = include_str!("../tests/corpus/phones.tsv");

    #[test]
    fn no_spelling_of_the_corpus_is_another_number_than_people_mean() {
        let mut rows = 0;
        for line in CORPUS.lines().filter(|line| !line.starts_with('#')) {
            let [spelling, country, expected] = line.split('\t').collect::<Vec<_>>()[..] else {
                panic!("three columns: {line:?}");
            };
            let read = Dialled::read(spelling).map_or("-".to_owned(), |number| number.to_string());
            assert_eq!(read, expected, "{spelling:?} of {country}");
            rows += 1;
        }
        assert!(rows > 60, "{rows}");
    }

    #[test]
    fn a_number_with_its_country_given_is_the_same_as_one_written_whole() {
        for (country, digits, whole) in [
            ("86", "13900004000", "13900004000"),
            ("61", "0412345678", "+61 412 345 678"),
            ("61", "412345678", "0061 0412 345 678"),
            ("39", "061234567", "+39 06 1234567"),
            ("1", "3800138000", "+1 380 013 8000"),
        ] {
            assert_eq!(Dialled::new(country, digits), Dialled::read(whole), "{whole}");
        }
        assert_eq!(
            Dialled::new("999", "12345")
                .map(|number| number.to_string())
                .as_deref(),
            Some("+99912345")
        );
    }

    #[test]
    fn a_number_that_is_dialled_does_not_print_itself() {
        assert_eq!(
            format!("{:?}", Dialled::read("13900004000").unwrap()),
            "Dialled(..)"
        );
    }
}
