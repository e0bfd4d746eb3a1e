//! Whether DingTalk accepts calls from this server's address.

use crate::dingtalk::DingTalkError;

use super::dingtalk_answer::{Answers, failure};
use super::finding::Finding;

const CHECK: &str = "ip-allow-list";

/// Only an answer to a call about people counts: DingTalk may hand out app tokens to any address.
pub(super) fn judge(answers: &Answers) -> Finding {
    match (answers.first_error(), answers.member()) {
        (Some(error @ DingTalkError::IpNotAllowed { .. }), _) => failure(CHECK, error),
        (None, Some(Ok(()))) => Finding::ok(CHECK, "DingTalk accepts calls from this server."),
        _ => Finding::unknown(CHECK, "Whether DingTalk accepts calls from this server is known once it answers one about members.")
            .advise("If the app has an IP allow list in the DingTalk developer console, see that this server's public address is on it."),
    }
}
