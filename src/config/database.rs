//! NocoBase's database, from NocoBase's `DB_*` variables.

use chrono::{FixedOffset, Local, Offset as _};
use secrecy::SecretString;

use super::{ConfigError, Sources};
use crate::nocobase::{DatabaseSettings, ServerDatabase, ServerDialect, SslSettings};

const POOL_MAX: u32 = 10;

/// Reads the settings of a database server.
pub fn read(sources: &Sources) -> Result<DatabaseSettings, ConfigError> {
    let name = "DB_DIALECT";
    let (dialect, port) = match sources.text(name).unwrap_or_default() {
        "postgres" => (ServerDialect::Postgres, 5432),
        "mysql" => (ServerDialect::MySql, 3306),
        "mariadb" => (ServerDialect::MariaDb, 3306),
        _ => {
            let expected =
                "it is postgres, mysql or mariadb; leave it unset to run alone on the embedded database";
            return Err(ConfigError::Invalid { name, expected });
        }
    };
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
        database: needed("DB_DATABASE", "it names NocoBase's database")?,
        user: needed("DB_USER", "it is the user NocoBase's database is opened with")?,
        password: SecretString::from(sources.text("DB_PASSWORD").unwrap_or_default()),
        schema: sources.text("DB_SCHEMA").map(str::to_owned),
        table_prefix: sources.text("DB_TABLE_PREFIX").unwrap_or_default().to_owned(),
        underscored: sources.flag("DB_UNDERSCORED")?.unwrap_or(false),
        timezone: timezone(sources)?,
        ssl: SslSettings {
            mode: sources.text("DB_DIALECT_OPTIONS_SSL_MODE").map(str::to_owned),
            ca: value_or_file(sources, "DB_DIALECT_OPTIONS_SSL_CA"),
            key: value_or_file(sources, "DB_DIALECT_OPTIONS_SSL_KEY").map(SecretString::from),
            cert: value_or_file(sources, "DB_DIALECT_OPTIONS_SSL_CERT"),
            reject_unauthorized: sources.flag("DB_DIALECT_OPTIONS_SSL_REJECT_UNAUTHORIZED")?,
        },
        pool_max: sources
            .parsed("SIDECAR_DB_POOL", "it is a number of connections")?
            .unwrap_or(POOL_MAX),
    }))
}

/// NocoBase takes the machine's offset where `DB_TIMEZONE` is not set.
fn timezone(sources: &Sources) -> Result<FixedOffset, ConfigError> {
    let name = "DB_TIMEZONE";
    let expected = "it is an offset such as +08:00";
    match sources.text(name) {
        None => Ok(Local::now().offset().fix()),
        Some("Z" | "UTC") => FixedOffset::east_opt(0).ok_or(ConfigError::Invalid { name, expected }),
        Some(text) => text.parse().map_err(|_| ConfigError::Invalid { name, expected }),
    }
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
