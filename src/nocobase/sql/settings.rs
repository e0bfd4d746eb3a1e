//! Where NocoBase's tables are.

use std::path::PathBuf;
use std::str::FromStr;

use chrono::FixedOffset;
use secrecy::SecretString;

/// The database to work on: a file of our own, or NocoBase's server.
#[expect(clippy::large_enum_variant, reason = "there is one, and it is read once")]
#[derive(Clone, Debug)]
pub enum DatabaseSettings {
    /// The embedded database of the modes without a NocoBase.
    Sqlite {
        /// The database file; created, with its folder, when missing.
        path: PathBuf,
    },
    /// The database that NocoBase itself uses.
    Server(ServerDatabase),
}

/// How to reach NocoBase's database, and how NocoBase names and dates things in it.
#[derive(Clone, Debug)]
pub struct ServerDatabase {
    /// `DB_DIALECT`.
    pub dialect: ServerDialect,
    /// `DB_HOST`.
    pub host: String,
    /// `DB_PORT`.
    pub port: u16,
    /// The socket of a server on this machine, which wins over host and port.
    pub socket: Option<PathBuf>,
    /// `DB_DATABASE`.
    pub database: String,
    /// `DB_USER`.
    pub user: String,
    /// `DB_PASSWORD`.
    pub password: SecretString,
    /// `DB_SCHEMA`; PostgreSQL only, `public` when not set.
    pub schema: Option<String>,
    /// `DB_TABLE_PREFIX`, empty when not set.
    pub table_prefix: String,
    /// `DB_UNDERSCORED`: snake case instead of camel case, for tables and columns alike.
    pub underscored: bool,
    /// `DB_TIMEZONE`: the offset in which MySQL and MariaDB hold their DATETIMEs.
    pub timezone: FixedOffset,
    /// `DB_DIALECT_OPTIONS_SSL_*`.
    pub ssl: SslSettings,
    /// The most connections held at a time.
    pub pool_max: u32,
}

/// The servers that NocoBase runs on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ServerDialect {
    /// PostgreSQL 10 and later.
    Postgres,
    /// MySQL 8.0.17 and later.
    MySql,
    /// MariaDB.
    MariaDb,
}

impl ServerDialect {
    /// The dialect of NocoBase's name for it, with the port that its servers listen on.
    pub fn named(name: &str) -> Option<(Self, u16)> {
        match name {
            "postgres" => Some((Self::Postgres, 5432)),
            "mysql" => Some((Self::MySql, 3306)),
            "mariadb" => Some((Self::MariaDb, 3306)),
            _ => None,
        }
    }
}

/// TLS towards the database; certificates and keys are PEM text or a path, as NocoBase takes them.
#[derive(Clone, Debug, Default)]
pub struct SslSettings {
    /// `…_MODE`.
    pub mode: Option<SslMode>,
    /// `…_CA`: the authorities to trust.
    pub ca: Option<String>,
    /// `…_KEY`: the key of the client certificate.
    pub key: Option<SecretString>,
    /// `…_CERT`: the client certificate.
    pub cert: Option<String>,
    /// `…_REJECT_UNAUTHORIZED`: `false` accepts any certificate.
    pub reject_unauthorized: Option<bool>,
}

/// What is asked of TLS, in PostgreSQL's words. There is no other value: one that is not known must not mean less.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SslMode {
    /// None.
    Disable,
    /// Where the server insists on it.
    Allow,
    /// Where the server offers it.
    Prefer,
    /// Always.
    Require,
    /// With a certificate of a known authority.
    VerifyCa,
    /// With such a certificate in the server's name.
    VerifyFull,
}

/// A mode that is none.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("this is no mode of TLS")]
pub struct SslModeError;

impl FromStr for SslMode {
    type Err = SslModeError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "disable" => Ok(Self::Disable),
            "allow" => Ok(Self::Allow),
            "prefer" => Ok(Self::Prefer),
            "require" => Ok(Self::Require),
            "verify-ca" => Ok(Self::VerifyCa),
            "verify-full" => Ok(Self::VerifyFull),
            _ => Err(SslModeError),
        }
    }
}
