//! Settings that are read alike in every way of running, each checked.

use std::net::SocketAddr;
use std::time::Duration;

use ipnet::IpNet;
use secrecy::SecretString;
use url::Url;

use super::error::ConfigError;
use super::sources::Sources;
use super::{FirstAdministrator, Mode, SHORTEST_PASSWORD};
use crate::dingtalk::{Endpoints, Limits};
use crate::nocobase::LANGUAGES;
use crate::origin::Origin;

const DEFAULT_LISTEN: SocketAddr =
    SocketAddr::new(std::net::IpAddr::V4(std::net::Ipv4Addr::LOCALHOST), 13100);
const DEFAULT_REQUEST_SECONDS: u64 = 10;
/// Each may hold 32 KiB of a half-sent head.
const DEFAULT_CONNECTIONS: usize = 4096;

impl Sources {
    /// Where it listens.
    pub fn listen(&self) -> Result<SocketAddr, ConfigError> {
        let address = self.parsed("SIDECAR_LISTEN", "an address and port such as 127.0.0.1:13100")?;
        Ok(address.unwrap_or(DEFAULT_LISTEN))
    }
}

pub(super) fn comma_list(text: &str) -> Vec<String> {
    text.split(',')
        .map(str::trim)
        .filter(|item| !item.is_empty())
        .map(str::to_owned)
        .collect()
}

pub(super) fn origin(sources: &Sources) -> Result<Option<Origin>, ConfigError> {
    let name = "SIDECAR_PUBLIC_URL";
    let Some(text) = sources.text(name) else {
        return Ok(None);
    };
    let expected = "it is scheme, host and port only, such as https://nocobase.example.com";
    Origin::parse(text)
        .map(Some)
        .ok_or(ConfigError::Invalid { name, expected })
}

pub(super) fn proxies(sources: &Sources) -> Result<Vec<IpNet>, ConfigError> {
    let name = "SIDECAR_TRUSTED_PROXIES";
    let text = sources.text(name).unwrap_or("127.0.0.0/8,::1/128");
    let expected = "it is a comma-separated list of addresses or ranges such as 10.0.0.0/8";
    comma_list(text)
        .iter()
        .map(|item| {
            item.parse::<IpNet>()
                .or_else(|_| item.parse::<std::net::IpAddr>().map(IpNet::from))
                .map_err(|_| ConfigError::Invalid { name, expected })
        })
        .collect()
}

pub(super) fn request_within(sources: &Sources) -> Result<Duration, ConfigError> {
    let name = "SIDECAR_REQUEST_SECONDS";
    let expected = "it is a whole number of seconds, at least 1 and at most an hour";
    match sources.parsed(name, expected)?.unwrap_or(DEFAULT_REQUEST_SECONDS) {
        seconds @ 1..=3600 => Ok(Duration::from_secs(seconds)),
        _ => Err(ConfigError::Invalid { name, expected }),
    }
}

pub(super) fn connections(sources: &Sources) -> Result<usize, ConfigError> {
    let name = "SIDECAR_CONNECTIONS";
    let expected = "it is a whole number of connections, at least 1 and at most a million";
    match sources.parsed(name, expected)?.unwrap_or(DEFAULT_CONNECTIONS) {
        connections @ 1..=1_000_000 => Ok(connections),
        _ => Err(ConfigError::Invalid { name, expected }),
    }
}

/// Beside NocoBase, its port says where it is. In Kubernetes the variable may hold the address of a service called
/// `app`, which is no port, and then nothing is known.
pub(super) fn nocobase_url(sources: &Sources, mode: Mode) -> Result<Option<Url>, ConfigError> {
    if let Some(url) = sources.url("NOCOBASE_URL")? {
        return Ok(Some(url));
    }
    let port = match mode {
        Mode::Alone => return Ok(None),
        Mode::BesideNocoBase => sources.text("APP_PORT").unwrap_or("13000").trim(),
    };
    let port = port.parse::<u16>().ok();
    Ok(port.and_then(|port| Url::parse(&format!("http://127.0.0.1:{port}")).ok()))
}

pub(super) fn endpoints(sources: &Sources) -> Result<Endpoints, ConfigError> {
    let standard = Endpoints::default();
    Ok(Endpoints {
        login: sources.url("DINGTALK_LOGIN_URL")?.unwrap_or(standard.login),
        api: sources.url("DINGTALK_API_URL")?.unwrap_or(standard.api),
        oapi: sources.url("DINGTALK_OAPI_URL")?.unwrap_or(standard.oapi),
    })
}

pub(super) fn limits(sources: &Sources) -> Result<Limits, ConfigError> {
    let standard = Limits::default();
    let expected = "a whole number of calls per second, 0 for no limit";
    Ok(Limits {
        qps_per_api: sources
            .parsed("DINGTALK_QPS_PER_API", expected)?
            .unwrap_or(standard.qps_per_api),
        ..standard
    })
}

/// The language that a database of our own begins with; beside NocoBase the variable may name any that NocoBase has.
pub(super) fn language(sources: &Sources, mode: Mode) -> Result<String, ConfigError> {
    let name = "INIT_APP_LANG";
    let language = sources.text(name).unwrap_or("en-US");
    if mode == Mode::Alone && !LANGUAGES.contains(&language) {
        let expected = "it is en-US, zh-CN, hi-IN, ru-RU, de-DE, id-ID or tr-TR";
        return Err(ConfigError::Invalid { name, expected });
    }
    Ok(language.to_owned())
}

pub(super) fn first_administrator(sources: &Sources, mode: Mode) -> Result<FirstAdministrator, ConfigError> {
    let text = |name, default: &str| sources.text(name).unwrap_or(default).to_owned();
    let name = "INIT_ROOT_PASSWORD";
    let password = sources.text(name);
    if mode == Mode::Alone && password.is_some_and(|password| password.chars().count() < SHORTEST_PASSWORD) {
        let expected = "it has at least 8 characters";
        return Err(ConfigError::Invalid { name, expected });
    }
    Ok(FirstAdministrator {
        email: text("INIT_ROOT_EMAIL", "admin@nocobase.com"),
        username: text("INIT_ROOT_USERNAME", "nocobase"),
        nickname: text("INIT_ROOT_NICKNAME", "Super Admin"),
        password: password.map(SecretString::from),
    })
}
