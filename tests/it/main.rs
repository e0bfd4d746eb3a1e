//! The production app, driven over HTTP.
