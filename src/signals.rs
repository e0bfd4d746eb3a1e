//! The signals that stop a server: what is under way is finished first.

use std::fs;
use std::io;

use tokio::signal::unix::{Signal, SignalKind, signal};

/// They are watched from the start, so that none of them ends a server that has just begun to listen.
pub struct Signals {
    interrupt: Signal,
    terminate: Signal,
    hangup: Option<Signal>,
}

impl Signals {
    /// Watches Ctrl-C, SIGTERM and SIGHUP.
    pub fn watch() -> io::Result<Self> {
        Ok(Self {
            interrupt: signal(SignalKind::interrupt())?,
            terminate: signal(SignalKind::terminate())?,
            hangup: hangup()?,
        })
    }

    /// Waits for one of them.
    pub async fn next(&mut self) {
        let hangup = async {
            match &mut self.hangup {
                Some(hangup) => hangup.recv().await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            _ = self.interrupt.recv() => {}
            _ = self.terminate.recv() => {}
            _ = hangup => {}
        }
    }
}

/// SIGHUP, unless whoever started us wants it ignored (`nohup`): to watch it would be to heed it.
fn hangup() -> io::Result<Option<Signal>> {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let ignored = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    let ignored = ignored.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok());
    if ignored.is_some_and(|mask| mask & 1 == 1) {
        return Ok(None);
    }
    signal(SignalKind::hangup()).map(Some)
}
