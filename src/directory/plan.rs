//! A plan: what has to be done so that departments and users here are those of an organization. It is made of what was read
//! and what is known, touches nothing, and is the same each time.

mod departments;
mod people;
#[cfg(test)]
mod tests;

use std::collections::{BTreeSet, HashMap};

use serde_json::Value;

use super::known::KnownSite;
use super::options::{SourceOptions, UniqueField};
use super::person::Person;
use super::record::{LeftOut, Shape};
use super::snapshot::Snapshot;
use super::source::LinkTo;
use crate::dingtalk::DepartmentId;
use crate::nocobase::UserId;

/// What a plan follows besides what was read.
pub struct PlanRules<'a> {
    /// How records look.
    pub shape: Shape<'a>,
    /// By what somebody is found.
    pub unique_field: UniqueField,
    /// The authenticator through which these people sign in.
    pub link: Option<&'a LinkTo>,
}

impl<'a> PlanRules<'a> {
    /// As a source's settings have it, with the departments there are; `None` where NocoBase has none at all.
    pub fn of(
        options: &'a SourceOptions,
        link: Option<&'a LinkTo>,
        departments: Option<&'a BTreeSet<DepartmentId>>,
    ) -> Self {
        Self {
            shape: Shape {
                fields: &options.fields,
                main: options.main_department,
                departments,
            },
            unique_field: options.unique_field,
            link,
        }
    }
}

/// What has to be done.
#[derive(Default)]
pub struct Plan {
    /// Departments to write, parents before children.
    pub departments: Vec<Vec<DepartmentStep>>,
    /// Departments to remove.
    pub removed_departments: Vec<RemovedDepartment>,
    /// Everybody, by user id.
    pub people: Vec<PersonStep>,
    /// Users whom the organization does not have any more, and who were not taken out yet.
    pub leavers: Vec<Leaver>,
    /// Ids that are missing no more.
    pub found_again: Vec<String>,
    /// What there is to say besides, by user id.
    pub told: Vec<Remark>,
    /// How many people of the organization are users here already.
    pub known_people: usize,
}

/// A department to write.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DepartmentStep {
    /// Which.
    pub id: DepartmentId,
    /// What it is called.
    pub name: String,
    /// What is written.
    pub record: Value,
    /// Whether there is none yet.
    pub is_new: bool,
}

/// A department that is no more.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RemovedDepartment {
    /// Its id in the source.
    pub uid: String,
    /// Its id here.
    pub id: i64,
}

/// Somebody, and what is done for them.
pub struct PersonStep {
    /// Their id in the source.
    pub uid: Box<str>,
    /// What they are.
    pub person: Person,
    /// What is done.
    pub action: Deed,
    /// What of them is left out.
    pub left_out: LeftOut,
    /// Whether their user has to be linked.
    pub links: bool,
}

impl PersonStep {
    /// The user they are, where they are one.
    pub const fn user(&self) -> Option<UserId> {
        match self.action {
            Deed::Link(user) | Deed::Change(user) | Deed::Restore(user) | Deed::Keep(user) => Some(user),
            Deed::Create | Deed::Skip(_) => None,
        }
    }
}

/// What is done for somebody.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Deed {
    /// A user is made.
    Create,
    /// They become this user, who was here before.
    Link(UserId),
    /// Their user follows.
    Change(UserId),
    /// They have come back to their user.
    Restore(UserId),
    /// Their user is as it should be.
    Keep(UserId),
    /// Nothing, for this reason.
    Skip(Reason),
}

/// Why nothing is done for somebody, or not all of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Reason {
    /// They have no phone number that the app may see, and would be found by it.
    NoPhone,
    /// DingTalk gives no union id, and they would be found by it.
    NoUnionId,
    /// Somebody else of the organization has the same phone number.
    PhoneShared,
    /// Somebody else of the organization has the same address.
    EmailShared,
    /// More than one user has their phone number.
    PhoneAmbiguous,
    /// Another user has their phone number.
    PhoneTaken,
    /// Another user has their address.
    EmailTaken,
    /// The user with their phone number may configure the site.
    Administrator,
    /// Their user is another one's of the organization.
    UserTaken,
    /// The link leads to another user than the record.
    LinkElsewhere,
}

impl Reason {
    /// The name in rows and reports.
    pub const fn name(self) -> &'static str {
        match self {
            Self::NoPhone => "NO_PHONE",
            Self::NoUnionId => "NO_UNION_ID",
            Self::PhoneShared => "PHONE_SHARED",
            Self::EmailShared => "EMAIL_SHARED",
            Self::PhoneAmbiguous => "PHONE_AMBIGUOUS",
            Self::PhoneTaken => "PHONE_TAKEN",
            Self::EmailTaken => "EMAIL_TAKEN",
            Self::Administrator => "ADMINISTRATOR",
            Self::UserTaken => "USER_TAKEN",
            Self::LinkElsewhere => "LINK_ELSEWHERE",
        }
    }
}

/// Somebody who is not there any more.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Leaver {
    /// Their id in the source.
    pub uid: String,
    /// Their user.
    pub user: UserId,
}

/// Something to say about somebody.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Remark {
    /// Where they are in [`Plan::people`].
    pub person: usize,
    /// What.
    pub reason: Reason,
}

impl Plan {
    /// Compares what was read with what is known.
    pub fn of(
        snapshot: &Snapshot,
        people: HashMap<Box<str>, Person>,
        known: &KnownSite,
        rules: &PlanRules<'_>,
    ) -> Self {
        let mut plan = Self::default();
        if rules.shape.departments.is_some() {
            plan.plan_departments(snapshot, known);
        }
        plan.plan_people(people, known, rules);
        plan
    }

    /// As [`Plan::of`], for some people only: nobody counts as missing for not being among them.
    pub fn of_some(people: HashMap<Box<str>, Person>, known: &KnownSite, rules: &PlanRules<'_>) -> Self {
        let mut plan = Self::default();
        plan.plan_people(people, known, rules);
        plan.leavers.clear();
        plan
    }

    /// How many people an action is done for.
    pub fn count(&self, is_meant: fn(&Deed) -> bool) -> usize {
        self.people.iter().filter(|step| is_meant(&step.action)).count()
    }
}
