//! The verified facts DingTalk gave about a person.

use crate::nocobase::LinkSource;
use crate::phone::{NoPhone, Phone};

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

/// NocoBase's column for nicknames.
const NICKNAME_LIMIT: usize = 255;

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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_that_does_not_fit_becomes_shorter_and_then_none() {
        assert_eq!(shortened("👩 李雷").as_deref(), Some("李雷"));
        assert_eq!(shortened("李雷"), None);
        assert_eq!(shortened("👩"), None);
    }
}
