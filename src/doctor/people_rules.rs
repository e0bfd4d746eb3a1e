//! Checks of what an authenticator says of people: whether its rules can be followed.

use super::dingtalk_failure::{failure, permission_missing};
use super::finding::Finding;
use crate::authenticator::{AuthenticatorOptions, AutoLogin, Refresh};
use crate::dingtalk::{Credentials, DingTalk, DingTalkError, DingTalkUserId, ErrorKind};
use crate::error_code::Code;
use crate::nocobase::{DepartmentFitness, RoleFitness, Store, StoreError};

const PERMISSIONS: &str = "rules-permissions";
const ROLES: &str = "roles-of-new-users";
const DEPARTMENT: &str = "main-department";
const PICTURE: &str = "picture";

/// Nobody has this id in any organization. Asking for it shows whether the app may ask at all.
const NOBODY: &str = "nocobase-dingtalk-doctor";

/// Whether a sign-in asks DingTalk's directory for somebody's entry because of these options.
fn asks_for_entry(options: &AuthenticatorOptions) -> bool {
    let refresh = options.rules.refresh;
    let follows_directory = refresh.phone != Refresh::Never || refresh.avatar != Refresh::Never;
    options.rules.asks_for_entry() || follows_directory && options.auto_login == Some(AutoLogin::Internal)
}

/// Whether a sign-in through DingTalk's page asks for somebody's id in the organization because of these options.
pub(super) fn needs_membership(options: &AuthenticatorOptions) -> bool {
    options.rules.asks_for_departments() || options.rules.asks_for_entry()
}

/// Nothing to say where no rule asks DingTalk anything. Otherwise a call for each thing that is asked.
pub(super) async fn ask_dingtalk(
    dingtalk: &DingTalk,
    credentials: &Credentials,
    options: &AuthenticatorOptions,
) -> Vec<Finding> {
    let Some(nobody) = DingTalkUserId::parse(NOBODY) else {
        return Vec::new();
    };
    let mut answers = Vec::new();
    if options.rules.asks_for_departments() {
        answers.push(dingtalk.departments_of(credentials, &nobody).await.map(drop));
    }
    if asks_for_entry(options) {
        answers.push(dingtalk.find_member(credentials, &nobody).await.map(drop));
    }
    if answers.is_empty() {
        return Vec::new();
    }
    let refused: Vec<_> = answers.into_iter().filter_map(Result::err).collect();
    if refused.is_empty() {
        let all_is_told = "DingTalk tells this app what the rules of this sign-in method ask for.";
        return vec![Finding::ok(PERMISSIONS, all_is_told)];
    }
    refused.iter().map(|error| refusal(error, credentials)).collect()
}

fn refusal(error: &DingTalkError, credentials: &Credentials) -> Finding {
    let ErrorKind::PermissionMissing(permissions) = &error.kind else {
        return failure(PERMISSIONS, error);
    };
    permission_missing(PERMISSIONS, permissions, credentials)
}

/// Whether what the rules give is there, and may be given.
pub(super) async fn ask_tables(
    store: &Store,
    options: &AuthenticatorOptions,
) -> Result<Vec<Finding>, StoreError> {
    let mut findings = Vec::new();
    let (rules, may_administrate) = (&options.rules, options.bind_administrators);
    let judged = store.roles().judge(&rules.roles()).await?;
    findings.extend(check_roles(&judged, may_administrate));
    if let Some(id) = rules.main_department {
        let fitness = store.roles().judge_department(id).await?;
        findings.push(check_department(id, fitness, may_administrate));
    }
    if rules.refresh.avatar != Refresh::Never {
        findings.push(check_picture(store.users().have_avatar().await?));
    }
    Ok(findings)
}

fn check_roles(roles: &[(String, RoleFitness)], may_administrate: bool) -> Option<Finding> {
    let named = |is_meant: &dyn Fn(RoleFitness) -> bool| {
        let meant = roles.iter().filter(|(_, fitness)| is_meant(*fitness));
        let names: Vec<_> = meant.map(|(name, _)| name.as_str()).collect();
        (!names.is_empty()).then(|| names.join(", "))
    };
    if let Some(missing) = named(&|fitness| fitness == RoleFitness::Missing) {
        return Some(Finding::error(ROLES, Code::RoleUnknown.key()).with("role", missing));
    }
    if let Some(refused) = named(&|fitness| !fitness.may_be_given(may_administrate)) {
        return Some(Finding::error(ROLES, Code::RoleNotGivable.key()).with("role", refused));
    }
    let all = named(&|_| true)?;
    Some(
        Finding::ok(
            ROLES,
            "New users get these roles, some of them by rules: {{roles}}.",
        )
        .with("roles", all),
    )
}

fn check_department(id: i64, fitness: DepartmentFitness, may_administrate: bool) -> Finding {
    match fitness {
        DepartmentFitness::Off => Finding::warning(
            DEPARTMENT,
            "NocoBase's departments plugin is off, so new users get no main department.",
        )
        .advise("Enable the departments plugin, or empty the field Main department."),
        DepartmentFitness::Missing => Finding::error(
            DEPARTMENT,
            "NocoBase has no department with the ID {{id}}, so new users get no main department.",
        )
        .with("id", id.to_string())
        .advise("Copy the ID of the department from NocoBase and save."),
        DepartmentFitness::Administrative if !may_administrate => Finding::error(
            DEPARTMENT,
            "Members of the department {{id}} may configure this site, so new users do not become members.",
        )
        .with("id", id.to_string())
        .advise("Choose another department, or allow linking administrators by phone number."),
        DepartmentFitness::Administrative | DepartmentFitness::Plain => {
            Finding::ok(DEPARTMENT, "New users become members of the main department.")
        }
    }
}

fn check_picture(has_field: bool) -> Finding {
    if has_field {
        Finding::ok(
            PICTURE,
            "The addresses of pictures go into the field avatar of users.",
        )
    } else {
        Finding::warning(
            PICTURE,
            "Users have no text field named avatar, so no picture is taken from DingTalk.",
        )
        .advise("Add a field of the type URL or text named avatar to the users collection, or choose Never for the picture.")
    }
}

#[cfg(test)]
mod tests {
    use super::super::finding::Status;

    use super::*;

    fn roles(fitness: RoleFitness, may_administrate: bool) -> Status {
        let roles = [
            ("member".to_owned(), RoleFitness::Plain),
            ("r_x".to_owned(), fitness),
        ];
        check_roles(&roles, may_administrate).unwrap().status
    }

    #[test]
    fn a_role_that_is_not_given_is_an_error() {
        for (fitness, cautious, bold) in [
            (RoleFitness::Plain, Status::Ok, Status::Ok),
            (RoleFitness::Administrative, Status::Error, Status::Ok),
            (RoleFitness::Missing, Status::Error, Status::Error),
            (RoleFitness::Root, Status::Error, Status::Error),
        ] {
            assert_eq!(roles(fitness, false), cautious, "{fitness:?}");
            assert_eq!(roles(fitness, true), bold, "{fitness:?}");
        }
        assert_eq!(check_roles(&[], false), None);
    }

    #[test]
    fn a_department_that_is_not_given_is_told() {
        for (fitness, cautious, bold) in [
            (DepartmentFitness::Off, Status::Warning, Status::Warning),
            (DepartmentFitness::Missing, Status::Error, Status::Error),
            (DepartmentFitness::Administrative, Status::Error, Status::Ok),
            (DepartmentFitness::Plain, Status::Ok, Status::Ok),
        ] {
            assert_eq!(
                check_department(7, fitness, false).status,
                cautious,
                "{fitness:?}"
            );
            assert_eq!(check_department(7, fitness, true).status, bold, "{fitness:?}");
        }
    }
}
