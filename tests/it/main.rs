//! The production app, driven over HTTP.

mod doctor;
mod golden;
mod journey;
mod package;
mod simulator;
mod store;
mod support;
