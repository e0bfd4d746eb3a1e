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
