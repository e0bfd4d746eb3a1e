//! A population: departments and people in any number, for an organization of that size.

use super::department::{Department, ROOT};
use super::person::{Membership, Person};

/// How many departments are directly below another.
const BELOW_EACH: usize = 12;
/// The first id, far from those that are written by hand.
const FIRST_DEPARTMENT: i64 = 10_001;
/// Nobody has numbers of this range.
const FIRST_MOBILE: usize = 17_000_000_000;

/// Departments and people, the same ones for the same numbers.
#[derive(Clone, Debug, Default)]
pub struct Population {
    /// A tree below the root.
    pub departments: Vec<Department>,
    /// Spread evenly over it: each tenth in two departments, the first of each its head.
    pub people: Vec<Person>,
}

impl Population {
    /// So many of each, in this organization.
    pub fn of_size(corp_id: &str, departments: usize, people: usize) -> Self {
        let ids: Vec<i64> = (FIRST_DEPARTMENT..).take(departments).collect();
        let parent_of = |place: usize| match place.checked_sub(BELOW_EACH) {
            None => ROOT,
            Some(above) => ids[above / BELOW_EACH],
        };
        let path_of = |mut place: usize| {
            let mut path = vec![ids[place]];
            while let Some(above) = place.checked_sub(BELOW_EACH) {
                place = above / BELOW_EACH;
                path.push(ids[place]);
            }
            path.push(ROOT);
            path
        };
        let made = ids.iter().enumerate().map(|(place, id)| Department {
            corp_id: corp_id.to_owned(),
            id: *id,
            parent: parent_of(place),
            name: format!("Department {:04}", place + 1),
        });
        let person = |number: usize| {
            let mut membership = Membership::employee(corp_id, format!("p{number:06}"));
            if departments > 0 {
                let home = number % departments;
                membership.departments = vec![path_of(home)];
                if number < departments {
                    membership.leads = vec![ids[home]];
                }
                let other = (home + departments / 2) % departments;
                if number % 10 == 9 && other != home {
                    membership.departments.push(path_of(other));
                }
            }
            membership.title = Some(format!("Title {}", number % 40));
            membership.job_number = Some(format!("J{number:06}"));
            let mut person = Person::employee(
                &format!("p{number:06}"),
                &format!("Person {number:06}"),
                &format!("uPopulation{number:06}iEiE"),
                &(FIRST_MOBILE + number).to_string(),
            );
            person.email = Some(format!("p{number:06}@example.com"));
            person.memberships = vec![membership];
            person
        };
        Self {
            departments: made.collect(),
            people: (0..people).map(person).collect(),
        }
    }
}
