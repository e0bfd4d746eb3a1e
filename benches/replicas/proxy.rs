//! A proxy between a sidecar and its database that counts statements, and kills the sidecar at one of them.
//!
//! It understands of both protocols what a statement needs to be seen: where a message of the client ends and
//! whether it carries one out. TLS would hide that, so the sidecar is told to go without.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

use crate::long::sidecar::Process;
use crate::support::database::Kind;

/// On which side of a statement the sidecar dies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    /// The database never sees the statement.
    Before,
    /// The database runs it, and nobody hears of it.
    After,
}

/// A running proxy.
pub struct Proxy {
    address: SocketAddr,
    state: Arc<State>,
}

struct State {
    kind: Kind,
    statements: AtomicUsize,
    /// What to kill, and where.
    trap: Mutex<Option<(Process, usize, Side)>>,
    has_killed: AtomicBool,
    /// Connections that the database has not ended yet.
    open: watch::Sender<usize>,
}

impl Proxy {
    /// Starts one in front of a server.
    pub async fn start(kind: Kind, server_port: u16) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let state = Arc::new(State {
            kind,
            statements: AtomicUsize::new(0),
            trap: Mutex::default(),
            has_killed: AtomicBool::new(false),
            open: watch::Sender::new(0),
        });
        let shared = Arc::clone(&state);
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                let Ok(server) = TcpStream::connect(("127.0.0.1", server_port)).await else {
                    continue;
                };
                relay(client, server, &shared);
            }
        });
        Self { address, state }
    }

    /// Its port.
    pub fn port(&self) -> u16 {
        self.address.port()
    }

    /// From now on statements are counted, and at the `nth` one the process is killed.
    pub fn arm(&self, victim: Process, nth: usize, side: Side) {
        self.state.statements.store(0, Ordering::SeqCst);
        *self.state.trap.lock().unwrap() = Some((victim, nth, side));
    }

    /// Whether the process was killed; no trap is set any more.
    pub fn disarm(&self) -> bool {
        *self.state.trap.lock().unwrap() = None;
        self.state.has_killed.swap(false, Ordering::SeqCst)
    }

    /// Returns once the database has ended every connection, and with it what was under way there.
    pub async fn settled(&self) {
        let mut open = self.state.open.subscribe();
        open.wait_for(|open| *open == 0).await.unwrap();
    }
}

fn relay(client: TcpStream, server: TcpStream, state: &Arc<State>) {
    let (from_client, to_client) = client.into_split();
    let (from_server, to_server) = server.into_split();
    state.open.send_modify(|open| *open += 1);
    let (up, down) = (Arc::clone(state), Arc::clone(state));
    tokio::spawn(async move { questions(from_client, to_server, &up).await });
    tokio::spawn(async move {
        answers(from_server, to_client, &down).await;
        down.open.send_modify(|open| *open -= 1);
    });
}

/// From the database to the sidecar, to the end; what nobody can hear any more is read all the same.
async fn answers(mut server: OwnedReadHalf, mut client: OwnedWriteHalf, state: &State) {
    let mut buffer = vec![0; 16 * 1024];
    while let Ok(read @ 1..) = server.read(&mut buffer).await {
        if !state.has_killed.load(Ordering::SeqCst) {
            // The sidecar may be gone; the database is still listened to.
            drop(client.write_all(&buffer[..read]).await);
        }
    }
}

/// From the sidecar to the database, a message at a time.
async fn questions(mut client: OwnedReadHalf, mut server: OwnedWriteHalf, state: &State) {
    let mut messages = Messages::of(state.kind);
    let mut buffer = vec![0; 16 * 1024];
    let mut is_last = false;
    while let Ok(read @ 1..) = client.read(&mut buffer).await {
        messages.pending.extend_from_slice(&buffer[..read]);
        while let Some(message) = messages.next() {
            if messages.is_statement(&message) {
                match state.count() {
                    Some(Side::Before) => {
                        state.kill();
                        return;
                    }
                    // No word of it must get back.
                    Some(Side::After) => {
                        state.has_killed.store(true, Ordering::SeqCst);
                        is_last = true;
                    }
                    None => {}
                }
            }
            if server.write_all(&message).await.is_err() {
                return;
            }
            if is_last && messages.is_run_with(&message) {
                state.kill();
                return;
            }
        }
    }
}

impl State {
    /// Counts a statement; tells on which side of it the sidecar dies, when it is the one.
    fn count(&self) -> Option<Side> {
        let count = self.statements.fetch_add(1, Ordering::SeqCst) + 1;
        let trap = self.trap.lock().unwrap();
        trap.as_ref()
            .filter(|(_, nth, _)| *nth == count)
            .map(|(_, _, side)| *side)
    }

    fn kill(&self) {
        self.has_killed.store(true, Ordering::SeqCst);
        if let Some((victim, _, _)) = self.trap.lock().unwrap().take() {
            victim.kill();
        }
    }
}

/// Cuts what a client sends into messages.
struct Messages {
    is_postgres: bool,
    /// PostgreSQL's first messages have no type.
    has_started: bool,
    pending: Vec<u8>,
}

/// The major version in a `StartupMessage`: what follows it has types.
const VERSION_3: [u8; 2] = [0, 3];
const COM_QUERY: u8 = 0x03;
const COM_STMT_EXECUTE: u8 = 0x17;

impl Messages {
    fn of(kind: Kind) -> Self {
        Self {
            is_postgres: kind.is_postgres(),
            has_started: false,
            pending: Vec::new(),
        }
    }

    /// The next message, when all of it is there.
    fn next(&mut self) -> Option<Vec<u8>> {
        let pending = &self.pending;
        let length = if self.is_postgres {
            let skipped = usize::from(self.has_started);
            let length: [u8; 4] = pending.get(skipped..skipped + 4)?.try_into().unwrap();
            skipped + u32::from_be_bytes(length) as usize
        } else {
            let length = pending.get(..3)?;
            4 + usize::from(length[0]) + (usize::from(length[1]) << 8) + (usize::from(length[2]) << 16)
        };
        if pending.len() < length {
            return None;
        }
        let rest = self.pending.split_off(length);
        let message = std::mem::replace(&mut self.pending, rest);
        if self.is_postgres && !self.has_started {
            self.has_started = message.get(4..6) == Some(&VERSION_3);
        }
        Some(message)
    }

    /// Whether a message has the database carry something out: Query or Execute, `COM_QUERY` or `COM_STMT_EXECUTE`.
    fn is_statement(&self, message: &[u8]) -> bool {
        if self.is_postgres {
            self.has_started && matches!(message[0], b'Q' | b'E')
        } else {
            // A command begins a sequence; the packets of the greeting do not.
            message[3] == 0 && matches!(message.get(4), Some(&(COM_QUERY | COM_STMT_EXECUTE)))
        }
    }

    /// Whether the statement before is carried out for good once this message is there: PostgreSQL waits for Sync.
    fn is_run_with(&self, message: &[u8]) -> bool {
        !self.is_postgres || matches!(message[0], b'Q' | b'S')
    }
}
