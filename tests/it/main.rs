//! The production app, driven over HTTP.

mod documents;
mod golden;
mod journey;
mod package;
mod simulator;
mod store;
mod support;
