//! Attacks on the production app. `docs/security.md` says which case of its table each test answers.

mod flows;
mod headers;
mod return_paths;
mod who_is_who;
