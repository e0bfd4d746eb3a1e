//! The doctor: looks at everything a sign-in needs and says in plain words what is wrong and who can mend it.
//!
//! A check makes a [`Finding`] of what it sees; it changes nothing, neither here nor at DingTalk. Its words are keys
//! of the locales, which the [`Report`] translates. What only others can know (the latest sign-in, the address a
//! browser used) is handed in.

mod authenticators;
mod callback;
mod database;
mod dingtalk;
mod dingtalk_failure;
mod directory;
mod examination;
mod finding;
mod in_client;
mod links;
mod nocobase;
mod people_rules;
mod users;

pub use database::failure as database_failure;
pub use dingtalk::{LatestSignIn, latest_sign_ins};
pub use examination::{AuthenticatorInput, CheckInput, examine, examine_authenticator, examine_database};
pub use finding::{Finding, Report, Status, Told, ToldFinding};
pub use nocobase::{NocoBaseProbe, RunningProgram, opened_elsewhere};
