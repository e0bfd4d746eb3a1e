//! Who is told about every statement.

use std::sync::Arc;
use std::time::Duration;

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
