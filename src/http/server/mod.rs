//! Connections: what is listened on, how long one may last, what it may cost.

pub mod connection;
pub mod listener;
pub mod service;
