//! Checks of the database and of the one index we add.

use super::finding::Finding;
use crate::causes::innermost;
use crate::nocobase::{Store, StoreError, SubjectIndex};

const DATABASE: &str = "database";

pub(super) async fn check_database(store: &Store) -> Finding {
    match ask(store).await {
        Ok(()) => Finding::ok(
            DATABASE,
            "The database answers and has the tables that are needed.",
        ),
        Err(error) => failure(&error, store.is_own()),
    }
}

async fn ask(store: &Store) -> Result<(), StoreError> {
    store.ping().await?;
    store.check_schema().await
}

/// The finding for a question that the tables did not answer. `is_own`: they are no NocoBase's.
pub fn failure(error: &StoreError, is_own: bool) -> Finding {
    const START_SIDECAR: &str = "Start the sidecar once, so that it makes its tables.";
    match error {
        StoreError::Unavailable(cause) => Finding::error(DATABASE, "The database cannot be reached: {{reason}}.")
            .with("reason", innermost(cause.as_ref()))
            .advise(if is_own {
                "Check that the file of the database is in the folder of the sidecar and can be read."
            } else {
                "Check that the database runs, and that the sidecar has the same DB settings as NocoBase."
            }),
        StoreError::StatementPooling => Finding::error(DATABASE, "A connection pooler stands before the database and keeps no transaction together.")
            .advise("Set pool_mode to transaction or session in the pooler, or connect the sidecar to the database itself."),
        StoreError::AccessDenied(cause) => Finding::error(DATABASE, "The database denies access: {{reason}}.")
            .with("reason", innermost(cause))
            .advise("Check the database's name, user and password, and what that user may do."),
        StoreError::ReadOnly => Finding::error(DATABASE, "The database takes no changes.")
            .advise("Connect the sidecar to the database that NocoBase itself writes to."),
        StoreError::Full => Finding::error(DATABASE, "The database has no space left.").advise("Give the database more space."),
        StoreError::TablesMissing { table } => Finding::error(DATABASE, "The database has no table {{table}}.")
            .with("table", table)
            .advise(if is_own {
                START_SIDECAR
            } else {
                "Start NocoBase once so that it creates its tables, and check DB_DATABASE, DB_SCHEMA, DB_TABLE_PREFIX and DB_UNDERSCORED."
            }),
        StoreError::ShapeUnknown { table, column } => {
            Finding::error(DATABASE, "The table {{table}} has no column {{column}}.")
                .with("table", table)
                .with("column", column)
                .advise(if is_own {
                    START_SIDECAR
                } else {
                    "Upgrade NocoBase or the sidecar so that they fit each other, and check DB_UNDERSCORED."
                })
        }
        StoreError::BadRow { table, column } => {
            Finding::error(DATABASE, "A row of the table {{table}} has an unusable value in {{column}}.")
                .with("table", *table)
                .with("column", *column)
                .advise("Correct the value.")
        }
        StoreError::Busy | StoreError::Conflict => {
            Finding::unknown(DATABASE, "The database is busy.").advise("Test again in a minute.")
        }
        // The doctor writes nothing, so the reasons to refuse a change cannot come up.
        StoreError::Duplicate { .. }
        | StoreError::LastEnabled
        | StoreError::SubjectsNotUnique
        | StoreError::TextRefused
        | StoreError::ValueRequired { .. }
        | StoreError::NoDefaultRole
        | StoreError::RoleUnusable { .. }
        | StoreError::Unexpected(_) => Finding::error(DATABASE, "The database refused a question of the sidecar: {{reason}}.")
            .with("reason", innermost(error)),
    }
}

const SUBJECT_INDEX: &str = "subject-index";

/// `index` is what became of it when the sidecar started; `None` when the settings did not let it try.
pub(super) fn check_subject_index(index: Option<&Result<SubjectIndex, StoreError>>) -> Finding {
    match index {
        Some(Ok(SubjectIndex::Created | SubjectIndex::Present)) => Finding::ok(
            SUBJECT_INDEX,
            "A unique index keeps two users from being linked to one DingTalk account.",
        ),
        Some(Ok(SubjectIndex::CreatedPlain | SubjectIndex::Plain | SubjectIndex::NotUsed)) => Finding::ok(
            SUBJECT_INDEX,
            "On this kind of database first sign-ins take turns instead of relying on a unique index.",
        ),
        Some(Err(StoreError::SubjectsNotUnique)) => {
            Finding::error(SUBJECT_INDEX, "Two users are linked to one DingTalk account.")
                .advise("Remove one of the two in the list of linked users.")
        }
        Some(Err(_)) | None => Finding::warning(
            SUBJECT_INDEX,
            "The unique index that keeps two users from being linked to one DingTalk account is missing.",
        )
        .advise("Look into the log of the sidecar for the reason, and let it create the index."),
    }
}

#[cfg(test)]
mod database_tests {
    use super::super::finding::Status;

    use super::*;

    #[test]
    fn a_database_of_another_shape_is_named_by_table_and_column() {
        let unknown = StoreError::ShapeUnknown {
            table: "nb_users".into(),
            column: "phone".into(),
        };
        let finding = failure(&unknown, false);

        assert_eq!(finding.status, Status::Error);
        assert_eq!(
            finding.params,
            [("table", "nb_users".to_owned()), ("column", "phone".to_owned())]
        );
        assert!(finding.message_key.contains("{{table}}") && finding.message_key.contains("{{column}}"));
    }

    #[test]
    fn a_lock_says_nothing_about_the_database() {
        assert_eq!(failure(&StoreError::Busy, false).status, Status::Unknown);
    }
    #[test]
    fn the_cause_is_named_once_and_without_the_names_of_our_libraries() {
        let refused = std::io::Error::other("Connection refused");

        let finding = failure(&StoreError::Unavailable(refused.into()), false);

        assert_eq!(finding.params, [("reason", "Connection refused".to_owned())]);
    }

    #[test]
    fn whoever_runs_alone_is_not_told_of_nocobases_tables() {
        let away = || StoreError::Unavailable(std::io::Error::other("it is gone").into());
        let (table, column) = ("users".to_owned(), "phone".to_owned());
        for error in [
            away(),
            StoreError::TablesMissing { table: table.clone() },
            StoreError::ShapeUnknown { table, column },
        ] {
            let finding = failure(&error, true);

            let said = format!("{} {:?}", finding.message_key, finding.action_key);
            assert!(!said.contains("NocoBase") && !said.contains("DB_"), "{said}");
        }
    }
}

#[cfg(test)]
mod subject_index_tests {
    use super::super::finding::Status;

    use super::*;

    #[test]
    fn an_index_that_cannot_be_made_is_worse_than_one_that_was_not() {
        assert_eq!(
            check_subject_index(Some(&Ok(SubjectIndex::Present))).status,
            Status::Ok
        );
        assert_eq!(
            check_subject_index(Some(&Ok(SubjectIndex::Plain))).status,
            Status::Ok
        );
        assert_eq!(
            check_subject_index(Some(&Ok(SubjectIndex::NotUsed))).status,
            Status::Ok
        );
        assert_eq!(check_subject_index(None).status, Status::Warning);
        assert_eq!(
            check_subject_index(Some(&Err(StoreError::ReadOnly))).status,
            Status::Warning
        );
        assert_eq!(
            check_subject_index(Some(&Err(StoreError::SubjectsNotUnique))).status,
            Status::Error
        );
    }
}
