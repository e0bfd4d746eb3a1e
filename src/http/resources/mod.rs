//! One file for each resource of NocoBase that we answer.

pub mod app;
pub mod auth;
pub mod authenticator_options;
pub mod authenticators;
pub mod calls;
pub mod dingtalk;
pub mod directory;
pub mod in_client;
pub mod links;
pub mod membership;
pub mod own_link;
pub mod password;
pub mod people_rules;
pub mod pm;
pub mod qr_code;
