//! How a connection is opened: limits, pool, and the file of the embedded database.

use std::io;
use std::path::Path;
use std::time::Duration;

use sea_orm::sqlx::mysql::MySqlConnectOptions;
use sea_orm::sqlx::postgres::PgConnectOptions;
use sea_orm::sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqliteSynchronous};
use sea_orm::sqlx::{ConnectOptions as _, Executor as _};
use sea_orm::{ConnectOptions, Database, DatabaseConnection};
use secrecy::ExposeSecret as _;

use super::dialect::Dialect;
use super::error::StoreError;
use super::names::Names;
use super::settings::{DatabaseSettings, ServerDatabase, ServerDialect};
use crate::files::{close_to_others, create_private_file, make_private_folder};

use super::pooler::{self, ConnectionOwner};
use super::tls;

/// The longest wait for a connection, whether from the pool or from the server.
const ACQUIRE_LIMIT: Duration = Duration::from_secs(3);
const IDLE_LIMIT: Duration = Duration::from_mins(5);
/// A connection unused for longer is tried before it carries a statement: servers and firewalls drop idle ones.
const TRUSTED_IDLE: Duration = Duration::from_secs(1);
/// SQLite has one writer at a time; the others wait this long for it.
const SQLITE_BUSY_LIMIT: Duration = Duration::from_secs(5);
const SQLITE_CONNECTIONS: u32 = 8;
/// Set once for a connection of our own: the isolation, because it would be a round trip in each transaction; and that an
/// index is used wherever there is one, because PostgreSQL keeps the plan it made while a table was small, and on a new site
/// would read all users and links at each sign-in until it has counted them anew. `jit` is in the way of such plans, and
/// older versions lack it. Searches do without ([`POSTGRES_SEARCH`]).
const POSTGRES_SESSION: &str = "SET SESSION CHARACTERISTICS AS TRANSACTION ISOLATION LEVEL READ COMMITTED; \
    SELECT set_config(name, 'off', false) FROM pg_settings WHERE name IN ('enable_seqscan', 'jit')";
/// For a search, whose rows no index finds: the server's own setting, until the transaction ends.
pub(in crate::nocobase) const POSTGRES_SEARCH: &str = "SET LOCAL enable_seqscan TO DEFAULT";
const MYSQL_ISOLATION: &str = "SET SESSION TRANSACTION ISOLATION LEVEL READ COMMITTED";

/// Opens a pool for the settings, and says whose its connections are.
pub(in crate::nocobase) async fn open(
    settings: &DatabaseSettings,
) -> Result<(DatabaseConnection, ConnectionOwner), StoreError> {
    let (options, way) = match settings {
        DatabaseSettings::Sqlite { path } => {
            make_file(path).map_err(unusable_file)?;
            (sqlite_options(path), ConnectionOwner::Own)
        }
        DatabaseSettings::Server(server) => {
            let way = match server.dialect {
                ServerDialect::Postgres => pooler::find(&postgres_options(server)).await?,
                ServerDialect::MySql | ServerDialect::MariaDb => ConnectionOwner::Own,
            };
            (server_options(server, way), way)
        }
    };
    Ok((Database::connect(options).await?, way))
}

/// Opens a pool for who only looks.
pub(in crate::nocobase) async fn open_to_look(
    settings: &DatabaseSettings,
) -> Result<(DatabaseConnection, ConnectionOwner), StoreError> {
    match settings {
        DatabaseSettings::Sqlite { path } => Ok((
            Database::connect(sqlite_to_look(path)).await?,
            ConnectionOwner::Own,
        )),
        DatabaseSettings::Server(_) => open(settings).await,
    }
}

/// The most connections that the pool holds.
pub(in crate::nocobase) fn pool_size(settings: &DatabaseSettings) -> u32 {
    match settings {
        DatabaseSettings::Sqlite { .. } => SQLITE_CONNECTIONS,
        DatabaseSettings::Server(server) => server.pool_max.max(1),
    }
}

/// The dialect of a server.
pub(in crate::nocobase) const fn dialect(server: &ServerDatabase) -> Dialect {
    match server.dialect {
        ServerDialect::Postgres => Dialect::Postgres,
        ServerDialect::MySql | ServerDialect::MariaDb => Dialect::MySql {
            timezone: server.timezone,
        },
    }
}

/// The names that a server's NocoBase uses.
pub(in crate::nocobase) fn names(server: &ServerDatabase) -> Names {
    let schema = match server.dialect {
        ServerDialect::Postgres => Some(server.schema.clone().unwrap_or_else(|| "public".to_owned())),
        ServerDialect::MySql | ServerDialect::MariaDb => None,
    };
    Names {
        schema,
        prefix: server.table_prefix.clone(),
        underscored: server.underscored,
    }
}

fn sqlite_options(path: &Path) -> ConnectOptions {
    let path = path.to_owned();
    // The address only selects the driver; the closure says what is opened.
    let mut options = pooled("sqlite::memory:", SQLITE_CONNECTIONS);
    options.map_sqlx_sqlite_opts(move |_| {
        SqliteConnectOptions::new()
            .filename(&path)
            .create_if_missing(true)
            .journal_mode(SqliteJournalMode::Wal)
            .synchronous(SqliteSynchronous::Normal)
            .busy_timeout(SQLITE_BUSY_LIMIT)
            .disable_statement_logging()
    });
    options
}

/// SQLite makes files beside the database even to read it, unless it is told that nothing changes. Nobody writes where
/// there is no such file.
fn sqlite_to_look(path: &Path) -> ConnectOptions {
    let path = path.to_owned();
    let mut log = path.clone().into_os_string();
    log.push("-wal");
    let is_at_rest = !Path::new(&log).exists();
    let mut options = pooled("sqlite::memory:", 1);
    options.map_sqlx_sqlite_opts(move |_| {
        SqliteConnectOptions::new()
            .filename(&path)
            .read_only(true)
            .immutable(is_at_rest)
            .busy_timeout(SQLITE_BUSY_LIMIT)
            .disable_statement_logging()
    });
    options
}

fn server_options(server: &ServerDatabase, way: ConnectionOwner) -> ConnectOptions {
    let settings = server.clone();
    let mut options = match server.dialect {
        ServerDialect::Postgres => {
            let mut options = pooled("postgres://localhost", server.pool_max.max(1));
            if way == ConnectionOwner::Own {
                options.map_sqlx_postgres_opts(move |_| pooler::marked(&postgres_options(&settings)));
                options.map_sqlx_postgres_pool_opts(|pool| {
                    pool.after_connect(|connection, _| {
                        Box::pin(async move {
                            pooler::require_own(connection).await?;
                            connection.execute(POSTGRES_SESSION).await.map(drop)
                        })
                    })
                });
            } else {
                options.map_sqlx_postgres_opts(move |_| postgres_options(&settings));
            }
            options
        }
        ServerDialect::MySql | ServerDialect::MariaDb => {
            let mut options = pooled("mysql://localhost", server.pool_max.max(1));
            options.map_sqlx_mysql_opts(move |_| mysql_options(&settings));
            options.map_sqlx_mysql_pool_opts(|pool| {
                pool.after_connect(|connection, _| {
                    Box::pin(async move { connection.execute(MYSQL_ISOLATION).await.map(drop) })
                })
            });
            options
        }
    };
    options.connect_lazy(true);
    options
}

fn pooled(driver: &str, connections: u32) -> ConnectOptions {
    let mut options = ConnectOptions::new(driver);
    options
        .max_connections(connections)
        .acquire_timeout(ACQUIRE_LIMIT)
        .idle_timeout(IDLE_LIMIT)
        .test_before_acquire_if_idle_for(TRUSTED_IDLE)
        // Statements carry phone numbers; our own observer counts them without their text.
        .sqlx_logging(false)
        .record_stmt_in_spans(false);
    options
}

pub(in crate::nocobase) fn postgres_options(server: &ServerDatabase) -> PgConnectOptions {
    let mut options = PgConnectOptions::new_without_pgpass()
        .host(&server.host)
        .port(server.port)
        .database(&server.database)
        .username(&server.user)
        .application_name("nocobase-dingtalk")
        // We read no such numbers, and a pooler refuses what it does not know.
        .extra_float_digits(None)
        .disable_statement_logging();
    if let Some(socket) = &server.socket {
        options = options.socket(socket);
    }
    if let Some(password) = password(server) {
        options = options.password(password);
    }
    tls::of_postgres(options, &server.ssl)
}

pub(in crate::nocobase) fn mysql_options(server: &ServerDatabase) -> MySqlConnectOptions {
    let mut options = MySqlConnectOptions::new()
        .host(&server.host)
        .port(server.port)
        .database(&server.database)
        .username(&server.user)
        .charset("utf8mb4")
        .disable_statement_logging();
    if let Some(socket) = &server.socket {
        options = options.socket(socket);
    }
    if let Some(password) = password(server) {
        options = options.password(password);
    }
    tls::of_mysql(options, &server.ssl)
}

/// A driver that is given an empty password answers for it with a hash, which a user without one may not.
fn password(server: &ServerDatabase) -> Option<&str> {
    Some(server.password.expose_secret()).filter(|password| !password.is_empty())
}

/// The file holds password hashes and session ids, so nobody but its owner may read it; SQLite gives its side files
/// the same mode.
fn make_file(path: &Path) -> io::Result<()> {
    if let Some(folder) = path.parent() {
        make_private_folder(folder)?;
    }
    match create_private_file(path) {
        // A copy that was put back has the rights that the umask gave it.
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => close_to_others(path),
        made => made.map(drop),
    }
}

fn unusable_file(error: io::Error) -> StoreError {
    let kind = error.kind();
    if matches!(
        kind,
        io::ErrorKind::ReadOnlyFilesystem | io::ErrorKind::PermissionDenied
    ) {
        StoreError::ReadOnly
    } else if kind == io::ErrorKind::StorageFull {
        StoreError::Full
    } else {
        StoreError::Unavailable(error.into())
    }
}
