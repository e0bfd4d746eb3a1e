//! Reading an organization: what an app may, its departments, and who is in each.

use serde_json::json;

use super::call::Call;
use super::client::DingTalk;
use super::credentials::Credentials;
use super::directory::Question;
use super::error::DingTalkError;
use super::organization::{DataScope, Department, DepartmentId, MembersPage};
use super::organization_answer as answer;

/// The most people that one call gives; more is not documented.
const PAGE_SIZE: u32 = 100;

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
