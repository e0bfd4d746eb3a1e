//! Departments, written from the top down and removed from the bottom up.

use std::collections::{BTreeMap, HashMap};

use serde_json::{Value, json};

use super::{Execution, RunError};
use crate::directory::plan::{DepartmentStep, Plan};
use crate::directory::rows::{self, Kind};
use crate::directory::writer::{NotDone, Operation, OperationOutcome, Removed, SiteWriter};
use crate::nocobase::RecordKind;

impl Execution<'_> {
    pub(super) async fn write_departments(&mut self, plan: &Plan) -> Result<(), RunError> {
        let mut again = Vec::new();
        for level in &plan.departments {
            again.extend(self.write_level(level, false).await?);
        }
        // What one failure kept from being written may go well now.
        let steps: Vec<DepartmentStep> = plan.departments.iter().flatten().cloned().collect();
        for uid in again {
            let step = steps.iter().find(|step| step.id.to_string() == uid);
            self.write_level(step.map(std::slice::from_ref).unwrap_or_default(), true)
                .await?;
        }
        Ok(())
    }

    async fn write_level(
        &mut self,
        level: &[DepartmentStep],
        is_last_try: bool,
    ) -> Result<Vec<String>, RunError> {
        let mut again = Vec::new();
        for part in level.chunks(SiteWriter::AT_ONCE) {
            let operation = Operation::Departments {
                records: part.iter().map(|step| step.record.clone()).collect(),
            };
            let outcome = self.write_down(&operation).await?;
            let failed: HashMap<&str, &NotDone> = by_uid(&outcome);
            for step in part {
                let uid = step.id.to_string();
                if let Some(not_done) = failed.get(uid.as_str()) {
                    if is_last_try {
                        self.fail(not_done, Some(&step.name), None).await?;
                    } else {
                        again.push(uid);
                    }
                    continue;
                }
                let kind = if step.is_new {
                    self.run.counts.department_create += 1;
                    Kind::DepartmentCreate
                } else {
                    self.run.counts.department_change += 1;
                    Kind::DepartmentChange
                };
                self.run.progress.written += 1;
                self.add_row(rows::row(kind, &uid, Some(&step.name), None, json!({})))
                    .await?;
            }
            self.tell().await?;
        }
        Ok(again)
    }

    pub(super) async fn remove_departments(&mut self, plan: &Plan) -> Result<(), RunError> {
        let uids: Vec<String> = plan
            .removed_departments
            .iter()
            .map(|gone| gone.uid.clone())
            .collect();
        if uids.is_empty() {
            return Ok(());
        }
        let records = self.directory.parts().store.sync_records();
        let bodies = records
            .bodies(&self.source.name, RecordKind::Department, &uids)
            .await?;
        let mut departments: Vec<Removed> = plan
            .removed_departments
            .iter()
            .map(|gone| Removed {
                uid: gone.uid.clone(),
                id: gone.id,
            })
            .collect();
        departments.sort_by_key(|gone| std::cmp::Reverse(depth(&gone.uid, &bodies)));
        for part in departments.chunks(SiteWriter::AT_ONCE) {
            let operation = Operation::RemoveDepartments {
                departments: part.to_vec(),
            };
            let outcome = self.write_down(&operation).await?;
            let failed = by_uid(&outcome);
            for gone in part {
                let body = bodies.get(&gone.uid);
                let title = body.and_then(|body| body.get("title")).and_then(Value::as_str);
                if let Some(not_done) = failed.get(gone.uid.as_str()) {
                    self.fail(not_done, title, None).await?;
                } else {
                    self.run.counts.department_remove += 1;
                    self.run.progress.written += 1;
                    self.add_row(rows::row(
                        Kind::DepartmentRemove,
                        &gone.uid,
                        title,
                        None,
                        json!({}),
                    ))
                    .await?;
                }
            }
            self.tell().await?;
        }
        Ok(())
    }

    pub(super) async fn write_down(&self, operation: &Operation) -> Result<OperationOutcome, RunError> {
        let writer = &self.directory.parts().writer;
        Ok(writer.write(&self.source, operation).await?)
    }
}

/// What failed, by its id.
pub(super) fn by_uid(outcome: &OperationOutcome) -> HashMap<&str, &NotDone> {
    let failed = outcome.failed.iter();
    failed.map(|not_done| (not_done.uid.as_str(), not_done)).collect()
}

/// How many of the removed departments are above one.
fn depth(uid: &str, bodies: &BTreeMap<String, Value>) -> usize {
    let parent = |uid: &str| {
        let parent = bodies.get(uid)?.get("parentUid")?.as_str()?;
        bodies.contains_key(parent).then(|| parent.to_owned())
    };
    let (mut at, mut depth) = (uid.to_owned(), 0);
    while let Some(above) = parent(&at) {
        depth += 1;
        at = above;
        if depth > bodies.len() {
            break;
        }
    }
    depth
}
