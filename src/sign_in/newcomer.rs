//! What somebody gets who becomes a user now.

use log::warn;

use super::SignInError;
use super::directory_member::DirectoryMember;
use crate::authenticator::{AuthenticatorOptions, RoleCondition, RoleRule};
use crate::dingtalk::DingTalkError;
use crate::nocobase::{DepartmentFitness, FirstRights, GivenRights, RoleFitness, UserId};

/// The rights that these options give to a person whom nobody knows here. Only rules ask DingTalk anything, and
/// where it does not answer there is no user: what a rule gives is given now or never.
pub async fn first_rights(
    options: &AuthenticatorOptions,
    member: &mut DirectoryMember,
) -> Result<FirstRights, SignInError> {
    let rules = &options.rules;
    let mut by_rule = Vec::new();
    for rule in &rules.role_rules {
        if holds(rule, member).await? {
            by_rule.push(rule.role.clone());
        }
    }
    Ok(FirstRights {
        default_role: rules.default_role.clone(),
        roles: by_rule,
        main_department: rules.main_department,
        may_administrate: options.bind_administrators,
    })
}

async fn holds(rule: &RoleRule, member: &mut DirectoryMember) -> Result<bool, DingTalkError> {
    Ok(match &rule.condition {
        RoleCondition::Department(id) => {
            let departments = member.departments().await?;
            departments.is_some_and(|departments| departments.contains(id))
        }
        RoleCondition::Title(title) => {
            let entry = member.entry().await?;
            let theirs = entry.and_then(|entry| entry.title.as_deref());
            theirs.is_some_and(|theirs| theirs.trim() == title)
        }
        RoleCondition::Administrator => {
            let entry = member.entry().await?;
            entry.is_some_and(|entry| entry.is_administrator)
        }
    })
}

/// Says in the log what could not be given.
pub fn report(authenticator: &str, user: UserId, given: &GivenRights) {
    for (role, fitness) in &given.refused_roles {
        let why = match fitness {
            RoleFitness::Missing => "there is no such role",
            RoleFitness::Root => "nobody is given this role",
            RoleFitness::Administrative => {
                "it may configure the site, and administrators are not linked either"
            }
            RoleFitness::Plain => "it could not be given",
        };
        warn!("a rule of {authenticator} did not give user {user} the role {role}: {why}");
    }
    if let Some(fitness) = given.refused_department {
        let why = match fitness {
            DepartmentFitness::Off => "NocoBase's departments plugin is off",
            DepartmentFitness::Missing => "there is no such department",
            DepartmentFitness::Administrative => {
                "its members may configure the site, and administrators are not linked either"
            }
            DepartmentFitness::Plain => "it could not be given",
        };
        warn!("user {user} was not put into the main department of {authenticator}: {why}");
    }
}

/// What was given, for the audit: names and ids.
pub fn told(given: &GivenRights) -> Option<String> {
    let roles = (!given.roles.is_empty()).then(|| format!("roles={}", given.roles.join(",")));
    let department = given.department.map(|id| format!("department={id}"));
    let told: Vec<_> = roles.into_iter().chain(department).collect();
    (!told.is_empty()).then(|| told.join(" "))
}
