//! The listening server.

use std::io;
use std::net::{SocketAddr, TcpListener};
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

/// A server that listens and has not answered yet.
pub struct Server {
    server: actix_web::dev::Server,
    address: SocketAddr,
}

/// Stops a running server.
#[derive(Clone)]
pub struct Stop(ServerHandle);

impl Server {
    /// Takes the listener, which is bound already: a port in use has been reported by then.
    pub fn new(listener: TcpListener, state: AppState, bounds: Bounds) -> io::Result<Self> {
        let address = listener.local_addr()?;
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
            .disable_signals()
            .listen(listener)?
            .run();
        Ok(Self { server, address })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
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

/// Closes a connection after its first answer, unless it is a trusted proxy's. actix limits the time of the first head on
/// a connection only: whoever dripped the second one would hold it for ever. Proxies read heads whole before they
/// pass them on.
async fn one_request_of_a_stranger(
    request: ServiceRequest,
    next: Next<impl MessageBody>,
) -> Result<ServiceResponse<impl MessageBody>, actix_web::Error> {
    let is_proxy = request.app_data::<web::Data<AppState>>().is_some_and(|state| {
        let peer = request.peer_addr();
        peer.is_some_and(|peer| state.proxies.trusts(peer.ip()))
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
