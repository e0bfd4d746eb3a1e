//! An entry: one thing that happened, as it stands in the file and in an administrator's list.

use std::collections::BTreeMap;
use std::net::IpAddr;

use chrono::{DateTime, SecondsFormat, Utc};
use serde::{Deserialize, Serialize, Serializer};

use crate::error_code::{Code, result_name};

/// One line of the audit. Ids and codes only: no text of DingTalk's, nothing personal, nothing secret.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Entry {
    /// When it ended.
    #[serde(serialize_with = "millis")]
    pub time: DateTime<Utc>,
    /// The number a person quotes from a refusal.
    pub reference: String,
    /// The name of the sign-in method.
    pub authenticator: String,
    /// What was attempted.
    pub event: Event,
    /// `OK`, or the public code of the refusal.
    pub result: String,
    /// How the person was found; absent when nobody was.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub matched: Option<Matched>,
    /// The NocoBase user it is about.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user_id: Option<i64>,
    /// The NocoBase user who did it, when that is another one: an administrator.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub actor_id: Option<i64>,
    /// Where the request came from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub address: Option<IpAddr>,
    /// DingTalk's number of the request that failed, for its support.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dingtalk_request_id: Option<String>,
    /// A code below `result`, for the operator: which error it was inside, or what was done.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub detail: Option<String>,
}

/// What an entry is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Event {
    /// A sign-in with DingTalk.
    SignIn,
    /// A sign-in with a password, where the sidecar takes those.
    PasswordSignIn,
    /// A link between a user and a DingTalk account, made on purpose: by the person, or by an administrator.
    Link,
    /// The removal of such a link.
    Unlink,
    /// A sign-in method that was made, changed, enabled, disabled or deleted, where the sidecar administers them.
    SettingsChange,
    /// The plugin was enabled or disabled, where the sidecar administers it.
    PluginChange,
    /// A password was changed by its owner, where the sidecar takes those.
    PasswordChange,
    /// A session was ended by its owner, where the sidecar keeps those.
    SignOut,
    /// All sessions of somebody were ended, because they have left the organization.
    SessionsEnded,
    /// Somebody was taken out, because they are not in the organization any more.
    Departure,
    /// Somebody who had been taken out is in the organization again.
    Return,
    /// Somebody asked for what they may not have, or came with a bridge token that is not signed with our secret.
    Access,
    /// Written by a version that knows more.
    #[serde(other)]
    Other,
}

/// How a person was found.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Matched {
    /// By the link of an earlier sign-in.
    Subject,
    /// By phone number, and linked with it.
    Phone,
    /// Not at all: a new user was made.
    SignUp,
    /// Linked by the person, who had signed in otherwise.
    Person,
    /// Linked by an administrator.
    Administrator,
    /// Written by a version that knows more.
    #[serde(other)]
    Other,
}

/// An entry as administrators read it: with what its people are called now, which no file holds.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct NamedEntry {
    /// The entry.
    #[serde(flatten)]
    pub entry: Entry,
    /// Whom it is about.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub nickname: Option<String>,
    /// Who did it, where that is another one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub actor_nickname: Option<String>,
}

impl Entry {
    /// What was attempted and how it ended; who and how is added to it.
    pub fn new(time: DateTime<Utc>, reference: &str, event: Event, result: Result<(), Code>) -> Self {
        Self {
            time,
            reference: reference.to_owned(),
            authenticator: String::new(),
            event,
            result: result_name(result).to_owned(),
            matched: None,
            user_id: None,
            actor_id: None,
            address: None,
            dingtalk_request_id: None,
            detail: None,
        }
    }

    /// The ids of the users it names.
    pub fn users(&self) -> impl Iterator<Item = i64> {
        self.user_id.into_iter().chain(self.actor_id)
    }

    /// With the names of those that have one.
    pub fn told(self, names: &BTreeMap<i64, String>) -> NamedEntry {
        let name = |id: Option<i64>| id.and_then(|id| names.get(&id)).cloned();
        NamedEntry {
            nickname: name(self.user_id),
            actor_nickname: name(self.actor_id),
            entry: self,
        }
    }
}

impl Event {
    /// The event of this name.
    pub fn parse(name: &str) -> Option<Self> {
        let event: Self = serde_json::from_value(name.into()).ok()?;
        (event.label() == name).then_some(event)
    }

    /// The name in the file.
    pub const fn label(self) -> &'static str {
        match self {
            Self::SignIn => "signIn",
            Self::PasswordSignIn => "passwordSignIn",
            Self::Link => "link",
            Self::Unlink => "unlink",
            Self::SettingsChange => "settingsChange",
            Self::PluginChange => "pluginChange",
            Self::PasswordChange => "passwordChange",
            Self::SignOut => "signOut",
            Self::SessionsEnded => "sessionsEnded",
            Self::Departure => "departure",
            Self::Return => "return",
            Self::Access => "access",
            Self::Other => "other",
        }
    }
}

impl Matched {
    /// The name in the file.
    pub const fn label(self) -> &'static str {
        match self {
            Self::Subject => "subject",
            Self::Phone => "phone",
            Self::SignUp => "signUp",
            Self::Person => "person",
            Self::Administrator => "administrator",
            Self::Other => "other",
        }
    }
}

/// As NocoBase prints points in time; all of one length, so text sorts like time.
pub(super) fn printed(time: &DateTime<Utc>) -> String {
    time.to_rfc3339_opts(SecondsFormat::Millis, true)
}

fn millis<S: Serializer>(time: &DateTime<Utc>, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&printed(time))
}
