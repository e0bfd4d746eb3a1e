//! The production app, driven over HTTP.

#![expect(clippy::unwrap_used, reason = "a test stops at the first surprise")]

mod abuse;
mod architecture;
mod audit;
mod authenticators;
mod bad_input;
mod callback;
mod complete;
mod concurrency;
mod cost;
mod database_faults;
mod departments;
mod directory;
mod doctor;
mod documents;
mod env_files;
mod events;
mod fault_matrix;
mod first_sign_in;
mod former_links;
mod glossary;
mod golden;
mod guides;
mod in_client;
mod journey;
mod languages;
mod leavers;
mod limits;
mod matching;
mod own_link;
mod package;
mod passwords;
mod people;
mod plugins;
mod pooler;
mod process;
mod profile_refresh;
mod qr_code;
mod security;
mod session;
mod simulator;
mod slow;
mod start;
mod store;
mod support;
