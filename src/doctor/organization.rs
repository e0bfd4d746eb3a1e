//! The organization permissions, as far as the settings need them.

use crate::dingtalk::DingTalkError;
use crate::nocobase::{AuthenticatorOptions, Subject};

use super::dingtalk_answer::{Answers, failure};
use super::finding::Finding;

const CHECK: &str = "organization-permissions";
/// What looking up a member takes, should DingTalk not name it.
const PERMISSION: &str = "qyapi_get_member";

/// People are recognized by their id in the organization, or only members may sign in.
pub(super) fn is_needed(options: &AuthenticatorOptions) -> bool {
    matches!(options.subject, Subject::UserId) || options.corp_id.is_some()
}

pub(super) fn judge(answers: &Answers, is_needed: bool) -> Finding {
    if !is_needed {
        return Finding::ok(CHECK, "The settings of this sign-in method need no organization permission.");
    }
    match answers.member() {
        None => Finding::unknown(CHECK, "The organization permissions are known once DingTalk accepts the credentials."),
        Some(Ok(())) => Finding::ok(CHECK, "The DingTalk app may look up the members of its organization."),
        Some(Err(DingTalkError::PermissionMissing { call, request_id, permissions })) if permissions.is_empty() => {
            let named = DingTalkError::PermissionMissing {
                call: *call,
                request_id: request_id.clone(),
                permissions: vec![PERMISSION.to_owned()],
            };
            failure(CHECK, &named)
        }
        Some(Err(error)) => failure(CHECK, error),
    }
}
