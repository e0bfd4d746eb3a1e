//! The production app, driven over HTTP.

#![expect(clippy::unwrap_used, reason = "a test stops at the first surprise")]

mod doctor;
mod documents;
mod golden;
mod journey;
mod package;
mod simulator;
mod store;
mod support;
