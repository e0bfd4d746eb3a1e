//! Attacks on the production app. `docs/security.md` says which of its cases each test answers.

mod flows;
mod headers;
mod return_paths;
mod who_is_who;
