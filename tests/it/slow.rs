//! Clients that take their time, or more than their share: they are cut off, and nobody waits for them.

use std::future::{Future, pending};
use std::time::{Duration, Instant};

use futures_util::future::{join_all, select_all};
use serde_json::json;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::support::app::TestApp;

const HALF_A_HEAD: &[u8] = b"GET /healthz HTTP/1.1\r\nHost: localhost\r\nX-Slow: ";
const HALF_A_BODY: &[u8] =
    b"POST /api/auth:signIn HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: 100\r\n\r\n{";
const WHOLE: &[u8] = b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n";

/// A sidecar that waits a second for requests, with an authenticator.
async fn impatient(settings: &[(&str, &str)]) -> TestApp {
    let mut all = vec![("SIDECAR_REQUEST_SECONDS", "1")];
    all.extend_from_slice(settings);
    let app = TestApp::bare(&all).await;
    app.enable_plugin().await;
    app.add_authenticator(json!({ "public": { "autoSignup": true } }))
        .await;
    app
}

async fn send(app: &TestApp, bytes: &[u8]) -> TcpStream {
    let address = app.url.strip_prefix("http://").unwrap();
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.write_all(bytes).await.unwrap();
    stream
}

/// Everything the server still says before it closes; a reset is a way of closing, too.
async fn rest(mut stream: TcpStream) -> String {
    let mut said = Vec::new();
    let mut piece = [0; 4096];
    while let Ok(count @ 1..) = stream.read(&mut piece).await {
        said.extend_from_slice(&piece[..count]);
    }
    String::from_utf8(said).unwrap()
}

/// One answer with a short body, of a connection that may stay open.
async fn answer(stream: &mut TcpStream) -> String {
    let mut said = String::new();
    let mut piece = [0; 4096];
    while !said.ends_with("\r\n\r\nok") {
        let count = stream.read(&mut piece).await.unwrap();
        assert_ne!(count, 0, "closed after {said}");
        said.push_str(std::str::from_utf8(&piece[..count]).unwrap());
    }
    said
}

/// What is expected here happens in a second; a test that hangs should say so.
async fn soon<T>(future: impl Future<Output = T>) -> T {
    let limit = std::time::Duration::from_secs(30);
    tokio::time::timeout(limit, future).await.unwrap()
}

#[tokio::test]
async fn half_sent_requests_are_cut_off_and_a_sign_in_meanwhile_succeeds() {
    let app = impatient(&[]).await;
    let heads = join_all((0..200).map(|_| send(&app, HALF_A_HEAD))).await;
    let bodies = join_all((0..100).map(|_| send(&app, HALF_A_BODY))).await;
    let nothing = join_all((0..100).map(|_| send(&app, b""))).await;

    let signed_in = app.browser().sign_in(&app.dingtalk, "li-lei").await;

    assert_eq!(signed_in.status, 200, "{}", signed_in.text);
    for (streams, status) in [(heads, "HTTP/1.1 408 "), (nothing, "HTTP/1.1 408 ")] {
        for said in soon(join_all(streams.into_iter().map(rest))).await {
            assert!(said.starts_with(status), "{said}");
        }
    }
    for said in soon(join_all(bodies.into_iter().map(rest))).await {
        assert!(
            said.starts_with("HTTP/1.1 400 ") && said.contains("BODY_INCOMPLETE"),
            "{said}"
        );
    }
}

#[tokio::test]
async fn the_second_request_of_a_connection_cannot_be_dripped_either() {
    let app = impatient(&[("SIDECAR_TRUSTED_PROXIES", "10.0.0.0/8")]).await;

    let said = soon(rest(send(&app, &[WHOLE, HALF_A_HEAD].concat()).await)).await;

    assert!(
        said.starts_with("HTTP/1.1 200 ") && said.ends_with("\r\n\r\nok"),
        "{said}"
    );
    assert!(said.to_lowercase().contains("connection: close"), "{said}");
}

#[tokio::test]
async fn a_trusted_proxy_keeps_its_connection() {
    let app = TestApp::bare(&[]).await;
    let mut stream = send(&app, WHOLE).await;
    let first = soon(answer(&mut stream)).await;
    stream.write_all(WHOLE).await.unwrap();

    let second = soon(answer(&mut stream)).await;

    for said in [first, second] {
        assert!(said.starts_with("HTTP/1.1 200 "), "{said}");
        assert!(!said.to_lowercase().contains("connection: close"), "{said}");
    }
}

#[tokio::test]
async fn more_connections_than_allowed_wait_until_the_slow_ones_are_cut_off() {
    let app = impatient(&[
        ("SIDECAR_CONNECTIONS", "2"),
        ("SIDECAR_TRUSTED_PROXIES", "10.0.0.0/8"),
    ])
    .await;
    let slow = join_all((0..2).map(|_| send(&app, HALF_A_HEAD))).await;

    let said = soon(rest(send(&app, WHOLE).await)).await;

    assert!(said.starts_with("HTTP/1.1 200 "), "{said}");
    let mut piece = [0; 64];
    let cut_off = slow.iter().filter(|stream| stream.try_read(&mut piece).is_ok());
    assert_ne!(
        cut_off.count(),
        0,
        "the third was answered while both others were open"
    );
}

/// A body that says no length, and stops in the middle of a piece.
const HALF_A_CHUNKED_BODY: &[u8] =
    b"POST /api/auth:signIn HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n{";

/// Everything the server says until it breaks off, however it does.
async fn until_cut_off(mut stream: TcpStream) -> usize {
    let (mut count, mut piece) = (0, [0; 4096]);
    while let Ok(read @ 1..) = stream.read(&mut piece).await {
        count += read;
    }
    count
}

#[tokio::test]
async fn an_unfinished_chunked_body_does_not_hold_its_connection() {
    for proxies in ["10.0.0.0/8", "127.0.0.0/8"] {
        let app = impatient(&[("SIDECAR_TRUSTED_PROXIES", proxies)]).await;
        let get = b"GET /healthz HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n{";
        let refused =
            b"POST /api/none:none HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n{";

        for said in soon(join_all(
            (0..50).map(async |_| rest(send(&app, HALF_A_CHUNKED_BODY).await).await),
        ))
        .await
        {
            assert!(said.contains("BODY_INCOMPLETE"), "{said}");
        }
        for request in [get.as_slice(), refused] {
            let said = soon(rest(send(&app, request).await)).await;
            assert!(said.starts_with("HTTP/1.1 "), "{said}");
        }
    }
}

#[tokio::test]
async fn requests_that_a_stranger_sends_ahead_get_no_answer_of_their_own() {
    let app = impatient(&[("SIDECAR_TRUSTED_PROXIES", "10.0.0.0/8")]).await;

    let said = soon(rest(send(&app, &WHOLE.repeat(12)).await)).await;

    assert_eq!(said.matches("HTTP/1.1 200 ").count(), 1, "{said}");
}

#[tokio::test]
async fn answers_that_nobody_takes_do_not_hold_the_server() {
    let get = b"GET /openapi.json HTTP/1.1\r\nHost: localhost\r\n\r\n";
    let many = get.repeat(400);
    let app = impatient(&[("SIDECAR_CONNECTIONS", "2")]).await;
    let unread = join_all((0..2).map(|_| send(&app, &many))).await;

    let said = soon(rest(
        send(
            &app,
            &[&WHOLE[..WHOLE.len() - 2], b"Connection: close\r\n\r\n"].concat(),
        )
        .await,
    ))
    .await;

    assert!(said.starts_with("HTTP/1.1 200 "), "{said}");
    // The one that was not cut off yet has its answers as soon as it takes them.
    let taken = unread.into_iter().map(|stream| Box::pin(until_cut_off(stream)));
    let (taken, ..) = soon(select_all(taken)).await;
    let all = 400 * include_str!("../../docs/openapi.json").len();
    assert!(taken < all, "{taken}");
}

#[tokio::test]
async fn a_body_is_not_waited_for_when_the_request_is_refused_without_it() {
    let app = TestApp::start().await;
    for (action, header, status) in [
        ("auth:signIn", "Origin: https://evil.example", " 403 "),
        ("auth:signIn", "X-Dingtalk-Bridge: none", " 403 "),
        ("authenticators:create", "X-Any: y", " 401 "),
        ("pm:enable", "Authorization: Bearer none", " 401 "),
        ("none:none", "X-Any: y", " 404 "),
    ] {
        let head = format!(
            "POST /api/{action} HTTP/1.1\r\nHost: localhost\r\n{header}\r\nContent-Length: 100\r\n\r\n{{"
        );
        let mut stream = send(&app, head.as_bytes()).await;
        let mut said = [0; 64];
        let count = soon(stream.read(&mut said)).await.unwrap();

        let said = String::from_utf8_lossy(&said[..count]);
        assert!(said.contains(status), "{action} {header}: {said}");
    }
}

#[tokio::test]
async fn a_head_that_does_not_end_is_refused() {
    let app = TestApp::bare(&[]).await;
    let mut stream = send(&app, HALF_A_HEAD).await;
    // The server may close before it has read all of this.
    let _sent = stream.write_all(&vec![b'a'; 200 * 1024]).await;

    let said = soon(rest(stream)).await;

    assert!(said.is_empty() || said.starts_with("HTTP/1.1 4"), "{said}");
    assert_eq!(app.browser().visit("/healthz").await.status, 200);
}

#[tokio::test]
async fn stopping_waits_neither_for_half_a_request_nor_for_an_idle_proxy() {
    let mut app = impatient(&[]).await;
    let slow = send(&app, HALF_A_HEAD).await;
    let mut idle = send(&app, WHOLE).await;
    soon(answer(&mut idle)).await;

    soon(app.stop_gracefully()).await;

    assert!(!soon(rest(slow)).await.contains("200"));
    assert_eq!(soon(rest(idle)).await, "");
}

#[tokio::test]
async fn stopping_waits_for_work_that_nobody_else_waits_for_but_not_for_ever() {
    let mut app = TestApp::bare(&[]).await;
    app.background.spawn(pending());

    let asked = Instant::now();
    soon(app.stop_gracefully()).await;

    assert!(asked.elapsed() >= Duration::from_millis(300));
}
