//! Why a question to the tables could not be answered, sorted by what to do about it.

use sea_orm::sqlx::Error as SqlxError;
use sea_orm::sqlx::error::DatabaseError;
use sea_orm::sqlx::mysql::MySqlDatabaseError;
use sea_orm::sqlx::postgres::PgDatabaseError;
use sea_orm::sqlx::sqlite::SqliteError;
use sea_orm::{DbErr, RuntimeErr};

use crate::error_code::Code;

/// The failure of a store operation; "not there" is never among them.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The database cannot be reached, went away, or did not answer in time: try again later.
    #[error("the database is not available")]
    Unavailable(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// The database refuses our user, or that user may not do this: correct settings or grants.
    #[error("the database denies access")]
    AccessDenied(#[source] DbErr),
    /// The database takes no writes, such as a standby or a file without the right to write.
    #[error("the database is read-only")]
    ReadOnly,
    /// The database has no room left.
    #[error("the database is full")]
    Full,
    /// A pooler stands before the database that keeps no transaction together: correct its settings, or go past it.
    #[error(
        "a connection pooler with pool_mode = statement stands before the database; give the sidecar an address where pool_mode is transaction or session, or the database's own"
    )]
    StatementPooling,
    /// Someone else holds the lock for longer than we wait.
    #[error("the database is locked by another writer")]
    Busy,
    /// A deadlock or serialisation failure: the whole transaction may be run again.
    #[error("another transaction got in the way")]
    Conflict,
    /// A value that must be unique is taken.
    #[error("the value of {field} is already taken")]
    Duplicate {
        /// NocoBase's name of the column, or `primary key` where the database does not say more.
        field: &'static str,
    },
    /// A text has characters that the column's alphabet lacks, or more of them than it holds.
    #[error("a text does not fit its column")]
    TextRefused,
    /// A column must be filled and we do not know with what.
    #[error("the column {column} must be filled")]
    ValueRequired {
        /// The physical name of the column.
        column: String,
    },
    /// No role is the one for new users.
    #[error("no role is the default one")]
    NoDefaultRole,
    /// The role that was chosen for new users is not there, or may not be given.
    #[error("the role {role} cannot be given to new users")]
    RoleUnusable {
        /// Its name.
        role: String,
    },
    /// The change would leave no authenticator enabled.
    #[error("at least one authenticator must stay enabled")]
    LastEnabled,
    /// Two users already claim one subject, so the unique index cannot be made.
    #[error("two users are linked to the same subject of one authenticator")]
    SubjectsNotUnique,
    /// A table of NocoBase is missing: not installed, or another schema or prefix.
    #[error("the table {table} is missing")]
    TablesMissing {
        /// The physical name of the table.
        table: String,
    },
    /// A table is there but not in the shape we know.
    #[error("the table {table} has no column {column}")]
    ShapeUnknown {
        /// The physical name of the table.
        table: String,
        /// The physical name of the column.
        column: String,
    },
    /// A row holds what NocoBase would not write.
    #[error("a row of {table} has an unusable {column}")]
    BadRow {
        /// NocoBase's name of the table.
        table: &'static str,
        /// NocoBase's name of the column.
        column: &'static str,
    },
    /// Anything else the database said; a fault of ours or of its set-up.
    #[error("the database refused the statement")]
    Unexpected(#[source] DbErr),
}

impl StoreError {
    /// What is said of it outside.
    pub const fn code(&self) -> Code {
        match self {
            Self::LastEnabled => Code::LastAuthenticator,
            Self::Duplicate { .. } => Code::NameTaken,
            Self::Unavailable(_)
            | Self::AccessDenied(_)
            | Self::ReadOnly
            | Self::Full
            | Self::StatementPooling
            | Self::Busy
            | Self::Conflict => Code::DatabaseUnavailable,
            Self::NoDefaultRole => Code::DefaultRoleMissing,
            Self::RoleUnusable { .. } => Code::NewUserRoleUnusable,
            Self::ValueRequired { .. } => Code::UserFieldRequired,
            Self::TablesMissing { .. }
            | Self::ShapeUnknown { .. }
            | Self::BadRow { .. }
            | Self::SubjectsNotUnique
            | Self::TextRefused
            | Self::Unexpected(_) => Code::Internal,
        }
    }
}

impl From<DbErr> for StoreError {
    fn from(error: DbErr) -> Self {
        let reaction = if let Some(cause) = driver_error(&error) {
            classify(cause)
        } else if matches!(error, DbErr::ConnectionAcquire(_) | DbErr::Conn(_)) {
            Reaction::Retry
        } else {
            Reaction::Unknown
        };
        match reaction {
            Reaction::Retry => Self::Unavailable(error.into()),
            Reaction::StatementPooling => Self::StatementPooling,
            Reaction::Grant => Self::AccessDenied(error),
            Reaction::ReadOnly => Self::ReadOnly,
            Reaction::Full => Self::Full,
            Reaction::Busy => Self::Busy,
            Reaction::Conflict => Self::Conflict,
            Reaction::Duplicate(field) => Self::Duplicate { field },
            Reaction::TableMissing(table) => Self::TablesMissing { table },
            Reaction::TextRefused => Self::TextRefused,
            Reaction::ValueRequired(column) => Self::ValueRequired { column },
            Reaction::Unknown => Self::Unexpected(error),
        }
    }
}

/// True when a connection broke under a statement, so that the same question may succeed on another one; not when
/// none could be had.
pub(in crate::nocobase) fn is_lost_connection(error: &DbErr) -> bool {
    let under_a_statement = matches!(error, DbErr::Exec(_) | DbErr::Query(_));
    under_a_statement && driver_error(error).is_some_and(|cause| matches!(classify(cause), Reaction::Retry))
}

fn driver_error(error: &DbErr) -> Option<&SqlxError> {
    if let DbErr::Conn(RuntimeErr::SqlxError(cause))
    | DbErr::Exec(RuntimeErr::SqlxError(cause))
    | DbErr::Query(RuntimeErr::SqlxError(cause)) = error
    {
        Some(cause)
    } else {
        None
    }
}

enum Reaction {
    Retry,
    StatementPooling,
    Grant,
    ReadOnly,
    Full,
    Busy,
    Conflict,
    Duplicate(&'static str),
    TableMissing(String),
    TextRefused,
    ValueRequired(String),
    Unknown,
}

fn classify(error: &SqlxError) -> Reaction {
    if let SqlxError::Database(refusal) = error {
        return classify_refusal(refusal.as_ref());
    }
    let is_outage = matches!(
        error,
        SqlxError::Io(_)
            | SqlxError::Tls(_)
            | SqlxError::Protocol(_)
            | SqlxError::PoolTimedOut
            | SqlxError::PoolClosed
            | SqlxError::WorkerCrashed
            | SqlxError::BeginFailed
    );
    if is_outage {
        Reaction::Retry
    } else {
        Reaction::Unknown
    }
}

fn classify_refusal(refusal: &dyn DatabaseError) -> Reaction {
    if let Some(refusal) = refusal.try_downcast_ref::<PgDatabaseError>() {
        postgres(refusal)
    } else if let Some(refusal) = refusal.try_downcast_ref::<MySqlDatabaseError>() {
        mysql(refusal)
    } else if let Some(refusal) = refusal.try_downcast_ref::<SqliteError>() {
        sqlite(refusal)
    } else {
        Reaction::Unknown
    }
}

fn postgres(refusal: &PgDatabaseError) -> Reaction {
    match refusal.code() {
        "40001" | "40P01" => Reaction::Conflict,
        "55P03" => Reaction::Busy,
        "23505" => Reaction::Duplicate(duplicate_field(
            refusal
                .detail()
                .and_then(|detail| detail.split(")=(").next())
                .unwrap_or_default(),
        )),
        "25006" => Reaction::ReadOnly,
        "53100" | "53200" => Reaction::Full,
        "53300" => Reaction::Retry,
        "28000" | "28P01" | "3D000" | "42501" => Reaction::Grant,
        // No such character in the database's encoding; a character that no text holds; too long.
        "22P05" | "22021" | "22001" => Reaction::TextRefused,
        "23502" => Reaction::ValueRequired(refusal.column().unwrap_or_default().to_owned()),
        "42P01" => Reaction::TableMissing(quoted(refusal.message(), '"')),
        // PgBouncer's answer to BEGIN.
        "08P01" if refusal.message().contains("statement pooling") => Reaction::StatementPooling,
        code if code.starts_with("08") || code.starts_with("57P0") => Reaction::Retry,
        _ => Reaction::Unknown,
    }
}

fn mysql(refusal: &MySqlDatabaseError) -> Reaction {
    match refusal.number() {
        1205 => Reaction::Busy,
        // 1020: the row changed since it was read (MariaDB's snapshot isolation).
        1213 | 1020 => Reaction::Conflict,
        1062 | 1586 => Reaction::Duplicate(duplicate_field(
            refusal.message().rsplit(" for key ").next().unwrap_or_default(),
        )),
        1290 | 1792 | 1836 => Reaction::ReadOnly,
        1021 | 1114 => Reaction::Full,
        1044 | 1045 | 1049 | 1142 | 1698 => Reaction::Grant,
        // No such character in the column's alphabet; too long.
        1366 | 1406 => Reaction::TextRefused,
        1048 | 1364 => Reaction::ValueRequired(quoted(refusal.message(), '\'')),
        1146 => Reaction::TableMissing(quoted(refusal.message(), '\'')),
        // Too many connections, shutdown, killed, gone away, lost.
        1040 | 1053 | 1152 | 1158..=1161 | 1203 | 1317 | 1927 | 2002 | 2003 | 2006 | 2013 => Reaction::Retry,
        _ => Reaction::Unknown,
    }
}

fn sqlite(refusal: &SqliteError) -> Reaction {
    let code: i32 = refusal
        .code()
        .and_then(|code| code.parse().ok())
        .unwrap_or_default();
    // The low byte is SQLite's primary result code.
    match (code & 0xff, code) {
        (5 | 6, _) => Reaction::Busy,
        (8, _) => Reaction::ReadOnly,
        (13, _) => Reaction::Full,
        (10 | 14, _) => Reaction::Retry,
        (_, 1555 | 2067) => Reaction::Duplicate(duplicate_field(
            refusal.message().rsplit('.').next().unwrap_or_default(),
        )),
        (_, 1299) => Reaction::ValueRequired(
            refusal
                .message()
                .rsplit('.')
                .next()
                .unwrap_or_default()
                .to_owned(),
        ),
        (1, _) => match refusal.message().split_once("no such table: ") {
            Some((_, table)) => Reaction::TableMissing(table.to_owned()),
            None => Reaction::Unknown,
        },
        _ => Reaction::Unknown,
    }
}

/// The unique columns we write, the more telling first: a constraint over several names the last of its parts.
const UNIQUE_FIELDS: [(&str, &str); 9] = [
    ("packagename", "packageName"),
    ("username", "username"),
    ("uuid", "uuid"),
    ("userid", "userId"),
    ("phone", "phone"),
    ("email", "email"),
    ("token", "token"),
    ("name", "name"),
    ("id", "id"),
];

/// Each database names the violated constraint in its own words (a column list, an index name); the column is in it.
fn duplicate_field(constraint: &str) -> &'static str {
    let constraint = constraint.to_ascii_lowercase().replace('_', "");
    UNIQUE_FIELDS
        .iter()
        .find(|(spelling, _)| constraint.contains(spelling))
        .map_or("primary key", |(_, field)| field)
}

fn quoted(message: &str, quote: char) -> String {
    message.split(quote).nth(1).unwrap_or_default().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_violated_column_is_found_in_the_words_of_each_database() {
        for (words, field) in [
            ("phone", "phone"),
            ("Key (phone", "phone"),
            ("'users.phone'", "phone"),
            ("'nb_users_phone_unique'", "phone"),
            ("Key (authenticator, uuid", "uuid"),
            ("Key (authenticator, \"userId\"", "userId"),
            ("user_id", "userId"),
            ("'authenticators.name'", "name"),
            ("'PRIMARY'", "primary key"),
        ] {
            assert_eq!(duplicate_field(words), field, "{words}");
        }
    }

    #[test]
    fn a_pool_that_has_no_connection_left_is_an_outage_and_not_an_answer() {
        let error = StoreError::from(DbErr::ConnectionAcquire(sea_orm::ConnAcquireErr::Timeout));

        assert!(matches!(error, StoreError::Unavailable(_)));
    }
}
