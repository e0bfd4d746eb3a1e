//! The open store: one pool of connections, and what is known of the database behind it.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use sea_orm::DatabaseConnection;
use tokio::sync::Mutex;

use super::at_once::AtOnce;
use super::connection;
use super::dialect::Dialect;
use super::error::StoreError;
use super::lent::Lent;
use super::names::Names;
use super::reach::Reach;
use super::run::limited;
use super::settings::DatabaseSettings;
use super::statements::Newest;
use super::way::Way;

/// One SQL statement that has been run.
#[derive(Clone, Copy, Debug)]
pub struct StatementReport {
    /// From sending it to its last row.
    pub elapsed: Duration,
    /// True when the database refused it or went away.
    pub failed: bool,
}

/// Told about every SQL statement; never given its text or its values.
pub type StatementObserver = Arc<dyn Fn(&StatementReport) + Send + Sync>;

/// A part of a list, as NocoBase's clients ask for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Page {
    /// The first page is 1.
    pub page: u64,
    /// Rows on a page, at least 1.
    pub page_size: u64,
}

impl Page {
    /// One page that holds any list of ours.
    pub const ALL: Self = Self {
        page: 1,
        page_size: 10_000,
    };

    pub(super) fn offset(self) -> u64 {
        // Databases count rows with a sign.
        let before = self.page.saturating_sub(1).saturating_mul(self.page_size);
        Ord::min(before, i64::MAX.unsigned_abs())
    }
}

/// The rows of a [`Page`], and how many there are on all pages.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Paged<T> {
    /// The rows of the page.
    pub rows: Vec<T>,
    /// The rows of all pages together.
    pub count: u64,
}

/// NocoBase's tables, opened; clones share one pool.
#[derive(Clone)]
pub struct Store {
    pub(super) connection: DatabaseConnection,
    /// In place of the connection, where a pooler lends its own.
    pub(super) lent: Option<Lent>,
    /// Who says why a server is not reached.
    pub(super) reach: Option<Reach>,
    pub(super) dialect: Dialect,
    pub(super) names: Arc<Names>,
    /// The most connections in the pool.
    pub(super) connections: u32,
    /// First sign-ins queue here, fairly, before they take a connection: the rows they lock would otherwise keep
    /// the whole pool waiting. Whose turn it is knows the newest user.
    pub(super) turns: Arc<Mutex<Newest>>,
    /// Where the database signs people in with one statement.
    pub(super) at_once: Option<Arc<AtOnce>>,
}

impl fmt::Debug for Store {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Store")
            .field("dialect", &self.dialect)
            .field("names", &self.names)
            .finish_non_exhaustive()
    }
}

impl Store {
    /// Opens the database. A server is first reached at the first statement, so that the sidecar starts before its
    /// database does; ask [`Store::ping`].
    pub async fn connect(
        settings: &DatabaseSettings,
        observer: StatementObserver,
    ) -> Result<Self, StoreError> {
        Ok(Self::over(connection::open(settings).await?, settings, observer))
    }

    /// As [`Store::connect`], for who only looks: a file is neither made nor changed, nor are files beside it.
    pub async fn connect_to_look(
        settings: &DatabaseSettings,
        observer: StatementObserver,
    ) -> Result<Self, StoreError> {
        Ok(Self::over(
            connection::open_to_look(settings).await?,
            settings,
            observer,
        ))
    }

    fn over(
        (mut connection, way): (DatabaseConnection, Way),
        settings: &DatabaseSettings,
        observer: StatementObserver,
    ) -> Self {
        let lent = match way {
            Way::Own => None,
            Way::Lent { has_jit } => {
                let pool = connection.get_postgres_connection_pool();
                Some(Lent::new(pool, observer.clone(), has_jit))
            }
        };
        connection.set_metric_callback(move |info| {
            observer(&StatementReport {
                elapsed: info.elapsed,
                failed: info.failed,
            });
        });
        let (dialect, names, reach) = match settings {
            DatabaseSettings::Sqlite { .. } => (Dialect::Sqlite, Names::default(), None),
            DatabaseSettings::Server(server) => (
                connection::dialect(server),
                connection::names(server),
                Some(Reach::new(server)),
            ),
        };
        Self {
            connection,
            lent,
            reach,
            dialect,
            at_once: AtOnce::new(dialect, &names).map(Arc::new),
            names: Arc::new(names),
            connections: connection::pool_size(settings),
            turns: Arc::default(),
        }
    }

    /// Whether these are the sidecar's own tables, and no NocoBase's.
    pub fn is_own(&self) -> bool {
        matches!(self.dialect, Dialect::Sqlite)
    }

    /// Whether the connections are those of a pooler, who lends them for a transaction at a time.
    pub fn is_pooled(&self) -> bool {
        self.lent.is_some()
    }

    /// Closes every connection; the embedded database then lies in its one file.
    pub async fn close(&self) {
        if let Err(error) = self.connection.close_by_ref().await {
            log::warn!("the database was not closed: {error}");
        }
    }

    /// Asks the database for a sign of life.
    pub async fn ping(&self) -> Result<(), StoreError> {
        match limited(self.connection.ping()).await {
            Err(error) => Err(self.explained(error).await),
            Ok(()) => Ok(()),
        }
    }
}
