//! The listening server.

use std::io;
use std::net::{SocketAddr, TcpListener};
use std::time::Duration;

use actix_web::dev::ServerHandle;
use actix_web::{App, HttpServer, web};

use super::{AppState, routes};

/// Headers must have arrived by then; a client that drips them is cut off.
const HEADERS_WITHIN: Duration = Duration::from_secs(5);
const KEEP_ALIVE: Duration = Duration::from_secs(75);
/// Longer than the longest wait for a turn at DingTalk, so that stopping loses no sign-in.
const FINISH_WITHIN_SECONDS: u64 = 60;

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
    pub fn new(listener: TcpListener, state: AppState) -> io::Result<Self> {
        let address = listener.local_addr()?;
        let state = web::Data::new(state);
        let server = HttpServer::new(move || App::new().configure(|config| routes(config, &state)))
            .client_request_timeout(HEADERS_WITHIN)
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
