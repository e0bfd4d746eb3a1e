//! How we speak SQL: to three kinds of database, through connections of our own or a pooler's, over NocoBase's names.

mod connection;
mod database;
mod dialect;
mod error;
mod lent;
mod names;
mod observer;
mod page;
mod pooler;
mod query;
mod reach;
mod row;
mod schema_check;
mod settings;
mod statement;
mod time_limit;
mod tls;
mod transaction;

pub(super) use database::Database;
pub(super) use dialect::Dialect;
pub use error::StoreError;
pub(super) use names::{Column, Names, Table};
pub use observer::{StatementObserver, StatementReport};
pub use page::{Page, Paged};
pub(super) use row::Row;
pub use settings::{DatabaseSettings, ServerDatabase, ServerDialect, SslMode, SslModeError, SslSettings};
pub(super) use statement::Newest;
pub(super) use transaction::Transaction;
