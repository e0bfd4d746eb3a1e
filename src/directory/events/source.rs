//! A source as events need it: which app they are of, and how they come.

use secrecy::SecretString;

use super::super::options::ReceiveMode;
use super::super::source::Source;
use super::crypto::{CallbackKeyError, Seal};
use crate::dingtalk::Credentials;

/// A source of NocoBase's, as events need it.
#[derive(Clone, Debug)]
pub struct EventSource {
    /// Its row.
    pub id: i64,
    /// What it is called in addresses.
    pub name: String,
    /// The app whose events these are.
    pub credentials: Credentials,
    /// Its organization, where that is known: callbacks registered in the old way are meant for it, not for the app.
    pub corp_id: Option<String>,
    /// What DingTalk's console was told; `None` where callbacks are not received.
    pub callback: Option<CallbackKeys>,
}

/// Token and EncodingAESKey, as they stand in DingTalk's console too.
#[derive(Clone, Debug)]
pub struct CallbackKeys {
    /// What the signature is made with.
    pub token: SecretString,
    /// What the text is encrypted with.
    pub encoding_aes_key: SecretString,
}

impl EventSource {
    /// As its settings say.
    pub fn of(source: &Source) -> Self {
        let options = &source.options;
        let keys = match (options.receive_mode, &options.token, &options.encoding_aes_key) {
            (ReceiveMode::Callback, Some(token), Some(encoding_aes_key)) => Some(CallbackKeys {
                token: token.clone(),
                encoding_aes_key: encoding_aes_key.clone(),
            }),
            _ => None,
        };
        Self {
            id: source.id,
            name: source.name.clone(),
            credentials: source.credentials.clone(),
            corp_id: source.corp_id.clone(),
            callback: keys,
        }
    }

    /// What its callbacks are opened with; `None` where none are received.
    pub fn seal(&self) -> Option<Result<Seal, CallbackKeyError>> {
        let keys = self.callback.as_ref()?;
        let owners = std::iter::once(self.credentials.client_id.clone()).chain(self.corp_id.clone());
        Some(Seal::new(&keys.token, &keys.encoding_aes_key, owners.collect()))
    }
}
