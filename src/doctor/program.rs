//! Which program it is that examines.

use chrono::{DateTime, Utc};

use super::finding::Finding;

/// The program that answers.
pub struct RunningProgram<'a> {
    /// Its version.
    pub version: &'a str,
    /// What it was built for.
    pub platform: &'a str,
    /// Since when it runs.
    pub since: DateTime<Utc>,
    /// How often the plugin has started it again; `None` when the plugin does not start it.
    pub restarts: Option<u32>,
}

pub(super) fn judge(program: &RunningProgram<'_>) -> Finding {
    const CHECK: &str = "program";
    let finding = match program.restarts {
        Some(restarts) => Finding::ok(
            CHECK,
            "Sidecar {{version}} ({{platform}}), started by the plugin, has been running since {{since}}. Restarts since NocoBase started: {{restarts}}.",
        )
        .with("restarts", restarts.to_string()),
        None => Finding::ok(CHECK, "Sidecar {{version}} ({{platform}}) has been running since {{since}}."),
    };
    finding
        .with("version", program.version)
        .with("platform", program.platform)
        .with("since", program.since.format("%Y-%m-%d %H:%M UTC").to_string())
}
