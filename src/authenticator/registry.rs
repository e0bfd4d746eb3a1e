//! The authenticators people sign in through, remembered for a moment: everyone uses the same one or two rows.

use std::sync::Arc;

use moka::sync::Cache;
use serde_json::Value;

use super::environment::Environment;
use super::option_reader::OptionsError;
use super::options::AuthenticatorOptions;
use super::people_rules::PeopleRules;
use super::secrets::SECRET_MASK;
use crate::aes_key::AesKey;
use crate::clock::Clock;
use crate::nocobase::{Authenticator, Store, StoreError};
use crate::product::{AUTH_TYPE, PLUGIN_NAME};
use crate::ttl_cell::TtlCell;

const NAMES_REMEMBERED: u64 = 100;

/// An enabled DingTalk authenticator with readable settings.
pub struct Configured {
    /// Its row.
    pub authenticator: Authenticator,
    /// Its settings, templates rendered and secrets decrypted.
    pub options: AuthenticatorOptions,
}

/// Why no authenticator can be signed in through.
#[derive(Debug, thiserror::Error)]
pub enum LookUpError {
    /// No enabled DingTalk authenticator has this name.
    #[error("no enabled DingTalk authenticator has this name")]
    NotFound,
    /// A setting cannot be read.
    #[error("the authenticator's settings are incomplete")]
    Options(#[source] OptionsError),
    /// The database did not do its part.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Finds authenticators.
#[derive(Clone)]
pub struct Registry {
    store: Store,
    aes_key: Option<AesKey>,
    plugin_row_decides: bool,
    clock: Clock,
    by_name: Cache<String, Arc<TtlCell<Arc<Configured>>>>,
    offered: Arc<TtlCell<Arc<[Authenticator]>>>,
    auto_login: Arc<TtlCell<Option<Arc<Configured>>>>,
}

impl Registry {
    /// The authenticators of these tables.
    pub fn new(store: Store, aes_key: Option<AesKey>, plugin_row_decides: bool, clock: Clock) -> Self {
        Self {
            store,
            aes_key,
            plugin_row_decides,
            by_name: Cache::new(NAMES_REMEMBERED),
            offered: Arc::new(TtlCell::new(clock.clone())),
            auto_login: Arc::new(TtlCell::new(clock.clone())),
            clock,
        }
    }

    /// The key of secret variables and of the secrets that are kept apart.
    pub fn aes_key(&self) -> Option<&AesKey> {
        self.aes_key.as_ref()
    }

    /// Forgets what is remembered, because it was changed here.
    pub fn forget(&self) {
        self.by_name.invalidate_all();
        self.offered.forget();
        self.auto_login.forget();
    }

    /// Whether our type can be signed in with. Alone, the plugin's row says so; beside NocoBase, NocoBase knows.
    pub async fn offers_dingtalk(&self) -> Result<bool, StoreError> {
        if !self.plugin_row_decides {
            return Ok(true);
        }
        let plugin = self.store.system().plugin(PLUGIN_NAME).await?;
        Ok(plugin.is_some_and(|plugin| plugin.enabled))
    }

    /// The enabled authenticators, in the order of the sign-in page.
    pub async fn offered(&self) -> Result<Arc<[Authenticator]>, StoreError> {
        let look_up = async {
            let offers_dingtalk = self.offers_dingtalk().await?;
            let mut enabled = self.store.authenticators().enabled().await?;
            enabled.retain(|row| offers_dingtalk || row.auth_type != AUTH_TYPE);
            Ok(enabled.into())
        };
        self.offered.get(look_up).await
    }

    /// Whether the sign-in page shows DingTalk's own in a frame.
    pub async fn offers_qr_code(&self) -> Result<bool, StoreError> {
        let offered = self.offered().await?;
        let mut ours = offered.iter().filter(|row| row.auth_type == AUTH_TYPE);
        Ok(ours.any(|row| row.options["public"]["qrCode"] == Value::Bool(true)))
    }

    /// The enabled authenticator with automatic login: the first one, should there be two, and of those that can be read.
    pub async fn auto_login(&self) -> Result<Option<Arc<Configured>>, StoreError> {
        let look_up = async {
            let offered = self.offered().await?;
            for authenticator in offered.iter().filter(|row| row.auth_type == AUTH_TYPE) {
                match self.options_of(authenticator).await {
                    Ok(options) if options.auto_login.is_some() => {
                        let authenticator = authenticator.clone();
                        return Ok(Some(Arc::new(Configured {
                            authenticator,
                            options,
                        })));
                    }
                    Err(LookUpError::Store(error)) => return Err(error),
                    Ok(_) | Err(LookUpError::Options(_) | LookUpError::NotFound) => {}
                }
            }
            Ok(None)
        };
        self.auto_login.get(look_up).await
    }

    /// The enabled DingTalk authenticator of this name. Any other name is as good as none.
    pub async fn find(&self, name: &str) -> Result<Arc<Configured>, LookUpError> {
        let remembered = self
            .by_name
            .get_with_by_ref(name, || Arc::new(TtlCell::new(self.clock.clone())));
        remembered
            .get(async { self.look_up(name).await.map(Arc::new) })
            .await
    }

    async fn look_up(&self, name: &str) -> Result<Configured, LookUpError> {
        if !self.offers_dingtalk().await? {
            return Err(LookUpError::NotFound);
        }
        let authenticator = self
            .store
            .authenticators()
            .find(name)
            .await?
            .filter(|found| found.enabled && found.auth_type == AUTH_TYPE)
            .ok_or(LookUpError::NotFound)?;
        let options = self.options_of(&authenticator).await?;
        Ok(Configured {
            authenticator,
            options,
        })
    }

    /// The settings of an authenticator, templates rendered and secrets decrypted.
    pub async fn options_of(
        &self,
        authenticator: &Authenticator,
    ) -> Result<AuthenticatorOptions, LookUpError> {
        let stored = authenticator.options.to_string();
        let mut environment = Environment::new(Vec::new(), self.aes_key.as_ref());
        if stored.contains(SECRET_MASK) {
            environment = environment.with_kept(&self.store.kept_secrets().of(authenticator.id).await?);
        }
        if stored.contains("{{") || environment.kept_refers_to_variables() {
            environment = environment.with_variables(self.store.system().environment_variables().await?);
        }
        AuthenticatorOptions::parse(&authenticator.options, &environment).map_err(LookUpError::Options)
    }

    /// The rules in options that nobody has stored yet, templates rendered.
    pub async fn rules_of(&self, options: &Value) -> Result<PeopleRules, LookUpError> {
        let mut environment = Environment::new(Vec::new(), self.aes_key.as_ref());
        if options.to_string().contains("{{") {
            environment = environment.with_variables(self.store.system().environment_variables().await?);
        }
        PeopleRules::parse(options, &environment).map_err(LookUpError::Options)
    }
}
