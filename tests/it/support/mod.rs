//! What the tests stand on: the production app on a free port, a simulated DingTalk, browsers with cookie jars.

pub mod app;
pub mod browser;
pub mod inside;
