//! A request, read: which action, whose it is, from where, with what.

pub mod client_origin;
pub mod context;
pub mod cors;
pub mod forwarded;
pub mod navigation;
pub mod path;
pub mod query;
