//! A person who was never here.

use std::fmt;

/// What a VARCHAR(255) of NocoBase holds.
const TEXT_LIMIT: usize = 255;

/// A person to be made a user; the rest of the columns stay NULL.
#[derive(Clone, Default)]
pub struct NewUser {
    /// Cut to what the column holds.
    pub nickname: Option<String>,
    /// In the spelling to be stored.
    pub phone: Option<String>,
}

impl fmt::Debug for NewUser {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("NewUser").finish_non_exhaustive()
    }
}

/// NocoBase stores NULL where there is nothing, and the column holds so many characters.
pub(super) fn filled(text: Option<&str>) -> Option<String> {
    text.filter(|text| !text.is_empty())
        .map(|text| text.chars().take(TEXT_LIMIT).collect())
}
