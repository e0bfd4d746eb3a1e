//! The organization permissions, as far as the settings need them.

use crate::authenticator::AuthenticatorOptions;
use crate::nocobase::SubjectKind;

use super::dingtalk_answer::{Answers, failure};
use super::finding::Finding;

const CHECK: &str = "organization-permissions";

/// People are recognized by their id in the organization, or only members may sign in.
pub(super) fn is_needed(options: &AuthenticatorOptions) -> bool {
    matches!(options.subject, SubjectKind::UserId) || options.corp_id.is_some()
}

pub(super) fn judge(answers: &Answers, is_needed: bool) -> Finding {
    if !is_needed {
        return Finding::ok(
            CHECK,
            "The settings of this sign-in method need no organization permission.",
        );
    }
    match answers.member() {
        None => Finding::unknown(
            CHECK,
            "The organization permissions are known once DingTalk accepts the credentials.",
        ),
        Some(Ok(())) => Finding::ok(
            CHECK,
            "The DingTalk app may look up the members of its organization.",
        ),
        Some(Err(error)) => failure(CHECK, error),
    }
}

#[cfg(test)]
mod tests {
    use crate::dingtalk::{Call, DingTalkError, ErrorKind};

    use super::super::finding::Status;
    use super::*;

    fn missing(permissions: &[&str]) -> Answers {
        Answers::of(
            Ok(()),
            Some(Err(DingTalkError {
                call: Call::UserIdByUnionId,
                request_id: None,
                kind: ErrorKind::PermissionMissing(permissions.iter().map(|&name| name.to_owned()).collect()),
            })),
        )
    }

    #[test]
    fn a_missing_permission_is_named_as_in_the_console() {
        let finding = judge(&missing(&["a", "b"]), true);

        assert_eq!(finding.status, Status::Error);
        assert_eq!(finding.params, [("permission", "a, b".to_owned())]);
    }

    #[test]
    fn a_permission_nobody_needs_is_not_missed() {
        assert_eq!(judge(&missing(&[]), false).status, Status::Ok);
    }

    #[test]
    fn without_a_token_nothing_is_known() {
        let rejected = DingTalkError {
            call: Call::AppAccessToken,
            request_id: None,
            kind: ErrorKind::CredentialsRejected,
        };

        assert_eq!(
            judge(&Answers::of(Err(rejected), None), true).status,
            Status::Unknown
        );
    }
}
