//! What was read of an organization.

use std::collections::{BTreeMap, HashMap, HashSet};

use serde::{Deserialize, Serialize};

use super::person::Person;
use crate::dingtalk::DepartmentId;

/// A department, under its id.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Node {
    /// What it is called.
    pub name: Box<str>,
    /// The one above it, where DingTalk named one.
    pub parent: Option<DepartmentId>,
}

/// What the app may read, and so what a reading was of.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Scope {
    /// The departments it begins at, with all below them.
    pub departments: Vec<DepartmentId>,
    /// How many people it names besides.
    pub members: usize,
}

/// An organization, as far as it was to be read.
#[derive(Default)]
pub struct Snapshot {
    /// The departments.
    pub departments: BTreeMap<DepartmentId, Node>,
    /// Where the reading began.
    pub roots: Vec<DepartmentId>,
    /// The people by user id, each once, in however many departments they are.
    pub people: HashMap<Box<str>, Person>,
    /// What the app may read.
    pub scope: Scope,
    /// Whether something was gone before it was read. Whoever was in it may be elsewhere by now, so who is not here has not
    /// left for that.
    pub has_gap: bool,
}

impl Scope {
    /// Whether less may be read than then.
    pub fn is_narrower_than(&self, then: &Self) -> bool {
        const ALL: DepartmentId = 1;
        if self.departments.contains(&ALL) {
            return false;
        }
        let now: HashSet<_> = self.departments.iter().collect();
        self.members < then.members
            || then
                .departments
                .iter()
                .any(|department| !now.contains(department))
    }
}

impl Snapshot {
    /// The departments, level by level from those that have none above them here, each with that one. What leads back to
    /// itself is entered where the reading began.
    pub fn levels(&self) -> Vec<Vec<(DepartmentId, Option<DepartmentId>)>> {
        let mut below: HashMap<DepartmentId, Vec<DepartmentId>> = HashMap::new();
        for (id, node) in &self.departments {
            if let Some(parent) = node.parent {
                below.entry(parent).or_default().push(*id);
            }
        }
        let mut met = HashSet::new();
        let mut level: Vec<_> = self.roots.iter().filter(|root| self.is_top(**root)).collect();
        level.sort_unstable();
        level.dedup();
        let mut level: Vec<_> = level.into_iter().map(|id| (*id, None)).collect();
        met.extend(level.iter().map(|(id, _)| *id));
        let mut levels = Vec::new();
        while !level.is_empty() {
            let mut next = Vec::new();
            for (id, _) in &level {
                for child in below.get(id).into_iter().flatten() {
                    if met.insert(*child) {
                        next.push((*child, Some(*id)));
                    }
                }
            }
            levels.push(std::mem::replace(&mut level, next));
        }
        levels
    }

    /// Whether a department that the reading began at lies below no other one.
    fn is_top(&self, root: DepartmentId) -> bool {
        if !self.departments.contains_key(&root) {
            return false;
        }
        let mut met = HashSet::from([root]);
        let mut at = root;
        while let Some(parent) = self.departments.get(&at).and_then(|node| node.parent) {
            if parent == root || !met.insert(parent) {
                return true;
            }
            if self.roots.contains(&parent) {
                return false;
            }
            at = parent;
        }
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn levels(roots: &[i64], departments: &[(i64, Option<i64>)]) -> Vec<Vec<(i64, Option<i64>)>> {
        let node = |parent| Node {
            name: "".into(),
            parent,
        };
        let snapshot = Snapshot {
            departments: departments
                .iter()
                .map(|(id, parent)| (*id, node(*parent)))
                .collect(),
            roots: roots.to_vec(),
            ..Snapshot::default()
        };
        snapshot.levels()
    }

    #[test]
    fn parents_come_before_children() {
        let found = levels(&[1], &[(1, None), (5, Some(9)), (9, Some(1)), (2, Some(1))]);

        assert_eq!(
            found,
            [
                vec![(1, None)],
                vec![(2, Some(1)), (9, Some(1))],
                vec![(5, Some(9))]
            ]
        );
    }

    #[test]
    fn a_root_of_the_scope_below_another_one_has_its_place_there_and_any_other_is_a_root() {
        let found = levels(
            &[7, 9, 3],
            &[(7, Some(4)), (8, Some(7)), (9, Some(8)), (3, Some(2))],
        );

        assert_eq!(
            found,
            [vec![(3, None), (7, None)], vec![(8, Some(7))], vec![(9, Some(8))]]
        );
    }

    #[test]
    fn a_circle_is_entered_where_the_reading_began() {
        assert_eq!(
            levels(&[1], &[(1, Some(3)), (3, Some(1))]),
            [vec![(1, None)], vec![(3, Some(1))]]
        );
    }

    #[test]
    fn a_scope_is_narrower_when_it_lost_a_department() {
        let scope = |departments: &[i64], members| Scope {
            departments: departments.to_vec(),
            members,
        };
        for (now, then, narrower) in [
            (scope(&[1], 0), scope(&[7, 8], 3), false),
            (scope(&[7], 0), scope(&[1], 0), true),
            (scope(&[7, 8], 0), scope(&[7], 0), false),
            (scope(&[7], 0), scope(&[7, 8], 0), true),
            (scope(&[7], 1), scope(&[7], 2), true),
        ] {
            assert_eq!(now.is_narrower_than(&then), narrower, "{now:?} {then:?}");
        }
    }
}
