//! What an attacker with one machine tries: connections that are held, memory that is filled, queues that are crowded.
//! Each scenario is bounded in count and time, runs on a real process over loopback, and says how an honest person fared
//! meanwhile. Run by `.ci/long`: `cargo bench --bench abuse`; `NBDT_BINARY` examines another build.

#![expect(clippy::unwrap_used, reason = "a scenario stops at the first surprise")]

#[path = "../tests/it/support/mod.rs"]
#[expect(dead_code, reason = "the harness serves the tests too")]
mod support;

#[path = "support/mod.rs"]
#[expect(dead_code, reason = "the other suites use more of it")]
mod long;

use std::process::ExitCode;
use std::sync::Arc;
use std::time::{Duration, Instant};

use futures_util::future::join_all;
use nocobase_dingtalk::clock::Clock;
use serde_json::json;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::sync::Semaphore;
use tokio::time::timeout;

use long::sidecar::Sidecar;
use long::suite::Suite;
use support::app::{AUTHENTICATOR, ROOT_PASSWORD};
use support::browser::{Browser, handle_in};
use support::concurrent_sign_ins::{key, person, signed_in_user};
use support::database::{Kind, TestDatabase};
use support::shared_site::SharedSite;

/// Nobody is a trusted proxy: everybody is a stranger.
const STRANGERS: (&str, &str) = ("SIDECAR_TRUSTED_PROXIES", "10.0.0.0/8");
/// How long an honest person is waited for.
const PATIENCE: Duration = Duration::from_secs(75);
const HONEST: &str = "198.51.100.7";
const CROWD: &str = "203.0.113.9";

#[tokio::main]
async fn main() -> ExitCode {
    let mut suite = Suite::from_command_line();
    suite
        .run("270 unfinished chunked bodies, room for 256", unfinished_bodies())
        .await;
    suite
        .run("12 pipelines that nobody reads, room for 8", unread_pipelines())
        .await;
    suite.run("400 half-sent heads", half_sent(false)).await;
    suite.run("400 half-sent bodies", half_sent(true)).await;
    suite
        .run("1200 made-up codes of one address", made_up_codes(1200))
        .await;
    suite
        .run("600 guesses at one account from 600 networks", guesses(600))
        .await;
    suite.finish()
}

async fn site() -> SharedSite {
    let database = Arc::new(TestDatabase::create(Kind::Sqlite, None).await);
    SharedSite::on(database, Clock::system()).await
}

async fn connect(sidecar: &Sidecar) -> TcpStream {
    TcpStream::connect(sidecar.url.strip_prefix("http://").unwrap())
        .await
        .unwrap()
}

/// Connections on which these bytes were sent, as far as the server took them.
async fn send(sidecar: &Sidecar, count: usize, bytes: &[u8]) -> Vec<TcpStream> {
    let one = async |_| {
        let mut stream = connect(sidecar).await;
        // Whoever reads no further must not hold us up.
        let _sent = timeout(Duration::from_secs(1), stream.write_all(bytes)).await;
        stream
    };
    join_all((0..count).map(one)).await
}

/// How long an honest request waits for its answer.
async fn honest(sidecar: &Sidecar) -> String {
    let begun = Instant::now();
    let mut stream = connect(sidecar).await;
    stream
        .write_all(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
        .await
        .unwrap();
    let mut said = Vec::new();
    match timeout(PATIENCE, stream.read_to_end(&mut said)).await {
        Ok(_) if said.starts_with(b"HTTP/1.1 200 ") => format!("{:.1} s", begun.elapsed().as_secs_f64()),
        Ok(_) => panic!("{}", String::from_utf8_lossy(&said)),
        Err(late) => panic!("an honest request has no answer after {PATIENCE:?}: {late}"),
    }
}

async fn unfinished_bodies() -> String {
    let site = site().await;
    let sidecar = Sidecar::start(&site, "1", &[STRANGERS, ("SIDECAR_CONNECTIONS", "256")]);
    let request =
        b"POST /api/auth:signIn HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n{";
    let held = send(&sidecar, 270, request).await;
    let waited = honest(&sidecar).await;
    drop(held);
    format!("an honest request was answered after {waited}")
}

async fn unread_pipelines() -> String {
    let site = site().await;
    let sidecar = Sidecar::start(&site, "1", &[("SIDECAR_CONNECTIONS", "8")]);
    let request = b"GET /openapi.json HTTP/1.1\r\nHost: localhost\r\n\r\n";
    let held = send(&sidecar, 12, &request.repeat(600)).await;
    let waited = honest(&sidecar).await;
    drop(held);
    format!("an honest request was answered after {waited}")
}

/// Requests that never end, each with as much of it as the server takes.
async fn half_sent(has_body: bool) -> String {
    let site = site().await;
    let sidecar = Sidecar::start(&site, "1", &[STRANGERS]);
    honest(&sidecar).await;
    let (before, _) = sidecar.memory();
    let request = if has_body {
        let head = "POST /api/auth:signIn HTTP/1.1\r\nHost: localhost\r\nContent-Length: 262144\r\n\r\n";
        format!("{head}{}", "x".repeat(260_000))
    } else {
        format!(
            "GET /healthz HTTP/1.1\r\nHost: localhost\r\nX-Long: {}",
            "x".repeat(126_000)
        )
    };
    let held = send(&sidecar, 400, request.as_bytes()).await;
    let waited = honest(&sidecar).await;
    let (_, peak) = sidecar.memory();
    drop(held);
    let grown = (peak - before) / 1024;
    assert!(grown <= 40, "it grew by {grown} MiB");
    format!(
        "{} MiB before, {grown} MiB more at most; an honest request was answered after {waited}",
        before / 1024
    )
}

/// A crowd behind one address posts codes that DingTalk never gave; somebody elsewhere signs in.
async fn made_up_codes(count: usize) -> String {
    let site = site().await;
    site.dingtalk.enforce_qps(Some(20));
    let sidecar = Sidecar::start(&site, "1", &[("DINGTALK_QPS_PER_API", "20")]);
    site.dingtalk.add_person(person(1));
    let mut honest = Browser::new(&sidecar.url).with("X-Forwarded-For", HONEST);
    let handle = honest.return_from_dingtalk(&site.dingtalk, &key(1)).await;
    let crowd = Browser::new(&sidecar.url).with("X-Forwarded-For", CROWD);
    let room = Arc::new(Semaphore::new(50));
    let prepared = join_all((0..count).map(|_| {
        let (mut browser, room) = (crowd.clone(), Arc::clone(&room));
        async move {
            let _room = room.acquire().await.unwrap();
            let url = browser.click(AUTHENTICATOR, "/signin").await;
            let state = url
                .query_pairs()
                .find(|(name, _)| name == "state")
                .unwrap()
                .1
                .into_owned();
            let answer = browser
                .get(&format!("auth:redirect?authCode=madeup&state={state}"))
                .await;
            (browser, handle_in(&answer.location()))
        }
    }))
    .await;
    let posted: Vec<_> = prepared
        .into_iter()
        .map(|(mut browser, handle)| {
            tokio::spawn(async move {
                timeout(PATIENCE, browser.complete(AUTHENTICATOR, &handle))
                    .await
                    .is_ok()
            })
        })
        .collect();
    // The crowd stands in the queue by now.
    tokio::time::sleep(Duration::from_secs(2)).await;

    let begun = Instant::now();
    let answer = timeout(PATIENCE, honest.complete(AUTHENTICATOR, &handle))
        .await
        .unwrap();
    let waited = begun.elapsed();
    for post in posted {
        post.abort();
    }
    assert_eq!(answer.status, 200, "refused after {waited:.1?}: {}", answer.text);
    signed_in_user(&answer);
    assert!(waited < Duration::from_secs(10), "{waited:.1?}");
    format!("an honest sign-in elsewhere took {:.2} s", waited.as_secs_f64())
}

/// Passwords are guessed from everywhere; somebody with another account signs in with theirs.
async fn guesses(count: usize) -> String {
    let folder = tempfile::tempdir().unwrap();
    let site = site().await;
    let settings = [
        ("SIDECAR_STORAGE", folder.path().to_str().unwrap()),
        ("INIT_ROOT_PASSWORD", ROOT_PASSWORD),
    ];
    let sidecar = Sidecar::start(&site, "1", &settings);
    let guesses: Vec<_> = (0..count)
        .map(|number| {
            let address = format!("11.{}.{}.1", number / 250, number % 250);
            let mut browser = Browser::new(&sidecar.url).with("X-Forwarded-For", &address);
            let body = json!({ "account": "somebody", "password": number.to_string() });
            tokio::spawn(async move { browser.post("auth:signIn", body).await.status })
        })
        .collect();
    tokio::time::sleep(Duration::from_millis(500)).await;

    let begun = Instant::now();
    let mut honest = Browser::new(&sidecar.url).with("X-Forwarded-For", HONEST);
    let body = json!({ "account": "nocobase", "password": ROOT_PASSWORD });
    let answer = honest.post("auth:signIn", body).await;
    let waited = begun.elapsed();
    assert_eq!(answer.status, 200, "{}", answer.text);
    let mut checked = 0;
    for guess in guesses {
        checked += usize::from(guess.await.unwrap() == 401);
    }
    assert!(checked <= count / 10, "{checked} were checked");
    format!(
        "{checked} of them were checked; an honest sign-in to another account took {:.2} s",
        waited.as_secs_f64()
    )
}
