//! Checks of authenticators: which ways to sign in there are, and whether their settings are complete.

use super::finding::Finding;
use crate::authenticator::{AuthenticatorOptions, OptionsError};
use crate::dingtalk::Credentials;
use crate::nocobase::Authenticator;
use crate::product::AUTH_TYPE;

/// Whether anybody is offered DingTalk at all.
pub(super) fn check_any(authenticators: &[Authenticator]) -> Finding {
    const CHECK: &str = "authenticators";
    let mut ours = authenticators
        .iter()
        .filter(|authenticator| authenticator.auth_type == AUTH_TYPE)
        .peekable();
    if ours.peek().is_none() {
        return Finding::warning(CHECK, "No DingTalk sign-in method has been added.")
            .advise("Add one in the authentication settings.");
    }
    let enabled: Vec<_> = ours
        .filter(|authenticator| authenticator.enabled)
        .map(|ours| ours.name.as_str())
        .collect();
    if enabled.is_empty() {
        return Finding::warning(CHECK, "No DingTalk sign-in method is enabled.")
            .advise("Enable it in the authentication settings.");
    }
    Finding::ok(CHECK, "Enabled DingTalk sign-in methods: {{names}}.").with("names", enabled.join(", "))
}

/// The one that was asked for is not there: nothing found is not nothing wrong.
pub(super) fn missing(name: &str, there: &[&str]) -> Finding {
    let finding =
        Finding::error("authenticators", "There is no DingTalk sign-in method {{name}}.").with("name", name);
    if there.is_empty() {
        finding.advise("Add one in the authentication settings.")
    } else {
        finding
            .with("names", there.join(", "))
            .advise("These are there: {{names}}.")
    }
}

/// Whether people are offered this one.
pub(super) fn check_enabled(authenticator: &Authenticator) -> Finding {
    const CHECK: &str = "enabled";
    if authenticator.enabled {
        Finding::ok(CHECK, "This sign-in method is enabled.")
    } else {
        Finding::warning(CHECK, "This sign-in method is disabled; nobody is offered it.")
            .advise("Tick Enabled and save.")
    }
}

/// Whether there is a way in that does not need DingTalk; nothing to say while none at all is enabled.
pub(super) fn check_other_ways(enabled: &[Authenticator]) -> Option<Finding> {
    const CHECK: &str = "other-sign-in-methods";
    if enabled.is_empty() {
        return None;
    }
    let has_other = enabled
        .iter()
        .any(|authenticator| authenticator.auth_type != AUTH_TYPE);
    Some(if has_other {
        Finding::ok(CHECK, "People can also sign in without DingTalk.")
    } else {
        Finding::warning(
            CHECK,
            "DingTalk is the only enabled way to sign in. When DingTalk cannot be reached, nobody can sign in.",
        )
        .advise("Keep the sign-in with a password enabled.")
    })
}

const SETTINGS: &str = "settings";

/// What an authenticator asks DingTalk with; `None` while half of it is missing.
pub(super) fn credentials(options: &AuthenticatorOptions) -> Option<Credentials> {
    Some(Credentials {
        client_id: options.client_id.clone()?,
        client_secret: options.client_secret.clone()?,
    })
}

pub(super) fn check_settings(options: Result<&AuthenticatorOptions, &OptionsError>) -> Finding {
    let options = match options {
        Ok(options) => options,
        Err(error @ OptionsError::Malformed { .. }) => {
            return Finding::error(SETTINGS, "The setting {{field}} cannot be used.")
                .with("field", error.field())
                .advise("Correct it and save.");
        }
        Err(OptionsError::MalformedLine { field, line }) => {
            return Finding::error(SETTINGS, "Line {{line}} of the setting {{field}} cannot be used.")
                .with("line", line.to_string())
                .with("field", *field)
                .advise("Correct it and save.");
        }
        Err(error @ OptionsError::Unreadable { .. }) => {
            return Finding::error(SETTINGS, "The setting {{field}} names a secret variable that cannot be read.")
                .with("field", error.field())
                .advise("Save the variable again in NocoBase, and check that the sidecar has the same APP_AES_SECRET_KEY or storage folder.");
        }
        Err(error @ OptionsError::Locked { .. }) => {
            return Finding::error(SETTINGS, "The stored setting {{field}} cannot be decrypted.")
                .with("field", error.field())
                .advise("Check that the sidecar has NocoBase's APP_AES_SECRET_KEY or storage folder. If NocoBase's key was lost, enter the value again and save.");
        }
        Err(error @ OptionsError::Public { .. }) => {
            return Finding::error(SETTINGS, "The setting {{field}} names a secret variable, but everybody who signs in can see this setting.")
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
        return Finding::warning(SETTINGS, "This sign-in method still has settings of an earlier plugin. People linked by that plugin can sign in; others may not be found.")
            .advise("Complete the settings and save.");
    }
    Finding::ok(SETTINGS, "The settings are complete.")
}

fn incomplete(field: &'static str) -> Finding {
    Finding::error(SETTINGS, "The setting {{field}} is empty.")
        .with("field", field)
        .advise("Copy it from the credentials of your app in the DingTalk developer console.")
}

#[cfg(test)]
mod authenticators_tests {
    use serde_json::Value;

    use super::super::finding::Status;

    use super::*;

    fn authenticator(auth_type: &str, enabled: bool) -> Authenticator {
        Authenticator {
            id: 1,
            name: format!("s_{auth_type}"),
            auth_type: auth_type.to_owned(),
            title: None,
            description: String::new(),
            options: Value::Null,
            enabled,
            sort: None,
            created_by_id: None,
            updated_by_id: None,
            created_at: None,
            updated_at: None,
        }
    }

    #[test]
    fn somebody_must_be_offered_dingtalk() {
        let basic = authenticator("Email/Password", true);

        assert_eq!(check_any(std::slice::from_ref(&basic)).status, Status::Warning);
        assert_eq!(
            check_any(&[basic.clone(), authenticator("dingtalk", false)]).status,
            Status::Warning
        );
        let fine = check_any(&[basic, authenticator("dingtalk", true)]);
        assert_eq!(
            (fine.status, fine.params),
            (Status::Ok, vec![("names", "s_dingtalk".to_owned())])
        );
    }

    #[test]
    fn a_way_in_without_dingtalk_should_remain() {
        let dingtalk = authenticator("dingtalk", true);

        assert_eq!(check_other_ways(&[]), None);
        assert_eq!(
            check_other_ways(&[dingtalk.clone(), dingtalk.clone()])
                .unwrap()
                .status,
            Status::Warning
        );
        let both = [dingtalk, authenticator("Email/Password", true)];
        assert_eq!(check_other_ways(&both).unwrap().status, Status::Ok);
    }
}

#[cfg(test)]
mod settings_tests {
    use serde_json::{Value, json};

    use crate::aes_key::AesKey;
    use crate::authenticator::Environment;
    use crate::entropy::Entropy;
    use crate::nocobase::{EnvironmentVariable, KeptSecret};

    use super::super::finding::Status;

    use super::*;

    fn judged(options: &Value) -> Finding {
        check_settings(AuthenticatorOptions::parse(options, &Environment::new(Vec::new(), None)).as_ref())
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
            let finding = check_settings(AuthenticatorOptions::parse(&options, &environment).as_ref());

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
