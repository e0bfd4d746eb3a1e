//! Whether the database answers and is NocoBase's.

use crate::nocobase::{Store, StoreError};

use super::finding::Finding;

const CHECK: &str = "database";

pub(super) async fn examine(store: &Store) -> Finding {
    match ask(store).await {
        Ok(()) => Finding::ok(CHECK, "The database answers and has NocoBase's tables."),
        Err(error) => failure(&error),
    }
}

async fn ask(store: &Store) -> Result<(), StoreError> {
    store.ping().await?;
    store.check_schema().await
}

/// The finding for a question that the tables did not answer.
pub(super) fn failure(error: &StoreError) -> Finding {
    match error {
        StoreError::Unavailable(cause) => Finding::error(CHECK, "The database cannot be reached: {{reason}}")
            .with("reason", cause.to_string())
            .advise("Check that the database runs, and that the sidecar has the same DB settings as NocoBase."),
        StoreError::StatementPooling => Finding::error(CHECK, "A connection pooler stands before the database and keeps no transaction together.")
            .advise("Set pool_mode to transaction or session in the pooler, or connect the sidecar to the database itself."),
        StoreError::AccessDenied(_) => Finding::error(CHECK, "The database denies access.")
            .advise("Check the database's name, user and password, and what that user may do."),
        StoreError::ReadOnly => Finding::error(CHECK, "The database takes no changes.")
            .advise("Connect the sidecar to the database that NocoBase itself writes to."),
        StoreError::Full => Finding::error(CHECK, "The database has no space left.").advise("Give the database more space."),
        StoreError::TablesMissing { table } => Finding::error(CHECK, "The database has no table {{table}}.")
            .with("table", table)
            .advise("Start NocoBase once so that it creates its tables, and check DB_DATABASE, DB_SCHEMA, DB_TABLE_PREFIX and DB_UNDERSCORED."),
        StoreError::ShapeUnknown { table, column } => {
            Finding::error(CHECK, "The table {{table}} has no column {{column}}, so this is not a NocoBase that the sidecar knows.")
                .with("table", table)
                .with("column", column)
                .advise("Upgrade NocoBase or the sidecar so that they fit each other, and check DB_UNDERSCORED.")
        }
        StoreError::BadRow { table, column } => {
            Finding::error(CHECK, "A row of the table {{table}} has an unusable value in {{column}}.")
                .with("table", *table)
                .with("column", *column)
                .advise("Correct the value in NocoBase.")
        }
        StoreError::Busy | StoreError::Conflict => {
            Finding::unknown(CHECK, "The database is busy.").advise("Test again in a minute.")
        }
        // The doctor writes nothing, so the reasons to refuse a change cannot come up.
        StoreError::Duplicate { .. }
        | StoreError::LastEnabled
        | StoreError::SubjectsNotUnique
        | StoreError::TextRefused
        | StoreError::ValueRequired { .. }
        | StoreError::NoDefaultRole
        | StoreError::Unexpected(_) => Finding::error(CHECK, "The database refused a question of the sidecar.")
            .advise("Look into the log of the sidecar for the reason."),
    }
}

#[cfg(test)]
mod tests {
    use super::super::finding::Status;
    use super::*;

    #[test]
    fn a_database_of_another_shape_is_named_by_table_and_column() {
        let finding = failure(&StoreError::ShapeUnknown {
            table: "nb_users".into(),
            column: "phone".into(),
        });

        assert_eq!(finding.status, Status::Error);
        assert_eq!(
            finding.params,
            [("table", "nb_users".to_owned()), ("column", "phone".to_owned())]
        );
        assert!(finding.message_key.contains("{{table}}") && finding.message_key.contains("{{column}}"));
    }

    #[test]
    fn a_lock_says_nothing_about_the_database() {
        assert_eq!(failure(&StoreError::Busy).status, Status::Unknown);
    }
}
