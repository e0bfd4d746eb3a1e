//! Whether DingTalk accepts calls from this server's address.

use crate::dingtalk::ErrorKind;

use super::dingtalk_answer::{Answers, failure};
use super::finding::Finding;

const CHECK: &str = "ip-allow-list";

/// Only an answer to a call about people counts: DingTalk may hand out app tokens to any address.
pub(super) fn judge(answers: &Answers) -> Finding {
    match (answers.first_error(), answers.member()) {
        (Some(error), _) if matches!(error.kind, ErrorKind::IpNotAllowed) => failure(CHECK, error),
        (None, Some(Ok(()))) => Finding::ok(CHECK, "DingTalk accepts calls from this server."),
        _ => Finding::unknown(CHECK, "It is not known yet whether DingTalk accepts calls from this server.")
            .advise("If the app has an IP allow list in the DingTalk developer console, see that this server's public address is on it."),
    }
}

#[cfg(test)]
mod tests {
    use crate::dingtalk::{Call, DingTalkError};

    use super::super::finding::Status;
    use super::*;

    #[test]
    fn a_refused_address_is_an_error_at_either_call() {
        let refused = |call| DingTalkError {
            call,
            request_id: None,
            kind: ErrorKind::IpNotAllowed,
        };

        assert_eq!(
            judge(&Answers::of(Err(refused(Call::AppAccessToken)), None)).status,
            Status::Error
        );
        let at_member = Answers::of(Ok(()), Some(Err(refused(Call::UserIdByUnionId))));
        assert_eq!(judge(&at_member).status, Status::Error);
    }

    #[test]
    fn an_app_token_alone_proves_nothing() {
        let missing = DingTalkError {
            call: Call::UserIdByUnionId,
            request_id: None,
            kind: ErrorKind::PermissionMissing(vec![]),
        };

        assert_eq!(
            judge(&Answers::of(Ok(()), Some(Err(missing)))).status,
            Status::Unknown
        );
        assert_eq!(judge(&Answers::of(Ok(()), Some(Ok(())))).status, Status::Ok);
    }
}
