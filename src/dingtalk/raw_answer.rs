//! What came back, not yet understood.

use std::time::Duration;

/// An answer as it came.
pub struct RawAnswer {
    /// The HTTP status.
    pub status: u16,
    /// From the header; the body may have another.
    pub request_id: Option<String>,
    /// From the header, in bounds.
    pub retry_after: Option<Duration>,
    /// As it came, in bounds.
    pub body: Vec<u8>,
}
