//! What an authenticator says of people beyond recognizing them: who may come in, what new ones get, what follows
//! DingTalk.

use serde_json::Value;

use super::department_fence::DepartmentFence;
use super::environment::Environment;
use super::option_reader::{OptionsError, Reader};
use super::profile_refresh::{ProfileRefresh, Refresh};
use super::role_rules::{RoleCondition, RoleRule, department_id};

/// The options under "First sign-in" and "Profile".
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PeopleRules {
    /// Which departments may sign in.
    pub departments: DepartmentFence,
    /// `defaultRole`: the role of new users, in place of NocoBase's default role.
    pub default_role: Option<String>,
    /// `roleRules`: what roles new users get besides.
    pub role_rules: Vec<RoleRule>,
    /// `mainDepartment`: NocoBase's id of the department that new users belong to.
    pub main_department: Option<i64>,
    /// What follows DingTalk at later sign-ins.
    pub refresh: ProfileRefresh,
}

impl PeopleRules {
    /// The names of these options.
    pub const FIELDS: [&'static str; 8] = [
        "allowedDepartments",
        "deniedDepartments",
        "defaultRole",
        "roleRules",
        "mainDepartment",
        "refreshNickname",
        "refreshPhone",
        "refreshAvatar",
    ];

    /// Reads them from stored options.
    pub fn parse(options: &Value, environment: &Environment) -> Result<Self, OptionsError> {
        let reader = Reader { options, environment };
        let refresh = |field| {
            let label = reader.text(field)?;
            label.map_or(Ok(Refresh::Never), |label| {
                Refresh::named(&label).ok_or(OptionsError::Malformed { field })
            })
        };
        let [allowed, denied, role, rules, department, nickname, phone, avatar] = Self::FIELDS;
        let main_department = reader.text(department)?.map(|text| {
            let malformed = OptionsError::Malformed { field: department };
            department_id(&text).ok_or(malformed)
        });
        let rules_text = reader.text(rules)?.unwrap_or_default();
        Ok(Self {
            departments: DepartmentFence {
                allowed: reader.departments(allowed)?,
                denied: reader.departments(denied)?,
            },
            default_role: reader.text(role)?,
            role_rules: RoleRule::read_all(&rules_text)
                .map_err(|line| OptionsError::MalformedLine { field: rules, line })?,
            main_department: main_department.transpose()?,
            refresh: ProfileRefresh {
                nickname: refresh(nickname)?,
                phone: refresh(phone)?,
                avatar: refresh(avatar)?,
            },
        })
    }

    /// Every role that new users may get.
    pub fn roles(&self) -> Vec<&str> {
        let by_rule = self.role_rules.iter().map(|rule| rule.role.as_str());
        self.default_role.as_deref().into_iter().chain(by_rule).collect()
    }

    /// Whether DingTalk has to be asked for somebody's departments: at each sign-in, or at the first.
    pub fn asks_for_departments(&self) -> bool {
        let is_by_department = |rule: &RoleRule| matches!(rule.condition, RoleCondition::Department(_));
        !self.departments.is_open() || self.role_rules.iter().any(is_by_department)
    }

    /// Whether DingTalk has to be asked for somebody's title, or whether they administer the organization.
    pub fn asks_for_entry(&self) -> bool {
        let is_by_department = |rule: &RoleRule| matches!(rule.condition, RoleCondition::Department(_));
        !self.role_rules.iter().all(is_by_department)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn parse(options: &Value) -> Result<PeopleRules, OptionsError> {
        PeopleRules::parse(options, &Environment::new(Vec::new(), None))
    }

    #[test]
    fn without_options_nobody_is_asked_about() {
        for options in [
            json!({}),
            json!({"defaultRole": " ", "roleRules": "\n", "allowedDepartments": ""}),
        ] {
            let rules = parse(&options).unwrap();

            assert_eq!(rules, PeopleRules::default());
            assert!(!rules.asks_for_departments() && !rules.asks_for_entry() && rules.refresh.is_off());
        }
    }

    #[test]
    fn every_option_is_read() {
        let rules = parse(&json!({
            "allowedDepartments": "7, 8", "deniedDepartments": "9", "defaultRole": " guest ",
            "roleRules": "department 7 = sales\ntitle CTO = tech", "mainDepartment": "42",
            "refreshNickname": "always", "refreshPhone": "empty", "refreshAvatar": "never",
        }))
        .unwrap();

        assert_eq!(rules.departments.allowed, [7, 8].into());
        assert_eq!(rules.departments.denied, [9].into());
        assert_eq!(rules.roles(), ["guest", "sales", "tech"]);
        assert_eq!(rules.main_department, Some(42));
        assert_eq!(rules.refresh.nickname, Refresh::Always);
        assert_eq!(rules.refresh.phone, Refresh::WhenEmpty);
        assert_eq!(rules.refresh.avatar, Refresh::Never);
        assert!(rules.asks_for_departments() && rules.asks_for_entry());
    }

    #[test]
    fn what_cannot_be_followed_is_refused_by_name() {
        for (options, field) in [
            (json!({"allowedDepartments": "sales"}), "allowedDepartments"),
            (json!({"deniedDepartments": [7]}), "deniedDepartments"),
            (json!({"defaultRole": 7}), "defaultRole"),
            (json!({"roleRules": "sales"}), "roleRules"),
            (json!({"mainDepartment": "Sales"}), "mainDepartment"),
            (json!({"refreshNickname": "sometimes"}), "refreshNickname"),
            (json!({"refreshPhone": true}), "refreshPhone"),
            (json!({"refreshAvatar": "yes"}), "refreshAvatar"),
        ] {
            assert_eq!(parse(&options).unwrap_err().field(), field);
        }
        let error = parse(&json!({"roleRules": "title CTO = tech\nwhoever = admin"})).unwrap_err();
        assert!(matches!(error, OptionsError::MalformedLine { line: 2, .. }));
    }
}
