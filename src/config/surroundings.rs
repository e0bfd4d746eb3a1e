//! What the way of running settles: alone, remote, or started by the plugin.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use url::Url;

use super::error::ConfigError;
use super::handover::Handover;
use super::sources::Sources;
use super::values::nocobase_url;
use super::{Listen, LogFormat, Managed, Mode, database, secret, slashed};
use crate::aes_key::AesKey;
use crate::nocobase::DatabaseSettings;
use crate::secret::SecretBytes;

const LOOPBACK: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(std::net::Ipv4Addr::LOCALHOST), 0);

/// What is settled by how it runs; everything else is a setting of its own in every mode.
pub(super) struct Surroundings {
    pub(super) mode: Mode,
    pub(super) managed: Option<Managed>,
    pub(super) listen: Listen,
    pub(super) storage: PathBuf,
    pub(super) database: DatabaseSettings,
    pub(super) secret: SecretBytes,
    pub(super) aes_key: Option<AesKey>,
    pub(super) api_base: String,
    pub(super) public_path: String,
    pub(super) sidecar_url: Option<Url>,
    pub(super) nocobase_url: Option<Url>,
    pub(super) cors_whitelist: Option<String>,
    pub(super) log_format: LogFormat,
    pub(super) instance: String,
}

impl Surroundings {
    pub(super) fn alone_or_remote(
        sources: &Sources,
        own_secret: fn(&Path) -> Result<SecretBytes, ConfigError>,
    ) -> Result<Self, ConfigError> {
        let mode = match (sources.text("DB_DIALECT"), sources.env_file()) {
            (Some(_), _) => Mode::BesideNocoBase,
            // Whoever names NocoBase's file does not mean a database of the sidecar's own.
            (None, Some(path)) => {
                return Err(ConfigError::NoDialect {
                    path: path.to_owned(),
                });
            }
            (None, None) => Mode::Alone,
        };
        let storage = storage(sources, "nocobase-dingtalk-data".into());
        let public_path = slashed(sources.text("APP_PUBLIC_PATH").unwrap_or("/"));
        let api_base = sources.text("API_BASE_PATH").unwrap_or("/api/");
        let api_base = slashed(&format!("{public_path}{}", api_base.trim_start_matches('/')));
        let aes_key = match mode {
            Mode::Alone => Some(secret::own_aes_key(&storage.join("secrets.key"), own_secret)?),
            Mode::BesideNocoBase => secret::aes_key(sources)?,
        };
        Ok(Self {
            mode,
            managed: None,
            listen: Listen::Address(sources.listen()?),
            database: match mode {
                Mode::Alone => DatabaseSettings::Sqlite {
                    path: storage.join("nocobase-dingtalk.sqlite"),
                },
                Mode::BesideNocoBase => database::read(sources)?,
            },
            secret: match mode {
                Mode::Alone => own_secret(&storage.join("session-secret.key"))?,
                Mode::BesideNocoBase => secret::of_nocobase(sources, aes_key.is_some())?,
            },
            aes_key,
            api_base,
            public_path,
            sidecar_url: sources.url("SIDECAR_URL")?,
            nocobase_url: nocobase_url(sources, mode)?,
            cors_whitelist: sources.text("CORS_ORIGIN_WHITELIST").map(str::to_owned),
            log_format: match sources.text("LOG_FORMAT").unwrap_or("text") {
                "text" => LogFormat::Text,
                "json" => LogFormat::Json,
                _ => {
                    return Err(ConfigError::Invalid {
                        name: "LOG_FORMAT",
                        expected: "it is text or json",
                    });
                }
            },
            instance: sources.text("SIDECAR_INSTANCE").unwrap_or("1").to_owned(),
            storage,
        })
    }

    pub(super) fn managed(sources: &Sources, handover: Handover) -> Result<Self, ConfigError> {
        let nocobase_url = handover
            .nocobase_url
            .as_deref()
            .and_then(|url| Url::parse(url).ok());
        Ok(Self {
            mode: Mode::BesideNocoBase,
            managed: Some(Managed {
                restarts: handover.restarts,
            }),
            database: handover.database(database::pool_max(sources)?)?,
            secret: secret::unknown(&handover.session_secret()?)?,
            aes_key: Some(handover.aes_key()?),
            listen: handover.socket.map_or(Listen::Address(LOOPBACK), Listen::Socket),
            storage: storage(sources, handover.storage),
            api_base: slashed(&handover.api_base),
            public_path: slashed(&handover.public_path),
            sidecar_url: None,
            nocobase_url,
            cors_whitelist: handover.cors_origin_whitelist,
            // The plugin reads the lines and gives each to NocoBase's logger with its level.
            log_format: LogFormat::Json,
            instance: handover.instance,
        })
    }
}

fn storage(sources: &Sources, default: PathBuf) -> PathBuf {
    sources.path("SIDECAR_STORAGE").unwrap_or(default)
}
