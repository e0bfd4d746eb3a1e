//! Who of an organization is which user here.

use std::collections::{BTreeMap, HashMap, HashSet};

use super::snapshot::Snapshot;
use crate::dingtalk::DirectoryEntry;
use crate::nocobase::{SubjectKind, UserId};
use crate::phone::{Dialled, Phone};

/// What a sign-in would make of somebody.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Prospect {
    /// They are linked to a user.
    Linked,
    /// Exactly one user has their phone number, and is not linked to anybody: they would become that user.
    Match,
    /// No user has their phone number: they would be a new user.
    New,
    /// More than one user, or more than one person of the organization, has their phone number.
    Ambiguous,
    /// The user with their phone number is linked to somebody else.
    LinkedElsewhere,
    /// The directory gives no phone number, so nobody can be found.
    NoPhone,
    /// A linked user whom the organization does not have any more.
    Missing,
}

impl Prospect {
    /// All of them, in the order in which they are shown.
    pub const ALL: [Self; 7] = [
        Self::Linked,
        Self::Match,
        Self::New,
        Self::Ambiguous,
        Self::LinkedElsewhere,
        Self::NoPhone,
        Self::Missing,
    ];

    /// The name on the wire.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Linked => "linked",
            Self::Match => "match",
            Self::New => "new",
            Self::Ambiguous => "ambiguous",
            Self::LinkedElsewhere => "linkedElsewhere",
            Self::NoPhone => "noPhone",
            Self::Missing => "missing",
        }
    }

    /// The outcome of this name.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|outcome| outcome.name() == name)
    }
}

/// One person, or one user who is missing in the organization.
#[derive(Clone, PartialEq, Eq)]
pub struct ComparedPerson {
    /// What would become of them.
    pub outcome: Prospect,
    /// What DingTalk calls them.
    pub name: Option<String>,
    /// The departments they are in, by name.
    pub departments: Vec<String>,
    /// The user, where there is one.
    pub user_id: Option<UserId>,
}

/// How many there are of each.
pub type Counts = BTreeMap<&'static str, usize>;

/// An organization beside the users.
#[derive(Clone)]
pub struct Comparison {
    /// By outcome, then by name.
    pub rows: Vec<ComparedPerson>,
    /// The departments that were read, besides those that the data scope begins at.
    pub departments: usize,
    /// Whether something was gone before it was read, so that nobody counts as missing.
    pub has_gap: bool,
}

/// The users, as far as the comparison asks.
pub struct UserSnapshot {
    /// The authenticator's links: subject and user.
    pub links: Vec<(String, UserId)>,
    /// Every phone number as it stands there, and whose it is.
    pub phones: Vec<(UserId, String)>,
}

impl Comparison {
    /// Compares what was read with the users, as an authenticator with this kind of subject knows them.
    pub fn of(snapshot: &Snapshot, users: &UserSnapshot, kind: SubjectKind) -> Self {
        let known = KnownUsers::of(users);
        let mut holders: HashMap<Dialled, usize> = HashMap::new();
        for entry in snapshot.people.values() {
            if let Some(number) = number_of(entry) {
                *holders.entry(number).or_default() += 1;
            }
        }
        let mut seen = HashSet::new();
        let mut rows: Vec<ComparedPerson> = snapshot
            .people
            .values()
            .map(|entry| {
                let (outcome, user_id) = known.outcome(entry, kind, &holders);
                if outcome == Prospect::Linked {
                    seen.extend(user_id);
                }
                ComparedPerson {
                    outcome,
                    name: entry.name.clone(),
                    departments: names_of_departments(snapshot, entry),
                    user_id,
                }
            })
            .collect();
        if !snapshot.has_gap {
            let missing = users.links.iter().filter(|(_, user)| !seen.contains(user));
            rows.extend(missing.map(|(_, user)| ComparedPerson {
                outcome: Prospect::Missing,
                name: None,
                departments: Vec::new(),
                user_id: Some(*user),
            }));
        }
        rows.sort_by(|a, b| (a.outcome, &a.name, a.user_id).cmp(&(b.outcome, &b.name, b.user_id)));
        Self {
            rows,
            departments: snapshot.departments.len(),
            has_gap: snapshot.has_gap,
        }
    }

    /// Those of one outcome, or all.
    pub fn rows_of(&self, outcome: Option<Prospect>) -> impl Iterator<Item = &ComparedPerson> {
        self.rows
            .iter()
            .filter(move |row| outcome.is_none_or(|outcome| row.outcome == outcome))
    }

    /// How many there are of each outcome; those that nobody has are left out.
    pub fn counts(&self) -> Counts {
        let mut counts = Counts::new();
        for row in &self.rows {
            *counts.entry(row.outcome.name()).or_default() += 1;
        }
        counts
    }
}

/// The users, by what they are found by.
struct KnownUsers<'a> {
    by_subject: HashMap<&'a str, UserId>,
    by_number: HashMap<Dialled, Vec<UserId>>,
    linked: HashSet<UserId>,
}

impl<'a> KnownUsers<'a> {
    fn of(users: &'a UserSnapshot) -> Self {
        let mut by_number: HashMap<Dialled, Vec<UserId>> = HashMap::new();
        for (user, phone) in &users.phones {
            if let Some(number) = Dialled::read(phone) {
                by_number.entry(number).or_default().push(*user);
            }
        }
        Self {
            by_subject: users
                .links
                .iter()
                .map(|(subject, user)| (subject.as_str(), *user))
                .collect(),
            by_number,
            linked: users.links.iter().map(|(_, user)| *user).collect(),
        }
    }

    fn outcome(
        &self,
        entry: &DirectoryEntry,
        kind: SubjectKind,
        holders: &HashMap<Dialled, usize>,
    ) -> (Prospect, Option<UserId>) {
        if let Some(user) = self.linked_to(entry, kind) {
            return (Prospect::Linked, Some(user));
        }
        let Some(number) = number_of(entry) else {
            return (Prospect::NoPhone, None);
        };
        let users = self.by_number.get(&number).map_or(&[][..], Vec::as_slice);
        match (users, holders.get(&number)) {
            ([], Some(1)) => (Prospect::New, None),
            ([user], Some(1)) if self.linked.contains(user) => (Prospect::LinkedElsewhere, Some(*user)),
            ([user], Some(1)) => (Prospect::Match, Some(*user)),
            _ => (Prospect::Ambiguous, None),
        }
    }

    fn linked_to(&self, entry: &DirectoryEntry, kind: SubjectKind) -> Option<UserId> {
        let union_id = || entry.union_id.as_ref().map(|id| id.as_str().to_owned());
        let user_id = || Some(entry.user_id.as_str().to_owned());
        let mobile = || phone_of(entry).map(|phone| phone.stored());
        let subjects = match kind {
            // A link of earlier settings is theirs until the next sign-in converts it.
            SubjectKind::UnionId => vec![union_id(), user_id(), mobile()],
            SubjectKind::UserId => vec![user_id()],
            SubjectKind::Mobile => vec![mobile()],
        };
        let mut subjects = subjects.into_iter().flatten();
        subjects.find_map(|subject| self.by_subject.get(subject.as_str()).copied())
    }
}

fn phone_of(entry: &DirectoryEntry) -> Option<Phone> {
    Phone::parse(entry.state_code.as_deref(), entry.mobile.as_deref()).ok()
}

fn number_of(entry: &DirectoryEntry) -> Option<Dialled> {
    phone_of(entry).map(|phone| phone.dialled())
}

fn names_of_departments(snapshot: &Snapshot, entry: &DirectoryEntry) -> Vec<String> {
    let named = entry
        .departments
        .iter()
        .filter_map(|id| snapshot.departments.get(id));
    named.map(|department| department.name.clone()).collect()
}
