//! A run: one synchronization of a source from its beginning to its end, as it stands in the database for everybody to see.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::nocobase::UserId;

/// Where a run is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum RunState {
    /// There was none yet.
    #[default]
    None,
    /// Wanted, and nobody has begun it.
    Waiting,
    /// The organization is being read.
    Reading,
    /// It is compared with what is here.
    Comparing,
    /// Ended with what it would do, which somebody has to look at.
    Preview,
    /// Ended before it began to write: it would have taken more people out than is usual.
    Held,
    /// It is being written.
    Writing,
    /// Ended, and everything is as it should be.
    Done,
    /// Ended, and not everything is as it should be.
    Failed,
}

impl RunState {
    /// Whether it goes on.
    pub const fn is_under_way(self) -> bool {
        matches!(
            self,
            Self::Waiting | Self::Reading | Self::Comparing | Self::Writing
        )
    }
}

/// Why there is a run.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Cause {
    /// Somebody asked for it.
    #[default]
    Button,
    /// It was time.
    Schedule,
    /// Events may have been lost.
    Events,
    /// The one before broke off.
    Resume,
}

/// How far a run is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Progress {
    /// Departments that are known by now.
    pub departments: usize,
    /// Those whose people have been read.
    pub departments_read: usize,
    /// The people in them.
    pub people: usize,
    /// What has been written.
    pub written: usize,
    /// What is to be written.
    pub to_write: usize,
}

/// How many there are of each.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Counts {
    /// New users.
    pub create: usize,
    /// Users who were here before.
    pub link: usize,
    /// Users who followed.
    pub change: usize,
    /// Users who came back.
    pub restore: usize,
    /// Users who were taken out.
    pub remove: usize,
    /// People for whom nothing was done.
    pub skip: usize,
    /// What failed.
    pub fail: usize,
    /// New departments.
    pub department_create: usize,
    /// Departments that followed.
    pub department_change: usize,
    /// Departments that were removed.
    pub department_remove: usize,
    /// People with nothing to do.
    pub unchanged: usize,
}

/// A run.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Run {
    /// Which.
    pub id: String,
    /// Where it is.
    pub state: RunState,
    /// Why there is one.
    pub reason: Cause,
    /// When it was begun.
    pub begun_at: DateTime<Utc>,
    /// When it ended.
    pub ended_at: Option<DateTime<Utc>>,
    /// How far it is.
    pub progress: Progress,
    /// What it does, or would do.
    pub counts: Counts,
    /// Why it ended as it did, where it did not end well.
    pub code: Option<String>,
    /// What fills in the sentence of the code.
    pub parameters: Vec<(String, String)>,
    /// Whether everything was read that there is.
    pub is_complete: bool,
    /// How many people it takes out, or would.
    pub removals: usize,
    /// Who asked for it.
    pub actor: Option<UserId>,
    /// What was looked at and confirmed before it.
    pub confirmed: Option<Confirmed>,
}

/// A run that is wanted.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Requested {
    /// The id that it will have.
    pub id: String,
    /// Why.
    pub reason: Cause,
    /// Who asked for it.
    #[serde(default)]
    pub actor: Option<UserId>,
    /// What somebody has looked at and confirmed.
    #[serde(default)]
    pub confirmed: Option<Confirmed>,
}

/// What was confirmed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Confirmed {
    /// At most so many people may be taken out.
    pub removals: usize,
}

impl Run {
    /// One that is wanted, and not begun.
    pub fn waiting(requested: &Requested, now: DateTime<Utc>) -> Self {
        Self {
            id: requested.id.clone(),
            state: RunState::Waiting,
            reason: requested.reason,
            begun_at: now,
            actor: requested.actor,
            confirmed: requested.confirmed,
            ..Self::default()
        }
    }

    /// As the list of the last runs has it.
    pub fn brief(&self) -> Value {
        json!({
            "id": self.id,
            "reason": self.reason,
            "begunAt": self.begun_at,
            "endedAt": self.ended_at,
            "state": self.state,
            "counts": self.counts,
            "code": self.code,
        })
    }
}
