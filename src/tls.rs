//! The one choice of a cryptographic library for TLS, and whom it trusts.
//!
//! rustls leaves it to the program, and reqwest panics where it was not made. The database drivers ask for ring
//! themselves; see `Cargo.toml`.

use std::sync::Arc;

pub use reqwest::Client as HttpClient;
use reqwest::redirect::Policy;
use reqwest::{Client, ClientBuilder};
use rustls::crypto::ring;
use rustls::{ClientConfig, Error};
use rustls_platform_verifier::BuilderVerifierExt as _;

/// A builder of HTTP clients; every client of this process comes from here.
#[expect(clippy::disallowed_methods, reason = "the choice is made the line before")]
pub fn client_builder() -> ClientBuilder {
    // An error says that it was chosen before, most often by this very line.
    let _ = ring::default_provider().install_default();
    Client::builder()
}

/// The same for clients that are told of a redirect and do not follow it.
pub fn client_builder_without_redirects() -> ClientBuilder {
    client_builder().redirect(Policy::none())
}

/// What a connection that is not HTTP begins TLS with: the same library, and the certificates that reqwest trusts.
pub fn client_config() -> Result<Arc<ClientConfig>, Error> {
    let provider = Arc::new(ring::default_provider());
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .with_platform_verifier()?
        .with_no_client_auth();
    Ok(Arc::new(config))
}

#[cfg(test)]
mod tests {
    #[test]
    fn there_is_a_configuration_whichever_library_was_chosen_elsewhere() {
        assert!(super::client_config().is_ok());
    }
}
