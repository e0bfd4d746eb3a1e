//! One keep-alive HTTP connection, and nothing that a request does not need: what the generator burns, the measured
//! program lacks.

use std::net::SocketAddr;

use http_body_util::{BodyExt as _, Full};
use hyper::body::{Bytes, Incoming};
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper::header::{CONTENT_TYPE, COOKIE, HOST, LOCATION, SET_COOKIE};
use hyper::{HeaderMap, Method, Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;

use crate::Outcome;

/// A connection that is opened again when the other side has closed it.
pub struct Connection {
    address: SocketAddr,
    sender: Option<SendRequest<Full<Bytes>>>,
}

/// One connection to each of several addresses, used in turn.
pub struct Connections {
    all: Vec<Connection>,
    turn: usize,
}

impl Connections {
    pub fn to(addresses: &[SocketAddr]) -> Self {
        Self {
            all: addresses.iter().copied().map(Connection::to).collect(),
            turn: 0,
        }
    }

    pub fn next(&mut self) -> &mut Connection {
        self.turn = (self.turn + 1) % self.all.len();
        &mut self.all[self.turn]
    }
}

/// An answer, read whole.
pub struct Answer {
    pub status: StatusCode,
    headers: HeaderMap,
    pub body: Bytes,
}

/// What a request carries beside its path.
#[derive(Default)]
pub struct Extras<'a> {
    pub headers: &'a [(&'a str, &'a str)],
    pub cookie: Option<&'a str>,
    pub json: Option<String>,
}

impl Connection {
    pub fn to(address: SocketAddr) -> Self {
        Self {
            address,
            sender: None,
        }
    }

    pub async fn get(&mut self, path: &str, extras: Extras<'_>) -> Outcome<Answer> {
        self.send(Method::GET, path, extras).await
    }

    pub async fn post(&mut self, path: &str, extras: Extras<'_>) -> Outcome<Answer> {
        self.send(Method::POST, path, extras).await
    }

    async fn send(&mut self, method: Method, path: &str, extras: Extras<'_>) -> Outcome<Answer> {
        let mut request = Request::builder()
            .method(method)
            .uri(path)
            .header(HOST, self.address.to_string());
        for (name, value) in extras.headers {
            request = request.header(*name, *value);
        }
        if let Some(cookie) = extras.cookie {
            request = request.header(COOKIE, cookie);
        }
        if extras.json.is_some() {
            request = request.header(CONTENT_TYPE, "application/json");
        }
        let mut request = request.body(Full::from(extras.json.unwrap_or_default()))?;
        // The other side may close an idle connection as it is used again; what was not sent then is sent anew, once.
        for is_last in [false, true] {
            match self.sender().await?.try_send_request(request).await {
                Ok(answer) => return Answer::read(answer).await,
                Err(mut failure) => match failure.take_message().filter(|_| !is_last) {
                    Some(unsent) => {
                        request = unsent;
                        self.sender = None;
                    }
                    None => return Err(failure.into_error().into()),
                },
            }
        }
        Err("not sent".into())
    }

    async fn sender(&mut self) -> Outcome<&mut SendRequest<Full<Bytes>>> {
        let is_usable = match &mut self.sender {
            Some(sender) => sender.ready().await.is_ok(),
            None => false,
        };
        if !is_usable {
            self.sender = Some(self.open().await?);
        }
        Ok(self.sender.as_mut().ok_or("no connection")?)
    }

    async fn open(&self) -> Outcome<SendRequest<Full<Bytes>>> {
        let stream = TcpStream::connect(self.address).await;
        let stream = stream.map_err(|failure| format!("{}: {failure}", self.address))?;
        stream.set_nodelay(true)?;
        let (sender, connection) = handshake(TokioIo::new(stream)).await?;
        tokio::spawn(connection);
        Ok(sender)
    }
}

impl Answer {
    async fn read(answer: Response<Incoming>) -> Outcome<Self> {
        let (head, body) = answer.into_parts();
        Ok(Self {
            status: head.status,
            headers: head.headers,
            body: body.collect().await?.to_bytes(),
        })
    }

    /// The answer, when it has this status.
    pub fn with(self, status: StatusCode) -> Outcome<Self> {
        if self.status == status {
            return Ok(self);
        }
        Err(format!(
            "{} instead of {status}: {}",
            self.status,
            String::from_utf8_lossy(&self.body)
        )
        .into())
    }

    pub fn location(&self) -> Outcome<&str> {
        Ok(self.headers.get(LOCATION).ok_or("no Location")?.to_str()?)
    }

    /// Name and value of a cookie that is set.
    pub fn cookie(&self, prefix: &str) -> Outcome<&str> {
        let mut cookies = self
            .headers
            .get_all(SET_COOKIE)
            .iter()
            .filter_map(|value| value.to_str().ok());
        let cookie = cookies
            .find(|cookie| cookie.starts_with(prefix))
            .ok_or("no such cookie")?;
        Ok(cookie.split(';').next().unwrap_or_default())
    }
}

/// The value of a parameter in an address; none that is read here is escaped.
pub fn parameter<'a>(address: &'a str, name: &str) -> Outcome<&'a str> {
    let query = address.split_once('?').ok_or("no query")?.1;
    let mut pairs = query.split('&').filter_map(|pair| pair.split_once('='));
    let found = pairs.find(|(key, _)| *key == name);
    Ok(found.ok_or_else(|| format!("no {name} in {address}"))?.1)
}
