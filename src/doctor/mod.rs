//! The doctor: looks at everything a sign-in needs and says in plain words what is wrong and who can mend it.
//!
//! A check makes a [`Finding`] of what it sees; it changes nothing, neither here nor at DingTalk. Its words are keys
//! of the locales, which the [`Report`] translates. What only others can know (the latest sign-in, the address a
//! browser used) is handed in.

mod authenticators;
mod credentials;
mod database;
mod dingtalk_answer;
mod examination;
mod finding;
mod ip_allow_list;
mod neighbour;
mod new_users;
mod organization;
mod personal;
mod phone_editing;
mod phone_numbers;
mod program;
mod redirect_url;
mod report;
mod settings;
mod subject_index;

pub use database::failure as database_failure;
pub use examination::{Circumstances, Patient, examine, examine_authenticator, examine_database};
pub use finding::{Finding, Status};
pub use neighbour::Neighbour;
pub use personal::{LatestSignIn, latest_sign_ins};
pub use program::RunningProgram;
pub use redirect_url::opened_elsewhere;
pub use report::{Report, Told, ToldFinding};
