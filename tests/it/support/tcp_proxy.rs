//! A proxy before a server: raw TCP, which can be closed in ways that no HTTP server can.

use std::net::SocketAddr;

use tokio::io::{AsyncReadExt as _, copy_bidirectional};
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::task::JoinHandle;

/// What happens to whoever comes once enough have been let in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Closed {
    /// Nobody listens: the connection is refused.
    Refused,
    /// The connection comes about, and is reset when the request arrives.
    Reset,
}

/// Closed for everybody until somebody is let in.
pub struct TcpProxy {
    address: SocketAddr,
    accepting: Option<JoinHandle<TcpSocket>>,
    /// Holds the port while nobody listens there.
    held: Option<TcpSocket>,
}

impl TcpProxy {
    /// Refuses everybody, at an address that stays the same.
    pub fn new() -> Self {
        let held = hold(SocketAddr::from(([127, 0, 0, 1], 0)));
        Self {
            address: held.local_addr().unwrap(),
            accepting: None,
            held: Some(held),
        }
    }

    /// Its base address.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Lets so many connections in to the server at `url`, and is closed then.
    pub async fn admit(&mut self, connections: usize, url: &str, then: Closed) {
        if let Some(accepting) = self.accepting.take() {
            accepting.abort();
            self.held = Some(accepting.await.unwrap_or_else(|_| hold(self.address)));
        }
        let held = self.held.take().unwrap();
        if connections == 0 && then == Closed::Refused {
            self.held = Some(held);
            return;
        }
        let server = url.strip_prefix("http://").unwrap().to_owned();
        let listener = held.listen(64).unwrap();
        self.accepting = Some(tokio::spawn(accept(listener, connections, server, then)));
    }
}

impl Drop for TcpProxy {
    fn drop(&mut self) {
        if let Some(accepting) = &self.accepting {
            accepting.abort();
        }
    }
}

/// A port that is taken and not listened on.
fn hold(address: SocketAddr) -> TcpSocket {
    let socket = TcpSocket::new_v4().unwrap();
    socket.set_reuseaddr(true).unwrap();
    socket.bind(address).unwrap();
    socket
}

async fn accept(listener: TcpListener, connections: usize, server: String, then: Closed) -> TcpSocket {
    for _ in 0..connections {
        let (mut outer, _) = listener.accept().await.unwrap();
        let server = server.clone();
        tokio::spawn(async move {
            let mut inner = TcpStream::connect(server).await.unwrap();
            copy_bidirectional(&mut outer, &mut inner).await
        });
    }
    if then == Closed::Reset {
        while let Ok((mut outer, _)) = listener.accept().await {
            outer.read_u8().await.ok();
            outer.set_zero_linger().unwrap();
        }
    }
    let address = listener.local_addr().unwrap();
    drop(listener);
    hold(address)
}
