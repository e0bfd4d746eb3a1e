//! Authenticators as sign-ins use them: looked up by name, their options typed, their secrets decrypted.

mod auto_login;
mod environment;
mod options;
mod registry;
mod secrets;
mod template;

pub use auto_login::AutoLogin;
pub use environment::{Environment, EnvironmentError};
pub use options::{AskMembership, AuthenticatorOptions, CommunityOptions, OptionsError};
pub use registry::{Configured, LookUpError, Registry};
pub use secrets::{SECRET_MASK, SECRET_PLACES, move_secrets, pointer, take_secrets};
