//! `serve --managed`: started by the plugin inside NocoBase, which holds our standard input open for as long as it lives.
//!
//! Standard output carries one line, when the server is ready; the log goes to standard error, an object a line. The end
//! of standard input is the end of the program, however NocoBase has ended.

use std::fs;
use std::io::{self, Read as _, Write as _};
use std::path::Path;
use std::process;
use std::time::Duration;

use log::{info, warn};
use nocobase_dingtalk::app::App;
use nocobase_dingtalk::clock::Clock;
use nocobase_dingtalk::config::Config;
use nocobase_dingtalk::entropy::Entropy;
use nocobase_dingtalk::http::{Address, Stop};
use serde_json::json;
use tokio::sync::oneshot;

use crate::block_on;
use crate::failure::Failure;
use crate::signals::Signals;

/// What sign-ins under way may still take: with the rest of the work no program is left after two seconds.
const FINISH_WITHIN: Duration = Duration::from_millis(1500);

/// Serves until standard input ends.
pub fn serve(config: Config) -> Result<(), Failure> {
    let ended = watch_standard_input();
    block_on(run(config, ended))
}

/// A thread of its own, since a read of standard input cannot be given up.
fn watch_standard_input() -> oneshot::Receiver<()> {
    let (tell, ended) = oneshot::channel();
    std::thread::spawn(move || {
        let mut rest = [0; 256];
        let mut input = io::stdin().lock();
        loop {
            match input.read(&mut rest) {
                Ok(0) => break,
                Ok(_) => {}
                Err(failure) if failure.kind() == io::ErrorKind::Interrupted => {}
                Err(_) => break,
            }
        }
        // Nobody waits any more when the server has ended by itself.
        let _ = tell.send(());
    });
    ended
}

async fn run(config: Config, mut ended: oneshot::Receiver<()>) -> Result<(), Failure> {
    let signals = Signals::watch().map_err(Failure::Runtime)?;
    let build = App::build(config, Clock::system(), Entropy::secure(), None);
    let app = tokio::select! {
        app = build => app?,
        _ = &mut ended => return Ok(()),
    };
    let address = app.address().clone();
    say_ready(&address).map_err(Failure::Run)?;
    info!("ready at {address}");
    tokio::spawn(stop_in_time(app.stopper(), ended, signals, address.clone()));
    let outcome = app.run().await.map_err(Failure::Run);
    remove_socket(&address);
    outcome
}

/// The one line of standard output.
fn say_ready(address: &Address) -> io::Result<()> {
    let version = env!("CARGO_PKG_VERSION");
    let line = match address {
        Address::Tcp(address) => json!({ "ready": version, "port": address.port() }),
        Address::Socket(path) => json!({ "ready": version, "socket": path }),
    };
    let mut output = io::stdout();
    writeln!(output, "{line}")?;
    output.flush()
}

async fn stop_in_time(stop: Stop, ended: oneshot::Receiver<()>, mut signals: Signals, address: Address) {
    let reason = tokio::select! {
        _ = ended => "NocoBase has ended or let go of the program",
        () = signals.next() => "asked to",
    };
    info!(
        "stopping, {reason}; requests in flight have {} ms",
        FINISH_WITHIN.as_millis()
    );
    if tokio::time::timeout(FINISH_WITHIN, stop.gracefully())
        .await
        .is_err()
    {
        warn!("some requests were not finished in time");
        remove_socket(&address);
        process::exit(0);
    }
}

/// The socket and, where nothing else is in it, the private folder that the plugin made for it.
fn remove_socket(address: &Address) {
    let Address::Socket(path) = address else {
        return;
    };
    // The plugin tidies up as well, and may have been faster.
    if fs::remove_file(path).is_ok()
        && let Some(folder) = path.parent()
    {
        remove_private_folder(folder);
    }
}

fn remove_private_folder(folder: &Path) {
    // A folder that holds more than the socket was not made for it, and stays.
    let _ = fs::remove_dir(folder);
}
