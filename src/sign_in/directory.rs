//! The DingTalk authenticators, remembered for a moment.
//!
//! Everyone signs in through the same one or two rows at nine in the morning. What an administrator changes in
//! NocoBase counts within [`REMEMBERED_FOR`]; what they change here counts at once.

use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use moka::sync::Cache;
use tokio::sync::Mutex;
use tokio::time::timeout;

use super::{AUTH_TYPE, PLUGIN_NAME, SignInError};
use crate::clock::Clock;
use crate::nocobase::{AesKey, Authenticator, AuthenticatorOptions, Environment, Store, StoreError};

/// How old a remembered authenticator may be.
pub const REMEMBERED_FOR: TimeDelta = TimeDelta::seconds(2);
const NAMES_REMEMBERED: u64 = 100;
/// Who has waited this long for another one's look looks for themselves.
const PATIENCE: Duration = Duration::from_secs(1);

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
    clock: Clock,
    remembered: Cache<String, (Arc<Configured>, DateTime<Utc>)>,
    /// Held by who looks up a name: a crowd asks the database once, and not all at the same time.
    looking: Cache<String, Arc<Mutex<()>>>,
}

impl Directory {
    /// A directory of these tables.
    pub fn new(store: Store, aes_key: Option<AesKey>, plugin_row_decides: bool, clock: Clock) -> Self {
        let remembered = Cache::new(NAMES_REMEMBERED);
        Self {
            store,
            aes_key,
            plugin_row_decides,
            clock,
            remembered,
            looking: Cache::new(NAMES_REMEMBERED),
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
        if let Some(known) = self.remembered(name) {
            return Ok(known);
        }
        let looking = self.looking.get_with_by_ref(name, Arc::default);
        // A database that is away must not be waited for one after the other.
        let _looking = timeout(PATIENCE, looking.lock()).await;
        if let Some(known) = self.remembered(name) {
            return Ok(known);
        }
        let now = self.clock.now();
        let found = Arc::new(self.look_up(name).await?);
        self.remembered.insert(name.to_owned(), (Arc::clone(&found), now));
        Ok(found)
    }

    /// As [`Directory::find`], as far as that asks nobody.
    fn remembered(&self, name: &str) -> Option<Arc<Configured>> {
        let (known, at) = self.remembered.get(name)?;
        (self.clock.now() - at < REMEMBERED_FOR).then_some(known)
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
