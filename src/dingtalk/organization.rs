//! The organization as a whole: what of it an app may read, its departments, and who is in each.

use serde_json::json;

use super::call::Call;
use super::client::DingTalk;
use super::credentials::Credentials;
use super::directory::Question;
use super::error::DingTalkError;
use super::identity::{DingTalkUserId, UnionId};
use super::organization_answer as answer;

/// The most people that one call gives; more is not documented.
const PAGE_SIZE: u32 = 100;

/// The id of a department inside its organization; the root's is 1.
pub type DepartmentId = i64;

/// What of the organization the app may read: whole departments, and single people besides.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DataScope {
    /// With all that is below them.
    pub departments: Vec<DepartmentId>,
    /// People outside of these.
    pub members: Vec<DingTalkUserId>,
}

/// A department.
#[derive(Clone, PartialEq, Eq)]
pub struct Department {
    /// Which.
    pub id: DepartmentId,
    /// What it is called.
    pub name: String,
    /// The one above it.
    pub parent: DepartmentId,
}

/// Somebody as the list of a department gives them: all of them, wherever else they are.
#[derive(Clone, PartialEq, Eq)]
pub struct DirectoryEntry {
    /// Their id inside the organization.
    pub user_id: DingTalkUserId,
    /// Their id across organizations; what cannot be one counts as missing.
    pub union_id: Option<UnionId>,
    /// What they are called.
    pub name: Option<String>,
    /// National digits, or `+<code>-<digits>`; only with the permission for it.
    pub mobile: Option<String>,
    /// Country calling code without `+`.
    pub state_code: Option<String>,
    /// The departments they belong to themselves.
    pub departments: Vec<DepartmentId>,
}

/// Some of a department's people.
#[derive(Clone, PartialEq, Eq)]
pub struct MembersPage {
    /// Who.
    pub entries: Vec<DirectoryEntry>,
    /// Where the next page begins, if there is one.
    pub next: Option<u64>,
}

impl DingTalk {
    /// What the app may read.
    pub async fn data_scope(&self, credentials: &Credentials) -> Result<DataScope, DingTalkError> {
        let question = Question {
            call: Call::DataScope,
            address: &self.inner.addresses.data_scope,
            body: None,
        };
        self.ask(credentials, &question, answer::data_scope).await
    }

    /// The departments directly below one; `None` for one that is not there any more.
    pub async fn departments_below(
        &self,
        credentials: &Credentials,
        department: DepartmentId,
    ) -> Result<Option<Vec<Department>>, DingTalkError> {
        let question = Question {
            call: Call::DepartmentsBelow,
            address: &self.inner.addresses.departments_below,
            body: Some(json!({ "dept_id": department })),
        };
        self.ask(credentials, &question, answer::departments_below).await
    }

    /// People directly in a department, from `cursor` on (0 is the beginning), those hidden from their colleagues included;
    /// `None` for a department that is not there any more.
    pub async fn department_members(
        &self,
        credentials: &Credentials,
        department: DepartmentId,
        cursor: u64,
    ) -> Result<Option<MembersPage>, DingTalkError> {
        let question = Question {
            call: Call::DepartmentMembers,
            address: &self.inner.addresses.department_members,
            body: Some(json!({
                "dept_id": department,
                "cursor": cursor,
                "size": PAGE_SIZE,
                // Without it the hidden ones look like people who have left.
                "contain_access_limit": true,
            })),
        };
        self.ask(credentials, &question, answer::members_page).await
    }
}
