//! Sign-in with DingTalk (钉钉) for NocoBase, as a sidecar.
//!
//! How a person signs in:
//!
//! 1. The button leads to `auth:redirect`; [`sign_in::SignIn::start`] seals a [`sign_in::flow`] into a cookie
//!    and sends the browser to DingTalk with a fresh `state`.
//! 2. DingTalk sends it back to `auth:redirect`; [`sign_in::SignIn::callback`] finds the flow of that `state` in
//!    this very browser, puts the code into it and sends the browser to the sign-in page.
//! 3. The page posts `auth:signIn`; [`sign_in::SignIn::complete`] redeems the code ([`dingtalk`]), reads who it is,
//! 4. finds, links or creates the user, whole or not at all ([`nocobase`]),
//! 5. and issues NocoBase's own session ([`session`]).
//!
//! [`http`] is the edge, [`app`] puts everything together, [`config`] says how. [`audit`] keeps who signed in,
//! [`doctor`] says what is wrong, [`plugin`] is what runs inside NocoBase, [`dingtalk_simulator`] is a DingTalk
//! to develop and test against. [`clock`] and [`entropy`] hand in time and randomness, [`tls`] HTTP clients, [`phone`] tells when
//! two spellings are one number, [`causes`] says why something failed, [`error_code`] what is said of it
//! outside.

pub mod aes_key;
pub mod app;
pub mod audit;
pub mod authenticator;
pub mod background;
pub mod call_counts;
pub mod causes;
pub mod clock;
pub mod config;
pub mod dingtalk;
pub mod directory;
pub mod doctor;
pub mod entropy;
pub mod error_code;
mod files;
pub mod http;
pub mod nocobase;
pub mod origin;
pub mod phone;
pub mod plugin;
pub mod product;
pub mod secret;
pub mod session;
pub mod sign_in;
mod spreadsheet;
pub mod tls;
mod ttl_cell;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;
