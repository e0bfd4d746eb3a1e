//! Several sidecars on one database: crowds at once, processes that die, database servers that restart.

#![expect(clippy::unwrap_used, reason = "a scenario stops at the first surprise")]

#[path = "../../tests/it/support/mod.rs"]
#[expect(dead_code, reason = "the harness serves the tests too")]
mod support;

#[path = "../support/mod.rs"]
#[expect(dead_code, reason = "the other suite measures memory")]
mod long;

mod cluster;
mod concurrent_sign_ins;
mod crashes;
mod proxy;
mod restarts;

use std::process::ExitCode;
use std::sync::Arc;

use chrono::{DateTime, Utc};
use nocobase_dingtalk::clock::Clock;

use cluster::{Cluster, End};
use long::sidecar::Sidecar;
use long::suite::Suite;
use support::database::{Kind, TestDatabase};
use support::shared_site::SharedSite;

#[tokio::main]
async fn main() -> ExitCode {
    let mut suite = Suite::from_command_line();
    on_sqlite(&mut suite).await;
    on_server(&mut suite, Kind::Postgres, "PostgreSQL").await;
    on_server(&mut suite, Kind::MariaDb, "MariaDB").await;
    suite.finish()
}

async fn on_sqlite(suite: &mut Suite) {
    suite
        .run("SQLite: crowds", concurrent_sign_ins::pass(Kind::Sqlite, None))
        .await;
    suite
        .run(
            "SQLite: another replica goes on",
            crashes::handed_over(Kind::Sqlite, None),
        )
        .await;
    suite
        .run("SQLite: killed in the middle", crashes::at_any_time())
        .await;
}

async fn on_server(suite: &mut Suite, kind: Kind, name: &str) {
    let [crowds, handed_over, killed, restarted, crashed] = [
        "crowds",
        "another replica goes on",
        "killed at every statement",
        "restarted under load",
        "crashed under load",
    ]
    .map(|what| format!("{name}: {what}"));
    if ![&crowds, &handed_over, &killed, &restarted, &crashed]
        .iter()
        .any(|name| suite.wants(name))
    {
        return;
    }
    let cluster = Cluster::start(kind).await;
    let (url, port) = (cluster.url(), cluster.port());
    suite
        .run(&crowds, concurrent_sign_ins::pass(kind, Some(url.clone())))
        .await;
    suite
        .run(&handed_over, crashes::handed_over(kind, Some(url.clone())))
        .await;
    suite
        .run(&killed, crashes::at_every_statement(kind, url, port))
        .await;
    let cluster = Arc::new(tokio::sync::Mutex::new(cluster));
    for (name, end) in [(restarted, End::Restart), (crashed, End::Crash)] {
        suite
            .run(&name, restarts::under_load(kind, Arc::clone(&cluster), end))
            .await;
    }
}

/// A fresh site; its database goes with its server.
async fn site(kind: Kind, url: Option<&str>) -> (Arc<SharedSite>, DateTime<Utc>) {
    let clock = Clock::system();
    let now = clock.now();
    let database = TestDatabase::create(kind, url).await;
    (Arc::new(SharedSite::on(Arc::new(database), clock).await), now)
}

/// Two sidecars, and their addresses.
fn two_sidecars(site: &SharedSite) -> ([Sidecar; 2], Vec<String>) {
    let sidecars = ["1", "2"].map(|instance| Sidecar::start(site, instance, &WITHOUT_TLS));
    let urls = sidecars.iter().map(|sidecar| sidecar.url.clone()).collect();
    (sidecars, urls)
}

/// The clusters have no certificates worth checking, and the proxy has to read along.
const WITHOUT_TLS: [(&str, &str); 1] = [("DB_DIALECT_OPTIONS_SSL_MODE", "disable")];
