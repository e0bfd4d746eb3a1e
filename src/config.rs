//! Settings: from flags, the environment and a named env file, in that order, or from the plugin that starts us;
//! validated before anything starts.
//!
//! NocoBase's own variables are read under NocoBase's names, so that pairing needs no second
//! configuration. The environment is read here and nowhere else.

mod database;
pub mod env_file;
mod error;
mod handover;
mod secret;
mod sources;
mod surroundings;
mod values;

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use chrono::{FixedOffset, Offset as _, Utc};
use ipnet::IpNet;
use secrecy::SecretString;
use url::Url;

use crate::aes_key::AesKey;
use crate::dingtalk::{Endpoints, Limits};
use crate::nocobase::DatabaseSettings;
use crate::origin::Origin;
use crate::product::REDIRECT_ACTION;
use crate::secret::SecretBytes;

pub use error::ConfigError;
pub use handover::{Handover, HandoverError};
pub use secret::NotShared;
pub use sources::{Setting, Sources};
use surroundings::Surroundings;
use values::{
    comma_list, connections, endpoints, first_administrator, language, limits, origin, proxies,
    request_within,
};

const DEFAULT_AUDIT_DAYS: u32 = 180;
/// An office of 2000 people is one address: all may be under way at once, and each may give up once before.
pub const DEFAULT_ATTEMPTS_PER_ADDRESS: u32 = 4000;
/// Characters that a password has, alone.
pub const SHORTEST_PASSWORD: usize = 8;

/// Which of the ways of running this is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// With its own database and pages.
    Alone,
    /// Beside NocoBase, on NocoBase's database.
    BesideNocoBase,
}

/// Where a server listens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Listen {
    /// A TCP address.
    Address(SocketAddr),
    /// A Unix socket; where there is none to be had, a port of the loopback address that is free.
    Socket(PathBuf),
}

impl Listen {
    /// The address, where it is one.
    pub const fn address(&self) -> Option<SocketAddr> {
        match self {
            Self::Address(address) => Some(*address),
            Self::Socket(_) => None,
        }
    }
}

/// What a program that the plugin started knows of itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Managed {
    /// How often the plugin has started it again since NocoBase started.
    pub restarts: u32,
}

/// How log lines are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogFormat {
    /// For people.
    Text,
    /// One JSON object a line.
    Json,
}

/// The first administrator of a database that is created.
#[derive(Clone, Debug)]
pub struct FirstAdministrator {
    /// `INIT_ROOT_EMAIL`.
    pub email: String,
    /// `INIT_ROOT_USERNAME`.
    pub username: String,
    /// `INIT_ROOT_NICKNAME`.
    pub nickname: String,
    /// `INIT_ROOT_PASSWORD`; without it a random one is made and printed once.
    pub password: Option<SecretString>,
}

/// Whose cross-origin requests are answered, in NocoBase's terms.
#[derive(Clone, Debug, Default)]
pub struct Cors {
    /// `CORS_ORIGIN_WHITELIST`.
    pub whitelist: Option<Vec<String>>,
}

/// Everything that is settled before the server is built.
#[derive(Debug)]
pub struct Config {
    /// How it runs.
    pub mode: Mode,
    /// Where it listens.
    pub listen: Listen,
    /// What only the plugin that started it knows; `None` when something else did.
    pub managed: Option<Managed>,
    /// Where its own files are.
    pub storage: PathBuf,
    /// The database.
    pub database: DatabaseSettings,
    /// Whether the one index may be made in NocoBase's database.
    pub may_create_index: bool,
    /// The secret of sessions and flows.
    pub secret: SecretBytes,
    /// The key of secret variables and of the secrets that are kept apart.
    pub aes_key: Option<AesKey>,
    /// NocoBase's API base path, with slashes on both sides.
    pub api_base: String,
    /// The path its pages live under, with slashes on both sides.
    pub public_path: String,
    /// Under which address NocoBase reaches the sidecar.
    pub sidecar_url: Option<Url>,
    /// Under which origin people see the site.
    pub public_origin: Option<Origin>,
    /// Whose forwarding headers count.
    pub trusted_proxies: Vec<IpNet>,
    /// Failed or abandoned sign-ins an address may have in ten minutes; 0 for no limit.
    pub attempts_per_address: u32,
    /// The head of a request must have arrived within this, and its body within as much again.
    pub request_within: Duration,
    /// Most connections at once.
    pub connections: usize,
    /// Where the doctor finds NocoBase.
    pub nocobase_url: Option<Url>,
    /// The time on the wall, by which schedules go.
    pub zone: FixedOffset,
    /// DingTalk's hosts.
    pub endpoints: Endpoints,
    /// How DingTalk is called.
    pub limits: Limits,
    /// Log lines.
    pub log_format: LogFormat,
    /// Days that audit files are kept.
    pub audit_retention_days: u32,
    /// Who administers a database that is created.
    pub first_administrator: FirstAdministrator,
    /// The first language of a database that is created.
    pub language: String,
    /// Cross-origin rules.
    pub cors: Cors,
    /// The name of this process in file names and logs.
    pub instance: String,
}

impl Config {
    /// Reads and checks every setting that this way of running uses, alone or with NocoBase's own variables; alone, makes
    /// the secret where there is none yet.
    pub fn load(sources: &Sources) -> Result<Self, ConfigError> {
        Self::read(sources, secret::own)
    }

    /// As [`Config::load`], for who only looks: nothing is written. A secret that has not been made yet is one that signs
    /// nothing.
    pub fn load_untouched(sources: &Sources) -> Result<Self, ConfigError> {
        Self::read(sources, secret::own_or_none)
    }

    fn read(
        sources: &Sources,
        own_secret: fn(&Path) -> Result<SecretBytes, ConfigError>,
    ) -> Result<Self, ConfigError> {
        Surroundings::alone_or_remote(sources, own_secret)
            .and_then(|surroundings| Self::complete(sources, surroundings))
            .map_err(|error| sources.located(error))
    }

    /// What the plugin has handed over, and our own settings.
    pub fn managed(sources: &Sources, handover: Handover) -> Result<Self, ConfigError> {
        Self::complete(sources, Surroundings::managed(sources, handover)?)
    }

    fn complete(sources: &Sources, surroundings: Surroundings) -> Result<Self, ConfigError> {
        Ok(Self {
            mode: surroundings.mode,
            managed: surroundings.managed,
            listen: surroundings.listen,
            database: surroundings.database,
            may_create_index: sources.flag("SIDECAR_CREATE_INDEX")?.unwrap_or(true),
            secret: surroundings.secret,
            aes_key: surroundings.aes_key,
            api_base: surroundings.api_base,
            public_path: surroundings.public_path,
            sidecar_url: surroundings.sidecar_url,
            public_origin: origin(sources)?,
            trusted_proxies: proxies(sources)?,
            attempts_per_address: sources
                .parsed(
                    "SIDECAR_ATTEMPTS_PER_ADDRESS",
                    "it is a whole number of attempts, 0 for no limit",
                )?
                .unwrap_or(DEFAULT_ATTEMPTS_PER_ADDRESS),
            request_within: request_within(sources)?,
            connections: connections(sources)?,
            nocobase_url: surroundings.nocobase_url,
            // A name that nobody knows is UTC to the system, too.
            zone: database::timezone(None, sources.text("TZ")).unwrap_or_else(|_| Utc.fix()),
            endpoints: endpoints(sources)?,
            limits: limits(sources)?,
            log_format: surroundings.log_format,
            audit_retention_days: sources
                .parsed("SIDECAR_AUDIT_DAYS", "a number of days")?
                .unwrap_or(DEFAULT_AUDIT_DAYS),
            first_administrator: first_administrator(sources, surroundings.mode)?,
            language: language(sources, surroundings.mode)?,
            cors: Cors {
                whitelist: surroundings.cors_whitelist.as_deref().map(comma_list),
            },
            instance: surroundings.instance,
            storage: surroundings.storage,
        })
    }

    /// The address of DingTalk's answer for an origin.
    pub fn redirect_uri(&self, origin: &Origin) -> String {
        format!("{origin}{}{REDIRECT_ACTION}", self.api_base)
    }
}

/// Exactly one slash at both ends.
pub fn slashed(path: &str) -> String {
    let inner: Vec<&str> = path.split('/').filter(|part| !part.is_empty()).collect();
    if inner.is_empty() {
        "/".to_owned()
    } else {
        format!("/{}/", inner.join("/"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn load(settings: &[(&str, &str)]) -> Result<Config, ConfigError> {
        let folder = tempfile::tempdir().unwrap();
        let mut all = vec![("SIDECAR_STORAGE", folder.path().to_str().unwrap())];
        all.extend_from_slice(settings);
        Config::load(&Sources::of_pairs(&all))
    }

    #[test]
    fn without_settings_it_runs_alone_against_dingtalk_itself() {
        let config = load(&[]).unwrap();

        assert_eq!(config.mode, Mode::Alone);
        assert_eq!(config.listen, Listen::Address("127.0.0.1:13100".parse().unwrap()));
        assert_eq!(config.api_base, "/api/");
        assert_eq!(config.endpoints.login.as_str(), "https://login.dingtalk.com/");
        assert_eq!(config.endpoints.api.as_str(), "https://api.dingtalk.com/");
        assert_eq!(config.endpoints.oapi.as_str(), "https://oapi.dingtalk.com/");
        assert_eq!(config.limits.qps_per_api, 20);
    }

    #[test]
    fn the_public_path_stands_before_the_api_base_as_in_nocobase() {
        let config = load(&[("APP_PUBLIC_PATH", "/nocobase"), ("API_BASE_PATH", "/api")]).unwrap();

        assert_eq!(config.public_path, "/nocobase/");
        assert_eq!(config.api_base, "/nocobase/api/");
    }

    #[test]
    fn a_setting_that_cannot_be_parsed_is_named_and_its_value_is_not() {
        for (name, value) in [
            ("SIDECAR_LISTEN", "everywhere"),
            ("SIDECAR_PUBLIC_URL", "https://a/b"),
            ("SIDECAR_TRUSTED_PROXIES", "10.0.0.0/99"),
            ("DINGTALK_API_URL", "not a url"),
            ("DINGTALK_QPS_PER_API", "-1"),
            ("LOG_FORMAT", "xml"),
            ("INIT_APP_LANG", "xx-XX"),
            ("INIT_ROOT_PASSWORD", "seven77"),
            ("SIDECAR_AUDIT_DAYS", "soon"),
            ("SIDECAR_CREATE_INDEX", "maybe"),
            ("SIDECAR_ATTEMPTS_PER_ADDRESS", "-7"),
            ("SIDECAR_REQUEST_SECONDS", "0"),
            ("SIDECAR_REQUEST_SECONDS", "18446744073709551615"),
            ("SIDECAR_REQUEST_SECONDS", "3601"),
            ("SIDECAR_CONNECTIONS", "0"),
            ("SIDECAR_CONNECTIONS", "18446744073709551615"),
        ] {
            let text = load(&[(name, value)]).unwrap_err().to_string();

            assert!(text.contains(name), "{text}");
            assert!(!text.contains(value), "{text}");
        }
    }

    #[test]
    fn the_own_secret_is_made_once_and_kept() {
        let folder = tempfile::tempdir().unwrap();
        let sources = Sources::of_pairs(&[("SIDECAR_STORAGE", folder.path().to_str().unwrap())]);

        let first = Config::load(&sources).unwrap().secret;
        let second = Config::load(&sources).unwrap().secret;

        assert_eq!(first.len(), 32);
        assert_eq!(*first, *second);
    }

    const BESIDE: [(&str, &str); 5] = [
        ("DB_DIALECT", "postgres"),
        ("DB_HOST", "h"),
        ("DB_DATABASE", "d"),
        ("DB_USER", "u"),
        ("STORAGE_PATH", "/nonexistent"),
    ];
    /// Long enough to stand without an AES key.
    const LONG: &str = "canary-app-key of thirty-two characters";

    fn beside(settings: &[(&str, &str)]) -> Result<Config, ConfigError> {
        load(&[BESIDE.as_slice(), settings].concat())
    }

    #[test]
    fn a_secret_that_others_know_is_refused_in_whatever_clothes_it_comes() {
        let aes = ("APP_AES_SECRET_KEY", AES);
        for key in ["test-jwt-secret", "your-secret-key", "test-key", ""] {
            assert!(beside(&[("APP_KEY", key), aes]).is_err(), "{key}");
        }
        for key in [
            " test-jwt-secret",
            "test-jwt-secret\n",
            " test-key ",
            "Your-Secret-Key",
            "changeme",
            "CHANGEME",
        ] {
            for unsafe_default in ["false", "true"] {
                let flag = ("UNSAFE_USE_DEFAULT_JWT_SECRET", unsafe_default);
                let error = beside(&[("APP_KEY", key), aes, flag]).unwrap_err();

                assert!(matches!(error, ConfigError::Secret(NotShared::Known)), "{key}");
            }
        }
        // NocoBase itself takes these two for a secret when it is told to.
        for key in ["your-secret-key", "test-key"] {
            let flag = ("UNSAFE_USE_DEFAULT_JWT_SECRET", "true");
            let error = beside(&[("APP_KEY", key), aes, flag]).unwrap_err();

            assert!(matches!(error, ConfigError::Secret(NotShared::Known)), "{key}");
        }
    }

    #[test]
    fn the_placeholder_of_nocobase_is_called_one() {
        for key in ["your-secret-key", "test-key"] {
            let error = beside(&[("APP_KEY", key), ("APP_AES_SECRET_KEY", AES)]).unwrap_err();

            let ConfigError::Secret(reason) = error else {
                panic!("{error}")
            };
            assert!(
                reason
                    .to_string()
                    .starts_with("APP_KEY is NocoBase's placeholder"),
                "{reason}"
            );
        }
    }

    #[test]
    fn a_short_secret_is_refused_where_no_aes_key_stands_beside_it() {
        let short = "thirty-one characters, no more.";
        assert_eq!(short.len(), 31);
        for key in ["a", short] {
            let error = beside(&[("APP_KEY", key)]).unwrap_err();

            assert!(matches!(error, ConfigError::Secret(NotShared::Short)), "{key}");
            assert!(
                beside(&[("APP_KEY", key), ("APP_AES_SECRET_KEY", AES)]).is_ok(),
                "{key}"
            );
        }
        assert!(beside(&[("APP_KEY", LONG)]).is_ok());
    }

    const AES: &str = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";

    #[test]
    fn a_mode_of_tls_that_is_misspelt_connects_to_nothing() {
        let name = "DB_DIALECT_OPTIONS_SSL_MODE";
        for mode in ["verify_full", "VERIFY-FULL", "VERIFY_IDENTITY", "nonsense"] {
            let text = beside(&[("APP_KEY", LONG), (name, mode)])
                .unwrap_err()
                .to_string();

            assert!(text.contains(name) && !text.contains(mode), "{text}");
        }
        for mode in [
            "disable",
            "allow",
            "prefer",
            "require",
            "verify-ca",
            "verify-full",
        ] {
            assert!(beside(&[("APP_KEY", LONG), (name, mode)]).is_ok(), "{mode}");
        }
    }

    #[test]
    fn who_only_looks_leaves_no_key_and_no_folder() {
        let folder = tempfile::tempdir().unwrap();
        let storage = folder.path().join("new");
        let sources = Sources::of_pairs(&[("SIDECAR_STORAGE", storage.to_str().unwrap())]);

        Config::load_untouched(&sources).unwrap();
        assert!(!storage.exists());

        let made = Config::load(&sources).unwrap().secret;
        assert_eq!(*Config::load_untouched(&sources).unwrap().secret, *made);
    }

    #[test]
    fn a_configuration_does_not_print_its_secrets() {
        let config = load(&[
            ("DB_DIALECT", "postgres"),
            ("DB_HOST", "h"),
            ("DB_DATABASE", "d"),
            ("DB_USER", "u"),
            ("DB_PASSWORD", "canary-database"),
            ("APP_KEY", LONG),
            ("INIT_ROOT_PASSWORD", "canary-root"),
            ("STORAGE_PATH", "/nonexistent"),
        ]);

        let printed = format!("{:?}", config.unwrap());
        assert!(!printed.contains("canary"), "{printed}");
    }
}
