//! What the command line says, and what it does when nobody listens.

use std::io::{self, Write as _};

use log::warn;
use nocobase_dingtalk::clock::Clock;
use nocobase_dingtalk::config::LogFormat;

/// Writes a line for the person who started us.
pub fn say(line: &str) -> io::Result<()> {
    let mut out = io::stdout().lock();
    writeln!(out, "{line}")?;
    out.flush()
}

/// Writes lines of a server, which goes on although nobody reads them.
pub fn announce(format: LogFormat, lines: &[String]) {
    for line in lines {
        let written = match format {
            LogFormat::Text => say(line),
            LogFormat::Json => say(&json("INFO", line)),
        };
        if let Err(error) = written {
            warn!("standard output is closed, so what belongs there is not shown: {error}");
            return;
        }
    }
}

/// Says why a command did not do what it was asked. Nothing can be done where not even that can be written.
pub fn complain(format: LogFormat, failure: &str) {
    let line = match format {
        LogFormat::Text => format!("nocobase-dingtalk: {failure}"),
        LogFormat::Json => json("ERROR", failure),
    };
    let _ = writeln!(io::stderr().lock(), "{line}");
}

/// As a line of the log.
fn json(level: &str, message: &str) -> String {
    let time = Clock::system()
        .now()
        .to_rfc3339_opts(chrono::SecondsFormat::Millis, true);
    serde_json::json!({ "time": time, "level": level, "target": "nocobase_dingtalk", "message": message })
        .to_string()
}
