//! The production app, driven over HTTP.

mod golden;
mod package;
mod simulator;
mod store;
