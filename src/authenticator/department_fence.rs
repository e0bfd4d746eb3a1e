//! Which departments of DingTalk may sign in.

use std::collections::BTreeSet;

use super::role_rules::department_id;

/// `allowedDepartments` and `deniedDepartments`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DepartmentFence {
    /// Only who belongs to one of these, or to one below it; empty is everybody.
    pub allowed: BTreeSet<i64>,
    /// Nobody who belongs to one of these, or to one below it, whatever else is allowed.
    pub denied: BTreeSet<i64>,
}

impl DepartmentFence {
    /// Whether nobody has to be asked about.
    pub fn is_open(&self) -> bool {
        self.allowed.is_empty() && self.denied.is_empty()
    }

    /// Whether somebody may sign in who belongs to these departments; those above them count, too.
    pub fn admits(&self, departments: &BTreeSet<i64>) -> bool {
        departments.is_disjoint(&self.denied)
            && (self.allowed.is_empty() || !departments.is_disjoint(&self.allowed))
    }
}

/// Reads ids with anything between them that separates words; `None` where a word is no id.
pub(super) fn department_ids(text: &str) -> Option<BTreeSet<i64>> {
    let is_between = |c: char| c.is_whitespace() || matches!(c, ',' | ';' | '，' | '；' | '、');
    text.split(is_between)
        .filter(|word| !word.is_empty())
        .map(department_id)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fence(allowed: &str, denied: &str) -> DepartmentFence {
        DepartmentFence {
            allowed: department_ids(allowed).unwrap(),
            denied: department_ids(denied).unwrap(),
        }
    }

    #[test]
    fn departments_are_allowed_and_denied_and_denying_wins() {
        for (allowed, denied, departments, admitted) in [
            ("", "", "7", true),
            ("7", "", "7 1", true),
            ("1", "", "7 1", true),
            ("8", "", "7 1", false),
            ("", "7", "7 1", false),
            ("", "8", "7 1", true),
            ("7", "7", "7 1", false),
            ("1", "7", "7 1", false),
            ("7", "", "", false),
        ] {
            let departments = department_ids(departments).unwrap();
            let fence = fence(allowed, denied);
            assert_eq!(fence.admits(&departments), admitted, "{fence:?} {departments:?}");
            assert_eq!(fence.is_open(), allowed.is_empty() && denied.is_empty());
        }
    }

    #[test]
    fn ids_are_read_however_they_are_set_apart_and_anything_else_is_refused() {
        assert_eq!(
            department_ids(" 12,34\n56；78、9 "),
            Some([12, 34, 56, 78, 9].into())
        );
        for text in ["sales", "12,x", "-7", "0", "1.5", "12/34", "99999999999999999999"] {
            assert_eq!(department_ids(text), None, "{text}");
        }
    }
}
