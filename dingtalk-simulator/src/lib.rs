//! A DingTalk to develop, test and demonstrate against.
//!
//! One server plays all three hosts: `login` (a page on which one of a few made-up people is chosen), `api` (the new
//! API) and `oapi` (the old one). It is stateful and strict: codes are good once, for five minutes, for the app they
//! were issued to; a request that the real service refuses is refused in the same envelope; and what a correct
//! client never sends is kept in [`Control::unexpected`]. Faults can be put in force from the process, over HTTP and
//! on the simulator's own page.
//!
//! It shares no code with the client it tests, so that a misunderstanding cannot hide in both.

mod answer;
mod app;
mod call;
mod control;
mod control_events;
mod control_routes;
mod department;
mod exchange;
mod fault;
mod grant;
mod html;
mod ids;
mod limit;
mod login;
mod login_pages;
mod old_api;
mod open_api;
mod org_event;
mod organization;
mod person;
mod population;
mod push;
mod push_seal;
mod pusher;
mod request;
mod roster;
mod routes;
mod status_page;
mod stream_server;
mod streams;
mod time;
mod world;

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;

use actix_web::dev::ServerHandle;
use actix_web::{App as WebApp, HttpServer, web};
use tokio::net::TcpListener;

pub use app::{App, AppStatus, RedirectMatch, permission};
pub use call::CallKind;
pub use control::{AuthCodeRefused, Control};
pub use department::Department;
pub use fault::{Effect, Fault, Timing};
pub use grant::{CODE_LIFETIME, TOKEN_LIFETIME};
pub use limit::Limit;
pub use login::LoginRefused;
pub use org_event::{OrgEvent, Spelling};
pub use person::{Contact, DEMO_CORP_ID, Membership, MobileSharing, OTHER_CORP_ID, Person, Standing};
pub use population::Population;
pub use push::{CallbackAddress, PushManner, PushOutcome};
pub use streams::{StreamAck, StreamOrder};
pub use world::LoginAnswer;

use world::{Shared, World};

/// What a simulator starts with, and goes back to on reset.
#[derive(Clone, Debug)]
pub struct SimulatorOptions {
    /// Address to listen on; port 0 takes a free one.
    pub listen: SocketAddr,
    /// Registered apps.
    pub apps: Vec<App>,
    /// People with an account.
    pub people: Vec<Person>,
    /// Departments of their organizations, besides the root of each.
    pub departments: Vec<Department>,
    /// Calls per second of one app to one operation; none means no limit.
    pub enforce_qps: Option<u32>,
    /// Time every call takes.
    pub latency: Duration,
    /// Threads that answer.
    pub workers: usize,
    /// Beginning of all codes and tokens; none draws one.
    pub seed: Option<[u8; 16]>,
}

impl Default for SimulatorOptions {
    /// The demo: its app, which expects the sidecar at its usual address, and its people, on a free port.
    fn default() -> Self {
        Self {
            listen: SocketAddr::from((Ipv4Addr::LOCALHOST, 0)),
            apps: vec![App::demo("http://127.0.0.1:13100/api/auth:redirect")],
            people: Person::demo(),
            departments: Department::demo(),
            enforce_qps: None,
            latency: Duration::ZERO,
            workers: 1,
            seed: None,
        }
    }
}

/// A running simulator; it ends when dropped.
#[derive(Debug)]
pub struct Simulator {
    address: SocketAddr,
    server: ServerHandle,
    shared: web::Data<Shared>,
}

impl Simulator {
    /// Starts one on the current tokio runtime.
    pub async fn start(options: SimulatorOptions) -> io::Result<Self> {
        let listener = TcpListener::bind(options.listen).await?.into_std()?;
        let address = listener.local_addr()?;
        let workers = options.workers.max(1);
        let shared = web::Data::new(Shared::new(World::new(options)));
        let state = shared.clone();
        let server =
            HttpServer::new(move || WebApp::new().app_data(state.clone()).configure(routes::configure))
                .workers(workers)
                .disable_signals()
                .listen(listener)?
                .run();
        let handle = server.handle();
        tokio::spawn(server);
        Ok(Self {
            address,
            server: handle,
            shared,
        })
    }

    /// Base address of all three hosts, as this machine reaches it.
    pub fn url(&self) -> String {
        let mut address = self.address;
        if address.ip().is_unspecified() {
            address.set_ip(match address.ip() {
                IpAddr::V4(_) => Ipv4Addr::LOCALHOST.into(),
                IpAddr::V6(_) => Ipv6Addr::LOCALHOST.into(),
            });
        }
        format!("http://{address}")
    }

    /// A handle to change it and to see what was asked.
    pub fn control(&self) -> Control {
        Control::new(self.shared.clone())
    }

    /// Ends it, waiting until it no longer listens; from then on no call is answered.
    pub async fn stop(self) {
        // Connections kept alive outlive the listener for a moment.
        self.control().clear_faults();
        self.control().set_fault(Fault::everywhere(Effect::Reset));
        self.server.stop(false).await;
    }
}

impl Drop for Simulator {
    fn drop(&mut self) {
        // The order to stop is given at once; the future only waits for it.
        drop(self.server.stop(false));
    }
}
