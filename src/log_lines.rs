//! The log on standard error, and how a line of it looks.

use std::io::{self, Write as _};

use chrono::SecondsFormat;
use env_logger::fmt::Formatter;
use log::{LevelFilter, Record};
use nocobase_dingtalk::clock::Clock;
use nocobase_dingtalk::config::LogFormat;
use nocobase_dingtalk::phone::says_phone_numbers;

/// Info and above, unless RUST_LOG says otherwise; the database driver's own lines only from warnings on.
pub fn start_log(format: LogFormat) {
    env_logger::Builder::new()
        .filter_level(LevelFilter::Info)
        .filter_module("sqlx", LevelFilter::Warn)
        .filter_module("actix_server", LevelFilter::Warn)
        .parse_default_env()
        .format(move |out, record| match format {
            _ if says_phone_numbers(record.target()) => Ok(()),
            LogFormat::Text => text(out, record),
            LogFormat::Json => json(out, record),
        })
        .init();
}

/// The line that env_logger itself writes where it is built with a calendar of its own.
fn text(out: &mut Formatter, record: &Record<'_>) -> io::Result<()> {
    let time = now(SecondsFormat::Secs);
    let (level, target) = (record.level(), record.target());
    let style = out.default_level_style(level);
    writeln!(
        out,
        "[{time} {style}{level:<5}{style:#} {target}] {}",
        record.args()
    )
}

fn json(out: &mut Formatter, record: &Record<'_>) -> io::Result<()> {
    let line = serde_json::json!({
        "time": now(SecondsFormat::Millis),
        "level": record.level().as_str(),
        "target": record.target(),
        "message": record.args().to_string(),
    });
    writeln!(out, "{line}")
}

fn now(precision: SecondsFormat) -> String {
    Clock::system().now().to_rfc3339_opts(precision, true)
}
