//! Whether DingTalk accepts the Client ID and the Client Secret.

use crate::dingtalk::DingTalkError;

use super::dingtalk_answer::{Answers, failure};
use super::finding::Finding;

const CHECK: &str = "credentials";

pub(super) fn judge(answers: &Answers) -> Finding {
    match answers.first_error() {
        // The credentials were good enough to be told this much.
        None
        | Some(
            DingTalkError::PermissionMissing { .. }
            | DingTalkError::NotInScope { .. }
            | DingTalkError::CodeRejected { .. },
        ) => Finding::ok(CHECK, "DingTalk accepts the Client ID and the Client Secret."),
        Some(DingTalkError::IpNotAllowed { .. }) => {
            Finding::unknown(CHECK, "The Client ID and the Client Secret can be tested once DingTalk accepts calls from this server.")
        }
        Some(error) => failure(CHECK, error),
    }
}
