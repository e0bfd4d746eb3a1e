//! The configuration of a managed sidecar: one JSON document in one line of standard input, which the plugin inside
//! NocoBase writes. It holds what NocoBase itself uses, so nothing is read or parsed a second time.

use std::io::{self, BufRead, Read as _};
use std::path::PathBuf;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use secrecy::{ExposeSecret as _, SecretString};
use serde::Deserialize;
use zeroize::Zeroizing;

use super::{ConfigError, database};
use crate::aes_key::AesKey;
use crate::nocobase::{DatabaseSettings, ServerDatabase, ServerDialect, SslSettings};
use crate::secret::SecretBytes;

/// More than any configuration; whoever sends more is not the plugin.
const DOCUMENT_BYTES: u64 = 1024 * 1024;

/// Why the document cannot be used. No text of the document is in it: the document holds secrets.
#[derive(Debug, thiserror::Error)]
pub enum HandoverError {
    /// Standard input ended or failed before the document did.
    #[error(
        "standard input ended before the configuration; `serve --managed` is for the plugin inside NocoBase"
    )]
    Incomplete(#[source] Option<io::Error>),
    /// It is not the document that this version takes.
    #[error("the configuration on standard input cannot be read (column {column})")]
    Syntax {
        /// Where reading stopped.
        column: usize,
    },
    /// The plugin is of another version, whose document may mean something else.
    #[error("the plugin is of version {plugin} and this program of version {}; upload the package again", env!("CARGO_PKG_VERSION"))]
    Version {
        /// The plugin's.
        plugin: String,
    },
    /// A key is not Base64, or not of its length.
    #[error("{name} in the configuration on standard input cannot be used")]
    Key {
        /// Which.
        name: &'static str,
    },
}

/// What the plugin hands over.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Handover {
    #[serde(rename = "version")]
    _version: String,
    /// How often the plugin has started the program again since NocoBase started.
    pub restarts: u32,
    /// The name of the NocoBase process, in file names.
    pub instance: String,
    /// The socket to listen on; without one a loopback port is taken.
    pub socket: Option<PathBuf>,
    /// The folder for files of our own, inside NocoBase's storage.
    pub storage: PathBuf,
    /// NocoBase's API base path, its public path included.
    pub api_base: String,
    /// NocoBase's `APP_PUBLIC_PATH`.
    pub public_path: String,
    /// Where NocoBase listens.
    pub nocobase_url: Option<String>,
    /// `CORS_ORIGIN_WHITELIST`, as it stands.
    pub cors_origin_whitelist: Option<String>,
    session_secret: SecretString,
    aes_key: SecretString,
    database: DatabaseServer,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct DatabaseServer {
    dialect: String,
    host: Option<String>,
    port: Option<u16>,
    socket: Option<PathBuf>,
    user: String,
    password: Option<SecretString>,
    database: String,
    schema: Option<String>,
    table_prefix: Option<String>,
    underscored: bool,
    timezone: Option<String>,
    ssl: Option<Ssl>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Ssl {
    mode: Option<String>,
    ca: Option<String>,
    key: Option<SecretString>,
    cert: Option<String>,
    reject_unauthorized: Option<bool>,
}

impl Handover {
    /// Reads the document, and nothing behind its line.
    pub fn read(input: &mut impl BufRead) -> Result<Self, HandoverError> {
        let mut line = Zeroizing::new(Vec::new());
        let read = input.take(DOCUMENT_BYTES).read_until(b'\n', &mut line);
        read.map_err(|error| HandoverError::Incomplete(Some(error)))?;
        if line.last() != Some(&b'\n') {
            return Err(HandoverError::Incomplete(None));
        }
        Self::parse(&line)
    }

    fn parse(document: &[u8]) -> Result<Self, HandoverError> {
        #[derive(Deserialize)]
        struct Versioned {
            version: String,
        }
        // What serde says of a wrong value repeats the value.
        let syntax = |error: serde_json::Error| HandoverError::Syntax {
            column: error.column(),
        };
        let Versioned { version } = serde_json::from_slice(document).map_err(syntax)?;
        if version != env!("CARGO_PKG_VERSION") {
            return Err(HandoverError::Version { plugin: version });
        }
        serde_json::from_slice(document).map_err(syntax)
    }

    /// What NocoBase signs its sessions with.
    pub fn session_secret(&self) -> Result<SecretBytes, HandoverError> {
        let name = "sessionSecret";
        let bytes = decoded(&self.session_secret).ok_or(HandoverError::Key { name })?;
        if bytes.is_empty() {
            return Err(HandoverError::Key { name });
        }
        Ok(bytes)
    }

    /// What NocoBase encrypts its secret variables with.
    pub fn aes_key(&self) -> Result<AesKey, HandoverError> {
        let unusable = HandoverError::Key { name: "aesKey" };
        match decoded(&self.aes_key).map(|bytes| AesKey::from_bytes(&bytes)) {
            Some(Ok(key)) => Ok(key),
            Some(Err(_)) | None => Err(unusable),
        }
    }

    /// NocoBase's database, with at most `pool_max` connections to it.
    pub fn database(&self, pool_max: u32) -> Result<DatabaseSettings, ConfigError> {
        let given = &self.database;
        let (dialect, port) = ServerDialect::named(&given.dialect).ok_or(ConfigError::Invalid {
            name: "DB_DIALECT",
            expected: "it is postgres, mysql or mariadb",
        })?;
        let ssl = given.ssl.as_ref();
        Ok(DatabaseSettings::Server(ServerDatabase {
            dialect,
            host: given.host.clone().unwrap_or_else(|| "localhost".to_owned()),
            port: given.port.unwrap_or(port),
            socket: given.socket.clone(),
            database: given.database.clone(),
            user: given.user.clone(),
            password: given.password.clone().unwrap_or_default(),
            schema: given.schema.clone().filter(|schema| !schema.is_empty()),
            table_prefix: given.table_prefix.clone().unwrap_or_default(),
            underscored: given.underscored,
            timezone: database::timezone(given.timezone.as_deref(), None)?,
            ssl: SslSettings {
                mode: database::ssl_mode(
                    ssl.and_then(|ssl| ssl.mode.as_deref())
                        .filter(|mode| !mode.is_empty()),
                )?,
                ca: ssl.and_then(|ssl| ssl.ca.clone()),
                key: ssl.and_then(|ssl| ssl.key.clone()),
                cert: ssl.and_then(|ssl| ssl.cert.clone()),
                reject_unauthorized: ssl.and_then(|ssl| ssl.reject_unauthorized),
            },
            pool_max,
        }))
    }
}

fn decoded(text: &SecretString) -> Option<SecretBytes> {
    STANDARD.decode(text.expose_secret()).ok().map(Zeroizing::new)
}

#[cfg(test)]
mod tests {
    use std::io::Read as _;

    use serde_json::{Value, json};

    use super::*;

    fn document() -> Value {
        json!({
            "version": env!("CARGO_PKG_VERSION"),
            "restarts": 2,
            "instance": "host-17",
            "socket": "/tmp/nbdt-x/s",
            "storage": "/srv/nocobase/storage/dingtalk",
            "apiBase": "/nocobase/api/",
            "publicPath": "/nocobase/",
            "nocobaseUrl": "http://127.0.0.1:13000",
            "corsOriginWhitelist": null,
            "sessionSecret": STANDARD.encode("canary-secret"),
            "aesKey": STANDARD.encode([7; 32]),
            "database": {
                "dialect": "mariadb", "host": "db", "port": 3307, "socket": null, "user": "u", "password": "canary-password",
                "database": "d", "schema": null, "tablePrefix": "nb_", "underscored": true, "timezone": "+08:00",
                "ssl": { "mode": "verify-ca", "ca": "pem", "rejectUnauthorized": true },
            },
        })
    }

    fn read(document: &Value) -> Result<Handover, HandoverError> {
        Handover::read(&mut format!("{document}\n").as_bytes())
    }

    #[test]
    fn the_document_says_what_nocobase_uses() {
        let handover = read(&document()).unwrap();

        assert_eq!(handover.session_secret().unwrap().as_slice(), b"canary-secret");
        assert!(handover.aes_key().is_ok());
        let DatabaseSettings::Server(server) = handover.database(10).unwrap() else {
            panic!("a server was given");
        };
        assert_eq!(
            (server.dialect, server.port, server.table_prefix.as_str()),
            (ServerDialect::MariaDb, 3307, "nb_")
        );
        assert_eq!(server.timezone.local_minus_utc(), 8 * 3600);
        assert_eq!(server.ssl.reject_unauthorized, Some(true));
    }

    #[test]
    fn what_follows_the_line_is_left_to_whoever_waits_for_the_end() {
        let text = format!("{}\nmore", document());
        let mut input = text.as_bytes();

        Handover::read(&mut input).unwrap();

        let mut rest = String::new();
        input.read_to_string(&mut rest).unwrap();
        assert_eq!(rest, "more");
    }

    #[test]
    fn a_document_that_breaks_off_is_none() {
        let whole = document().to_string();
        for text in ["", &whole[..whole.len() / 2], &whole] {
            let error = Handover::read(&mut text.as_bytes()).err().unwrap();
            assert!(matches!(error, HandoverError::Incomplete(None)), "{text}");
        }
    }

    #[test]
    fn a_plugin_of_another_version_is_told_so_before_anything_else() {
        let error = read(&json!({ "version": "9.9.9", "fresh": true })).err().unwrap();

        assert!(error.to_string().contains("9.9.9"), "{error}");
    }

    #[test]
    fn what_is_wrong_with_the_document_never_repeats_a_value_of_it() {
        for (pointer, value) in [
            ("/database/port", json!("canary-port")),
            ("/database/underscored", json!("canary-underscored")),
            ("/sessionSecret", json!(["canary-secret"])),
            ("/database/dialect", json!("canary-dialect")),
            ("/aesKey", json!("canary-key")),
        ] {
            let mut document = document();
            *document.pointer_mut(pointer).unwrap() = value;
            let text = match read(&document) {
                Err(error) => error.to_string(),
                Ok(handover) => handover
                    .database(10)
                    .err()
                    .map(|error| error.to_string())
                    .or_else(|| handover.aes_key().err().map(|error| error.to_string()))
                    .unwrap(),
            };
            assert!(!text.contains("canary"), "{text}");
        }
    }

    #[test]
    fn an_empty_secret_signs_nothing() {
        let mut document = document();
        document["sessionSecret"] = json!("");

        assert!(read(&document).unwrap().session_secret().is_err());
    }
}
