//! What the databases disagree about: JSON, uuids, points in time, and what "equal" means for text.

use chrono::{DateTime, FixedOffset, NaiveDateTime, SubsecRound as _, TimeZone as _, Utc};
use sea_orm::sea_query::{Expr, ExprTrait as _, Value as SqlValue};
use uuid::Uuid;

use super::names::Table;

const SQLITE_TIME: &str = "%Y-%m-%d %H:%M:%S%.3f +00:00";

/// The family of SQL that the connected database speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::nocobase) enum Dialect {
    Sqlite,
    Postgres,
    /// MySQL and MariaDB, whose DATETIMEs carry no offset of their own.
    MySql {
        timezone: FixedOffset,
    },
}

impl Dialect {
    /// A name in a statement that is written by hand.
    pub(in crate::nocobase) fn quoted(self, name: &str) -> String {
        let quote = match self {
            Self::Postgres | Self::Sqlite => "\"",
            Self::MySql { .. } => "`",
        };
        format!("{quote}{}{quote}", name.replace(quote, &quote.repeat(2)))
    }

    /// JSON for an INSERT or UPDATE. PostgreSQL takes no text for a `json` column without the cast.
    pub(in crate::nocobase) fn json(self, value: &serde_json::Value) -> Expr {
        let text = Expr::val(value.to_string());
        match self {
            Self::Postgres => text.cast_as("json"),
            Self::Sqlite | Self::MySql { .. } => text,
        }
    }

    /// A JSON column as text: MariaDB hands JSON over as bytes otherwise.
    pub(in crate::nocobase) fn json_as_text(self, column: Expr) -> Expr {
        match self {
            Self::Postgres | Self::Sqlite => column.cast_as("text"),
            Self::MySql { .. } => column.cast_as("char"),
        }
    }

    /// A uuid as its column holds it: a type of its own on PostgreSQL, text elsewhere.
    pub(in crate::nocobase) fn uuid(self, value: Uuid) -> SqlValue {
        match self {
            Self::Postgres => value.into(),
            Self::Sqlite | Self::MySql { .. } => value.to_string().into(),
        }
    }

    /// A point in time as the table holds it: milliseconds in `users`, whole seconds in the other tables of MySQL
    /// (which would round up by itself, into the future).
    pub(in crate::nocobase) fn time(self, table: Table, time: DateTime<Utc>) -> SqlValue {
        match self {
            Self::Postgres => time.trunc_subsecs(3).into(),
            Self::Sqlite => time.format(SQLITE_TIME).to_string().into(),
            Self::MySql { timezone } => {
                let digits = if table == Table::Users { 3 } else { 0 };
                time.with_timezone(&timezone)
                    .naive_local()
                    .trunc_subsecs(digits)
                    .into()
            }
        }
    }

    /// The point in time that a DATETIME of MySQL stands for.
    pub(in crate::nocobase) fn instant(self, local: NaiveDateTime) -> DateTime<Utc> {
        match self {
            Self::MySql { timezone } => match timezone.from_local_datetime(&local) {
                chrono::LocalResult::Single(time) | chrono::LocalResult::Ambiguous(time, _) => time.to_utc(),
                chrono::LocalResult::None => local.and_utc(),
            },
            Self::Sqlite | Self::Postgres => local.and_utc(),
        }
    }

    /// The point in time that a text of SQLite stands for.
    pub(in crate::nocobase) fn from_text(text: &str) -> Option<DateTime<Utc>> {
        DateTime::parse_from_str(text, "%Y-%m-%d %H:%M:%S%.f %:z")
            .ok()
            .map(|time| time.to_utc())
    }

    /// Equal byte for byte. MySQL and MariaDB fold case (and more) unless told otherwise; the plain comparison
    /// stays beside the binary one so that an index can still be used.
    pub(in crate::nocobase) fn same_bytes(self, column: Expr, value: &str) -> Expr {
        match self {
            Self::Sqlite | Self::Postgres => column.eq(value),
            Self::MySql { .. } => column.clone().eq(value).and(column.cast_as("binary").eq(value)),
        }
    }

    /// As [`Dialect::same_bytes`], for any one of several values.
    pub(in crate::nocobase) fn any_of_bytes(self, column: Expr, values: &[String]) -> Expr {
        match self {
            Self::Sqlite | Self::Postgres => column.is_in(values.iter().cloned()),
            Self::MySql { .. } => column
                .clone()
                .is_in(values.iter().cloned())
                .and(column.cast_as("binary").is_in(values.iter().cloned())),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn a_time() -> DateTime<Utc> {
        DateTime::from_timestamp_millis(1_763_600_523_678).unwrap()
    }

    #[test]
    fn sqlite_times_survive_the_round_trip_as_nocobase_writes_them() {
        let SqlValue::String(Some(text)) = Dialect::Sqlite.time(Table::Users, a_time()) else {
            panic!("SQLite holds times as text");
        };

        assert_eq!(text, "2025-11-20 01:02:03.678 +00:00");
        assert_eq!(Dialect::from_text(&text), Some(a_time()));
    }

    #[test]
    fn mysql_times_are_written_in_the_zone_of_the_settings_and_never_in_the_future() {
        let dialect = Dialect::MySql {
            timezone: FixedOffset::east_opt(8 * 3600).unwrap(),
        };

        let SqlValue::ChronoDateTime(Some(local)) = dialect.time(Table::IssuedTokens, a_time()) else {
            panic!("MySQL takes local times");
        };

        assert_eq!(local.to_string(), "2025-11-20 09:02:03");
        assert_eq!(dialect.instant(local), a_time().trunc_subsecs(0));
    }
}
