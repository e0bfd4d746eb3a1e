//! Client secrets, taken out of the options to be kept apart from them.

use chrono::{DateTime, Utc};
use serde_json::Value;

use crate::aes_key::AesKey;
use crate::entropy::Entropy;
use crate::nocobase::{AuthenticatorChanges, Page, SecretChange, Store, StoreError};

/// What stands in the options where a secret is kept apart. Saving it keeps the secret.
pub const SECRET_MASK: &str = "********";

/// Where the options may hold a secret: our own, and that of rows the community plugin made.
pub const SECRET_PLACES: [&str; 2] = ["clientSecret", "internal.appSecret"];

/// Keeps apart what an earlier version stored in the options. Only for the embedded database: beside NocoBase the plugin
/// does it.
pub async fn move_secrets(
    store: &Store,
    key: &AesKey,
    entropy: &Entropy,
    now: DateTime<Utc>,
) -> Result<(), StoreError> {
    for row in store.authenticators().page(Page::ALL).await?.rows {
        let mut options = row.options;
        let secrets = take_secrets(&mut options, key, entropy);
        if !secrets.is_empty() {
            let changes = AuthenticatorChanges {
                options: Some(options),
                enabled: Some(row.enabled),
                secrets,
                ..AuthenticatorChanges::default()
            };
            store.authenticators().update(row.id, changes, now).await?;
        }
    }
    Ok(())
}

/// Takes the secrets out of an authenticator's options, to be kept apart.
pub fn take_secrets(options: &mut Value, key: &AesKey, entropy: &Entropy) -> Vec<SecretChange> {
    take_secrets_at(options, &SECRET_PLACES.map(|place| (place, place)), key, entropy)
}

/// Takes secrets out of options: from where they stand, to the place under which they are kept.
pub fn take_secrets_at(
    options: &mut Value,
    places: &[(&'static str, &'static str)],
    key: &AesKey,
    entropy: &Entropy,
) -> Vec<SecretChange> {
    let mut changes = Vec::new();
    for (field, place) in places.iter().copied() {
        let Some(value) = options.pointer_mut(&pointer(field)) else {
            continue;
        };
        let secret = value.as_str().filter(|text| is_secret(text));
        if let Some(encrypted) = secret.and_then(|secret| key.encrypt(secret, entropy)) {
            *value = SECRET_MASK.into();
            changes.push(SecretChange {
                place,
                value: Some(encrypted),
            });
        }
    }
    changes
}

/// Whether the text of such a place is a secret. A reference to a variable is none, and its owner wants to see it.
fn is_secret(text: &str) -> bool {
    let text = text.trim();
    let is_template = text.starts_with("{{") && text.ends_with("}}") && text.contains("$env.");
    !text.is_empty() && text != SECRET_MASK && !is_template
}

/// Where a place is in JSON.
pub fn pointer(place: &str) -> String {
    format!("/{}", place.replace('.', "/"))
}
