//! The one choice of a cryptographic library for TLS.
//!
//! rustls leaves it to the program, and reqwest panics where it was not made. The database drivers ask for ring
//! themselves; see `Cargo.toml`.

use reqwest::{Client, ClientBuilder};

/// A builder of HTTP clients; every client of this process comes from here.
#[expect(clippy::disallowed_methods, reason = "the choice is made the line before")]
pub fn client_builder() -> ClientBuilder {
    // An error says that it was chosen before, most often by this very line.
    let _ = rustls::crypto::ring::default_provider().install_default();
    Client::builder()
}
