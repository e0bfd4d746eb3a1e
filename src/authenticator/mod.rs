//! Authenticators as sign-ins use them: looked up by name, their options typed, their secrets decrypted.

mod auto_login;
mod department_fence;
mod environment;
mod option_reader;
mod options;
mod people_rules;
mod profile_refresh;
mod registry;
mod role_rules;
mod secrets;
mod template;

pub use auto_login::AutoLogin;
pub use department_fence::DepartmentFence;
pub use environment::{Environment, EnvironmentError};
pub use option_reader::{OptionsError, Reader};
pub use options::{AskMembership, AuthenticatorOptions, CommunityOptions};
pub use people_rules::PeopleRules;
pub use profile_refresh::{ProfileRefresh, Refresh};
pub use registry::{Configured, LookUpError, Registry};
pub use role_rules::{RoleCondition, RoleRule};
pub use secrets::{SECRET_MASK, SECRET_PLACES, move_secrets, pointer, take_secrets, take_secrets_at};
