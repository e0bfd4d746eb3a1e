//! Checks at DingTalk: whether it accepts the app, this server and its permissions.

use super::dingtalk_failure::failure;
use super::finding::Finding;
use super::people_rules;
use crate::authenticator::{AskMembership, AuthenticatorOptions, AutoLogin, Refresh};
use crate::call_counts::CallsOfMonth;
use crate::dingtalk::{Credentials, DingTalk, DingTalkError, ErrorKind, UnionId};
use crate::error_code::{Code, OK};
use crate::nocobase::SubjectKind;

/// Nobody has this union id. Asking for it shows whether the app may ask at all, and tells nothing about anybody.
const NOBODY: &str = "nocobase-dingtalk-doctor";

/// The answers to "do you know this app?" and "may it look up members?".
pub(super) struct Answers {
    app_token: Result<(), DingTalkError>,
    /// `None` when there was no token to ask with.
    member: Option<Result<(), DingTalkError>>,
}

impl Answers {
    /// Asks DingTalk. The second question also tells when a token still in the cache has lost its worth.
    pub(super) async fn ask(dingtalk: &DingTalk, credentials: &Credentials) -> Self {
        let app_token = dingtalk.app_access_token(credentials).await.map(drop);
        let member = match (&app_token, UnionId::parse(NOBODY)) {
            (Ok(()), Some(nobody)) => Some(dingtalk.find_user_id(credentials, &nobody).await.map(drop)),
            _ => None,
        };
        Self { app_token, member }
    }

    pub(super) fn first_error(&self) -> Option<&DingTalkError> {
        self.app_token
            .as_ref()
            .err()
            .or_else(|| self.member.as_ref()?.as_ref().err())
    }

    pub(super) fn member(&self) -> Option<&Result<(), DingTalkError>> {
        self.member.as_ref()
    }

    #[cfg(test)]
    pub(super) const fn of(
        app_token: Result<(), DingTalkError>,
        member: Option<Result<(), DingTalkError>>,
    ) -> Self {
        Self { app_token, member }
    }
}

const CREDENTIALS: &str = "credentials";

pub(super) fn check_credentials(answers: &Answers) -> Finding {
    match answers.first_error().map(|error| (&error.kind, error)) {
        // The credentials were good enough to be told this much.
        None
        | Some((ErrorKind::PermissionMissing(_) | ErrorKind::NotInScope | ErrorKind::CodeRejected, _)) => {
            Finding::ok(
                CREDENTIALS,
                "DingTalk accepts the Client ID and the Client Secret.",
            )
        }
        Some((ErrorKind::IpNotAllowed, _)) => Finding::unknown(
            CREDENTIALS,
            "The Client ID and the Client Secret can be tested once DingTalk accepts calls from this server.",
        ),
        Some((_, error)) => failure(CREDENTIALS, error),
    }
}

const IP_ALLOW_LIST: &str = "ip-allow-list";

/// Only an answer to a call about people counts: DingTalk may hand out app tokens to any address.
pub(super) fn check_ip_allow_list(answers: &Answers) -> Finding {
    match (answers.first_error(), answers.member()) {
        (Some(error), _) if matches!(error.kind, ErrorKind::IpNotAllowed) => failure(IP_ALLOW_LIST, error),
        (None, Some(Ok(()))) => Finding::ok(IP_ALLOW_LIST, "DingTalk accepts calls from this server."),
        _ => Finding::unknown(IP_ALLOW_LIST, "It is not known yet whether DingTalk accepts calls from this server.")
            .advise("If the app has an IP allow list in the DingTalk developer console, see that this server's public address is on it."),
    }
}

const ORGANIZATION_PERMISSIONS: &str = "organization-permissions";

/// People are recognized by their id in the organization, or only members may sign in.
fn asks_for_membership(options: &AuthenticatorOptions) -> bool {
    matches!(options.subject, SubjectKind::UserId) || options.corp_id.is_some()
}

/// Whether a permission that was missing at a sign-in may have been one of the organization's.
pub(super) fn asks_directory(options: &AuthenticatorOptions) -> bool {
    matches!(options.subject, SubjectKind::UserId) || people_rules::needs_membership(options)
}

/// People are recognized by their id in the organization, or only members may sign in, or rules ask about members.
pub(super) fn needs_membership(options: &AuthenticatorOptions) -> bool {
    asks_for_membership(options) || people_rules::needs_membership(options)
}

/// What this app has cost so far, and what a sign-in costs.
pub(super) fn tell_calls(calls: &CallsOfMonth, options: &AuthenticatorOptions) -> Option<Finding> {
    let app = options.client_id.as_deref()?;
    let (today, month) = (calls.today_of(app), calls.of(app));
    let mut each = if asks_for_membership(options) { 3 } else { 2 };
    let mut inside = match options.subject {
        SubjectKind::UnionId | SubjectKind::UserId => 1,
        SubjectKind::Mobile => 2,
    };
    let follows_directory =
        [options.rules.refresh.phone, options.rules.refresh.avatar].contains(&Refresh::Always);
    if follows_directory && options.subject != SubjectKind::Mobile {
        inside += 1;
    }
    if !options.rules.departments.is_open() {
        // The departments, and before them the id by which they are asked for.
        each += if asks_for_membership(options) { 1 } else { 2 };
        inside += 1;
    }
    let (each, inside) = (each.to_string(), inside.to_string());
    let finding = if options.auto_login == Some(AutoLogin::Internal) {
        Finding::ok(
            "calls",
            "DingTalk calls of this app: {{today}} today, {{month}} this month. A returning person's sign-in takes {{each}}, inside DingTalk {{inside}}.",
        )
        .with("inside", inside)
    } else {
        Finding::ok(
            "calls",
            "DingTalk calls of this app: {{today}} today, {{month}} this month. A returning person's sign-in takes {{each}}.",
        )
    };
    Some(
        finding
            .with("today", today.to_string())
            .with("month", month.to_string())
            .with("each", each),
    )
}

pub(super) fn check_organization(answers: &Answers, options: &AuthenticatorOptions) -> Finding {
    if !needs_membership(options) {
        return Finding::ok(
            ORGANIZATION_PERMISSIONS,
            "The settings of this sign-in method need no organization permission.",
        );
    }
    match answers.member() {
        None => Finding::unknown(
            ORGANIZATION_PERMISSIONS,
            "The organization permissions are known once DingTalk accepts the credentials.",
        ),
        Some(Ok(())) => Finding::ok(
            ORGANIZATION_PERMISSIONS,
            "The DingTalk app may look up the members of its organization.",
        ),
        Some(Err(DingTalkError {
            kind: ErrorKind::PermissionMissing(permissions),
            ..
        })) if !asks_directory(options) => not_asked(permissions, options),
        Some(Err(error)) => failure(ORGANIZATION_PERMISSIONS, error),
    }
}

/// People sign in all the same: what DingTalk says of the organization they chose keeps strangers out.
fn not_asked(permissions: &[String], options: &AuthenticatorOptions) -> Finding {
    let app = options.client_id.as_deref().unwrap_or_default();
    // What DingTalk's own refusal names.
    let link = format!(
        "https://open-dev.dingtalk.com/appscope/apply?content={app}%23{}",
        permissions.join(",")
    );
    Finding::warning(
        ORGANIZATION_PERMISSIONS,
        "Whether people still belong to the organization is not asked: the DingTalk app lacks the permission {{permission}}.",
    )
    .with("permission", permissions.join(", "))
    .with("link", link)
    .advise("Apply for the permission {{permission}} at {{link}} and publish the app again.")
}

/// Nothing to say where sessions are not looked at, or can be.
pub(super) fn check_leavers(options: &AuthenticatorOptions) -> Option<Finding> {
    const LEAVERS: &str = "leavers";
    if options.membership == AskMembership::AtSignIn {
        return None;
    }
    match options.subject {
        SubjectKind::Mobile => Some(
            Finding::warning(
                LEAVERS,
                "The sessions of people who have left are not looked at, because people are recognized by their phone number.",
            )
            .advise("Recognize people by their Union ID, or turn the setting off."),
        ),
        SubjectKind::UnionId if options.corp_id.is_none() => Some(
            Finding::warning(
                LEAVERS,
                "The sessions of people who have left are not looked at, because that needs the Corp ID.",
            )
            .advise("Enter the Corp ID of your organization and save."),
        ),
        SubjectKind::UnionId | SubjectKind::UserId => None,
    }
}

const PERSONAL_PERMISSIONS: &str = "personal-permissions";

/// What a profile can be read with, and what adds the phone number; named as the console spells them.
const PROFILE_PERMISSION: &str = "Contact.User.Read";
const PHONE_PERMISSION: &str = "Contact.User.mobile";

/// What DingTalk gave at the latest sign-in that came as far as the profile.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LatestSignIn {
    /// The profile with a phone number, or one that needed none: the person was already linked, or has none.
    Complete,
    /// The profile without a usable phone number.
    PhoneMissing,
    /// No profile; the permissions that DingTalk named.
    ProfileRefused {
        /// Empty when DingTalk named none.
        permissions: Vec<String>,
    },
}

impl LatestSignIn {
    /// What the result of a sign-in says, by its public code; `None` for one that did not come as far.
    pub fn of_result(result: &str) -> Option<Self> {
        if result == OK {
            return Some(Self::Complete);
        }
        let code = Code::named(result)?;
        if code == Code::PhoneUnavailable {
            return Some(Self::PhoneMissing);
        }
        if code == Code::PermissionMissing {
            return Some(Self::ProfileRefused {
                permissions: Vec::new(),
            });
        }
        let came_as_far = matches!(
            code,
            Code::PhoneMissing
                | Code::PhoneTaken
                | Code::LinkOfOtherSettings
                | Code::NoMatchingUser
                | Code::PhoneAmbiguous
                | Code::PhoneAlreadyLinked
                | Code::AdministratorNotLinked
                | Code::DepartmentNotAllowed
                | Code::NewUserRoleUnusable
        );
        came_as_far.then_some(Self::Complete)
    }
}

/// The latest of each authenticator, out of results in the order newest first.
pub fn latest_sign_ins(results: Vec<(String, String)>) -> Vec<(String, LatestSignIn)> {
    let mut latest: Vec<(String, LatestSignIn)> = Vec::new();
    for (authenticator, result) in results {
        if latest.iter().any(|(name, _)| *name == authenticator) {
            continue;
        }
        latest.extend(LatestSignIn::of_result(&result).map(|seen| (authenticator, seen)));
    }
    latest
}

pub(super) fn check_personal(latest: Option<&LatestSignIn>) -> Finding {
    match latest {
        None => Finding::unknown(PERSONAL_PERMISSIONS, "The personal permissions are known once someone has signed in.")
            .advise("Sign in with DingTalk once, then test again."),
        Some(LatestSignIn::Complete) => {
            Finding::ok(PERSONAL_PERMISSIONS, "At the latest sign-in DingTalk gave everything that was needed.")
        }
        Some(LatestSignIn::PhoneMissing) => {
            Finding::error(PERSONAL_PERMISSIONS, "At the latest sign-in DingTalk did not share a phone number.")
                .with("permission", PHONE_PERMISSION)
                .advise("Grant the permission {{permission}} in the DingTalk developer console and publish the app again.")
        }
        Some(LatestSignIn::ProfileRefused { permissions }) => {
            let named = if permissions.is_empty() { PROFILE_PERMISSION.to_owned() } else { permissions.join(", ") };
            Finding::error(PERSONAL_PERMISSIONS, "At the latest sign-in the DingTalk app lacked the permission {{permission}}.")
                .with("permission", named)
                .advise("Grant the permission {{permission}} in the DingTalk developer console and publish the app again.")
        }
    }
}

#[cfg(test)]
mod credentials_tests {
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
        assert_eq!(
            check_credentials(&Answers::of(Err(REJECTED), None)).status,
            Status::Error
        );
        assert_eq!(check_credentials(&member_refused(REJECTED)).status, Status::Error);
    }

    #[test]
    fn a_missing_permission_proves_the_credentials() {
        let missing = DingTalkError {
            call: Call::UserIdByUnionId,
            request_id: None,
            kind: ErrorKind::PermissionMissing(vec!["qyapi_get_member".into()]),
        };

        assert_eq!(check_credentials(&member_refused(missing)).status, Status::Ok);
        assert_eq!(
            check_credentials(&Answers::of(Ok(()), Some(Ok(())))).status,
            Status::Ok
        );
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
            check_credentials(&Answers::of(Err(not_allowed), None)).status,
            Status::Unknown
        );
        assert_eq!(
            check_credentials(&Answers::of(Err(throttled), None)).status,
            Status::Unknown
        );
    }
}

#[cfg(test)]
mod ip_allow_list_tests {
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
            check_ip_allow_list(&Answers::of(Err(refused(Call::AppAccessToken)), None)).status,
            Status::Error
        );
        let at_member = Answers::of(Ok(()), Some(Err(refused(Call::UserIdByUnionId))));
        assert_eq!(check_ip_allow_list(&at_member).status, Status::Error);
    }

    #[test]
    fn an_app_token_alone_proves_nothing() {
        let missing = DingTalkError {
            call: Call::UserIdByUnionId,
            request_id: None,
            kind: ErrorKind::PermissionMissing(vec![]),
        };

        assert_eq!(
            check_ip_allow_list(&Answers::of(Ok(()), Some(Err(missing)))).status,
            Status::Unknown
        );
        assert_eq!(
            check_ip_allow_list(&Answers::of(Ok(()), Some(Ok(())))).status,
            Status::Ok
        );
    }
}

#[cfg(test)]
mod organization_tests {
    use serde_json::{Value, json};

    use crate::authenticator::Environment;
    use crate::dingtalk::{Call, DingTalkError, ErrorKind};

    use super::super::finding::Status;

    use super::*;

    fn missing(permissions: &[&str]) -> Answers {
        Answers::of(
            Ok(()),
            Some(Err(DingTalkError {
                call: Call::UserIdByUnionId,
                request_id: None,
                kind: ErrorKind::PermissionMissing(permissions.iter().map(|&name| name.to_owned()).collect()),
            })),
        )
    }

    fn options(options: &Value) -> AuthenticatorOptions {
        AuthenticatorOptions::parse(options, &Environment::new(Vec::new(), None)).unwrap()
    }

    fn by_user_id() -> AuthenticatorOptions {
        options(&json!({ "subject": "userId" }))
    }

    #[test]
    fn a_missing_permission_is_named_as_in_the_console() {
        let finding = check_organization(&missing(&["a", "b"]), &by_user_id());

        assert_eq!(finding.status, Status::Error);
        assert_eq!(finding.params, [("permission", "a, b".to_owned())]);
    }

    #[test]
    fn a_permission_nobody_needs_is_not_missed() {
        let finding = check_organization(&missing(&[]), &options(&json!({})));

        assert_eq!(finding.status, Status::Ok);
    }

    #[test]
    fn that_nobody_asks_who_is_still_there_is_told_with_where_to_mend_it() {
        for subject in ["unionId", "mobile"] {
            let settings = json!({ "subject": subject, "corpId": "ding1", "clientId": "app1" });

            let finding = check_organization(&missing(&["qyapi_get_member"]), &options(&settings));

            assert_eq!(finding.status, Status::Warning);
            let link = "https://open-dev.dingtalk.com/appscope/apply?content=app1%23qyapi_get_member";
            assert_eq!(finding.params[1], ("link", link.to_owned()));
        }
    }

    #[test]
    fn a_setting_that_looks_at_nobody_is_told() {
        let on = |mut settings: Value| {
            settings["membershipAtRenewal"] = json!(true);
            check_leavers(&options(&settings)).map(|finding| finding.status)
        };
        for settings in [json!({ "subject": "mobile", "corpId": "ding1" }), json!({})] {
            assert_eq!(on(settings.clone()), Some(Status::Warning), "{settings}");
            assert_eq!(check_leavers(&options(&settings)), None, "{settings}");
        }
        assert_eq!(on(json!({ "corpId": "ding1" })), None);
        assert_eq!(on(json!({ "subject": "userId" })), None);
    }

    #[test]
    fn without_a_token_nothing_is_known() {
        let rejected = DingTalkError {
            call: Call::AppAccessToken,
            request_id: None,
            kind: ErrorKind::CredentialsRejected,
        };

        assert_eq!(
            check_organization(&Answers::of(Err(rejected), None), &by_user_id()).status,
            Status::Unknown
        );
    }
}

#[cfg(test)]
mod personal_tests {
    use super::super::finding::Status;

    use super::*;

    #[test]
    fn before_any_sign_in_nothing_is_known() {
        assert_eq!(check_personal(None).status, Status::Unknown);
    }

    #[test]
    fn a_missing_permission_is_named() {
        for (latest, permission) in [
            (LatestSignIn::PhoneMissing, "Contact.User.mobile"),
            (
                LatestSignIn::ProfileRefused {
                    permissions: Vec::new(),
                },
                "Contact.User.Read",
            ),
            (
                LatestSignIn::ProfileRefused {
                    permissions: vec!["A.B".into(), "C".into()],
                },
                "A.B, C",
            ),
        ] {
            let finding = check_personal(Some(&latest));

            assert_eq!(finding.status, Status::Error);
            assert_eq!(finding.params, [("permission", permission.to_owned())]);
        }
    }

    #[test]
    fn a_complete_sign_in_is_fine() {
        assert_eq!(check_personal(Some(&LatestSignIn::Complete)).status, Status::Ok);
    }
}
