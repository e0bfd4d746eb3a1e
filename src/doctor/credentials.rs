//! Whether DingTalk accepts the Client ID and the Client Secret.

use crate::dingtalk::ErrorKind;

use super::dingtalk_answer::{Answers, failure};
use super::finding::Finding;

const CHECK: &str = "credentials";

pub(super) fn judge(answers: &Answers) -> Finding {
    match answers.first_error().map(|error| (&error.kind, error)) {
        // The credentials were good enough to be told this much.
        None
        | Some((ErrorKind::PermissionMissing(_) | ErrorKind::NotInScope | ErrorKind::CodeRejected, _)) => {
            Finding::ok(CHECK, "DingTalk accepts the Client ID and the Client Secret.")
        }
        Some((ErrorKind::IpNotAllowed, _)) => Finding::unknown(
            CHECK,
            "The Client ID and the Client Secret can be tested once DingTalk accepts calls from this server.",
        ),
        Some((_, error)) => failure(CHECK, error),
    }
}

#[cfg(test)]
mod tests {
    use crate::dingtalk::{Call, DingTalkError};

    use super::super::finding::Status;
    use super::*;

    const REJECTED: DingTalkError = DingTalkError {
        call: Call::AppAccessToken,
        request_id: None,
        kind: ErrorKind::CredentialsRejected,
    };

    fn member_refused(error: DingTalkError) -> Answers {
        Answers::of(Ok(()), Some(Err(error)))
    }

    #[test]
    fn a_refused_secret_is_an_error_however_late_it_shows() {
        assert_eq!(judge(&Answers::of(Err(REJECTED), None)).status, Status::Error);
        assert_eq!(judge(&member_refused(REJECTED)).status, Status::Error);
    }

    #[test]
    fn a_missing_permission_proves_the_credentials() {
        let missing = DingTalkError {
            call: Call::UserIdByUnionId,
            request_id: None,
            kind: ErrorKind::PermissionMissing(vec!["qyapi_get_member".into()]),
        };

        assert_eq!(judge(&member_refused(missing)).status, Status::Ok);
        assert_eq!(judge(&Answers::of(Ok(()), Some(Ok(())))).status, Status::Ok);
    }

    #[test]
    fn what_says_nothing_about_the_credentials_leaves_them_unknown() {
        let not_allowed = DingTalkError {
            call: Call::AppAccessToken,
            request_id: None,
            kind: ErrorKind::IpNotAllowed,
        };
        let throttled = DingTalkError {
            call: Call::AppAccessToken,
            request_id: None,
            kind: ErrorKind::Throttled {
                retry_after: std::time::Duration::from_secs(1),
            },
        };

        assert_eq!(
            judge(&Answers::of(Err(not_allowed), None)).status,
            Status::Unknown
        );
        assert_eq!(judge(&Answers::of(Err(throttled), None)).status, Status::Unknown);
    }
}
