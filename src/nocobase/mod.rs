//! NocoBase's tables, as far as signing in needs them.
//!
//! [`Store`] has an accessor for each table; `sql` below it is how we speak SQL. The physical names (prefix, schema, underscored) are known only at run time, so statements are built over one
//! table of names instead of derived entities. Rows are never shown outside: every question
//! has a typed answer, "not there" is `None`, and an outage is always an error.

mod administrators;
mod authenticator;
mod authenticator_order;
mod authenticators;
mod by_hand;
mod directory;
mod embedded;
mod first_rights;
mod fitness;
mod issued_tokens;
mod kept_secrets;
mod link_kinds;
mod link_source;
mod link_transaction;
mod links;
mod new_user;
mod roles;
mod sign_in_statement;
mod sign_up_statement;
mod sql;
mod store;
mod subject_index;
mod system;
mod user_links;
mod user_phones;
mod user_profile;
mod users;
mod wire_time;

pub use authenticator::{Authenticator, AuthenticatorChanges, NewAuthenticator};
pub use authenticators::Authenticators;
pub use directory::{
    AddedPeople, ChangeRow, ColumnFitness, CustomColumns, DirectoryChanges, DirectoryEvents,
    DirectoryPlugins, DirectoryState, ExistingPerson, LeaverOutcome, LeaverWay, LinkOutcome, NewEvent,
    NewPeople, NewPerson, NewPersonLink, NewSyncSource, OwnDirectory, RecordKind, StateEntry, SyncRecord,
    SyncRecords, SyncSource, SyncSourceChanges, SyncSources, SyncedPerson, WantedLink, WriteOutcome,
    WriteRefusal, record_hash,
};
pub use embedded::{LANGUAGES, RootUser};
pub use first_rights::{FirstRights, GivenRights};
pub use fitness::{DepartmentFitness, RoleFitness};
pub use issued_tokens::{IssuedToken, IssuedTokens};
pub use kept_secrets::{KeptSecret, KeptSecrets, SecretChange};
pub use link_kinds::LinkKinds;
pub use link_source::{LinkSource, Noted, SubjectKind};
pub use link_transaction::{LinkTransaction, PhoneMatch};
pub use links::{Links, ListedLink};
pub use new_user::NewUser;
pub use roles::{Role, Roles};
pub use sign_up_statement::SignUp;
pub use sql::{
    DatabaseSettings, Page, Paged, ServerDatabase, ServerDialect, SslMode, SslModeError, SslSettings,
    StatementObserver, StatementReport, StoreError,
};
pub use store::Store;
pub use subject_index::SubjectIndex;
pub use system::{EnvironmentVariable, PluginRow, System};
pub use user_links::{Unlinking, UserLink};
pub use user_profile::ProfileChanges;
pub use users::{Link, LinkedUser, PasswordHash, User, UserId, Users};
