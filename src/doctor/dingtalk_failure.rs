//! What it means for any check when DingTalk does not answer it.

use super::finding::Finding;
use crate::causes::innermost;
use crate::dingtalk::{Credentials, DingTalkError, ErrorKind};

/// The finding for an answer that says nothing about what the check asks.
pub(super) fn failure(check: &'static str, error: &DingTalkError) -> Finding {
    match &error.kind {
        ErrorKind::CredentialsRejected | ErrorKind::TokenRejected => {
            Finding::error(check, "DingTalk does not accept the Client ID or the Client Secret.")
                .advise("Copy both again from the credentials of your app in the DingTalk developer console. If they are right, publish a version of the app: before that DingTalk refuses them.")
        }
        ErrorKind::AppUnavailable => Finding::error(check, "The DingTalk app or its organization is disabled.")
            .advise("Enable the app in the DingTalk developer console and publish a version of it."),
        ErrorKind::IpNotAllowed => Finding::error(check, "DingTalk does not accept calls from this server.")
            .advise("Add this server's public address to the app's IP allow list in the DingTalk developer console."),
        ErrorKind::NotInScope => Finding::warning(check, "The DingTalk app may see only a part of the organization.")
            .advise("Widen the contact scope of the app in the DingTalk developer console."),
        ErrorKind::PermissionMissing(permissions) => {
            Finding::error(check, "The DingTalk app lacks the permission {{permission}}.")
                .with("permission", permissions.join(", "))
                .advise("Grant the permission {{permission}} in the DingTalk developer console and publish the app again.")
        }
        ErrorKind::Throttled { .. } | ErrorKind::Busy { .. } => {
            Finding::unknown(check, "DingTalk takes no more calls at the moment.").advise("Test again in a minute.")
        }
        ErrorKind::NotConnected(source) => {
            Finding::error(check, "DingTalk cannot be reached from this server: {{reason}}.")
                .with("reason", innermost(source))
                .advise("Check name resolution, firewall and the DINGTALK addresses in the sidecar's settings.")
        }
        ErrorKind::TimedOut => {
            Finding::error(check, "DingTalk does not answer this server in time.")
                .advise("Check name resolution, firewall and the DINGTALK addresses in the sidecar's settings.")
        }
        ErrorKind::Malformed(_) => {
            Finding::error(check, "What answers at DingTalk's address does not speak like DingTalk.")
                .advise("Check name resolution, firewall and the DINGTALK addresses in the sidecar's settings.")
        }
        ErrorKind::Refused { code, .. } => refused(check, code),
        ErrorKind::CodeRejected | ErrorKind::AppNotVisible | ErrorKind::QuotaUsedUp => refused(check, error.label()),
    }
}

/// The finding for permissions that are missing, with the address at which DingTalk grants them.
pub(super) fn permission_missing(
    check: &'static str,
    permissions: &[String],
    credentials: &Credentials,
) -> Finding {
    let link = format!(
        "https://open-dev.dingtalk.com/appscope/apply?content={}%23{}",
        credentials.client_id,
        permissions.join(",")
    );
    Finding::error(check, "The DingTalk app lacks the permission {{permission}}.")
        .with("permission", permissions.join(", "))
        .with("link", link)
        .advise("Grant the permission {{permission}} at {{link}} and publish the app again.")
}

fn refused(check: &'static str, code: &str) -> Finding {
    Finding::error(check, "DingTalk refused the test with the code {{code}}.")
        .with("code", code)
        .advise("Look the code up in DingTalk's documentation of error codes.")
}
