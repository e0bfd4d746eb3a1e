//! Checks of signing in inside DingTalk: the organization that its client is asked for, and what redeems its codes.

use secrecy::SecretString;

use super::dingtalk_failure::failure;
use super::finding::Finding;
use crate::authenticator::{AuthenticatorOptions, AutoLogin};
use crate::dingtalk::{Credentials, DingTalk, ErrorKind};

const IN_CLIENT: &str = "in-client";

/// No code: asking shows whether the app may ask at all.
const NO_CODE: &str = "nocobase-dingtalk-doctor";
/// What the Corp IDs of organizations begin with.
const CORP_ID_PREFIX: &str = "ding";

/// Nothing to say where DingTalk's client is not asked for codes. Otherwise one call.
pub(super) async fn check(
    dingtalk: &DingTalk,
    credentials: &Credentials,
    options: &AuthenticatorOptions,
) -> Option<Finding> {
    if options.auto_login != Some(AutoLogin::Internal) {
        return None;
    }
    let corp_id = options.corp_id.as_deref().unwrap_or_default();
    if corp_id.is_empty() {
        return Some(
            Finding::error(
                IN_CLIENT,
                "Signing in inside DingTalk needs the Corp ID, which is empty.",
            )
            .advise("Enter the Corp ID of your organization and save."),
        );
    }
    if !corp_id.starts_with(CORP_ID_PREFIX) {
        return Some(
            Finding::warning(IN_CLIENT, "The Corp ID does not look like one of DingTalk's.")
                .advise("Copy the Corp ID from the home page of the DingTalk developer console and save."),
        );
    }
    let no_code = SecretString::from(NO_CODE);
    let refusal = dingtalk.redeem_in_client(credentials, &no_code).await.err();
    Some(match refusal {
        Some(error) if !matches!(error.kind, ErrorKind::CodeRejected) => failure(IN_CLIENT, &error),
        Some(_) | None => Finding::ok(IN_CLIENT, "DingTalk tells this app who opens it inside DingTalk."),
    })
}
