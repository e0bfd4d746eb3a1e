//! Reading an organization: what an app may, its departments, and who is in each.

use serde_json::json;

use super::call::Call;
use super::client::DingTalk;
use super::credentials::Credentials;
use super::directory::Question;
use super::error::DingTalkError;
use super::identity::DingTalkUserId;
use super::organization::{DataScope, Department, DepartmentId, DirectoryEntry, MembersPage};
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
        self.ask(credentials, &question, |answered| {
            answer::members_page(department, answered)
        })
        .await
    }

    /// Somebody as the directory has them now; `None` for somebody who is no member any more.
    pub async fn member(
        &self,
        credentials: &Credentials,
        user_id: &DingTalkUserId,
    ) -> Result<Option<DirectoryEntry>, DingTalkError> {
        let question = Question {
            call: Call::UserDetails,
            address: &self.inner.addresses.user_details,
            body: Some(json!({ "userid": user_id.as_str() })),
        };
        self.ask(credentials, &question, answer::single_entry).await
    }

    /// A department as it is now; `None` for one that is not there any more.
    pub async fn department(
        &self,
        credentials: &Credentials,
        department: DepartmentId,
    ) -> Result<Option<Department>, DingTalkError> {
        let question = Question {
            call: Call::Department,
            address: &self.inner.addresses.department,
            body: Some(json!({ "dept_id": department })),
        };
        self.ask(credentials, &question, answer::single_department).await
    }

    /// How many people the organization has, whatever of it the app may read.
    pub async fn member_count(&self, credentials: &Credentials) -> Result<u64, DingTalkError> {
        let question = Question {
            call: Call::MemberCount,
            address: &self.inner.addresses.member_count,
            body: Some(json!({ "only_active": false })),
        };
        self.ask(credentials, &question, answer::member_count).await
    }
}
