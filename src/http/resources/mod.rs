//! One file for each resource of NocoBase that we answer.

pub mod app;
pub mod auth;
pub mod authenticator_options;
pub mod authenticators;
pub mod calls;
pub mod dingtalk;
pub mod dingtalk_events;
mod fields;
pub mod in_client;
pub mod links;
pub mod membership;
pub mod own_link;
pub mod password;
pub mod people_rules;
pub mod pm;
pub mod qr_code;
mod run_reasons;
pub mod runs;
pub mod sync_sources;
pub mod synced;
