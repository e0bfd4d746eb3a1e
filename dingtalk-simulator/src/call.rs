//! A call: one request to the simulated API, which of its operations it was and how it ended.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use serde::{Deserialize, Serialize};

/// An operation of DingTalk's two APIs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum CallKind {
    /// `POST /v1.0/oauth2/userAccessToken`
    UserAccessToken,
    /// `GET /v1.0/contact/users/me`
    Profile,
    /// `POST /v1.0/oauth2/accessToken`
    AppAccessToken,
    /// `POST /v1.0/oauth2/{corpId}/token`
    CorpAccessToken,
    /// `GET /gettoken`
    GetToken,
    /// `POST /topapi/user/getbyunionid`
    UserIdByUnionId,
    /// `POST /topapi/v2/user/get`
    UserDetails,
    /// `POST /topapi/v2/user/getbymobile`
    UserIdByMobile,
    /// `GET /auth/scopes`
    AuthScopes,
    /// `POST /topapi/v2/department/listsub`
    DepartmentsBelow,
    /// `POST /topapi/v2/user/list`
    DepartmentMembers,
    /// `POST /topapi/v2/user/getuserinfo`
    UserInfo,
    /// `POST /topapi/v2/department/listparentbyuser`
    DepartmentsOfUser,
    /// `POST /v1.0/gateway/connections/open`
    OpenStream,
    /// `GET /call_back/get_call_back_failed_result`
    FailedCallbacks,
    /// `POST /topapi/v2/department/get`
    Department,
    /// `POST /topapi/user/count`
    MemberCount,
}

/// The two generations of DingTalk's API, which differ in how they carry errors.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Generation {
    /// `api.dingtalk.com/v1.0`: the HTTP status is real.
    Open,
    /// `oapi.dingtalk.com/topapi`: HTTP 200 always, the error within error number 88.
    Top,
    /// Other paths of `oapi.dingtalk.com`: HTTP 200 always, the error number on the top level.
    Bare,
}

impl CallKind {
    /// All kinds, in the order of a sign-in.
    pub const ALL: [Self; 17] = [
        Self::UserAccessToken,
        Self::Profile,
        Self::AppAccessToken,
        Self::CorpAccessToken,
        Self::GetToken,
        Self::UserIdByUnionId,
        Self::UserDetails,
        Self::UserIdByMobile,
        Self::AuthScopes,
        Self::DepartmentsBelow,
        Self::DepartmentMembers,
        Self::UserInfo,
        Self::DepartmentsOfUser,
        Self::OpenStream,
        Self::FailedCallbacks,
        Self::Department,
        Self::MemberCount,
    ];

    /// Name in forms and counts, the same as in JSON.
    pub const fn label(self) -> &'static str {
        match self {
            Self::UserAccessToken => "userAccessToken",
            Self::Profile => "profile",
            Self::AppAccessToken => "appAccessToken",
            Self::CorpAccessToken => "corpAccessToken",
            Self::GetToken => "getToken",
            Self::UserIdByUnionId => "userIdByUnionId",
            Self::UserDetails => "userDetails",
            Self::UserIdByMobile => "userIdByMobile",
            Self::AuthScopes => "authScopes",
            Self::DepartmentsBelow => "departmentsBelow",
            Self::DepartmentMembers => "departmentMembers",
            Self::UserInfo => "userInfo",
            Self::DepartmentsOfUser => "departmentsOfUser",
            Self::OpenStream => "openStream",
            Self::FailedCallbacks => "failedCallbacks",
            Self::Department => "department",
            Self::MemberCount => "memberCount",
        }
    }

    /// Which of DingTalk's error forms the call answers with.
    pub const fn generation(self) -> Generation {
        match self {
            Self::UserAccessToken
            | Self::Profile
            | Self::AppAccessToken
            | Self::CorpAccessToken
            | Self::OpenStream => Generation::Open,
            Self::UserIdByUnionId
            | Self::UserDetails
            | Self::UserIdByMobile
            | Self::UserInfo
            | Self::DepartmentsOfUser
            | Self::DepartmentsBelow
            | Self::DepartmentMembers
            | Self::Department
            | Self::MemberCount => Generation::Top,
            Self::GetToken | Self::AuthScopes | Self::FailedCallbacks => Generation::Bare,
        }
    }
}

/// A line of the page's list of last events.
#[derive(Clone, Debug)]
pub struct Event {
    /// When, on the simulator's time.
    pub at: Duration,
    /// What was asked.
    pub what: String,
    /// How it ended: `ok`, DingTalk's error code, or the fault that was in force.
    pub outcome: String,
}

/// Everything that was asked since the start or the last reset.
#[derive(Debug, Default)]
pub struct Calls {
    counts: BTreeMap<CallKind, usize>,
    counts_of: BTreeMap<(CallKind, String), usize>,
    events: VecDeque<Event>,
    unexpected: Vec<String>,
}

impl Calls {
    /// Events kept for the page; counts go on without bound.
    const EVENTS_KEPT: usize = 50;
    /// Enough to see what a client does wrong, however often it does it.
    const UNEXPECTED_KEPT: usize = 200;

    /// Counts a call as it arrives, whatever becomes of it.
    pub fn count(&mut self, kind: CallKind, person: Option<&str>) {
        *self.counts.entry(kind).or_default() += 1;
        if let Some(person) = person {
            *self.counts_of.entry((kind, person.to_owned())).or_default() += 1;
        }
    }

    /// How often an operation was called for a person.
    pub fn counted_of(&self, kind: CallKind, person: &str) -> usize {
        let key = (kind, person.to_owned());
        self.counts_of.get(&key).copied().unwrap_or_default()
    }

    /// How often an operation was called.
    pub fn counted(&self, kind: CallKind) -> usize {
        self.counts.get(&kind).copied().unwrap_or_default()
    }

    /// Notes how something ended.
    pub fn note(&mut self, at: Duration, what: impl Into<String>, outcome: impl Into<String>) {
        if self.events.len() == Self::EVENTS_KEPT {
            self.events.pop_back();
        }
        self.events.push_front(Event {
            at,
            what: what.into(),
            outcome: outcome.into(),
        });
    }

    /// The last events, newest first.
    pub fn events(&self) -> impl Iterator<Item = &Event> {
        self.events.iter()
    }

    /// Notes a request that a correct client never sends.
    pub fn note_unexpected(&mut self, what: impl Into<String>) {
        if self.unexpected.len() < Self::UNEXPECTED_KEPT {
            self.unexpected.push(what.into());
        }
    }

    /// Requests that a correct client never sends, oldest first.
    pub fn unexpected(&self) -> &[String] {
        &self.unexpected
    }
}
