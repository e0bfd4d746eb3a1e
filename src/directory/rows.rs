//! The rows of a run: what was done, or would be, for whom.

use serde_json::{Value, json};

use super::plan::{Deed, PersonStep, Reason};
use super::writer::NotDone;
use crate::nocobase::{ChangeRow, UserId};

/// What a row tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A user was made.
    Create,
    /// Somebody became a user who was here before.
    Link,
    /// A user followed.
    Change,
    /// Somebody came back.
    Restore,
    /// Somebody was taken out.
    Remove,
    /// Nothing was done for somebody.
    Skip,
    /// Something failed.
    Fail,
    /// A department was made.
    DepartmentCreate,
    /// A department followed.
    DepartmentChange,
    /// A department was removed.
    DepartmentRemove,
    /// Something else that somebody should know.
    Told,
}

impl Kind {
    /// All of them.
    pub const ALL: [Self; 11] = [
        Self::Create,
        Self::Link,
        Self::Change,
        Self::Restore,
        Self::Remove,
        Self::Skip,
        Self::Fail,
        Self::DepartmentCreate,
        Self::DepartmentChange,
        Self::DepartmentRemove,
        Self::Told,
    ];

    /// The name on the wire.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Create => "create",
            Self::Link => "link",
            Self::Change => "change",
            Self::Restore => "restore",
            Self::Remove => "remove",
            Self::Skip => "skip",
            Self::Fail => "fail",
            Self::DepartmentCreate => "departmentCreate",
            Self::DepartmentChange => "departmentChange",
            Self::DepartmentRemove => "departmentRemove",
            Self::Told => "told",
        }
    }

    /// The kind of this name.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.name() == name)
    }

    /// What an action is; `None` for nothing at all.
    pub const fn of(action: Deed) -> Option<Self> {
        match action {
            Deed::Create => Some(Self::Create),
            Deed::Link(_) => Some(Self::Link),
            Deed::Change(_) => Some(Self::Change),
            Deed::Restore(_) => Some(Self::Restore),
            Deed::Skip(_) => Some(Self::Skip),
            Deed::Keep(_) => None,
        }
    }
}

/// A row about somebody or something.
pub fn row(kind: Kind, uid: &str, name: Option<&str>, user: Option<UserId>, detail: Value) -> ChangeRow {
    ChangeRow {
        kind: kind.name().to_owned(),
        uid: uid.to_owned(),
        name: name.map(shortened),
        user,
        detail,
    }
}

/// What would be done for somebody, or was not.
pub fn of_step(step: &PersonStep) -> Option<ChangeRow> {
    let kind = Kind::of(step.action)?;
    let detail = match step.action {
        Deed::Skip(reason) => json!({ "reason": reason.name() }),
        Deed::Create | Deed::Link(_) | Deed::Change(_) | Deed::Restore(_) | Deed::Keep(_) => {
            json!({})
        }
    };
    Some(row(
        kind,
        &step.uid,
        step.person.name.as_deref(),
        step.user(),
        detail,
    ))
}

/// Something to say about somebody.
pub fn told(step: &PersonStep, reason: Reason) -> ChangeRow {
    row(
        Kind::Told,
        &step.uid,
        step.person.name.as_deref(),
        step.user(),
        json!({ "reason": reason.name() }),
    )
}

/// Something that was not written.
pub fn failed(not_done: &NotDone, name: Option<&str>, user: Option<UserId>) -> ChangeRow {
    let mut detail = json!({ "reason": not_done.reason });
    if let (Some(field), Some(detail)) = (&not_done.field, detail.as_object_mut()) {
        detail.insert("field".to_owned(), field.as_str().into());
    }
    row(Kind::Fail, &not_done.uid, name, user, detail)
}

/// The column takes 255 characters.
fn shortened(name: &str) -> String {
    name.chars().take(255).collect()
}
