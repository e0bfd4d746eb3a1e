//! The production app, driven over HTTP.

#![expect(clippy::unwrap_used, reason = "a test stops at the first surprise")]

mod abuse;
mod architecture;
mod audit;
mod authenticators;
mod bad_input;
mod begin;
mod complete;
mod concurrency;
mod cost;
mod database_faults;
mod doctor;
mod documents;
mod env_files;
mod fault_matrix;
mod former_links;
mod glossary;
mod golden;
mod guides;
mod in_client;
mod journey;
mod languages;
mod limits;
mod matching;
mod own_link;
mod package;
mod passwords;
mod people;
mod plugins;
mod pooler;
mod process;
mod qr_code;
mod receive;
mod security;
mod session;
mod simulator;
mod slow;
mod store;
mod support;
