//! The personal permissions, which only a sign-in can show: DingTalk grants them per person.

use super::finding::Finding;
use crate::error_code::{Code, OK};

const CHECK: &str = "personal-permissions";
/// What a profile can be read with, and what adds the phone number; named as the console spells them.
const PROFILE_PERMISSION: &str = "Contact.User.Read";
const PHONE_PERMISSION: &str = "Contact.User.mobile";

/// What DingTalk gave at the latest sign-in that came as far as the profile.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LatestSignIn {
    /// The profile with a phone number, or one that needed none: the person was already linked, or has none.
    Complete,
    /// The profile without a usable phone number.
    PhoneMissing,
    /// No profile; the permissions that DingTalk named.
    ProfileRefused {
        /// Empty when DingTalk named none.
        permissions: Vec<String>,
    },
}

impl LatestSignIn {
    /// What the result of a sign-in says, by its public code; `None` for one that did not come as far.
    pub fn of_result(result: &str) -> Option<Self> {
        if result == OK {
            return Some(Self::Complete);
        }
        match Code::named(result)? {
            Code::PhoneMissing
            | Code::PhoneTaken
            | Code::LinkOfOtherSettings
            | Code::NoMatchingUser
            | Code::PhoneAmbiguous
            | Code::PhoneAlreadyLinked
            | Code::AdministratorNotLinked => Some(Self::Complete),
            Code::PhoneUnavailable => Some(Self::PhoneMissing),
            Code::PermissionMissing => Some(Self::ProfileRefused {
                permissions: Vec::new(),
            }),
            _ => None,
        }
    }
}

/// The latest of each authenticator, out of results in the order newest first.
pub fn latest_sign_ins(results: Vec<(String, String)>) -> Vec<(String, LatestSignIn)> {
    let mut latest: Vec<(String, LatestSignIn)> = Vec::new();
    for (authenticator, result) in results {
        if latest.iter().any(|(name, _)| *name == authenticator) {
            continue;
        }
        latest.extend(LatestSignIn::of_result(&result).map(|seen| (authenticator, seen)));
    }
    latest
}

pub(super) fn judge(latest: Option<&LatestSignIn>) -> Finding {
    match latest {
        None => Finding::unknown(CHECK, "The personal permissions are known once someone has signed in.")
            .advise("Sign in with DingTalk once, then test again."),
        Some(LatestSignIn::Complete) => {
            Finding::ok(CHECK, "At the latest sign-in DingTalk gave everything that was needed.")
        }
        Some(LatestSignIn::PhoneMissing) => {
            Finding::error(CHECK, "At the latest sign-in DingTalk did not share a phone number.")
                .with("permission", PHONE_PERMISSION)
                .advise("Grant the permission {{permission}} in the DingTalk developer console and publish the app again.")
        }
        Some(LatestSignIn::ProfileRefused { permissions }) => {
            let named = if permissions.is_empty() { PROFILE_PERMISSION.to_owned() } else { permissions.join(", ") };
            Finding::error(CHECK, "At the latest sign-in the DingTalk app lacked the permission {{permission}}.")
                .with("permission", named)
                .advise("Grant the permission {{permission}} in the DingTalk developer console and publish the app again.")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::finding::Status;
    use super::*;

    #[test]
    fn before_any_sign_in_nothing_is_known() {
        assert_eq!(judge(None).status, Status::Unknown);
    }

    #[test]
    fn a_missing_permission_is_named() {
        for (latest, permission) in [
            (LatestSignIn::PhoneMissing, "Contact.User.mobile"),
            (
                LatestSignIn::ProfileRefused {
                    permissions: Vec::new(),
                },
                "Contact.User.Read",
            ),
            (
                LatestSignIn::ProfileRefused {
                    permissions: vec!["A.B".into(), "C".into()],
                },
                "A.B, C",
            ),
        ] {
            let finding = judge(Some(&latest));

            assert_eq!(finding.status, Status::Error);
            assert_eq!(finding.params, [("permission", permission.to_owned())]);
        }
    }

    #[test]
    fn a_complete_sign_in_is_fine() {
        assert_eq!(judge(Some(&LatestSignIn::Complete)).status, Status::Ok);
    }
}
