//! What was read of an organization.

use std::collections::{BTreeMap, HashMap};

use crate::dingtalk::{Department, DepartmentId, DingTalkUserId, DirectoryEntry};

/// An organization, as far as the app may read it.
#[derive(Default)]
pub struct Snapshot {
    /// The departments; those that the data scope begins at have no entry of their own.
    pub departments: BTreeMap<DepartmentId, Department>,
    /// The people, each once, in however many departments they are.
    pub people: HashMap<DingTalkUserId, DirectoryEntry>,
    /// Whether something was gone before it was read. Whoever was in it may be elsewhere by now, so who is not here has not
    /// left for that.
    pub has_gap: bool,
}
