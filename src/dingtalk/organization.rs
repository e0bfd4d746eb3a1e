//! The organization as a whole: what of it an app may read, its departments, and who is in each.

use super::identity::{DingTalkUserId, UnionId};

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
    /// The one above it; the organization itself has none.
    pub parent: Option<DepartmentId>,
}

/// Somebody's place in a department.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place {
    /// The department.
    pub department: DepartmentId,
    /// Whether they lead it. The list of one department says so for that one only.
    pub leads: bool,
    /// How they are sorted in it; as with `leads`.
    pub order: Option<i64>,
}

impl Place {
    /// What another answer knows of the same place besides.
    pub fn merge(&mut self, other: Self) {
        self.leads |= other.leads;
        self.order = self.order.or(other.order);
    }
}

/// Somebody as the directory gives them, in the list of a department or alone: wherever else they are, too.
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
    /// The private mailbox, else that of the organization.
    pub email: Option<String>,
    /// Their title.
    pub title: Option<String>,
    /// Their number in the organization.
    pub job_number: Option<String>,
    /// Address of their picture; absent when they have none of their own.
    pub avatar_url: Option<String>,
    /// Where they work.
    pub work_place: Option<String>,
    /// The departments they belong to themselves, in DingTalk's order.
    pub departments: Vec<Place>,
}

/// Some of a department's people.
#[derive(Clone, PartialEq, Eq)]
pub struct MembersPage {
    /// Who.
    pub entries: Vec<DirectoryEntry>,
    /// Where the next page begins, if there is one.
    pub next: Option<u64>,
}
