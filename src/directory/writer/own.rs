//! On our own tables, alone.

use std::collections::HashMap;

use super::{Done, How, Leaving, NotDone, Operation, OperationOutcome, Removed, UserToWrite, WriteError};
use crate::clock::Clock;
use crate::directory::source::Source;
use crate::nocobase::{
    CustomColumns, ExistingPerson, LeaverOutcome, LeaverWay, RecordKind, Store, StoreError, SyncedPerson,
    UserId, WriteOutcome,
};

/// Writes on our own tables.
#[derive(Clone)]
pub struct OwnWriter {
    store: Store,
    clock: Clock,
}

impl OwnWriter {
    /// On these tables.
    pub const fn new(store: Store, clock: Clock) -> Self {
        Self { store, clock }
    }

    pub(super) async fn write(
        &self,
        source: &Source,
        operation: &Operation,
    ) -> Result<OperationOutcome, WriteError> {
        let (own, now) = (self.store.own_directory(), self.clock.now());
        Ok(match operation {
            Operation::Departments { records } => {
                outcome(own.write_departments(&source.name, records, now).await?)
            }
            Operation::People {
                keep_departments,
                people,
            } => {
                let people = self.existing(source, people).await?;
                outcome(
                    own.write_people(&source.name, *keep_departments, &people, now)
                        .await?,
                )
            }
            Operation::Leavers { how, except, people } => {
                self.take_out(source, *how, *except, people).await?
            }
            Operation::RemoveDepartments { departments } => {
                let gone: Vec<(String, i64)> = departments
                    .iter()
                    .map(|gone| (gone.uid.clone(), gone.id))
                    .collect();
                own.remove_departments(&source.name, &gone).await?;
                removed(departments)
            }
            // Nobody keeps anything in memory, and nobody lists anything.
            Operation::Arrived { .. } | Operation::Pull => OperationOutcome::default(),
        })
    }

    async fn existing(
        &self,
        source: &Source,
        people: &[UserToWrite],
    ) -> Result<Vec<ExistingPerson>, StoreError> {
        let wanted = source.options.fields.columns.iter().flatten();
        let wanted: Vec<&str> = wanted.map(String::as_str).collect();
        let (columns, _): (CustomColumns, _) = self.store.users().custom_columns(&wanted).await?;
        let records = self.store.sync_records();
        let records = records.all(&source.name, RecordKind::Department).await?;
        let departments: HashMap<String, i64> = records
            .into_iter()
            .filter(|record| record.exists)
            .filter_map(|record| Some((record.uid, record.resource?)))
            .collect();
        let people = people.iter().filter_map(|written| {
            Some(ExistingPerson {
                user: written.user_id,
                person: SyncedPerson::of(written.record.clone(), &columns, &departments)?,
                roles: written.roles.clone().unwrap_or_default(),
            })
        });
        Ok(people.collect())
    }

    async fn take_out(
        &self,
        source: &Source,
        how: How,
        except: Option<UserId>,
        people: &[Leaving],
    ) -> Result<OperationOutcome, StoreError> {
        let way = match how {
            How::RemoveRoles => LeaverWay::RemoveRoles,
            How::Delete => LeaverWay::Delete,
        };
        let mut outcome = OperationOutcome::default();
        for leaving in people {
            if Some(leaving.user_id) == except {
                continue;
            }
            let who = (leaving.uid.as_str(), leaving.user_id);
            let own = self.store.own_directory();
            let became = own.take_out(&source.name, who, way, self.clock.now()).await?;
            outcome.done.push(Done {
                uid: leaving.uid.clone(),
                outcome: Some(became.name().to_owned()),
                roles: match became {
                    LeaverOutcome::RolesRemoved(roles) => roles,
                    LeaverOutcome::Deleted | LeaverOutcome::LastRoot | LeaverOutcome::Gone => Vec::new(),
                },
                api_keys: 0,
            });
        }
        Ok(outcome)
    }
}

fn outcome(written: WriteOutcome) -> OperationOutcome {
    let done = written.done.into_iter().map(|(uid, _)| Done {
        uid,
        ..Done::default()
    });
    let failed = written.refused.into_iter().map(|(uid, refusal)| NotDone {
        uid,
        reason: refusal.code().to_owned(),
        field: None,
    });
    OperationOutcome {
        done: done.collect(),
        failed: failed.collect(),
    }
}

fn removed(departments: &[Removed]) -> OperationOutcome {
    let done = departments.iter().map(|gone| Done {
        uid: gone.uid.clone(),
        ..Done::default()
    });
    OperationOutcome {
        done: done.collect(),
        failed: Vec::new(),
    }
}
