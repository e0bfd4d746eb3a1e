//! The names by which NocoBase and DingTalk know this product, and those of NocoBase's that it goes by, each said once.

/// The `authType` under which NocoBase knows us.
pub const AUTH_TYPE: &str = "dingtalk";
/// NocoBase's own type of authenticator, which takes passwords.
pub const PASSWORD_AUTH_TYPE: &str = "Email/Password";
/// The authenticator with which NocoBase is installed, and which a request means that names none.
pub const PASSWORD_AUTHENTICATOR: &str = "basic";
/// The plugin's name in NocoBase: its package, and the namespace of its texts.
pub const PLUGIN_NAME: &str = "nocobase-plugin-auth-dingtalk";
/// The roles of NocoBase that may do anything, or nearly.
pub const ADMINISTRATOR_ROLES: [&str; 2] = [ROOT_ROLE, "admin"];
/// The role that NocoBase gives its first user, and without which nobody can administer it.
pub const ROOT_ROLE: &str = "root";
/// NocoBase's own plugin for departments, which is off unless somebody enables it.
pub const DEPARTMENTS_PLUGIN: &str = "departments";
/// NocoBase's own plugin for sources of people and departments, likewise.
pub const SYNC_PLUGIN: &str = "user-data-sync";
/// The action to which DingTalk sends a browser back, below the API's path.
pub const REDIRECT_ACTION: &str = "auth:redirect";
