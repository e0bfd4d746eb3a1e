//! Whether the settings of an authenticator are complete and can be read.

use crate::dingtalk::Credentials;
use crate::nocobase::{AuthenticatorOptions, OptionsError};

use super::finding::Finding;

const CHECK: &str = "settings";

/// What an authenticator asks DingTalk with; `None` while half of it is missing.
pub(super) fn credentials(options: &AuthenticatorOptions) -> Option<Credentials> {
    Some(Credentials {
        client_id: options.client_id.clone()?,
        client_secret: options.client_secret.clone()?,
    })
}

pub(super) fn judge(options: Result<&AuthenticatorOptions, &OptionsError>) -> Finding {
    let options = match options {
        Ok(options) => options,
        Err(error) => {
            return Finding::error(CHECK, "The setting {{field}} cannot be used.")
                .with("field", error.field)
                .advise("Correct it in the settings of this sign-in method. If it names a variable, check that the variable exists.");
        }
    };
    if options.client_id.is_none() {
        return incomplete("Client ID");
    }
    if options.client_secret.is_none() {
        return incomplete("Client Secret");
    }
    if options.community.is_some() {
        return Finding::warning(CHECK, "This sign-in method still has settings of an earlier plugin. People linked by that plugin can sign in; others may not be found.")
            .advise("Open the settings, complete them and save.");
    }
    Finding::ok(CHECK, "The settings are complete.")
}

fn incomplete(field: &'static str) -> Finding {
    Finding::error(CHECK, "The setting {{field}} is empty.")
        .with("field", field)
        .advise("Copy it from the credentials of your app in the DingTalk developer console.")
}
