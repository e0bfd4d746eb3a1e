//! Who was taken out because they have left: what is given back when they return.

use serde::{Deserialize, Serialize};

use crate::nocobase::UserId;

/// Somebody who was taken out.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Left {
    /// The user.
    pub user_id: UserId,
    /// The roles that were taken from them.
    #[serde(default)]
    pub roles: Vec<String>,
    /// When, in milliseconds.
    pub at: i64,
}

/// Begins the names under which they are kept.
pub const LEFT: &str = "left:";
/// Begins the names under which it is kept since when somebody is missing.
pub const MISSING: &str = "missing:";
