//! The open database: one pool of connections, and what is known of the server behind it.

use std::fmt;
use std::sync::Arc;

use sea_orm::DatabaseConnection;

use super::connection;
use super::dialect::Dialect;
use super::error::StoreError;
use super::lent::Lent;
use super::names::Names;
use super::observer::{StatementObserver, StatementReport};
use super::pooler::ConnectionOwner;
use super::reach::Reach;
use super::settings::DatabaseSettings;
use super::time_limit::limited;

/// How we speak SQL: statements are built over the names of this database, and run here; clones share one pool.
#[derive(Clone)]
pub(in crate::nocobase) struct Database {
    pub(super) connection: DatabaseConnection,
    /// In place of the connection, where a pooler lends its own.
    pub(super) lent: Option<Lent>,
    /// Who says why a server is not reached.
    pub(super) reach: Option<Reach>,
    pub(in crate::nocobase) dialect: Dialect,
    pub(in crate::nocobase) names: Arc<Names>,
    /// The most connections in the pool.
    pub(super) connections: u32,
}

impl fmt::Debug for Database {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Database")
            .field("dialect", &self.dialect)
            .field("names", &self.names)
            .finish_non_exhaustive()
    }
}

impl Database {
    pub(in crate::nocobase) async fn connect(
        settings: &DatabaseSettings,
        observer: StatementObserver,
    ) -> Result<Self, StoreError> {
        Ok(Self::over(connection::open(settings).await?, settings, observer))
    }

    /// For who only looks: a file is neither made nor changed, nor are files beside it.
    pub(in crate::nocobase) async fn connect_to_look(
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
        (mut connection, way): (DatabaseConnection, ConnectionOwner),
        settings: &DatabaseSettings,
        observer: StatementObserver,
    ) -> Self {
        let lent = match way {
            ConnectionOwner::Own => None,
            ConnectionOwner::Lent { has_jit } => {
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
            names: Arc::new(names),
            connections: connection::pool_size(settings),
        }
    }

    /// Whether the connections are those of a pooler, who lends them for a transaction at a time.
    pub(in crate::nocobase) fn is_pooled(&self) -> bool {
        self.lent.is_some()
    }

    /// Closes every connection; the embedded database then lies in its one file.
    pub(in crate::nocobase) async fn close(&self) {
        if let Err(error) = self.connection.close_by_ref().await {
            log::warn!("the database was not closed: {error}");
        }
    }

    /// Asks the database for a sign of life.
    pub(in crate::nocobase) async fn ping(&self) -> Result<(), StoreError> {
        match limited(self.connection.ping()).await {
            Err(error) => Err(self.explained(error).await),
            Ok(()) => Ok(()),
        }
    }
}
