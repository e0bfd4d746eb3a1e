//! A scripted DingTalk for the tests of this module: plain HTTP on a port of its own, answers from a closure.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde_json::Value;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;
use url::Url;

/// What the client sent.
#[derive(Clone, Debug)]
pub(super) struct Request {
    pub(super) line: String,
    pub(super) headers: Vec<(String, String)>,
    pub(super) body: Vec<u8>,
}

impl Request {
    pub(super) fn header(&self, name: &str) -> Option<&str> {
        self.headers
            .iter()
            .find(|(known, _)| known == name)
            .map(|(_, value)| value.as_str())
    }

    pub(super) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap()
    }
}

/// What the script does next.
pub(super) enum Reply {
    /// A whole answer.
    Whole {
        status: u16,
        headers: Vec<(&'static str, String)>,
        body: Vec<u8>,
    },
    /// An answer whose connection ends before its length is reached.
    Half(Vec<u8>),
    /// One byte every few milliseconds, without end.
    Drip,
    /// The connection ends without an answer.
    HangUp,
    /// Nothing, and the connection stays.
    Silence,
}

impl Reply {
    pub(super) fn json(status: u16, body: &Value) -> Self {
        Self::text(status, "application/json;charset=utf-8", body.to_string())
    }

    pub(super) fn text(status: u16, content_type: &str, body: impl Into<Vec<u8>>) -> Self {
        Self::Whole {
            status,
            headers: vec![("content-type", content_type.to_owned())],
            body: body.into(),
        }
    }

    /// Lets the client repeat as soon as its own pauses allow.
    pub(super) fn at_once(self) -> Self {
        self.with("retry-after", "0")
    }

    pub(super) fn with(mut self, name: &'static str, value: &str) -> Self {
        if let Self::Whole { headers, .. } = &mut self {
            headers.push((name, value.to_owned()));
        }
        self
    }
}

/// Stops when dropped.
pub(super) struct Script {
    pub(super) url: Url,
    requests: Arc<Mutex<Vec<Request>>>,
    server: JoinHandle<()>,
}

impl Script {
    /// `answer` gets each request and how many came before it.
    pub(super) async fn start(answer: impl Fn(&Request, usize) -> Reply + Send + Sync + 'static) -> Self {
        Self::on(TcpListener::bind("127.0.0.1:0").await.unwrap(), answer)
    }

    pub(super) fn on(
        listener: TcpListener,
        answer: impl Fn(&Request, usize) -> Reply + Send + Sync + 'static,
    ) -> Self {
        let url = Url::parse(&format!("http://{}", listener.local_addr().unwrap())).unwrap();
        let requests = Arc::new(Mutex::new(Vec::new()));
        let (seen, answer) = (Arc::clone(&requests), Arc::new(answer));
        let server = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let (seen, answer) = (Arc::clone(&seen), Arc::clone(&answer));
                tokio::spawn(async move {
                    serve(stream, |request| {
                        let mut seen = seen.lock().unwrap();
                        let reply = answer(&request, seen.len());
                        seen.push(request);
                        reply
                    })
                    .await
                });
            }
        });
        Self {
            url,
            requests,
            server,
        }
    }

    pub(super) fn requests(&self) -> Vec<Request> {
        self.requests.lock().unwrap().clone()
    }
}

impl Drop for Script {
    fn drop(&mut self) {
        self.server.abort();
    }
}

/// `None` when the connection is over.
async fn serve(mut stream: TcpStream, answer: impl Fn(Request) -> Reply) -> Option<()> {
    let mut unread = Vec::new();
    loop {
        let request = read(&mut stream, &mut unread).await?;
        match answer(request) {
            Reply::Whole {
                status,
                headers,
                body,
            } => {
                let mut head = format!("HTTP/1.1 {status} X\r\ncontent-length: {}\r\n", body.len());
                for (name, value) in headers {
                    head.extend([name, ": ", &value, "\r\n"]);
                }
                head.push_str("\r\n");
                stream.write_all(&[head.as_bytes(), &body].concat()).await.ok()?;
            }
            Reply::Half(body) => {
                let head = format!("HTTP/1.1 200 X\r\ncontent-length: {}\r\n\r\n", body.len() + 1);
                stream.write_all(&[head.as_bytes(), &body].concat()).await.ok()?;
                return None;
            }
            Reply::Drip => {
                stream
                    .write_all(b"HTTP/1.1 200 X\r\ncontent-length: 100000\r\n\r\n")
                    .await
                    .ok()?;
                let mut pace = tokio::time::interval(Duration::from_millis(5));
                loop {
                    pace.tick().await;
                    stream.write_all(b" ").await.ok()?;
                }
            }
            Reply::HangUp => return None,
            Reply::Silence => {
                // Until the client gives up.
                while stream.read_u8().await.is_ok() {}
                return None;
            }
        }
    }
}

async fn read(stream: &mut TcpStream, unread: &mut Vec<u8>) -> Option<Request> {
    let end = loop {
        if let Some(end) = unread.windows(4).position(|window| window == b"\r\n\r\n") {
            break end + 4;
        }
        (stream.read_buf(unread).await.ok()? > 0).then_some(())?;
    };
    let head = String::from_utf8(unread.drain(..end).collect()).unwrap();
    let mut lines = head.lines();
    let line = lines.next()?.to_owned();
    let headers: Vec<_> = lines
        .filter_map(|line| line.split_once(": "))
        .map(|(name, value)| (name.to_ascii_lowercase(), value.to_owned()))
        .collect();
    let mut request = Request {
        line,
        headers,
        body: Vec::new(),
    };
    let length = request
        .header("content-length")
        .map_or(0, |length| length.parse().unwrap());
    while unread.len() < length {
        (stream.read_buf(unread).await.ok()? > 0).then_some(())?;
    }
    request.body = unread.drain(..length).collect();
    Some(request)
}
