//! What the long suites stand on: real processes, and scenarios that print what they measured.

pub mod sidecar;
pub mod suite;
