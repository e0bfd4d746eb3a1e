//! What the tests stand on: the production app on a free port, a simulated DingTalk, browsers with cookie jars.

pub mod app;
pub mod beside;
pub mod browser;
pub mod crowd;
pub mod database;
pub mod door;
pub mod inside;
pub mod pgbouncer;
pub mod shared_site;
