//! Whether a person without a user can be made one, where that is allowed.

use super::finding::Finding;

const CHECK: &str = "new-users";

/// `required` are the columns of users that must be filled and that we do not fill.
pub(super) fn judge(has_default_role: bool, required: &[String]) -> Finding {
    if !has_default_role {
        return Finding::error(CHECK, "No role is the default one, so no new user can be made.")
            .advise("Choose a default role in the settings of roles.");
    }
    if !required.is_empty() {
        return Finding::error(
            CHECK,
            "Users have required fields without a default value, so no new user can be made: {{fields}}.",
        )
        .with("fields", required.join(", "))
        .advise("Give these fields a default value, or make them optional.");
    }
    Finding::ok(CHECK, "New users can be made, with the default role.")
}

#[cfg(test)]
mod tests {
    use super::super::finding::Status;
    use super::*;

    #[test]
    fn what_keeps_new_users_out_is_named() {
        assert_eq!(judge(false, &[]).status, Status::Error);
        let finding = judge(true, &["badge".to_owned(), "floor".to_owned()]);
        assert_eq!(
            (finding.status, finding.params),
            (Status::Error, vec![("fields", "badge, floor".to_owned())])
        );
        assert_eq!(judge(true, &[]).status, Status::Ok);
    }
}
