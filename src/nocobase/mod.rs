//! NocoBase's tables, as far as signing in needs them.
//!
//! The physical names (prefix, schema, underscored) are known only at run time, so statements are built over one
//! table of names instead of derived entities. Rows are never shown outside: every question
//! has a typed answer, "not there" is `None`, and an outage is always an error.

mod aes_key;
mod at_once;
mod authenticator;
mod authenticators;
mod connection;
mod dialect;
mod embedded;
mod environment;
mod error;
mod kept_secrets;
mod lent;
mod link_source;
mod linking;
mod links;
mod names;
mod newcomer;
mod options;
mod order;
mod phones;
mod reach;
mod rights;
mod roles;
mod row;
mod run;
mod settings;
mod shape;
mod site;
mod statements;
mod store;
mod template;
mod tls;
mod tokens;
mod transactions;
mod users;
mod way;
mod wire_time;

pub use aes_key::{AesKey, AesKeyError};
pub use at_once::Newcomer;
pub use authenticator::{Authenticator, AuthenticatorChanges, NewAuthenticator};
pub use embedded::{LANGUAGES, RootUser};
pub use environment::{Environment, EnvironmentError, EnvironmentVariable};
pub use error::StoreError;
pub use kept_secrets::{KeptSecret, SECRET_MASK, SECRET_PLACES, SecretChange, pointer, take_secrets};
pub use link_source::{LinkSource, Noted};
pub use linking::{Linking, PhoneMatch};
pub use links::Binding;
pub use newcomer::NewUser;
pub use options::{AuthenticatorOptions, CommunityOptions, OptionsError, Subject};
pub use roles::Role;
pub use settings::{DatabaseSettings, ServerDatabase, ServerDialect, SslMode, SslModeError, SslSettings};
pub use shape::SubjectIndex;
pub use site::PluginRow;
pub use store::{Page, Paged, StatementObserver, StatementReport, Store};
pub use tokens::IssuedToken;
pub use users::{Link, Linked, PasswordHash, User, UserId};
