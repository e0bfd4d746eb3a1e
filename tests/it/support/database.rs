//! A database of its own for each test, with NocoBase's tables in it.
//!
//! SQLite always; PostgreSQL and MariaDB when `TEST_POSTGRES_URL` and `TEST_MARIADB_URL` name a server on which
//! databases may be created. Statements of tests put names between backticks, `createdAt` for a column and `@users` for a table; both are spelt as
//! the database at hand spells them.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use chrono::{DateTime, FixedOffset, Utc};
use nocobase_dingtalk::entropy::Entropy;
use nocobase_dingtalk::nocobase::{
    DatabaseSettings, RootUser, ServerDatabase, ServerDialect, SslSettings, StatementObserver, Store,
};
use sea_orm::{
    ConnectionTrait, Database, DatabaseConnection, DatabaseTransaction, Statement, TransactionTrait as _,
};
use tempfile::TempDir;
use url::Url;

/// The name under which a sidecar finds the embedded database in its folder.
const EMBEDDED_FILE: &str = "nocobase-dingtalk.sqlite";

/// A NocoBase database that is dropped with its test.
pub struct TestDatabase {
    pub store: Store,
    pub kind: Kind,
    pub settings: DatabaseSettings,
    statements: Arc<AtomicUsize>,
    /// Where a sidecar on this database may keep its files.
    pub folder: TempDir,
    connection: DatabaseConnection,
    server: Option<(DatabaseConnection, String)>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Sqlite,
    Postgres,
    /// As [`Kind::Postgres`], with a schema, a prefix and underscored names.
    PostgresRenamed,
    MariaDb,
}

impl Kind {
    const fn url_variable(self) -> Option<&'static str> {
        match self {
            Self::Sqlite => None,
            Self::Postgres | Self::PostgresRenamed => Some("TEST_POSTGRES_URL"),
            Self::MariaDb => Some("TEST_MARIADB_URL"),
        }
    }

    pub const fn is_postgres(self) -> bool {
        matches!(self, Self::Postgres | Self::PostgresRenamed)
    }

    const fn quote(self) -> &'static str {
        if matches!(self, Self::MariaDb) { "`" } else { "\"" }
    }

    fn spell(self, name: &str) -> String {
        let (is_table, name) = name.strip_prefix('@').map_or((false, name), |name| (true, name));
        let quote = self.quote();
        if self != Self::PostgresRenamed {
            return format!("{quote}{name}{quote}");
        }
        let mut snake = String::new();
        for character in name.chars() {
            if character.is_ascii_uppercase() {
                snake.push('_');
            }
            snake.push(character.to_ascii_lowercase());
        }
        if is_table {
            format!("\"crm\".\"nb_{snake}\"")
        } else {
            format!("\"{snake}\"")
        }
    }

    /// The statement with the names of this database.
    fn statement(self, sql: &str) -> String {
        sql.split('`')
            .enumerate()
            .map(|(index, part)| {
                if index % 2 == 1 {
                    self.spell(part)
                } else {
                    part.to_owned()
                }
            })
            .collect()
    }
}

/// Runs a test on every database there is, each time on a fresh one that is dropped also when the test fails.
pub async fn on_every_database<T, F>(test: T)
where
    T: Fn(Arc<TestDatabase>) -> F,
    F: Future<Output = ()> + Send + 'static,
{
    for kind in [Kind::Sqlite, Kind::Postgres, Kind::PostgresRenamed, Kind::MariaDb] {
        on(kind, &test).await;
    }
}

/// Says that cases are left out for want of a server: once, and past the capture of the tests' output, or nobody would
/// read it.
fn left_out(kind: Kind) {
    static SAID: [std::sync::Once; 2] = [std::sync::Once::new(), std::sync::Once::new()];
    let variable = kind.url_variable().unwrap_or_default();
    SAID[usize::from(kind.is_postgres())].call_once(|| {
        use std::io::Write as _;
        let server = if kind.is_postgres() {
            "PostgreSQL"
        } else {
            "MariaDB"
        };
        let line = format!("the cases on {server} are left out: {variable} names no server\n");
        let _said = std::io::stderr().write_all(line.as_bytes());
    });
}

/// Runs a test on one kind of database; where there is none, that is said.
pub async fn on<T, F>(kind: Kind, test: T)
where
    T: Fn(Arc<TestDatabase>) -> F,
    F: Future<Output = ()> + Send + 'static,
{
    let url = match kind.url_variable().map(read_variable) {
        Some(None) => return left_out(kind),
        Some(url) => url,
        None => None,
    };
    let database = Arc::new(TestDatabase::create(kind, url.as_deref()).await);
    let outcome = tokio::spawn(test(Arc::clone(&database))).await;
    database.drop_server_database().await;
    if let Err(failure) = outcome {
        eprintln!("failed on {kind:?}");
        std::panic::resume_unwind(failure.into_panic());
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "where test servers are is the environment's to say"
)]
fn read_variable(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|url| !url.is_empty())
}

/// The time at which tests happen; with milliseconds, as real ones have.
pub fn now() -> DateTime<Utc> {
    DateTime::from_timestamp_millis(1_763_600_523_678).unwrap()
}

pub fn a_root_user() -> RootUser {
    RootUser {
        email: "admin@example.com".to_owned(),
        username: "nocobase".to_owned(),
        nickname: "Super Admin".to_owned(),
        password_hash: "hash".into(),
    }
}

impl TestDatabase {
    /// Makes one; on a server, [`TestDatabase::drop_server_database`] is the caller's to call.
    pub async fn create(kind: Kind, url: Option<&str>) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let name = format!("nbdt_{}", Entropy::secure().uuid().simple());
        let server = match url {
            Some(url) => {
                let connection = Database::connect(url).await.unwrap();
                connection
                    .execute_unprepared(&format!("CREATE DATABASE {name}"))
                    .await
                    .unwrap();
                Some((connection, name.clone()))
            }
            None => None,
        };
        let settings = match url {
            Some(url) => DatabaseSettings::Server(server_settings(kind, url, &name)),
            None => DatabaseSettings::Sqlite {
                path: folder.path().join("new").join(EMBEDDED_FILE),
            },
        };
        let (store, statements) = observed_store(&settings).await;
        let address = match url {
            Some(url) => {
                let mut url = Url::parse(url).unwrap();
                url.set_path(&name);
                url.to_string()
            }
            None => format!(
                "sqlite://{}",
                folder.path().join("new").join(EMBEDDED_FILE).display()
            ),
        };
        let connection = Database::connect(address).await.unwrap();
        let database = Self {
            store,
            kind,
            settings,
            statements,
            folder,
            connection,
            server,
        };
        database.fill().await;
        database
    }

    async fn fill(&self) {
        let schema = match self.kind {
            Kind::Sqlite => {
                assert!(
                    self.store
                        .create_embedded(Some(&a_root_user()), "en-US", now())
                        .await
                        .unwrap()
                );
                return;
            }
            Kind::Postgres => include_str!("nocobase_postgres.sql"),
            Kind::PostgresRenamed => {
                self.connection
                    .execute_unprepared("CREATE SCHEMA crm")
                    .await
                    .unwrap();
                include_str!("nocobase_postgres.sql")
            }
            Kind::MariaDb => include_str!("nocobase_mariadb.sql"),
        };
        for statement in schema.split(';').chain(SEED.split(";\n")) {
            if !statement.trim().is_empty() {
                self.run(statement).await;
            }
        }
    }

    /// Makes the tables of NocoBase's plugins for sources and departments, switches these on, and makes our own.
    pub async fn with_directory(&self) {
        let schema = match self.kind {
            Kind::Sqlite => "",
            Kind::Postgres | Kind::PostgresRenamed => include_str!("directory_postgres.sql"),
            Kind::MariaDb => include_str!("directory_mariadb.sql"),
        };
        for statement in schema.split(';').filter(|statement| !statement.trim().is_empty()) {
            self.run(statement).await;
        }
        self.store.ensure_directory_tables().await.unwrap();
    }

    /// A second store on the same database, as a second process has it.
    pub async fn another_store(&self) -> Store {
        observed_store(&self.settings).await.0
    }

    /// How many SQL statements the store has run so far.
    pub fn statements(&self) -> usize {
        self.statements.load(Ordering::SeqCst)
    }

    pub async fn run(&self, sql: &str) {
        let sql = self.kind.statement(sql);
        self.connection
            .execute_unprepared(&sql)
            .await
            .unwrap_or_else(|error| panic!("{error}: {sql}"));
    }

    /// Whether the database did as told.
    pub async fn try_run(&self, sql: &str) -> bool {
        let sql = self.kind.statement(sql);
        self.connection.execute_unprepared(&sql).await.is_ok()
    }

    /// A transaction that holds what this statement locked.
    pub async fn lock(&self, sql: &str) -> DatabaseTransaction {
        let transaction = self.connection.begin().await.unwrap();
        let sql = self.kind.statement(sql);
        transaction.execute_unprepared(&sql).await.unwrap();
        transaction
    }

    /// A statement about the database, run from outside of it.
    pub async fn run_on_server(&self, sql: &str) {
        let (server, _) = self.server.as_ref().unwrap();
        server.execute_unprepared(sql).await.unwrap();
    }

    /// The number that a query answers with.
    pub async fn number(&self, sql: &str) -> i64 {
        self.query(sql).await.try_get_by_index(0).unwrap()
    }

    /// The number that a query about `?` answers with; asked often, it is prepared once.
    pub async fn number_about(&self, sql: &str, text: &str) -> i64 {
        let sql = self.kind.statement(sql);
        let sql = if self.kind.is_postgres() {
            sql.replace('?', "$1")
        } else {
            sql
        };
        let backend = self.connection.get_database_backend();
        let statement = Statement::from_sql_and_values(backend, &sql, [text.into()]);
        let row = self.connection.query_one_raw(statement).await.unwrap();
        row.unwrap_or_else(|| panic!("no row: {sql}"))
            .try_get_by_index(0)
            .unwrap()
    }

    /// The text that a query answers with.
    pub async fn text(&self, sql: &str) -> Option<String> {
        self.query(sql).await.try_get_by_index(0).unwrap()
    }

    async fn query(&self, sql: &str) -> sea_orm::QueryResult {
        let sql = self.kind.statement(sql);
        let statement = Statement::from_string(self.connection.get_database_backend(), &sql);
        self.connection
            .query_one_raw(statement)
            .await
            .unwrap()
            .unwrap_or_else(|| panic!("no row: {sql}"))
    }

    /// Cuts every connection that the store holds, as a restart of the server does.
    pub async fn cut_connections(&self) {
        let (server, name) = self.server.as_ref().unwrap();
        if self.kind.is_postgres() {
            let sql = format!(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity \
                 WHERE datname = '{name}' AND application_name = 'nocobase-dingtalk'"
            );
            server.execute_unprepared(&sql).await.unwrap();
            return;
        }
        let backend = server.get_database_backend();
        let list =
            format!("SELECT CAST(id AS SIGNED) FROM information_schema.processlist WHERE db = '{name}'");
        for row in server
            .query_all_raw(Statement::from_string(backend, list))
            .await
            .unwrap()
        {
            let id: i64 = row.try_get_by_index(0).unwrap();
            server.execute_unprepared(&format!("KILL {id}")).await.unwrap();
        }
    }

    pub async fn drop_server_database(&self) {
        let Some((server, name)) = &self.server else {
            return;
        };
        let force = if self.kind.is_postgres() {
            " WITH (FORCE)"
        } else {
            ""
        };
        server
            .execute_unprepared(&format!("DROP DATABASE {name}{force}"))
            .await
            .unwrap();
    }
}

const SEED: &str = include_str!("nocobase_seed.sql");

async fn observed_store(settings: &DatabaseSettings) -> (Store, Arc<AtomicUsize>) {
    let statements = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&statements);
    let observer: StatementObserver = Arc::new(move |_| {
        counted.fetch_add(1, Ordering::SeqCst);
    });
    (Store::connect(settings, observer).await.unwrap(), statements)
}

fn server_settings(kind: Kind, url: &str, database: &str) -> ServerDatabase {
    let url = Url::parse(url).unwrap();
    let renamed = kind == Kind::PostgresRenamed;
    ServerDatabase {
        dialect: if kind.is_postgres() {
            ServerDialect::Postgres
        } else {
            ServerDialect::MariaDb
        },
        host: url.host_str().unwrap_or("127.0.0.1").to_owned(),
        port: url.port().unwrap_or(if kind.is_postgres() { 5432 } else { 3306 }),
        socket: None,
        database: database.to_owned(),
        user: url.username().to_owned(),
        password: url.password().unwrap_or_default().into(),
        schema: renamed.then(|| "crm".to_owned()),
        table_prefix: if renamed { "nb_".to_owned() } else { String::new() },
        underscored: renamed,
        // Not UTC, so that a missing conversion shows.
        timezone: FixedOffset::east_opt(8 * 3600).unwrap(),
        ssl: SslSettings::default(),
        pool_max: 5,
    }
}
