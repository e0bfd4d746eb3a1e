//! The DingTalk authenticators, remembered for a moment.
//!
//! Everyone signs in through the same one or two rows at nine in the morning. What an administrator changes in
//! NocoBase counts within [`REMEMBERED_FOR`]; what they change here counts at once.

use std::sync::Arc;
use std::time::Duration;

use moka::future::Cache;

use super::{AUTH_TYPE, PLUGIN_NAME, SignInError};
use crate::nocobase::{AesKey, Authenticator, AuthenticatorOptions, Environment, Store, StoreError};

/// How old a remembered authenticator may be.
pub const REMEMBERED_FOR: Duration = Duration::from_secs(2);
const NAMES_REMEMBERED: u64 = 100;

/// An enabled DingTalk authenticator with readable settings.
pub struct Configured {
    /// Its row.
    pub authenticator: Authenticator,
    /// Its settings, templates rendered and secret variables decrypted.
    pub options: AuthenticatorOptions,
}

/// Finds authenticators by name.
#[derive(Clone)]
pub struct Directory {
    store: Store,
    aes_key: Option<AesKey>,
    plugin_row_decides: bool,
    remembered: Cache<String, Arc<Configured>>,
}

impl Directory {
    /// A directory of these tables.
    pub fn new(store: Store, aes_key: Option<AesKey>, plugin_row_decides: bool) -> Self {
        let remembered = Cache::builder()
            .max_capacity(NAMES_REMEMBERED)
            .time_to_live(REMEMBERED_FOR)
            .build();
        Self {
            store,
            aes_key,
            plugin_row_decides,
            remembered,
        }
    }

    /// The key of NocoBase's secret variables.
    pub fn aes_key(&self) -> Option<&AesKey> {
        self.aes_key.as_ref()
    }

    /// Forgets what is remembered, because it was changed here.
    pub fn forget(&self) {
        self.remembered.invalidate_all();
    }

    /// The enabled DingTalk authenticator of this name. Any other name is as good as none.
    pub async fn find(&self, name: &str) -> Result<Arc<Configured>, SignInError> {
        if let Some(known) = self.remembered.get(name).await {
            return Ok(known);
        }
        let found = Arc::new(self.look_up(name).await?);
        self.remembered.insert(name.to_owned(), Arc::clone(&found)).await;
        Ok(found)
    }

    async fn look_up(&self, name: &str) -> Result<Configured, SignInError> {
        if self.plugin_row_decides {
            let plugin = self.store.find_plugin(PLUGIN_NAME).await?;
            if !plugin.is_some_and(|plugin| plugin.enabled) {
                return Err(SignInError::AuthenticatorNotFound);
            }
        }
        let authenticator = self
            .store
            .find_authenticator(name)
            .await?
            .filter(|found| found.enabled && found.auth_type == AUTH_TYPE)
            .ok_or(SignInError::AuthenticatorNotFound)?;
        let options = self.options_of(&authenticator).await?;
        Ok(Configured {
            authenticator,
            options,
        })
    }

    /// The settings of an authenticator, templates rendered and secret variables decrypted.
    pub async fn options_of(
        &self,
        authenticator: &Authenticator,
    ) -> Result<AuthenticatorOptions, SignInError> {
        let has_templates = authenticator.options.to_string().contains("{{");
        let environment = if has_templates {
            self.environment().await?
        } else {
            Environment::new(Vec::new(), None)
        };
        AuthenticatorOptions::parse(&authenticator.options, &environment)
            .map_err(|error| SignInError::ConfigurationIncomplete(Some(error)))
    }

    async fn environment(&self) -> Result<Environment, StoreError> {
        let variables = self.store.environment_variables().await?;
        Ok(Environment::new(variables, self.aes_key.as_ref()))
    }
}
