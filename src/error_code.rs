//! The one catalogue of public codes: whatever a person or a program is refused for has its row here.
//!
//! Each module's error says which row it is; `http` adds the status. Audit, metrics, log and answer take the same value.

use std::fmt;

use log::Level;

macro_rules! catalogue {
    ($($(#[$note:meta])* $code:ident, $name:literal, $level:ident, $key:literal;)+) => {
        /// What went wrong, as far as it is anybody's business outside.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        #[expect(missing_docs, reason = "docs/reference.md says what each means and what to do")]
        pub enum Code {
            $($(#[$note])* $code,)+
        }

        impl Code {
            /// All of them, in the order of the catalogue.
            pub const ALL: &[Self] = &[$(Self::$code,)+];

            /// Its name on the wire, in audit, metrics and log; it never changes.
            pub const fn name(self) -> &'static str {
                match self {
                    $(Self::$code => $name,)+
                }
            }

            /// The sentence for people, a key of the locales.
            pub const fn key(self) -> &'static str {
                match self {
                    $(Self::$code => $key,)+
                }
            }

            /// The level at which it is logged.
            pub const fn level(self) -> Level {
                match self {
                    $(Self::$code => Level::$level,)+
                }
            }
        }
    };
}

catalogue! {
    // What the sign-in page says, also without asking: client-schema/sign-in-button.json has the same sentences.
    AuthenticatorNotFound, "AUTHENTICATOR_NOT_FOUND", Info, "This sign-in method is not available. Choose another one or ask your administrator.";
    FlowNotFound, "FLOW_NOT_FOUND", Info, "This sign-in was begun in another browser or has expired. Start again.";
    FlowUsed, "FLOW_USED", Info, "This sign-in has already been used. Start again.";
    Denied, "DINGTALK_DENIED", Info, "The sign-in was cancelled in DingTalk. Start again when you are ready.";
    CodeRejected, "CODE_REJECTED", Info, "DingTalk no longer accepts this sign-in. Start again.";
    CredentialsRejected, "CREDENTIALS_REJECTED", Error, "DingTalk does not accept the Client ID or the Client Secret. Ask your administrator to check them.";
    AppNotVisible, "APP_NOT_VISIBLE", Error, "This app is not visible to you in DingTalk. Ask your administrator to publish it and to add you to its visible range in the DingTalk developer console.";
    AppDisabled, "APP_DISABLED", Error, "The DingTalk app or its organization is disabled. Ask your administrator to enable it.";
    PermissionMissing, "PERMISSION_MISSING", Error, "The DingTalk app lacks a permission: {{permission}}. Ask your administrator to grant it in the DingTalk developer console.";
    NotInScope, "NOT_IN_SCOPE", Error, "The DingTalk app may not see you. Ask your administrator to add you to the app's contact scope in the DingTalk developer console.";
    IpNotAllowed, "IP_NOT_ALLOWED", Error, "DingTalk does not accept calls from this server. Ask your administrator to add its address to the app's IP allow list.";
    ConfigurationIncomplete, "CONFIGURATION_INCOMPLETE", Error, "DingTalk sign-in is not set up completely. Ask your administrator to finish it in the authentication settings.";
    SettingsChanged, "SETTINGS_CHANGED", Info, "The settings of this sign-in method have just been changed. Start again.";
    PhoneUnavailable, "PHONE_UNAVAILABLE", Info, "DingTalk did not share your phone number, so your account could not be found. Ask your administrator to grant the permission Contact.User.mobile, then start again.";
    PhoneMissing, "PHONE_MISSING", Info, "Your DingTalk account has no usable phone number, so your account here could not be found. Ask your organization's DingTalk administrator to add it, or sign in with your password.";
    PhoneNotShown, "PHONE_NOT_SHOWN", Info, "DingTalk shows no phone number of yours to this app, so your account here could not be found. Ask your administrator to grant the permission fieldMobile, or to add your number in DingTalk.";
    NoMatchingUser, "NO_MATCHING_USER", Info, "No user here has your DingTalk phone number. Ask your administrator to add it or to allow automatic sign-up.";
    PhoneAmbiguous, "PHONE_AMBIGUOUS", Info, "More than one user has your phone number. Ask your administrator to correct it.";
    PhoneAlreadyLinked, "PHONE_ALREADY_LINKED", Info, "The user with your phone number is linked to another DingTalk account. Ask your administrator to remove that link.";
    PhoneTaken, "PHONE_TAKEN", Info, "Another user here has your phone number in a spelling that cannot be read. Ask your administrator to correct it.";
    LinkOfOtherSettings, "LINK_OF_OTHER_SETTINGS", Info, "A link from earlier settings of this sign-in method stands in your way. Ask your administrator to remove it from the list of linked users.";
    AdministratorNotLinked, "ADMINISTRATOR_NOT_LINKED", Info, "Administrators are not linked by phone number. Sign in with your password, or ask for linking administrators to be allowed.";
    NotInOrganization, "NOT_IN_ORGANIZATION", Info, "You are not a member of the DingTalk organization that may sign in here.";
    LeftOrganization, "LEFT_ORGANIZATION", Info, "You no longer belong to the DingTalk organization that may sign in here. If you have come back, ask your organization's DingTalk administrator to add you, then start again.";
    DepartmentNotAllowed, "DEPARTMENT_NOT_ALLOWED", Info, "Your department in DingTalk may not sign in here. Ask your administrator to allow it.";
    InClientOff, "IN_CLIENT_SIGN_IN_OFF", Info, "Automatic sign-in inside DingTalk is not enabled for this sign-in method. Use its button, or ask your administrator to enable it.";
    MigrationNeeded, "MIGRATION_NEEDED", Info, "This sign-in method still has the settings of an earlier plugin, which cannot find your account. Ask your administrator to complete its settings.";
    DefaultRoleMissing, "DEFAULT_ROLE_MISSING", Error, "No new user can be made, because no role is the default one. Ask your administrator to choose a default role.";
    NewUserRoleUnusable, "NEW_USER_ROLE_UNUSABLE", Error, "No new user can be made, because the role that was chosen for new users cannot be given. Ask your administrator to choose another one.";
    UserFieldRequired, "USER_FIELD_REQUIRED", Error, "No new user can be made, because the field {{field}} of users is required. Ask your administrator to give it a default value, or to add you first.";
    DingTalkBusy, "DINGTALK_BUSY", Warn, "Many people are signing in right now. Try again in {{seconds}} s.";
    DingTalkUnavailable, "DINGTALK_UNAVAILABLE", Error, "DingTalk gave no usable answer. Start again in a moment.";
    DingTalkTimeout, "DINGTALK_TIMEOUT", Error, "DingTalk did not answer in time. Start again in a moment.";
    DingTalkRefused, "DINGTALK_REFUSED", Error, "DingTalk refused this sign-in, and trying again will not help. Give your administrator the reference.";
    QuotaUsedUp, "QUOTA_USED_UP", Error, "Your organization has used up its DingTalk calls of this month. Sign in with your password, or ask your administrator to buy more.";
    DatabaseUnavailable, "DATABASE_UNAVAILABLE", Error, "The database is not available. Try again in a moment.";
    SidecarUnavailable, "SIDECAR_UNAVAILABLE", Error, "DingTalk sign-in is not available right now. Try again in a moment, or sign in with your password.";
    SecretMismatch, "SECRET_MISMATCH", Error, "NocoBase and the DingTalk sidecar do not share one secret. Ask your administrator to start the sidecar with NocoBase's settings file.";
    ClockMismatch, "CLOCK_MISMATCH", Error, "The clocks of NocoBase's machine and of the DingTalk sidecar's differ. Ask your administrator to set both by a time server.";
    HttpsNotForwarded, "HTTPS_NOT_FORWARDED", Error, "People reach this site over https, but the proxy in front of it does not say so. Ask your administrator to let it send X-Forwarded-Proto, or to set SIDECAR_PUBLIC_URL.";
    TooManyAttempts, "TOO_MANY_ATTEMPTS", Warn, "Too many attempts. Try again in {{seconds}} s.";
    Internal, "INTERNAL_ERROR", Error, "Something went wrong. Start again, and give your administrator the reference if it happens again.";

    // Links that are made or removed on purpose.
    SubjectAlreadyLinked, "SUBJECT_ALREADY_LINKED", Info, "This DingTalk account is linked to another user. That link has to be removed first.";
    UserAlreadyLinked, "USER_ALREADY_LINKED", Info, "This user is already linked to a DingTalk account. That link has to be removed first.";
    SessionChanged, "SESSION_CHANGED", Info, "You are signed in as another user than when you began. Start again.";
    OpenedElsewhere, "OPENED_ELSEWHERE", Info, "At this address of the site that cannot be done. Open {{origin}}, sign in there and start again.";
    LastWayIn, "LAST_WAY_IN", Info, "Without this link you could not sign in any more. Ask your administrator for another way to sign in first.";
    PasswordNotSet, "PASSWORD_NOT_SET", Info, "You have no password here with which to prove who you are. Ask your administrator to set one.";
    LastRoot, "LAST_ROOT", Warn, "The sessions of the last user with the role root are not ended. Give another user that role first.";

    // NocoBase's own codes, which its clients know, and its words; ours end as a sentence does, since a reference follows.
    EmptyToken, "EMPTY_TOKEN", Info, "Unauthenticated. Please sign in to continue.";
    InvalidToken, "INVALID_TOKEN", Info, "Your session has expired. Please sign in again.";
    PasswordChanged, "INVALID_TOKEN", Info, "Your password was changed. Please sign in again.";
    ExpiredSession, "EXPIRED_SESSION", Info, "Your session has expired. Please sign in again.";
    BlockedToken, "BLOCKED_TOKEN", Info, "Your session has expired. Please sign in again.";
    UserNotFound, "NOT_EXIST_USER", Info, "User not found. Please sign in again to continue.";
    RenewFailed, "TOKEN_RENEW_FAILED", Info, "Your session has expired. Please sign in again.";
    StreamDoesNotRenew, "SKIP_TOKEN_RENEW", Info, "Your session has expired. Please sign in again.";
    WrongPassword, "WRONG_PASSWORD", Info, "The username/email or password is incorrect, please re-enter.";
    RoleNotFound, "ROLE_NOT_FOUND_FOR_USER", Info, "The role does not belong to the user. Please sign in again.";
    NoRoles, "USER_HAS_NO_ROLES_ERR", Info, "The current user has no roles. Please contact the administrator.";
    NoPermission, "NO_PERMISSION", Info, "No permissions.";
    UntrustedOrigin, "INVALID_SIGN_IN_ORIGIN", Info, "Invalid sign-in origin.";
    LastAuthenticator, "LAST_AUTHENTICATOR", Info, "Please keep and enable at least one authenticator.";

    // The organization beside the users.
    DataScopeEmpty, "DATA_SCOPE_EMPTY", Info, "The DingTalk app may read no department. Give it a contact scope in the DingTalk developer console.";

    SourceUnusable, "SOURCE_UNUSABLE", Warn, "This source cannot be used as it is set up. Please check this field: {{field}}.";
    SourceNotFound, "SOURCE_NOT_FOUND", Info, "There is no enabled DingTalk source of this name. Enable it first.";
    SyncPluginOff, "SYNC_PLUGIN_OFF", Warn, "NocoBase's plugin \"User data synchronization\" is not enabled. Enable it first.";
    DepartmentsPluginOff, "DEPARTMENTS_PLUGIN_OFF", Warn, "NocoBase's plugin \"Departments\" is not enabled. Enable it, or synchronize people only.";
    NocoBaseUnavailable, "NOCOBASE_UNAVAILABLE", Error, "NocoBase does not take the changes. Nothing is lost: start the synchronization again when NocoBase runs.";
    NocoBaseRefuses, "NOCOBASE_REFUSES", Error, "NocoBase refuses the changes. Ask your administrator to look at the sidecar's log.";
    RunPreview, "RUN_PREVIEW", Info, "This was a preview, and nothing was changed. Look at what would be done, and confirm it.";
    RunHeld, "RUN_HELD", Warn, "{{count}} people would be taken out, more than usual, so nothing was changed. Look at the list, and confirm it if all of them have left.";
    ScopeNarrowed, "SCOPE_NARROWED", Warn, "The DingTalk app may read less than last time, so {{count}} people look as if they had left, and nothing was changed. Widen its contact scope again, or look at the list and confirm it.";
    RunFailures, "RUN_FAILURES", Warn, "{{count}} records could not be written. The report says which and why.";
    RunOutdated, "RUN_OUTDATED", Info, "This run is not the latest any more. Look at the latest one.";
    RunUnderWay, "RUN_UNDER_WAY", Info, "A synchronization is under way. Wait until it has ended.";
    StreamUnreachable, "STREAM_UNREACHABLE", Warn, "The Stream connection to DingTalk does not come about or does not last. Let this server reach wss-open-connection.dingtalk.com on port 443.";

    // A request that cannot be answered as it stands.
    NotFound, "NOT_FOUND", Info, "There is nothing at this address.";
    MethodNotAllowed, "METHOD_NOT_ALLOWED", Info, "This address takes another HTTP method.";
    NotServedHere, "NOT_SERVED_HERE", Info, "NocoBase answers this itself. Send the request to NocoBase.";
    BodyTooLarge, "BODY_TOO_LARGE", Info, "The request is too large.";
    BodyIncomplete, "BODY_INCOMPLETE", Info, "The request did not arrive whole. Send it again.";
    InvalidJson, "INVALID_JSON", Info, "The body of the request is not a JSON object.";
    InvalidField, "INVALID_FIELD", Info, "Please check this field: {{field}}.";
    InvalidLine, "INVALID_LINE", Info, "Line {{line}} of the field {{field}} cannot be read. Correct it as the text below the field says.";
    RoleUnknown, "ROLE_UNKNOWN", Info, "There is no role named {{role}}. Add it first, or choose another one.";
    RoleNotGivable, "ROLE_NOT_GIVABLE", Info, "The role {{role}} may configure this site, so new users do not get it. Choose another one, or allow linking administrators by phone number first; root is never given.";
    InvalidHeader, "INVALID_HEADER", Info, "The header {{header}} of the request cannot be read. If it is not your browser's, ask your administrator to look at the proxy.";
    RecordNotFound, "RECORD_NOT_FOUND", Info, "This record does not exist any more. Reload the page.";
    NameTaken, "NAME_TAKEN", Info, "This name is already used. Choose another one.";
    AutoLoginTaken, "AUTO_LOGIN_TAKEN", Info, "Only one sign-in method can sign people in automatically, and {{name}} does already. Turn that off there first.";
    UnknownType, "UNKNOWN_TYPE", Info, "This type of authenticator is not offered. Enable its plugin first.";
    PasswordTooShort, "PASSWORD_TOO_SHORT", Info, "The new password has fewer than 8 characters. Choose a longer one.";
    PasswordRefused, "PASSWORD_REFUSED", Info, "The current password is another one. Type it again.";
    Loop, "LOOP_DETECTED", Error, "The address of the sidecar leads back to itself. Correct SIDECAR_URL or DINGTALK_SIDECAR_URL.";
}

impl Code {
    /// The code of this name.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|code| code.name() == name)
    }
}

/// What went well, where a code would stand.
pub const OK: &str = "OK";

/// How something ended, as audit and metrics call it.
pub fn result_name(result: Result<(), Code>) -> &'static str {
    result.map_or_else(Code::name, |()| OK)
}

impl fmt::Display for Code {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.name())
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use super::*;

    #[test]
    fn a_name_means_one_level() {
        let mut levels = HashMap::new();
        for code in Code::ALL {
            let level = *levels.entry(code.name()).or_insert(code.level());
            assert_eq!(level, code.level(), "{code}");
        }
    }
}
