//! A roster: who and what belongs where in one organization, so that a call about few looks at few.

use std::collections::{HashMap, HashSet};

use super::department::{Department, ROOT};
use super::person::{Contact, Person};

/// The positions of people and departments in the world's lists.
#[derive(Debug, Default)]
pub struct Roster {
    by_user_id: HashMap<String, usize>,
    /// Sorted by user id, external contacts left out.
    in_department: HashMap<i64, Vec<usize>>,
    departments: HashMap<i64, usize>,
    parents: HashMap<i64, i64>,
    below: HashMap<i64, Vec<usize>>,
    employees: usize,
}

impl Roster {
    /// Of one organization.
    pub fn of(corp_id: &str, people: &[Person], departments: &[Department]) -> Self {
        let mut roster = Self::default();
        for (position, person) in people.iter().enumerate() {
            let Some(membership) = person.membership(corp_id) else {
                continue;
            };
            roster
                .by_user_id
                .entry(membership.user_id.clone())
                .or_insert(position);
            if membership.contact == Contact::Employee {
                roster.employees += 1;
                let own: HashSet<i64> = membership.own_departments().collect();
                for department in own {
                    roster.in_department.entry(department).or_default().push(position);
                }
            }
        }
        let user_id = |position: &usize| people[*position].membership(corp_id).map(|found| &found.user_id);
        for listed in roster.in_department.values_mut() {
            listed.sort_by(|a, b| user_id(a).cmp(&user_id(b)));
        }
        for (position, department) in departments.iter().enumerate() {
            if department.corp_id == corp_id {
                roster.departments.insert(department.id, position);
                roster.parents.entry(department.id).or_insert(department.parent);
                roster.below.entry(department.parent).or_default().push(position);
            }
        }
        roster
    }

    /// Where somebody stands in the world's list.
    pub fn person(&self, user_id: &str) -> Option<usize> {
        self.by_user_id.get(user_id).copied()
    }

    /// Who is directly in a department.
    pub fn members(&self, department: i64) -> &[usize] {
        self.in_department.get(&department).map_or(&[], Vec::as_slice)
    }

    /// The departments directly below one.
    pub fn below(&self, department: i64) -> &[usize] {
        self.below.get(&department).map_or(&[], Vec::as_slice)
    }

    /// Where a department stands in the world's list; the root needs no place there.
    pub fn department(&self, id: i64) -> Option<usize> {
        self.departments.get(&id).copied()
    }

    /// A department and all those above it; none for one that does not exist.
    pub fn path(&self, id: i64) -> Option<Vec<i64>> {
        let mut path = vec![id];
        let mut at = id;
        while at != ROOT {
            at = *self.parents.get(&at)?;
            if path.contains(&at) {
                return None;
            }
            path.push(at);
        }
        Some(path)
    }

    /// How many employees there are.
    pub const fn employees(&self) -> usize {
        self.employees
    }
}
