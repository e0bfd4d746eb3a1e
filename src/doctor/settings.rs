//! Whether the settings of an authenticator are complete and can be read.

use crate::authenticator::{AuthenticatorOptions, OptionsError};
use crate::dingtalk::Credentials;

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
        Err(error @ OptionsError::Malformed { .. }) => {
            return Finding::error(CHECK, "The setting {{field}} cannot be used.")
                .with("field", error.field())
                .advise("Correct it and save.");
        }
        Err(error @ OptionsError::Unreadable { .. }) => {
            return Finding::error(CHECK, "The setting {{field}} names a secret variable that cannot be read.")
                .with("field", error.field())
                .advise("Save the variable again in NocoBase, and check that the sidecar has the same APP_AES_SECRET_KEY or storage folder.");
        }
        Err(error @ OptionsError::Locked { .. }) => {
            return Finding::error(CHECK, "The stored setting {{field}} cannot be decrypted.")
                .with("field", error.field())
                .advise("Check that the sidecar has NocoBase's APP_AES_SECRET_KEY or storage folder. If NocoBase's key was lost, enter the value again and save.");
        }
        Err(error @ OptionsError::Public { .. }) => {
            return Finding::error(CHECK, "The setting {{field}} names a secret variable, but everybody who signs in can see this setting.")
                .with("field", error.field())
                .advise("Write the value itself, or make the variable a plain one.");
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
            .advise("Complete the settings and save.");
    }
    Finding::ok(CHECK, "The settings are complete.")
}

fn incomplete(field: &'static str) -> Finding {
    Finding::error(CHECK, "The setting {{field}} is empty.")
        .with("field", field)
        .advise("Copy it from the credentials of your app in the DingTalk developer console.")
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use crate::aes_key::AesKey;
    use crate::authenticator::Environment;
    use crate::entropy::Entropy;
    use crate::nocobase::{EnvironmentVariable, KeptSecret};

    use super::super::finding::Status;
    use super::*;

    fn judged(options: &Value) -> Finding {
        judge(AuthenticatorOptions::parse(options, &Environment::new(Vec::new(), None)).as_ref())
    }

    #[test]
    fn what_is_missing_or_unusable_is_named() {
        for (options, field) in [
            (json!({}), "Client ID"),
            (json!({"clientId": "ding1"}), "Client Secret"),
            (
                json!({"clientId": "ding1", "clientSecret": "{{$env.GONE}}"}),
                "Client Secret",
            ),
            (
                json!({"clientId": "ding1", "clientSecret": "s", "subject": "email"}),
                "subject",
            ),
        ] {
            let finding = judged(&options);

            assert_eq!(finding.status, Status::Error, "{options}");
            assert_eq!(finding.params, [("field", field.to_owned())]);
        }
    }

    #[test]
    fn a_secret_that_cannot_be_read_or_would_be_shown_is_named() {
        let key = AesKey::from_bytes(&[7; 32]).unwrap();
        let value = key.encrypt("s3cret", &Entropy::seeded(1)).unwrap();
        let kept = KeptSecret {
            place: "clientSecret".to_owned(),
            value: value.clone(),
        };
        let variable = EnvironmentVariable {
            name: "S".to_owned(),
            secret: true,
            value,
        };
        let environment = Environment::new(vec![variable], None).with_kept(&[kept]);
        for (options, field, message) in [
            (
                json!({"clientId": "ding1", "clientSecret": "********"}),
                "clientSecret",
                "cannot be decrypted",
            ),
            (
                json!({"clientId": "{{$env.S}}"}),
                "clientId",
                "names a secret variable, but",
            ),
        ] {
            let finding = judge(AuthenticatorOptions::parse(&options, &environment).as_ref());

            assert_eq!(finding.status, Status::Error, "{options}");
            assert_eq!(finding.params, [("field", field.to_owned())]);
            assert!(finding.message_key.contains(message), "{}", finding.message_key);
        }
    }

    #[test]
    fn settings_of_an_earlier_plugin_are_a_warning() {
        let finding = judged(&json!({"internal": {"appKey": "ding1", "appSecret": "s"}}));

        assert_eq!(finding.status, Status::Warning);
    }

    #[test]
    fn complete_settings_are_fine() {
        assert_eq!(
            judged(&json!({"clientId": "ding1", "clientSecret": "s"})).status,
            Status::Ok
        );
    }
}
