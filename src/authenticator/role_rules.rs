//! Rules by which people get roles when they sign in for the first time.

/// One line of `roleRules`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RoleRule {
    /// Who gets the role.
    pub condition: RoleCondition,
    /// NocoBase's name of the role.
    pub role: String,
}

/// What DingTalk's directory has to say of a person.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RoleCondition {
    /// They belong to the department with this id, or to one below it.
    Department(i64),
    /// Their title is exactly this one.
    Title(String),
    /// They are an administrator or the owner of the organization in DingTalk.
    Administrator,
}

impl RoleRule {
    /// Reads one rule a line: `department 123 = role`, `title Engineer = role`, `administrator = role`. The error is the
    /// number of the line that is none, counted from one.
    pub fn read_all(text: &str) -> Result<Vec<Self>, usize> {
        let lines = text.lines().enumerate();
        lines
            .filter(|(_, line)| !line.trim().is_empty())
            .map(|(index, line)| Self::read(line).ok_or(index + 1))
            .collect()
    }

    fn read(line: &str) -> Option<Self> {
        // The names of roles have no such sign, and titles may. Chinese keyboards give the wide one.
        let (who, role) = line.rsplit_once(['=', '＝'])?;
        let (who, role) = (who.trim(), role.trim());
        let (word, value) = who.split_once(char::is_whitespace).unwrap_or((who, ""));
        let value = value.trim();
        let condition = match word.to_ascii_lowercase().as_str() {
            "department" => RoleCondition::Department(department_id(value)?),
            "title" if !value.is_empty() => RoleCondition::Title(value.to_owned()),
            "administrator" if value.is_empty() => RoleCondition::Administrator,
            _ => return None,
        };
        let is_name = !role.is_empty() && !role.contains(char::is_whitespace);
        is_name.then(|| Self {
            condition,
            role: role.to_owned(),
        })
    }
}

/// An id that DingTalk, or NocoBase, gives a department.
pub(super) fn department_id(text: &str) -> Option<i64> {
    text.parse().ok().filter(|id| *id > 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_a_rule() {
        let rules = RoleRule::read_all(
            "department 123 = sales\n\n Title  Head of R&D = a=b = heads \nADMINISTRATOR＝ops",
        );

        let rule = |condition, role: &str| RoleRule {
            condition,
            role: role.to_owned(),
        };
        assert_eq!(
            rules.unwrap(),
            [
                rule(RoleCondition::Department(123), "sales"),
                rule(RoleCondition::Title("Head of R&D = a=b".to_owned()), "heads"),
                rule(RoleCondition::Administrator, "ops"),
            ]
        );
        assert_eq!(RoleRule::read_all(" \n"), Ok(Vec::new()));
    }

    #[test]
    fn a_line_that_is_no_rule_is_told_by_its_number() {
        for line in [
            "department 123",
            "department = sales",
            "department twelve = sales",
            "department 0 = sales",
            "department -7 = sales",
            "department 1 2 = sales",
            "title = sales",
            "title Engineer =",
            "title Engineer = two words",
            "administrator 7 = sales",
            "administrators = sales",
            "level 7 = sales",
            "= sales",
        ] {
            let text = format!("title Engineer = tech\n\n{line}\ndepartment 1 = all");
            assert_eq!(RoleRule::read_all(&text), Err(3), "{line}");
        }
    }
}
