//! The listening server.

use std::fmt;
use std::io;
use std::net::{SocketAddr, TcpListener};
use std::os::unix::net::UnixListener;
use std::path::{Path, PathBuf};
use std::time::Duration;

use actix_web::dev::ServerHandle;
use actix_web::rt::net::{TcpStream, UnixStream};
use actix_web::web;

use crate::http::AppState;
use crate::http::server::connection::Patience;
use crate::http::server::service::answering;

const KEEP_ALIVE: Duration = Duration::from_secs(75);
/// Longer than the longest wait for a turn at DingTalk, so that stopping loses no sign-in.
const FINISH_WITHIN_SECONDS: u64 = 60;

/// What connections may take.
#[derive(Clone, Copy, Debug)]
pub struct Bounds {
    /// The head of a request must have arrived by then; a client that drips it is cut off.
    pub head_within: Duration,
    /// Most connections at once; more wait until one is closed.
    pub connections: usize,
}

/// Where a server can be reached.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Address {
    /// Over TCP.
    Tcp(SocketAddr),
    /// Over a Unix socket.
    Socket(PathBuf),
}

impl fmt::Display for Address {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tcp(address) => address.fmt(formatter),
            Self::Socket(path) => write!(formatter, "unix:{}", path.display()),
        }
    }
}

/// What a server accepts connections from; bound already, so a port in use has been reported.
#[derive(Debug)]
pub enum Listener {
    /// A TCP port.
    Tcp(TcpListener),
    /// A Unix socket and its path, which is removed when the server has ended.
    Socket(UnixListener, PathBuf),
}

impl Listener {
    /// Takes an address.
    pub fn tcp(address: SocketAddr) -> io::Result<Self> {
        let listener = TcpListener::bind(address)?;
        listener.set_nonblocking(true)?;
        Ok(Self::Tcp(listener))
    }

    /// Takes a path, at which there must be nothing yet.
    pub fn socket(path: &Path) -> io::Result<Self> {
        let listener = UnixListener::bind(path)?;
        listener.set_nonblocking(true)?;
        Ok(Self::Socket(listener, path.to_owned()))
    }

    fn address(&self) -> io::Result<Address> {
        Ok(match self {
            Self::Tcp(listener) => Address::Tcp(listener.local_addr()?),
            Self::Socket(_, path) => Address::Socket(path.clone()),
        })
    }
}

/// A server that listens and has not answered yet.
pub struct Server {
    server: actix_web::dev::Server,
    address: Address,
}

/// Stops a running server.
#[derive(Clone)]
pub struct Stop(ServerHandle);

impl Server {
    /// Answers what comes to the listener.
    pub fn new(listener: Listener, state: AppState, bounds: Bounds) -> io::Result<Self> {
        let address = listener.address()?;
        let state = web::Data::new(state);
        let workers = std::thread::available_parallelism()
            .map_or(1, usize::from)
            .min(bounds.connections);
        let patience = Patience {
            head_within: bounds.head_within,
            keep_alive: KEEP_ALIVE,
        };
        let builder = actix_web::dev::Server::build()
            .workers(workers)
            .max_concurrent_connections(bounds.connections / workers)
            .shutdown_timeout(FINISH_WITHIN_SECONDS)
            .disable_signals();
        let stopping = builder.graceful_shutdown_signal();
        let stopped = move || {
            let stopping = stopping.clone();
            async move { stopping.notified().await }
        };
        let server = match listener {
            Listener::Tcp(listener) => builder.listen("tcp", listener, move || {
                let peer_of = |stream: &TcpStream| stream.peer_addr().ok();
                answering(&state, patience, peer_of, stopped.clone())
            })?,
            Listener::Socket(listener, _) => builder.listen_uds("socket", listener, move || {
                answering(&state, patience, |_: &UnixStream| None, stopped.clone())
            })?,
        };
        Ok(Self {
            server: server.run(),
            address,
        })
    }

    /// Where it listens.
    pub fn address(&self) -> &Address {
        &self.address
    }

    /// What stops it.
    pub fn stopper(&self) -> Stop {
        Stop(self.server.handle())
    }

    /// Answers until it is stopped.
    pub async fn run(self) -> io::Result<()> {
        self.server.await
    }
}

impl Stop {
    /// Takes no more requests and finishes those in flight.
    pub async fn gracefully(&self) {
        self.0.stop(true).await;
    }

    /// Stops at once.
    pub async fn now(&self) {
        self.0.stop(false).await;
    }
}
