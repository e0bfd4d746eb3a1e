//! Whether the rules in an authenticator's options can be followed, asked before they are saved.

use serde_json::Value;

use crate::authenticator::{LookUpError, OptionsError, PeopleRules};
use crate::http::request::context::Context;
use crate::http::response::envelope;
use crate::http::response::error::RequestError;
use crate::http::{ActionResult, ApiError, AppState};
use crate::nocobase::{DepartmentFitness, RoleFitness};
use crate::sign_in::SignInError;

/// What the form calls these options, in the order of [`PeopleRules::FIELDS`].
const LABELS: [&str; 8] = [
    "Departments that may sign in",
    "Departments that may not sign in",
    "Role of new users",
    "Further roles by rule",
    "Main department",
    "Nickname",
    "Phone number",
    "Picture",
];

/// `dingtalk:checkRules`: whether the options of the body could be followed. The bridge asks before NocoBase saves them.
pub async fn check_rules(context: Context) -> ActionResult {
    let options = context.values.get("options");
    let options = options.ok_or(RequestError::InvalidField("options"))?;
    require_followable(&context.state, options).await?;
    Ok(envelope::nothing())
}

/// Refuses rules that nobody could follow, or that give away what they must not. Without rules nothing is asked.
pub async fn require_followable(state: &AppState, options: &Value) -> Result<(), ApiError> {
    let rules = match state.sign_in.authenticators().rules_of(options).await {
        Ok(rules) => rules,
        Err(LookUpError::Options(OptionsError::MalformedLine { field, line })) => {
            let field = label(field);
            return Err(RequestError::InvalidLine { field, line }.into());
        }
        Err(LookUpError::Options(error)) => {
            return Err(RequestError::InvalidField(label(error.field())).into());
        }
        Err(error) => return Err(SignInError::from(error).into()),
    };
    let may_administrate = options.get("bindAdministrators").and_then(Value::as_bool) == Some(true);
    for (role, fitness) in state.store.roles().judge(&rules.roles()).await? {
        match fitness {
            RoleFitness::Missing => return Err(RequestError::RoleUnknown(role).into()),
            _ if fitness.may_be_given(may_administrate) => {}
            RoleFitness::Root | RoleFitness::Administrative | RoleFitness::Plain => {
                return Err(RequestError::RoleNotGivable(role).into());
            }
        }
    }
    if let Some(id) = rules.main_department {
        let fitness = state.store.roles().judge_department(id).await?;
        // The plugin may be enabled later; the doctor tells until then.
        if fitness != DepartmentFitness::Off && !fitness.may_be_given(may_administrate) {
            return Err(RequestError::InvalidField(label("mainDepartment")).into());
        }
    }
    Ok(())
}

fn label(field: &'static str) -> &'static str {
    let mut all = PeopleRules::FIELDS.into_iter().zip(LABELS);
    all.find(|(name, _)| *name == field)
        .map_or(field, |(_, label)| label)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plugin::{FormFill, form_schema};

    fn title(schema: &Value, name: &str) -> Option<String> {
        let properties = schema["properties"].as_object()?;
        let own = properties.get(name).and_then(|field| field["title"].as_str());
        own.map(str::to_owned)
            .or_else(|| properties.values().find_map(|field| title(field, name)))
    }

    #[test]
    fn a_field_is_called_what_the_form_calls_it() {
        let form = form_schema(&FormFill { redirect_url: "" });
        for field in PeopleRules::FIELDS {
            let title = title(&form, field).unwrap();
            assert!(
                title.contains(&format!("\"{}\"", label(field))),
                "{field}: {title}"
            );
        }
    }
}
