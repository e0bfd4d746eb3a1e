//! What the organization's directory says of the person who signs in. Nothing is asked before somebody wants to know it,
//! and nothing twice.

use std::collections::BTreeSet;

use super::SignInError;
use crate::authenticator::DepartmentFence;
use crate::dingtalk::{Credentials, DingTalk, DingTalkError, DingTalkUserId, Member, UnionId};

/// The person in the directory.
pub struct DirectoryMember {
    dingtalk: DingTalk,
    credentials: Credentials,
    union_id: Option<UnionId>,
    user_id: Asked<DingTalkUserId>,
    entry: Asked<Member>,
    departments: Asked<BTreeSet<i64>>,
}

/// An answer, once there is one; inside it, `None` is somebody whom the organization does not have.
type Asked<T> = Option<Option<T>>;

impl DirectoryMember {
    /// Somebody who came through DingTalk's page.
    pub const fn of_union_id(dingtalk: DingTalk, credentials: Credentials, union_id: UnionId) -> Self {
        Self {
            dingtalk,
            credentials,
            union_id: Some(union_id),
            user_id: None,
            entry: None,
            departments: None,
        }
    }

    /// Somebody whom DingTalk's client has named.
    pub const fn of_user_id(dingtalk: DingTalk, credentials: Credentials, user_id: DingTalkUserId) -> Self {
        Self {
            dingtalk,
            credentials,
            union_id: None,
            user_id: Some(Some(user_id)),
            entry: None,
            departments: None,
        }
    }

    /// Their entry; `None` where the organization has no such member.
    pub async fn entry(&mut self) -> Result<Option<&Member>, DingTalkError> {
        if self.entry.is_none() {
            let entry = match self.user_id().await? {
                Some(user_id) => self.dingtalk.find_member(&self.credentials, &user_id).await?,
                None => None,
            };
            self.entry = Some(entry);
        }
        Ok(self.entry.as_ref().and_then(Option::as_ref))
    }

    /// The departments they belong to and all above those; `None` where the organization has no such member.
    pub async fn departments(&mut self) -> Result<Option<&BTreeSet<i64>>, DingTalkError> {
        if self.departments.is_none() {
            let departments = match self.user_id().await? {
                Some(user_id) => self.dingtalk.departments_of(&self.credentials, &user_id).await?,
                None => None,
            };
            self.departments = Some(departments);
        }
        Ok(self.departments.as_ref().and_then(Option::as_ref))
    }

    /// Whether the organization has somebody else, of this id.
    pub async fn has_colleague(&self, user_id: &DingTalkUserId) -> Result<bool, DingTalkError> {
        let entry = self.dingtalk.find_member(&self.credentials, user_id).await?;
        Ok(entry.is_some())
    }

    /// Their id in the organization; `None` where it has no such member.
    pub async fn user_id(&mut self) -> Result<Option<DingTalkUserId>, DingTalkError> {
        if self.user_id.is_none() {
            let found = match &self.union_id {
                Some(union_id) => self.dingtalk.find_user_id(&self.credentials, union_id).await?,
                None => None,
            };
            self.user_id = Some(found);
        }
        Ok(self.user_id.clone().flatten())
    }

    /// Lets in whom these departments admit. Whoever cannot be asked about stays outside.
    pub async fn require_admission(&mut self, fence: &DepartmentFence) -> Result<(), SignInError> {
        if fence.is_open() {
            return Ok(());
        }
        let departments = self.departments().await?;
        if fence.admits(departments.ok_or(SignInError::NotInOrganization)?) {
            Ok(())
        } else {
            Err(SignInError::DepartmentNotAllowed)
        }
    }
}
