//! Who someone is to DingTalk, as far as it told us.

use std::fmt;

use secrecy::SecretString;

/// A person's id across all apps of one developer organization: the key accounts are linked by.
///
/// Compared by bytes: two ids that differ only in case are two people.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct UnionId(String);

/// A person's id inside one organization (DingTalk writes `userid`); not NocoBase's user id.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct DingTalkUserId(String);

impl UnionId {
    /// `None` for what cannot be told apart safely from another id: blank, longer than 255 bytes, white space or
    /// control characters, or characters lost in transit.
    pub fn parse(text: &str) -> Option<Self> {
        is_identifier(text).then(|| Self(text.to_owned()))
    }

    /// The id as DingTalk spells it.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl DingTalkUserId {
    /// `None` by the same rule as [`UnionId::parse`].
    pub fn parse(text: &str) -> Option<Self> {
        is_identifier(text).then(|| Self(text.to_owned()))
    }

    /// The id as DingTalk spells it.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// 255 bytes fit the column the subject is stored in.
const IDENTIFIER_BYTES: usize = 255;

fn is_identifier(text: &str) -> bool {
    !text.is_empty()
        && text.len() <= IDENTIFIER_BYTES
        && !text
            .chars()
            .any(|c| c.is_control() || c.is_whitespace() || c == char::REPLACEMENT_CHARACTER)
}

impl fmt::Debug for UnionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("UnionId(..)")
    }
}

impl fmt::Debug for DingTalkUserId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("DingTalkUserId(..)")
    }
}

/// The credential of one person who has just approved the sign-in; never kept, never shared between people.
#[derive(Clone, Debug)]
pub struct UserAccessToken {
    /// What [`DingTalk::profile`](super::DingTalk::profile) sends.
    pub token: SecretString,
    /// The organization the person chose, told only when the authorization URL named one.
    pub corp_id: Option<String>,
}

/// Who is signed in in DingTalk's client, as a redeemed code of it tells.
#[derive(Clone)]
pub struct ClientUser {
    /// Their id in the app's organization.
    pub user_id: DingTalkUserId,
    /// Their id across all apps of the developer.
    pub union_id: UnionId,
    /// Their name in the organization.
    pub name: Option<String>,
}

/// A member's entry in the organization's directory, as far as it is used.
#[derive(Clone)]
pub struct Member {
    /// Their id in the organization.
    pub user_id: DingTalkUserId,
    /// Phone number, if the app may see it.
    pub mobile: Option<String>,
    /// Country code of the number, digits only.
    pub state_code: Option<String>,
    /// Their title, where the organization gave them one.
    pub title: Option<String>,
    /// Address of their picture; absent when they have none of their own.
    pub avatar_url: Option<String>,
    /// Whether they administer the organization in DingTalk, or own it.
    pub is_administrator: bool,
}

/// What DingTalk says about the person; only the union id is always there.
#[derive(Clone)]
pub struct Profile {
    /// The key.
    pub union_id: UnionId,
    /// Changes when the app is replaced, so nothing is ever keyed by it.
    pub open_id: Option<String>,
    /// A nickname the person chose, not a name anybody checked.
    pub nick: Option<String>,
    /// As DingTalk spells it: national digits, or with `+<code>-`, or masked with `*`; absent without the permission.
    pub mobile: Option<String>,
    /// The country calling code of `mobile`, without `+`.
    pub state_code: Option<String>,
    /// Absent when the person has no picture of their own.
    pub avatar_url: Option<String>,
    /// A private mailbox, which proves nothing about an account here.
    pub email: Option<String>,
    /// A person who may only look around.
    pub visitor: bool,
}

/// Tells what is there and never what it is: a `debug!(?profile)` is safe.
impl fmt::Debug for Profile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Profile")
            .field("has_nick", &self.nick.is_some())
            .field("has_mobile", &self.mobile.is_some())
            .field("has_email", &self.email.is_some())
            .field("visitor", &self.visitor)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_identifier_keeps_its_case_and_every_byte() {
        let lower = UnionId::parse("vqr2XRTIXbAUYtz7oy0nfwiEiE").unwrap();
        let upper = UnionId::parse("VQR2XRTIXBAUYTZ7OY0NFWIEIE").unwrap();

        assert_eq!(lower.as_str(), "vqr2XRTIXbAUYtz7oy0nfwiEiE");
        assert_ne!(lower, upper);
    }

    #[test]
    fn an_identifier_that_could_be_mistaken_for_another_is_none() {
        let too_long = "x".repeat(256);
        for text in [
            "",
            " ",
            "a b",
            "a\n",
            "a\u{0}",
            "\u{a0}a",
            "a\u{fffd}",
            too_long.as_str(),
        ] {
            assert!(UnionId::parse(text).is_none(), "{text:?}");
            assert!(DingTalkUserId::parse(text).is_none(), "{text:?}");
        }
        assert!(UnionId::parse(&"x".repeat(255)).is_some());
    }

    #[test]
    fn debug_prints_no_personal_fact() {
        let profile = Profile {
            union_id: UnionId::parse("canary-union").unwrap(),
            open_id: Some("canary-open".into()),
            nick: Some("canary-nick".into()),
            mobile: Some("canary-mobile".into()),
            state_code: Some("canary-code".into()),
            avatar_url: Some("canary-avatar".into()),
            email: Some("canary-email".into()),
            visitor: false,
        };
        let token = UserAccessToken {
            token: SecretString::from("canary-token"),
            corp_id: None,
        };

        let printed = format!(
            "{profile:?} {:?} {:?} {token:?}",
            profile.union_id,
            DingTalkUserId::parse("canary-user").unwrap()
        );

        assert!(!printed.contains("canary"), "{printed}");
    }
}
