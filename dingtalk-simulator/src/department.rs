//! A department: a part of an organization.

use serde::{Deserialize, Serialize};

use super::person::DEMO_CORP_ID;

/// The root of every organization.
pub const ROOT: i64 = 1;
/// What it is called: as the organization.
pub const ROOT_NAME: &str = "示例公司 (Example Company)";

/// A department of an organization; the root needs none.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Department {
    /// The organization.
    pub corp_id: String,
    /// Identifier inside it.
    pub id: i64,
    /// The department above it.
    pub parent: i64,
    /// What it is called.
    pub name: String,
}

impl Department {
    /// The departments of the demo.
    pub fn demo() -> Vec<Self> {
        let department = |id, parent, name: &str| Self {
            corp_id: DEMO_CORP_ID.to_owned(),
            id,
            parent,
            name: name.to_owned(),
        };
        vec![
            department(101, ROOT, "研发部 (Engineering)"),
            department(102, 101, "平台组 (Platform)"),
            department(201, ROOT, "市场部 (Marketing)"),
        ]
    }
}
