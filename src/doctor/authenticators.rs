//! Which ways to sign in there are.

use crate::nocobase::Authenticator;

use super::finding::Finding;

/// The type of ours in `authenticators.authType`.
use crate::product::AUTH_TYPE;

/// Whether anybody is offered DingTalk at all.
pub(super) fn judge_all(authenticators: &[Authenticator]) -> Finding {
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
pub(super) fn judge_enabled(authenticator: &Authenticator) -> Finding {
    const CHECK: &str = "enabled";
    if authenticator.enabled {
        Finding::ok(CHECK, "This sign-in method is enabled.")
    } else {
        Finding::warning(CHECK, "This sign-in method is disabled; nobody is offered it.")
            .advise("Tick Enabled and save.")
    }
}

/// Whether there is a way in that does not need DingTalk; nothing to say while none at all is enabled.
pub(super) fn judge_other_ways(enabled: &[Authenticator]) -> Option<Finding> {
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

#[cfg(test)]
mod tests {
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

        assert_eq!(judge_all(std::slice::from_ref(&basic)).status, Status::Warning);
        assert_eq!(
            judge_all(&[basic.clone(), authenticator("dingtalk", false)]).status,
            Status::Warning
        );
        let fine = judge_all(&[basic, authenticator("dingtalk", true)]);
        assert_eq!(
            (fine.status, fine.params),
            (Status::Ok, vec![("names", "s_dingtalk".to_owned())])
        );
    }

    #[test]
    fn a_way_in_without_dingtalk_should_remain() {
        let dingtalk = authenticator("dingtalk", true);

        assert_eq!(judge_other_ways(&[]), None);
        assert_eq!(
            judge_other_ways(&[dingtalk.clone(), dingtalk.clone()])
                .unwrap()
                .status,
            Status::Warning
        );
        let both = [dingtalk, authenticator("Email/Password", true)];
        assert_eq!(judge_other_ways(&both).unwrap().status, Status::Ok);
    }
}
