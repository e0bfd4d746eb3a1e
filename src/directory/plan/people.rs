//! People: which user each of them is, and what is done for them.

use std::collections::{HashMap, HashSet};

use super::{Deed, Leaver, PersonStep, Plan, PlanRules, Reason, Remark};
use crate::directory::known::{Holder, KnownSite, subject};
use crate::directory::options::UniqueField;
use crate::directory::person::Person;
use crate::directory::record::{self, LeftOut};
use crate::nocobase::{UserId, record_hash};
use crate::phone::Dialled;

impl Plan {
    pub(super) fn plan_people(
        &mut self,
        people: HashMap<Box<str>, Person>,
        known: &KnownSite,
        rules: &PlanRules<'_>,
    ) {
        let mut steps: Vec<PersonStep> = people
            .into_iter()
            .map(|(uid, person)| PersonStep {
                uid,
                person,
                action: Deed::Create,
                left_out: LeftOut::default(),
                links: false,
            })
            .collect();
        steps.sort_unstable_by(|a, b| a.uid.cmp(&b.uid));
        let shared = SharedValues::of(&steps, known, rules);
        let mut taken = Taken::of(&steps, known);
        for (position, step) in steps.iter_mut().enumerate() {
            self.plan_person(position, step, known, rules, &shared, &mut taken);
        }
        self.people = steps;
        self.known_people = known.people.living().count();
        let left = known.people.living().filter(|(written, user)| {
            !taken.people.contains(&UserId(*user)) && !known.left.contains_key(&written.uid)
        });
        self.leavers = left
            .filter(|(written, _)| self.find(&written.uid).is_none())
            .map(|(written, user)| Leaver {
                uid: written.uid.clone(),
                user: UserId(user),
            })
            .collect();
        let missing = known.missing.keys();
        self.found_again = missing.filter(|uid| self.find(uid).is_some()).cloned().collect();
    }

    fn find(&self, uid: &str) -> Option<usize> {
        self.people.binary_search_by(|step| (*step.uid).cmp(uid)).ok()
    }

    fn plan_person(
        &mut self,
        position: usize,
        step: &mut PersonStep,
        known: &KnownSite,
        rules: &PlanRules<'_>,
        shared: &SharedValues,
        taken: &mut Taken,
    ) {
        let written = known.people.find(&step.uid).filter(|written| written.exists);
        let recorded = written.and_then(|written| written.resource).map(UserId);
        let linked = rules
            .link
            .and_then(|link| known.links.user_of(&step.uid, &step.person, link));
        let number = step.person.dialled();
        let found = match (recorded, linked) {
            // The person of the record is somebody else, and here.
            (None, Some(user)) if taken.people.contains(&user) => Err(Reason::UserTaken),
            (Some(user), _) | (None, Some(user)) => Ok(Some(user)),
            (None, None) => by_unique_field(&step.person, number, known, rules, shared, taken),
        };
        let user = match found {
            Err(reason) => {
                step.action = Deed::Skip(reason);
                return;
            }
            Ok(user) => user,
        };
        taken.people.extend(user);
        let mut tell = |reason| {
            self.told.push(Remark {
                person: position,
                reason,
            });
        };
        for (reason, field) in left_out(&step.person, number, user, known, rules, shared) {
            match field {
                Field::Phone => step.left_out.phone = true,
                Field::Email => step.left_out.email = true,
            }
            tell(reason);
        }
        if let (Some(user), Some(link)) = (user, rules.link) {
            if linked.is_some_and(|linked| linked != user) {
                tell(Reason::LinkElsewhere);
            } else {
                let may = linked.is_none() && !known.links.is_linked(user);
                step.links = may && subject(&step.uid, &step.person, link).is_some();
            }
        }
        step.action = match user {
            None => Deed::Create,
            Some(user) if taken.left.contains(&user) => Deed::Restore(user),
            Some(user) if recorded.is_none() => Deed::Link(user),
            Some(user) => {
                let record = record::person(&step.uid, &step.person, step.left_out, &rules.shape);
                if written.is_some_and(|written| written.hash == record_hash(&record)) {
                    Deed::Keep(user)
                } else {
                    Deed::Change(user)
                }
            }
        };
    }
}

/// Who is found without record and link: by the phone number, if it is one user's and nobody else's.
fn by_unique_field(
    person: &Person,
    number: Option<Dialled>,
    known: &KnownSite,
    rules: &PlanRules<'_>,
    shared: &SharedValues,
    taken: &Taken,
) -> Result<Option<UserId>, Reason> {
    if rules.unique_field == UniqueField::UnionId {
        person.union_id.as_ref().ok_or(Reason::NoUnionId)?;
    }
    let number = match (number, rules.unique_field) {
        (Some(number), _) => number,
        (None, UniqueField::Mobile) => return Err(Reason::NoPhone),
        (None, UniqueField::UnionId) => return Ok(None),
    };
    if shared.phones.contains(&number) {
        return Err(Reason::PhoneShared);
    }
    match known.phones.get(&number) {
        None => Ok(None),
        Some(Holder::Several) => Err(Reason::PhoneAmbiguous),
        Some(Holder::One(_)) if rules.unique_field == UniqueField::UnionId => Err(Reason::PhoneTaken),
        Some(Holder::One(user)) if known.links.is_linked(*user) || taken.recorded.contains(user) => {
            Err(Reason::PhoneTaken)
        }
        Some(Holder::One(user)) if known.administrators.contains(user) => Err(Reason::Administrator),
        Some(Holder::One(user)) => Ok(Some(*user)),
    }
}

enum Field {
    Phone,
    Email,
}

/// What of somebody is another one's, too: of a user it would be refused, and of two people nobody knows whose it is.
fn left_out(
    person: &Person,
    number: Option<Dialled>,
    user: Option<UserId>,
    known: &KnownSite,
    rules: &PlanRules<'_>,
    shared: &SharedValues,
) -> Vec<(Reason, Field)> {
    let mut found = Vec::new();
    if let Some(number) = number.filter(|_| rules.shape.fields.phone) {
        if shared.phones.contains(&number) {
            found.push((Reason::PhoneShared, Field::Phone));
        } else if let Some(holder) = known.phones.get(&number)
            && user.map(Holder::One) != Some(*holder)
        {
            found.push((Reason::PhoneTaken, Field::Phone));
        }
    }
    let email = person.email.as_deref().filter(|email| !email.is_empty());
    if let Some(email) = email.filter(|_| rules.shape.fields.email) {
        if shared.emails.contains(&known.emails.key(email)) {
            found.push((Reason::EmailShared, Field::Email));
        } else if known
            .emails
            .holder(email)
            .is_some_and(|holder| Some(holder) != user)
        {
            found.push((Reason::EmailTaken, Field::Email));
        }
    }
    found
}

/// What more than one person of the organization has.
struct SharedValues {
    phones: HashSet<Dialled>,
    emails: HashSet<u64>,
}

impl SharedValues {
    fn of(steps: &[PersonStep], known: &KnownSite, rules: &PlanRules<'_>) -> Self {
        let mut phones: Vec<Dialled> = steps.iter().filter_map(|step| step.person.dialled()).collect();
        let emails = steps.iter().filter(|_| rules.shape.fields.email);
        let mut emails: Vec<u64> = emails
            .filter_map(|step| step.person.email.as_deref())
            .filter(|email| !email.is_empty())
            .map(|email| known.emails.key(email))
            .collect();
        Self {
            phones: repeated(&mut phones),
            emails: repeated(&mut emails),
        }
    }
}

fn repeated<T: Clone + Ord + std::hash::Hash>(all: &mut [T]) -> HashSet<T> {
    all.sort_unstable();
    let twice = all.windows(2).filter(|pair| pair.first() == pair.last());
    twice.filter_map(|pair| pair.first().cloned()).collect()
}

/// Users who are somebody's already.
struct Taken {
    /// Of those who are here: by their records, or found meanwhile.
    people: HashSet<UserId>,
    /// Of anybody who has a record, here or not.
    recorded: HashSet<UserId>,
    /// Of who was taken out.
    left: HashSet<UserId>,
}

impl Taken {
    fn of(steps: &[PersonStep], known: &KnownSite) -> Self {
        let mut taken = Self {
            people: HashSet::new(),
            recorded: HashSet::new(),
            left: known.left.values().map(|left| left.user_id).collect(),
        };
        for (written, user) in known.people.living() {
            let is_here = steps
                .binary_search_by(|step| (*step.uid).cmp(written.uid.as_str()))
                .is_ok();
            taken.recorded.insert(UserId(user));
            if is_here {
                taken.people.insert(UserId(user));
            }
        }
        taken
    }
}
