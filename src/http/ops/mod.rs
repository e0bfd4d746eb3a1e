//! For whoever runs it: health, metrics, files, the record of what happened.

pub mod audit_record;
mod directory_gauges;
pub mod health;
pub mod metrics;
pub mod packages;
