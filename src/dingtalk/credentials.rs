//! What an app of DingTalk proves itself with.

use secrecy::SecretString;

/// What DingTalk knows an app by.
#[derive(Clone, Debug)]
pub struct Credentials {
    /// Public: it stands in the authorization URL.
    pub client_id: String,
    /// Sent to DingTalk and nowhere else.
    pub client_secret: SecretString,
}
