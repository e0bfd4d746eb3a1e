//! The time that one statement may take.

use std::time::Duration;

use sea_orm::{DbErr, RuntimeErr};

/// How long one statement may take, so that a database which accepts and never answers cannot hold a sign-in.
const STATEMENT_LIMIT: Duration = Duration::from_secs(10);

/// Gives a statement its time limit.
pub(in crate::nocobase) async fn limited<T>(
    statement: impl Future<Output = Result<T, DbErr>>,
) -> Result<T, DbErr> {
    match tokio::time::timeout(STATEMENT_LIMIT, statement).await {
        Ok(result) => result,
        Err(_) => Err(DbErr::Conn(RuntimeErr::Internal(
            "no answer within the time limit".to_owned(),
        ))),
    }
}
