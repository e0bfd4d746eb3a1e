//! The production app, driven over HTTP.

#![expect(clippy::unwrap_used, reason = "a test stops at the first surprise")]

mod architecture;
mod audit;
mod authenticators;
mod bad_input;
mod begin;
mod complete;
mod cost;
mod doctor;
mod documents;
mod golden;
mod journey;
mod languages;
mod matching;
mod package;
mod plugins;
mod receive;
mod session;
mod simulator;
mod store;
mod support;
