//! The production app, driven over HTTP.

mod simulator;
