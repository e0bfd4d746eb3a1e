//! Departments: which are written, and which are no more.

use super::{DepartmentStep, Plan, RemovedDepartment};
use crate::directory::known::KnownSite;
use crate::directory::record;
use crate::directory::snapshot::Snapshot;
use crate::nocobase::record_hash;

impl Plan {
    pub(super) fn plan_departments(&mut self, snapshot: &Snapshot, known: &KnownSite) {
        for level in snapshot.levels() {
            let steps: Vec<DepartmentStep> = level
                .into_iter()
                .filter_map(|(id, parent)| {
                    let node = snapshot.departments.get(&id)?;
                    let record = record::department(id, &node.name, parent);
                    let uid = id.to_string();
                    let written = known.departments.find(&uid).filter(|written| written.exists);
                    let is_same = written.is_some_and(|written| written.hash == record_hash(&record));
                    (!is_same).then(|| DepartmentStep {
                        id,
                        name: node.name.to_string(),
                        record,
                        is_new: written.is_none(),
                    })
                })
                .collect();
            if !steps.is_empty() {
                self.departments.push(steps);
            }
        }
        // A department of which nothing is known but that it was not there a moment ago may be elsewhere by now.
        if !snapshot.has_gap {
            let gone = known.departments.living().filter(|(written, _)| {
                let id = written.uid.parse();
                !id.is_ok_and(|id| snapshot.departments.contains_key(&id))
            });
            self.removed_departments = gone
                .map(|(written, id)| RemovedDepartment {
                    uid: written.uid.clone(),
                    id,
                })
                .collect();
        }
    }
}
