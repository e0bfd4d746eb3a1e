//! What every scenario starts from: where the servers are, which binary, how long.

use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::time::Duration;

use hyper::StatusCode;
use serde::Deserialize;
use tempfile::TempDir;
use url::Url;

use crate::connection::{Connection, Extras};
use crate::contest::Plan;
use crate::database::{Database, Dialect};
use crate::journey::{Bridge, Journey, Kind};
use crate::process::{Program, SECRET, Sidecar};
use crate::{Options, Outcome};

/// Users of the small databases.
pub const FEW: u64 = 1000;

pub struct Stage {
    pub binary: PathBuf,
    pub plan: Plan,
    pub many: u64,
    pub mariadb: Option<Url>,
    pub peer: Option<Peer>,
    pub folder: TempDir,
    postgres: Url,
}

/// What `benches/peer.mjs` tells of its NocoBase.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Peer {
    /// NocoBase, with both plugins.
    pub nocobase: std::net::SocketAddr,
    /// The sidecar beside it.
    pub sidecar: std::net::SocketAddr,
    pub sidecar_pid: u32,
    pub nocobase_pid: u32,
    pub double_pid: u32,
    /// NocoBase's secret.
    pub app_key: String,
    /// The community plugin's authenticator.
    pub community: String,
}

impl Stage {
    pub fn set(options: &Options) -> Outcome<Self> {
        let peer = match &options.peer {
            Some(file) => Some(serde_json::from_slice(&std::fs::read(file)?)?),
            None => None,
        };
        Ok(Self {
            binary: std::path::absolute(&options.binary)?,
            plan: Plan {
                rounds: options.rounds,
                lasting: Duration::from_secs(options.seconds),
                connections: options.connections,
            },
            many: options.many,
            mariadb: options.mariadb.clone(),
            peer,
            folder: tempfile::tempdir()?,
            postgres: options.postgres.clone(),
        })
    }

    /// The database servers in their own words.
    pub async fn servers(&self) -> Outcome<String> {
        let mut text = Database::version(Dialect::Postgres, &self.postgres).await?;
        if let Some(mariadb) = &self.mariadb {
            text.push_str(", MariaDB ");
            text.push_str(&Database::version(Dialect::MariaDb, mariadb).await?);
        }
        Ok(text)
    }

    pub async fn database(&self, people: u64) -> Outcome<Database> {
        Database::with_people(Dialect::Postgres, &self.postgres, people).await
    }

    pub fn double(&self, latency_ms: u64) -> Outcome<Program> {
        Program::of_ours(&["double", "--latency", &latency_ms.to_string()], &self.folder)
    }

    pub fn sidecar<'a>(
        &'a self,
        name: &'a str,
        database: &'a Database,
        dingtalk: &'a Program,
    ) -> Sidecar<'a> {
        Sidecar {
            binary: &self.binary,
            database,
            dingtalk,
            folder: &self.folder,
            name,
        }
    }

    pub fn binary(&self) -> &Path {
        &self.binary
    }
}

/// Whole sign-ins straight at a sidecar, or spread over several.
pub fn sign_ins(sidecars: &[&Program]) -> Rc<Journey> {
    let bridge = Bridge::new(SECRET.as_bytes(), "http://nocobase.example");
    Rc::new(Journey {
        at: sidecars.iter().map(|sidecar| sidecar.address).collect(),
        kind: Kind::Sidecar(bridge),
    })
}

/// One GET over and over.
pub fn gets(at: std::net::SocketAddr, path: &str, status: StatusCode) -> Rc<Journey> {
    Rc::new(Journey {
        at: vec![at],
        kind: Kind::Get {
            path: path.to_owned(),
            status,
        },
    })
}

/// What a GET answers with.
pub async fn fetch(at: std::net::SocketAddr, path: &str) -> Outcome<String> {
    let answer = Connection::to(at)
        .get(path, Extras::default())
        .await?
        .with(StatusCode::OK)?;
    Ok(String::from_utf8_lossy(&answer.body).into_owned())
}
