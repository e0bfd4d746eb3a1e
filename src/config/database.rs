//! NocoBase's database, from NocoBase's `DB_*` variables.

use chrono::{FixedOffset, Local, Offset as _, Utc};
use secrecy::SecretString;
use tz::TimeZone;

use super::{ConfigError, Sources};
use crate::nocobase::{DatabaseSettings, ServerDatabase, ServerDialect, SslMode, SslModeError, SslSettings};

const POOL_MAX: u32 = 10;

/// Reads the settings of a database server.
pub fn read(sources: &Sources) -> Result<DatabaseSettings, ConfigError> {
    let name = "DB_DIALECT";
    let expected = "it is postgres, mysql or mariadb; leave it unset to run alone on the embedded database";
    let (dialect, port) = ServerDialect::named(sources.text(name).unwrap_or_default())
        .ok_or(ConfigError::Invalid { name, expected })?;
    let needed = |name, needed_for| {
        sources
            .text(name)
            .map(str::to_owned)
            .ok_or(ConfigError::Missing { name, needed_for })
    };
    Ok(DatabaseSettings::Server(ServerDatabase {
        dialect,
        host: sources.text("DB_HOST").unwrap_or("localhost").to_owned(),
        port: sources.parsed("DB_PORT", "it is a port number")?.unwrap_or(port),
        socket: None,
        database: needed("DB_DATABASE", "it names NocoBase's database")?,
        user: needed("DB_USER", "it is the user NocoBase's database is opened with")?,
        password: SecretString::from(sources.text("DB_PASSWORD").unwrap_or_default()),
        schema: sources.text("DB_SCHEMA").map(str::to_owned),
        table_prefix: sources.text("DB_TABLE_PREFIX").unwrap_or_default().to_owned(),
        underscored: sources.is_true("DB_UNDERSCORED").unwrap_or(false),
        timezone: timezone(sources.text("DB_TIMEZONE"), sources.text("TZ"))?,
        ssl: SslSettings {
            mode: ssl_mode(sources.text("DB_DIALECT_OPTIONS_SSL_MODE"))?,
            ca: value_or_file(sources, "DB_DIALECT_OPTIONS_SSL_CA"),
            key: value_or_file(sources, "DB_DIALECT_OPTIONS_SSL_KEY").map(SecretString::from),
            cert: value_or_file(sources, "DB_DIALECT_OPTIONS_SSL_CERT"),
            reject_unauthorized: sources.is_true("DB_DIALECT_OPTIONS_SSL_REJECT_UNAUTHORIZED"),
        },
        pool_max: pool_max(sources)?,
    }))
}

/// What is asked of TLS; a word that is not known must not mean less than it says.
pub(super) fn ssl_mode(text: Option<&str>) -> Result<Option<SslMode>, ConfigError> {
    let parsed = text.map(|text| text.trim().parse()).transpose();
    parsed.map_err(|SslModeError| ConfigError::Invalid {
        name: "DB_DIALECT_OPTIONS_SSL_MODE",
        expected: "it is disable, allow, prefer, require, verify-ca or verify-full",
    })
}

pub(super) fn pool_max(sources: &Sources) -> Result<u32, ConfigError> {
    let given = sources.parsed("SIDECAR_DB_POOL", "it is a number of connections")?;
    Ok(given.unwrap_or(POOL_MAX))
}

/// NocoBase takes `TZ` where `DB_TIMEZONE` is not set, also from its own file, and then the machine's offset. Both it and
/// the system take a name they do not know for UTC, and every point in time would be wrong by hours.
pub(super) fn timezone(
    of_database: Option<&str>,
    of_process: Option<&str>,
) -> Result<FixedOffset, ConfigError> {
    let expected = "it is an offset such as +08:00, or the name of a time zone that this machine knows, such as Asia/Shanghai";
    for (name, text) in [("DB_TIMEZONE", of_database), ("TZ", of_process)] {
        if let Some(text) = text {
            return offset(text).ok_or(ConfigError::Invalid { name, expected });
        }
    }
    Ok(Local::now().offset().fix())
}

/// The offset at this moment: like NocoBase's, it stays as it was at the start.
fn offset(text: &str) -> Option<FixedOffset> {
    // Also where no time zones are installed.
    if matches!(text, "Z" | "UTC" | "Etc/UTC") {
        return Some(Utc.fix());
    }
    // NocoBase knows +8:00 and +08:00, and takes +0800 for a name.
    if let Some((hours, minutes)) = text.split_once(':') {
        let (sign, digits) = hours.split_at_checked(1)?;
        return format!("{sign}{digits:0>2}:{minutes}").parse().ok();
    }
    // With the colon it is read as a name, never as a rule such as `CET-1CEST`, which NocoBase does not know either.
    let zone = TimeZone::from_posix_tz(&format!(":{text}")).ok()?;
    FixedOffset::east_opt(zone.find_current_local_time_type().ok()?.ut_offset())
}

/// The certificate variables hold either the text itself or the path of a file.
fn value_or_file(sources: &Sources, name: &str) -> Option<String> {
    let text = sources.text(name)?;
    let path = sources.beside_file(text);
    Some(if path.is_file() {
        path.display().to_string()
    } else {
        text.to_owned()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seconds(settings: &[(&str, &str)]) -> Option<i32> {
        let sources = Sources::of_pairs(settings);
        timezone(sources.text("DB_TIMEZONE"), sources.text("TZ"))
            .ok()
            .map(|offset| offset.local_minus_utc())
    }

    #[test]
    fn the_time_zone_of_the_database_is_an_offset_or_a_name() {
        for (text, hours) in [
            ("+08:00", 8),
            ("-03:00", -3),
            ("+8:00", 8),
            ("Asia/Shanghai", 8),
            ("UTC", 0),
            ("Z", 0),
        ] {
            assert_eq!(seconds(&[("DB_TIMEZONE", text)]), Some(hours * 3600), "{text}");
        }
        for text in ["Nowhere/Atlantis", "+0800", "8", "+08:0", ":00", ":Asia/Shanghai"] {
            assert_eq!(seconds(&[("DB_TIMEZONE", text)]), None, "{text}");
        }
    }

    #[test]
    fn without_it_the_time_zone_of_nocobase_counts() {
        assert_eq!(seconds(&[("TZ", "Asia/Shanghai")]), Some(8 * 3600));
        assert_eq!(
            seconds(&[("TZ", "Asia/Shanghai"), ("DB_TIMEZONE", "+00:00")]),
            Some(0)
        );
        assert_eq!(seconds(&[]), Some(Local::now().offset().local_minus_utc()));
    }

    #[test]
    fn a_time_zone_that_nobody_knows_is_not_utc() {
        for text in ["Asia/Beijing", "not a zone", "Etc/Atlantis", "CST-8"] {
            let error = timezone(None, Some(text)).unwrap_err().to_string();

            assert!(error.contains("TZ") && !error.contains(text), "{error}");
        }
    }

    #[test]
    fn only_true_is_true_to_nocobase() {
        let settings = |value| {
            let pairs = [
                ("DB_DIALECT", "postgres"),
                ("DB_DATABASE", "d"),
                ("DB_USER", "u"),
                ("DB_UNDERSCORED", value),
                ("DB_DIALECT_OPTIONS_SSL_REJECT_UNAUTHORIZED", value),
            ];
            let DatabaseSettings::Server(server) = read(&Sources::of_pairs(&pairs)).unwrap() else {
                panic!("that is a server");
            };
            (server.underscored, server.ssl.reject_unauthorized)
        };

        assert_eq!(settings("true"), (true, Some(true)));
        for value in ["1", "TRUE", "yes", "on", "false", "canary"] {
            assert_eq!(settings(value), (false, Some(false)), "{value}");
        }
        assert_eq!(settings(""), (false, None));
    }
}
