//! What the tests stand on: the production app on a free port, a simulated DingTalk, browsers with cookie jars.

pub mod app;
pub mod app_internals;
pub mod beside_nocobase;
pub mod browser;
pub mod concurrent_sign_ins;
pub mod database;
pub mod pgbouncer;
pub mod shared_site;
pub mod tcp_proxy;
