//! What of a known person's profile follows DingTalk.

/// `refreshNickname`, `refreshPhone` and `refreshAvatar`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ProfileRefresh {
    /// The name that is shown.
    pub nickname: Refresh,
    /// The phone number.
    pub phone: Refresh,
    /// The address of the picture, where users have a text field for it.
    pub avatar: Refresh,
}

/// When a field is taken from DingTalk at a sign-in.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Refresh {
    /// It stays what it is.
    #[default]
    Never,
    /// When there is nothing in it.
    WhenEmpty,
    /// Whatever is in it.
    Always,
}

impl Refresh {
    /// The one that is stored under this label.
    pub fn named(label: &str) -> Option<Self> {
        match label {
            "never" => Some(Self::Never),
            "empty" => Some(Self::WhenEmpty),
            "always" => Some(Self::Always),
            _ => None,
        }
    }

    /// Whether a field that holds this is taken from DingTalk.
    pub fn wants(self, stored: Option<&str>) -> bool {
        match self {
            Self::Never => false,
            Self::WhenEmpty => stored.is_none_or(|text| text.trim().is_empty()),
            Self::Always => true,
        }
    }
}

impl ProfileRefresh {
    /// Whether no field follows DingTalk.
    pub fn is_off(self) -> bool {
        self == Self::default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_field_is_taken_never_when_empty_or_always() {
        for (refresh, for_nothing, for_blank, for_something) in [
            (Refresh::Never, false, false, false),
            (Refresh::WhenEmpty, true, true, false),
            (Refresh::Always, true, true, true),
        ] {
            assert_eq!(refresh.wants(None), for_nothing, "{refresh:?}");
            assert_eq!(refresh.wants(Some(" ")), for_blank, "{refresh:?}");
            assert_eq!(refresh.wants(Some("x")), for_something, "{refresh:?}");
        }
    }
}
