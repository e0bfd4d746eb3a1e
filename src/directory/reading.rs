//! Reading an organization: its departments and the people in each, side by side, under DingTalk's limit for each call.

use std::collections::hash_map::Entry;
use std::collections::{HashSet, VecDeque};

use futures_util::StreamExt as _;
use futures_util::future::BoxFuture;
use futures_util::stream::FuturesUnordered;
use tokio::sync::watch;
use tokio::time::sleep;

use super::options::Fields;
use super::person::Person;
use super::snapshot::{Node, Scope, Snapshot};
use crate::authenticator::DepartmentFence;
use crate::dingtalk::{
    Credentials, Department, DepartmentId, DingTalk, DingTalkError, DingTalkUserId, DirectoryEntry,
    MembersPage,
};

/// Calls of one kind under way at a time: the queue lets twenty a second out, and an answer takes less than a second.
const AT_ONCE: usize = 10;
/// How often one question is asked before the reading is given up.
const PATIENCE: u32 = 60;

/// How far a reading is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ReadingProgress {
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
    /// The app may read no department and no person, so there would be nobody.
    #[error("the DingTalk app may read nobody")]
    NothingReadable,
}

/// What of an organization is read, and how.
pub struct Wanted<'a> {
    /// Only these departments with all below them, and none of those.
    pub departments: &'a DepartmentFence,
    /// What is kept of people.
    pub fields: &'a Fields,
}

/// Reads all that the app may read and that is wanted, or nothing.
pub async fn read(
    dingtalk: &DingTalk,
    credentials: &Credentials,
    wanted: &Wanted<'_>,
    progress: &watch::Sender<ReadingProgress>,
) -> Result<Snapshot, ReadError> {
    let scope = dingtalk.data_scope(credentials).await?;
    if scope.departments.is_empty() && scope.members.is_empty() {
        return Err(ReadError::NothingReadable);
    }
    let mut reading = Reading::new(wanted);
    reading.snapshot.scope = Scope {
        departments: scope.departments.clone(),
        members: scope.members.len(),
    };
    let roots = if wanted.departments.allowed.is_empty() {
        reading.singles.extend(scope.members);
        scope.departments
    } else {
        wanted.departments.allowed.iter().copied().collect()
    };
    for department in roots {
        if reading.meet(department) {
            reading.roots.push_back(department);
            reading.snapshot.roots.push(department);
        }
    }
    let mut under_way = FuturesUnordered::new();
    loop {
        while let Some(task) = reading.next() {
            under_way.push(ask(dingtalk, credentials, task));
        }
        let Some((task, answered)) = under_way.next().await else {
            break;
        };
        reading.take(&task, answered?);
        progress.send_replace(reading.progress());
    }
    Ok(reading.snapshot)
}

/// The school address book, which no call reads.
const SCHOOL: DepartmentId = -7;

enum Task {
    /// What a department that the reading begins at is called.
    Root(DepartmentId),
    /// Somebody whom the app may read besides.
    Single(DingTalkUserId),
    /// The departments below one.
    Below(DepartmentId),
    /// The people in one, from a cursor on.
    Members(DepartmentId, u64),
}

enum Answered {
    Root(Option<Department>),
    Single(Option<Box<DirectoryEntry>>),
    Below(Option<Vec<Department>>),
    Members(Option<MembersPage>),
}

fn ask<'a>(
    dingtalk: &'a DingTalk,
    credentials: &'a Credentials,
    task: Task,
) -> BoxFuture<'a, (Task, Result<Answered, DingTalkError>)> {
    Box::pin(async move {
        let answered = patiently(|| ask_once(dingtalk, credentials, &task)).await;
        (task, answered)
    })
}

/// Asks until DingTalk answers, as often as it says that a little later it would.
pub async fn patiently<T, Asked>(ask: impl Fn() -> Asked) -> Result<T, DingTalkError>
where
    Asked: Future<Output = Result<T, DingTalkError>>,
{
    let mut asked = 0;
    loop {
        asked += 1;
        let answered = ask().await;
        match answered.as_ref().err().and_then(DingTalkError::retry_after) {
            Some(pause) if asked < PATIENCE => sleep(pause).await,
            _ => return answered,
        }
    }
}

async fn ask_once(
    dingtalk: &DingTalk,
    credentials: &Credentials,
    task: &Task,
) -> Result<Answered, DingTalkError> {
    match task {
        Task::Root(department) => {
            let root = dingtalk.department(credentials, *department).await?;
            Ok(Answered::Root(root))
        }
        Task::Single(user_id) => {
            let entry = dingtalk.member(credentials, user_id).await?;
            Ok(Answered::Single(entry.map(Box::new)))
        }
        Task::Below(department) => {
            let below = dingtalk.departments_below(credentials, *department).await?;
            Ok(Answered::Below(below))
        }
        Task::Members(department, cursor) => {
            let page = dingtalk
                .department_members(credentials, *department, *cursor)
                .await?;
            Ok(Answered::Members(page))
        }
    }
}

struct Reading<'a> {
    wanted: &'a Wanted<'a>,
    snapshot: Snapshot,
    met: HashSet<DepartmentId>,
    roots: VecDeque<DepartmentId>,
    singles: VecDeque<DingTalkUserId>,
    below: VecDeque<DepartmentId>,
    below_under_way: usize,
    members: VecDeque<(DepartmentId, u64)>,
    members_under_way: usize,
    departments_read: usize,
}

impl<'a> Reading<'a> {
    fn new(wanted: &'a Wanted<'a>) -> Self {
        Self {
            wanted,
            snapshot: Snapshot::default(),
            met: HashSet::new(),
            roots: VecDeque::new(),
            singles: VecDeque::new(),
            below: VecDeque::new(),
            below_under_way: 0,
            members: VecDeque::new(),
            members_under_way: 0,
            departments_read: 0,
        }
    }

    /// A department is read once, however often it is named: a circle of them ends.
    fn meet(&mut self, department: DepartmentId) -> bool {
        let is_wanted = department != SCHOOL && !self.wanted.departments.denied.contains(&department);
        let is_new = is_wanted && self.met.insert(department);
        if is_new {
            self.below.push_back(department);
            self.members.push_back((department, 0));
        }
        is_new
    }

    fn next(&mut self) -> Option<Task> {
        if self.below_under_way < AT_ONCE {
            let task = self.roots.pop_front().map(Task::Root);
            let task = task.or_else(|| self.below.pop_front().map(Task::Below));
            if task.is_some() {
                self.below_under_way += 1;
                return task;
            }
        }
        if self.members_under_way < AT_ONCE {
            let task = self.members.pop_front();
            let task = task.map(|(department, cursor)| Task::Members(department, cursor));
            let task = task.or_else(|| self.singles.pop_front().map(Task::Single));
            if task.is_some() {
                self.members_under_way += 1;
                return task;
            }
        }
        None
    }

    fn take(&mut self, task: &Task, answered: Answered) {
        match task {
            Task::Root(_) | Task::Below(_) => self.below_under_way -= 1,
            Task::Members(..) | Task::Single(_) => self.members_under_way -= 1,
        }
        match (task, answered) {
            (Task::Members(department, _), Answered::Members(Some(page))) => {
                for entry in page.entries {
                    self.meet_person(entry);
                }
                match page.next {
                    // What is begun is finished first.
                    Some(cursor) => self.members.push_front((*department, cursor)),
                    None => self.departments_read += 1,
                }
            }
            (Task::Below(_), Answered::Below(Some(departments))) => {
                for department in departments {
                    self.meet(department.id);
                    if self.met.contains(&department.id) {
                        self.enter(department);
                    }
                }
            }
            (Task::Root(_), Answered::Root(Some(department))) => self.enter(department),
            (Task::Single(_), Answered::Single(Some(entry))) => self.meet_person(*entry),
            (_, Answered::Root(_) | Answered::Single(_) | Answered::Members(_) | Answered::Below(_)) => {
                self.snapshot.has_gap = true;
            }
        }
    }

    fn enter(&mut self, department: Department) {
        let node = Node {
            name: department.name.into(),
            parent: department.parent,
        };
        self.snapshot.departments.insert(department.id, node);
    }

    fn meet_person(&mut self, entry: DirectoryEntry) {
        let user_id: Box<str> = entry.user_id.as_str().into();
        let person = Person::of(entry, self.wanted.fields);
        match self.snapshot.people.entry(user_id) {
            Entry::Occupied(mut known) => known.get_mut().merge(&person),
            Entry::Vacant(place) => {
                place.insert(person);
            }
        }
    }

    fn progress(&self) -> ReadingProgress {
        ReadingProgress {
            departments: self.met.len(),
            departments_read: self.departments_read,
            people: self.snapshot.people.len(),
        }
    }
}
