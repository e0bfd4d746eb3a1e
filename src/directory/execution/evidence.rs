//! Evidence: whether who was not read has left, or only was not read.

use serde::{Deserialize, Serialize};

use super::{Execution, RunError};
use crate::directory::desk::name;
use crate::directory::snapshot::{Scope, Snapshot};

/// What a reading proves.
pub struct Evidence {
    /// What the app may read.
    pub scope: Scope,
    /// Whether whoever is not there is not there at all.
    pub is_complete: bool,
    /// Whether less may be read than last time.
    pub is_narrower: bool,
    /// How many people the organization says that it has, where all of it was to be read.
    pub members: Option<u64>,
    /// Why it is not complete.
    pub doubt: Option<&'static str>,
}

/// What the last whole reading was of.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct LastReading {
    scope: Scope,
    people: usize,
    members: Option<u64>,
    at: i64,
}

/// The department that is the whole organization.
const ALL: i64 = 1;

/// What counts as usual, of so many.
pub fn usual(people: usize) -> usize {
    const FEW: usize = 10;
    const PER_CENT: usize = 5;
    FEW.max(people * PER_CENT / 100)
}

impl Execution<'_> {
    pub(super) async fn weigh(&self, snapshot: &Snapshot) -> Result<Evidence, RunError> {
        let last: Option<LastReading> = self.directory.read(self.source.id, name::SCOPE).await?;
        let is_narrower = last.is_some_and(|last| snapshot.scope.is_narrower_than(&last.scope));
        let is_all = self.source.options.departments.is_open() && snapshot.scope.departments.contains(&ALL);
        let members = if is_all {
            let dingtalk = &self.directory.parts().dingtalk;
            Some(dingtalk.member_count(&self.source.credentials).await?)
        } else {
            None
        };
        // The count says nothing of departments, and counts who is hidden from the app, too.
        let read = snapshot.people.len();
        let lacks_many = members.is_some_and(|members| {
            let members = usize::try_from(members).unwrap_or(usize::MAX);
            members > read.saturating_add(usual(members))
        });
        // Somebody has looked at it.
        let is_confirmed = self.run.confirmed.is_some();
        let doubt = if snapshot.has_gap {
            Some("GAP")
        } else if lacks_many {
            Some("COUNT_DIFFERS")
        } else if is_narrower && !is_confirmed {
            Some("SCOPE_NARROWED")
        } else {
            None
        };
        Ok(Evidence {
            scope: snapshot.scope.clone(),
            is_complete: doubt.is_none(),
            is_narrower,
            members,
            doubt,
        })
    }

    pub(super) async fn keep_evidence(
        &self,
        evidence: &Evidence,
        people: usize,
        at: i64,
    ) -> Result<(), RunError> {
        let last = LastReading {
            scope: evidence.scope.clone(),
            people,
            members: evidence.members,
            at,
        };
        Ok(self.directory.put(self.source.id, name::SCOPE, &last).await?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_usual_is_ten_people_or_one_of_twenty() {
        for (people, expected) in [(0, 10), (50, 10), (200, 10), (220, 11), (50_000, 2_500)] {
            assert_eq!(usual(people), expected, "{people}");
        }
    }
}
