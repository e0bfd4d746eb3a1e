//! A call: one of the kinds of HTTP request this crate sends to DingTalk.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

/// Which request it was; DingTalk limits each kind for itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Call {
    /// Redemption of an authorization code.
    UserAccessToken,
    /// Who the owner of a user access token is.
    Profile,
    /// The app's own credential for the older API.
    AppAccessToken,
    /// The employee id behind a union id.
    UserIdByUnionId,
    /// Redemption of a code that the DingTalk client gave a page inside it.
    UserInfo,
    /// The directory's entry of a member.
    UserDetails,
    /// The departments of a member, up to the root.
    DepartmentsOfUser,
    /// What of the organization the app may read.
    DataScope,
    /// The departments directly below one.
    DepartmentsBelow,
    /// The people directly in a department, a page of them.
    DepartmentMembers,
    /// A department by itself.
    Department,
    /// How many people the organization has.
    MemberCount,
    /// The wish for a WebSocket that events come over.
    OpenStream,
    /// The callbacks that could not be delivered.
    FailedCallbacks,
}

impl Call {
    /// Every kind, for whoever registers a metric per kind.
    pub const ALL: [Self; 14] = [
        Self::UserAccessToken,
        Self::Profile,
        Self::AppAccessToken,
        Self::UserIdByUnionId,
        Self::UserInfo,
        Self::UserDetails,
        Self::DepartmentsOfUser,
        Self::DataScope,
        Self::DepartmentsBelow,
        Self::DepartmentMembers,
        Self::Department,
        Self::MemberCount,
        Self::OpenStream,
        Self::FailedCallbacks,
    ];

    /// The name in metrics and logs; it never changes.
    pub const fn label(self) -> &'static str {
        match self {
            Self::UserAccessToken => "user_access_token",
            Self::Profile => "profile",
            Self::AppAccessToken => "app_access_token",
            Self::UserIdByUnionId => "user_id_by_union_id",
            Self::UserInfo => "user_info",
            Self::UserDetails => "user_details",
            Self::DepartmentsOfUser => "departments_of_user",
            Self::DataScope => "data_scope",
            Self::DepartmentsBelow => "departments_below",
            Self::DepartmentMembers => "department_members",
            Self::Department => "department",
            Self::MemberCount => "member_count",
            Self::OpenStream => "open_stream",
            Self::FailedCallbacks => "failed_callbacks",
        }
    }

    /// Whether it uses up a code, which is good once.
    pub const fn redeems_a_code(self) -> bool {
        matches!(self, Self::UserAccessToken | Self::UserInfo)
    }

    /// The permission it takes, as DingTalk's console spells it; DingTalk does not always name it.
    pub const fn permission(self) -> Option<&'static str> {
        match self {
            Self::Profile => Some("Contact.User.Read"),
            Self::UserIdByUnionId | Self::UserDetails | Self::MemberCount => Some("qyapi_get_member"),
            Self::UserInfo => Some("qyapi_base"),
            Self::DepartmentsOfUser | Self::DepartmentsBelow | Self::Department => {
                Some("qyapi_get_department_list")
            }
            Self::DepartmentMembers => Some("qyapi_get_department_member"),
            Self::UserAccessToken
            | Self::AppAccessToken
            | Self::DataScope
            | Self::OpenStream
            | Self::FailedCallbacks => None,
        }
    }
}

impl fmt::Display for Call {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.label())
    }
}

/// How one HTTP request went; a repeated request makes a second report.
#[derive(Clone, Debug)]
pub struct CallReport {
    /// The Client ID of the app that asked.
    pub app: String,
    /// Which request it was.
    pub call: Call,
    /// `ok`, or the [`label`](super::DingTalkError::label) of the error.
    pub outcome: &'static str,
    /// From the first byte sent to the answer understood.
    pub elapsed: Duration,
    /// How long the request stood in our own queue before that.
    pub queued: Duration,
}

/// Told about every HTTP request; it runs on the caller's task and must not block.
pub type Observer = Arc<dyn Fn(&CallReport) + Send + Sync>;
