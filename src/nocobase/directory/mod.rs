//! What is kept of a directory that is kept in step: sources and records, which are NocoBase's, and what we know of them.
//!
//! Beside a NocoBase, whatever exists is changed by NocoBase itself, which keeps much of it in memory; here it is read, and
//! people whom nobody has yet are made, many at once. Alone, everything is written here.

mod changes;
mod columns;
mod events;
mod everybody;
mod link_many;
mod new_people;
mod own_departments;
mod own_people;
mod own_write;
mod person;
mod plugins;
mod records;
mod sources;
mod state;
mod tables;

pub use changes::{ChangeRow, DirectoryChanges};
pub use columns::{ColumnFitness, CustomColumns};
pub use events::{DirectoryEvents, NewEvent};
pub use link_many::{LinkOutcome, WantedLink};
pub use new_people::{AddedPeople, NewPeople, NewPerson, NewPersonLink};
pub use own_departments::OwnDirectory;
pub use own_write::{ExistingPerson, LeaverOutcome, LeaverWay, WriteOutcome, WriteRefusal};
pub use person::SyncedPerson;
pub use plugins::DirectoryPlugins;
pub use records::{RecordKind, SyncRecord, SyncRecords, record_hash};
pub use sources::{NewSyncSource, SyncSource, SyncSourceChanges, SyncSources};
pub use state::{DirectoryState, StateEntry};

use super::store::Store;

impl Store {
    /// `userDataSyncSources`, those of our type.
    pub const fn sync_sources(&self) -> SyncSources<'_> {
        SyncSources { sql: &self.sql }
    }

    /// `userDataSyncRecords` and where they lead.
    pub const fn sync_records(&self) -> SyncRecords<'_> {
        SyncRecords { sql: &self.sql }
    }

    /// `dingtalk_directory`: the small things that are known of a source.
    pub const fn directory_state(&self) -> DirectoryState<'_> {
        DirectoryState { sql: &self.sql }
    }

    /// `dingtalk_events`: what DingTalk said has happened.
    pub const fn directory_events(&self) -> DirectoryEvents<'_> {
        DirectoryEvents { sql: &self.sql }
    }

    /// `dingtalk_changes`: what the latest run does.
    pub const fn directory_changes(&self) -> DirectoryChanges<'_> {
        DirectoryChanges { sql: &self.sql }
    }

    /// The tables alone, where we write what NocoBase would.
    pub const fn own_directory(&self) -> OwnDirectory<'_> {
        OwnDirectory { store: self }
    }
}
