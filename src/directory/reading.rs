//! Reading an organization: its departments and the people in each, side by side, under DingTalk's limit for each call.

use std::collections::{HashSet, VecDeque};

use futures_util::StreamExt as _;
use futures_util::future::BoxFuture;
use futures_util::stream::FuturesUnordered;
use tokio::sync::watch;
use tokio::time::sleep;

use super::snapshot::Snapshot;
use crate::dingtalk::{Credentials, Department, DepartmentId, DingTalk, DingTalkError, MembersPage};

/// Calls of one kind under way at a time: the queue lets twenty a second out, and an answer takes less than a second.
const AT_ONCE: usize = 10;
/// How often one question is asked before the reading is given up.
const PATIENCE: u32 = 60;

/// How far a reading is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Progress {
    /// Departments that are known by now.
    pub departments: usize,
    /// Those whose people have been read.
    pub departments_read: usize,
    /// The people in them.
    pub people: usize,
}

/// Why an organization could not be read.
#[derive(Clone, Debug, thiserror::Error)]
pub enum ReadError {
    /// DingTalk did not answer a call, or refused it.
    #[error(transparent)]
    DingTalk(#[from] DingTalkError),
    /// The app may read no department at all, so there would be nobody.
    #[error("the DingTalk app may read no department")]
    NothingReadable,
}

/// Reads all that the app may read, or nothing.
pub async fn read(
    dingtalk: &DingTalk,
    credentials: &Credentials,
    progress: &watch::Sender<Progress>,
) -> Result<Snapshot, ReadError> {
    let scope = dingtalk.data_scope(credentials).await?;
    if scope.departments.is_empty() {
        return Err(ReadError::NothingReadable);
    }
    let mut reading = Reading::default();
    for department in scope.departments {
        reading.meet(department);
    }
    let mut under_way = FuturesUnordered::new();
    loop {
        while let Some(task) = reading.next() {
            under_way.push(ask(dingtalk, credentials, task));
        }
        let Some((task, answered)) = under_way.next().await else {
            break;
        };
        reading.take(task, answered?);
        progress.send_replace(reading.progress());
    }
    Ok(reading.snapshot)
}

#[derive(Clone, Copy)]
enum Task {
    /// The departments below one.
    Below(DepartmentId),
    /// The people in one, from a cursor on.
    Members(DepartmentId, u64),
}

enum Answered {
    Below(Option<Vec<Department>>),
    Members(Option<MembersPage>),
}

/// Asks until DingTalk answers, as often as it says that a little later it would.
fn ask<'a>(
    dingtalk: &'a DingTalk,
    credentials: &'a Credentials,
    task: Task,
) -> BoxFuture<'a, (Task, Result<Answered, DingTalkError>)> {
    Box::pin(async move {
        let mut asked = 0;
        loop {
            asked += 1;
            let answered = ask_once(dingtalk, credentials, task).await;
            match answered.as_ref().err().and_then(DingTalkError::retry_after) {
                Some(pause) if asked < PATIENCE => sleep(pause).await,
                _ => return (task, answered),
            }
        }
    })
}

async fn ask_once(
    dingtalk: &DingTalk,
    credentials: &Credentials,
    task: Task,
) -> Result<Answered, DingTalkError> {
    match task {
        Task::Below(department) => {
            let below = dingtalk.departments_below(credentials, department).await?;
            Ok(Answered::Below(below))
        }
        Task::Members(department, cursor) => {
            let page = dingtalk
                .department_members(credentials, department, cursor)
                .await?;
            Ok(Answered::Members(page))
        }
    }
}

#[derive(Default)]
struct Reading {
    snapshot: Snapshot,
    met: HashSet<DepartmentId>,
    below: VecDeque<DepartmentId>,
    below_under_way: usize,
    members: VecDeque<(DepartmentId, u64)>,
    members_under_way: usize,
    departments_read: usize,
}

impl Reading {
    /// A department is read once, however often it is named: a circle of them ends.
    fn meet(&mut self, department: DepartmentId) {
        if self.met.insert(department) {
            self.below.push_back(department);
            self.members.push_back((department, 0));
        }
    }

    fn next(&mut self) -> Option<Task> {
        if self.below_under_way < AT_ONCE
            && let Some(department) = self.below.pop_front()
        {
            self.below_under_way += 1;
            return Some(Task::Below(department));
        }
        if self.members_under_way < AT_ONCE
            && let Some((department, cursor)) = self.members.pop_front()
        {
            self.members_under_way += 1;
            return Some(Task::Members(department, cursor));
        }
        None
    }

    fn take(&mut self, task: Task, answered: Answered) {
        match task {
            Task::Below(_) => self.below_under_way -= 1,
            Task::Members(..) => self.members_under_way -= 1,
        }
        match (task, answered) {
            (Task::Members(department, _), Answered::Members(Some(page))) => {
                for entry in page.entries {
                    self.snapshot.people.insert(entry.user_id.clone(), entry);
                }
                match page.next {
                    // What is begun is finished first.
                    Some(cursor) => self.members.push_front((department, cursor)),
                    None => self.departments_read += 1,
                }
            }
            (Task::Below(_), Answered::Below(Some(departments))) => {
                for department in departments {
                    self.meet(department.id);
                    self.snapshot.departments.insert(department.id, department);
                }
            }
            (_, Answered::Members(_) | Answered::Below(_)) => self.snapshot.has_gap = true,
        }
    }

    fn progress(&self) -> Progress {
        Progress {
            departments: self.met.len(),
            departments_read: self.departments_read,
            people: self.snapshot.people.len(),
        }
    }
}
