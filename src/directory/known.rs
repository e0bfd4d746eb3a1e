//! What is known here of an organization: whom and what its records lead to, who is linked, and whose every phone number
//! and address is.

use std::collections::hash_map::RandomState;
use std::collections::{BTreeSet, HashMap, HashSet};
use std::hash::BuildHasher as _;

use super::left::Left;
use super::person::Person;
use super::source::LinkTo;
use crate::nocobase::{SubjectKind, SyncRecord, UserId};
use crate::phone::Dialled;

/// What is known here.
#[derive(Default)]
pub struct KnownSite {
    /// The records of people, by their ids in the source.
    pub people: Records,
    /// The records of departments.
    pub departments: Records,
    /// Who is linked at the authenticator for the same app.
    pub links: KnownLinks,
    /// Whose every phone number is.
    pub phones: HashMap<Dialled, Holder>,
    /// Whose every address is.
    pub emails: Emails,
    /// Who may configure the site: nobody becomes one of them by a phone number.
    pub administrators: BTreeSet<UserId>,
    /// Who was taken out, by id in the source.
    pub left: HashMap<String, Left>,
    /// Since when somebody is missing, in milliseconds.
    pub missing: HashMap<String, i64>,
}

/// Records, found by their ids in the source.
#[derive(Default)]
pub struct Records(Vec<SyncRecord>);

/// Whose a phone number is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Holder {
    /// One user's.
    One(UserId),
    /// Several users'.
    Several,
}

/// Whose every address is, in whatever letters. Only keys are kept: should two addresses ever have one, somebody's address
/// is left out that could have been written.
#[derive(Default)]
pub struct Emails {
    hasher: RandomState,
    holders: HashMap<u64, UserId>,
}

impl Emails {
    /// Of these users.
    pub fn new(emails: Vec<(UserId, String)>) -> Self {
        let mut all = Self::default();
        for (user, email) in emails {
            all.holders.insert(all.key(&email), user);
        }
        all
    }

    /// By what an address is compared.
    pub fn key(&self, email: &str) -> u64 {
        self.hasher.hash_one(email.trim().to_lowercase())
    }

    /// Whose it is.
    pub fn holder(&self, email: &str) -> Option<UserId> {
        self.holders.get(&self.key(email)).copied()
    }
}

/// Who is linked to which subject.
#[derive(Default)]
pub struct KnownLinks {
    by_subject: HashMap<String, UserId>,
    linked: HashSet<UserId>,
}

impl Records {
    /// In any order.
    pub fn new(mut records: Vec<SyncRecord>) -> Self {
        records.sort_unstable_by(|a, b| a.uid.cmp(&b.uid));
        records.shrink_to_fit();
        Self(records)
    }

    /// The record of this id.
    pub fn find(&self, uid: &str) -> Option<&SyncRecord> {
        let place = self.0.binary_search_by(|record| record.uid.as_str().cmp(uid));
        place.ok().and_then(|place| self.0.get(place))
    }

    /// Those that still lead somewhere, with where.
    pub fn living(&self) -> impl Iterator<Item = (&SyncRecord, i64)> {
        let living = self.0.iter().filter(|record| record.exists);
        living.filter_map(|record| Some((record, record.resource?)))
    }
}

impl KnownLinks {
    /// Of these subjects.
    pub fn new(subjects: Vec<(String, UserId)>) -> Self {
        Self {
            linked: subjects.iter().map(|(_, user)| *user).collect(),
            by_subject: subjects.into_iter().collect(),
        }
    }

    /// Whether somebody is linked to anybody.
    pub fn is_linked(&self, user: UserId) -> bool {
        self.linked.contains(&user)
    }

    /// The user whom a subject leads to.
    pub fn of(&self, subject: &str) -> Option<UserId> {
        self.by_subject.get(subject).copied()
    }

    /// The user whom somebody's sign-in would lead to.
    pub fn user_of(&self, uid: &str, person: &Person, link: &LinkTo) -> Option<UserId> {
        let of = |subject: Option<&str>| subject.and_then(|subject| self.of(subject));
        let union_id = || of(person.union_id.as_deref());
        let mobile = || of(person.phone.as_deref());
        match link.source.kind {
            // A link of earlier settings is theirs until the next sign-in converts it.
            SubjectKind::UnionId => union_id().or_else(|| of(Some(uid))).or_else(mobile),
            SubjectKind::UserId => of(Some(uid)),
            SubjectKind::Mobile => mobile(),
        }
    }
}

/// What somebody would be linked by.
pub fn subject<'a>(uid: &'a str, person: &'a Person, link: &LinkTo) -> Option<&'a str> {
    match link.source.kind {
        SubjectKind::UnionId => person.union_id.as_deref(),
        SubjectKind::UserId => Some(uid),
        SubjectKind::Mobile => person.phone.as_deref(),
    }
}

/// Whose every number is, of users and their numbers as they stand there.
pub fn holders(phones: Vec<(UserId, String)>) -> HashMap<Dialled, Holder> {
    let mut holders = HashMap::with_capacity(phones.len());
    for (user, phone) in phones {
        if let Some(number) = Dialled::read(&phone) {
            let holder = holders.entry(number).or_insert(Holder::One(user));
            if *holder != Holder::One(user) {
                *holder = Holder::Several;
            }
        }
    }
    holders
}
