//! The production app, driven over HTTP.

#![expect(clippy::unwrap_used, reason = "a test stops at the first surprise")]

mod authenticators;
mod begin;
mod complete;
mod doctor;
mod documents;
mod golden;
mod journey;
mod matching;
mod package;
mod plugins;
mod receive;
mod session;
mod simulator;
mod store;
mod support;
