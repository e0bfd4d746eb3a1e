//! A door in front of a server: raw TCP, which can be shut in ways that no HTTP server can.

use std::net::SocketAddr;

use tokio::io::{AsyncReadExt as _, copy_bidirectional};
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::task::JoinHandle;

/// What happens to whoever comes once enough have been let in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shut {
    /// Nobody listens: the connection is refused.
    Refused,
    /// The connection comes about, and is reset when the request arrives.
    Reset,
}

/// Shut for everybody until somebody is let in.
pub struct Door {
    address: SocketAddr,
    keeper: Option<JoinHandle<TcpSocket>>,
    /// Holds the port while nobody listens there.
    held: Option<TcpSocket>,
}

impl Door {
    /// Refuses everybody, at an address that stays the same.
    pub fn new() -> Self {
        let held = hold(SocketAddr::from(([127, 0, 0, 1], 0)));
        Self {
            address: held.local_addr().unwrap(),
            keeper: None,
            held: Some(held),
        }
    }

    /// Its base address.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Lets so many connections in to the server at `url`, and is shut then.
    pub async fn admit(&mut self, connections: usize, url: &str, then: Shut) {
        if let Some(keeper) = self.keeper.take() {
            keeper.abort();
            self.held = Some(keeper.await.unwrap_or_else(|_| hold(self.address)));
        }
        let held = self.held.take().unwrap();
        if connections == 0 && then == Shut::Refused {
            self.held = Some(held);
            return;
        }
        let inside = url.strip_prefix("http://").unwrap().to_owned();
        let listener = held.listen(64).unwrap();
        self.keeper = Some(tokio::spawn(keep(listener, connections, inside, then)));
    }
}

impl Drop for Door {
    fn drop(&mut self) {
        if let Some(keeper) = &self.keeper {
            keeper.abort();
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

async fn keep(listener: TcpListener, connections: usize, inside: String, then: Shut) -> TcpSocket {
    for _ in 0..connections {
        let (mut outer, _) = listener.accept().await.unwrap();
        let inside = inside.clone();
        tokio::spawn(async move {
            let mut inner = TcpStream::connect(inside).await.unwrap();
            copy_bidirectional(&mut outer, &mut inner).await
        });
    }
    if then == Shut::Reset {
        while let Ok((mut outer, _)) = listener.accept().await {
            outer.read_u8().await.ok();
            outer.set_zero_linger().unwrap();
        }
    }
    let address = listener.local_addr().unwrap();
    drop(listener);
    hold(address)
}
