//! The listening server.

use std::fmt;
use std::io;
use std::net::{SocketAddr, TcpListener};
use std::os::unix::net::UnixListener;
use std::path::{Path, PathBuf};
use std::time::Duration;

use actix_web::body::MessageBody;
use actix_web::dev::{ServerHandle, ServiceRequest, ServiceResponse};
use actix_web::http::ConnectionType;
use actix_web::middleware::{Next, from_fn};
use actix_web::{App, HttpServer, web};

use super::{AppState, envelope, routes};

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
        let app = move || {
            App::new()
                .wrap(from_fn(one_request_of_a_stranger))
                .wrap(envelope::hardened())
                .configure(|config| routes(config, &state))
        };
        let server = HttpServer::new(app)
            .workers(workers)
            .max_connections(bounds.connections / workers)
            .client_request_timeout(bounds.head_within)
            .keep_alive(KEEP_ALIVE)
            .shutdown_timeout(FINISH_WITHIN_SECONDS)
            .disable_signals();
        let server = match listener {
            Listener::Tcp(listener) => server.listen(listener)?,
            Listener::Socket(listener, _) => server.listen_uds(listener)?,
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

/// Closes a connection after its first answer, unless it is a trusted proxy's or comes over the socket, which only the
/// plugin can reach. actix limits the time of the first head on
/// a connection only: whoever dripped the second one would hold it for ever. Proxies read heads whole before they
/// pass them on.
async fn one_request_of_a_stranger(
    request: ServiceRequest,
    next: Next<impl MessageBody>,
) -> Result<ServiceResponse<impl MessageBody>, actix_web::Error> {
    let is_proxy = request.app_data::<web::Data<AppState>>().is_some_and(|state| {
        let peer = request.peer_addr();
        peer.is_none_or(|peer| state.proxies.trusts(peer.ip()))
    });
    let mut response = next.call(request).await?;
    if !is_proxy {
        response
            .response_mut()
            .head_mut()
            .set_connection_type(ConnectionType::Close);
    }
    Ok(response)
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
