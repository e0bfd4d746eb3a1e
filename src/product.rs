//! The names by which NocoBase and DingTalk know this product, each said once.

/// The `authType` under which NocoBase knows us.
pub const AUTH_TYPE: &str = "dingtalk";
/// The plugin's name in NocoBase: its package, and the namespace of its texts.
pub const PLUGIN_NAME: &str = "nocobase-plugin-auth-dingtalk";
/// The roles of NocoBase that may do anything, or nearly.
pub const ADMINISTRATOR_ROLES: [&str; 2] = ["root", "admin"];
/// The action to which DingTalk sends a browser back, below the API's path.
pub const REDIRECT_ACTION: &str = "auth:redirect";
