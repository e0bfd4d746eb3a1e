//! The organization in DingTalk, kept in step: departments and people are read, compared with what is here, and written.
//!
//! A [`Run`] reads everything that the app may read. What came of it is compared with the records of what was written before
//! (`plan.rs`, which touches nothing), and what differs is written: beside NocoBase by NocoBase itself, alone by us. What
//! could not be read is never taken for somebody who has left. Everything that is known of a source stands in the database;
//! of several processes the one with the source's lease works on it ([`Directory`] for those who ask, [`Keeper`] for who
//! works).

mod desk;
pub mod events;
mod execution;
mod keeper;
mod known;
mod lease;
mod left;
mod options;
mod person;
mod plan;
mod reading;
mod record;
mod rows;
mod run;
mod schedule;
mod snapshot;
mod source;
mod status;
mod writer;

pub use desk::{Directory, DirectoryError, DirectoryParts};
pub use events::StreamState;
pub use execution::Reread;
pub use keeper::{Companion, Keeper};
pub use left::LEFT;
pub use options::{LeaversMode, ReceiveMode, SourceOptions};
pub use rows::Kind;
pub use run::{Cause, Confirmed, Counts, Progress, Requested, Run, RunState};
pub use source::{LinkTo, Source, SourceError};
pub use status::DirectoryStatus;
pub use writer::{BridgeWriter, OwnWriter, SiteWriter};
