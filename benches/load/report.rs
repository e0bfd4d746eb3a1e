//! The table: what was wanted, what was seen.

use std::fs;

use crate::process::machine_ticks;

/// One line of the table.
pub struct Row {
    pub what: &'static str,
    pub target: &'static str,
    pub measured: String,
    pub verdict: Verdict,
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    Met,
    NotMet,
    /// Nothing is asked of this figure.
    Told,
}

impl Verdict {
    pub fn of(is_met: bool) -> Self {
        if is_met { Self::Met } else { Self::NotMet }
    }

    const fn word(self) -> &'static str {
        match self {
            Self::Met => "yes",
            Self::NotMet => "**no**",
            Self::Told => "",
        }
    }
}

/// The table in Markdown, with the machine it was measured on.
pub fn markdown(rows: &[Row], machine: &Machine, servers: &str) -> String {
    let mut text = format!(
        "{}; {servers}.\n\n| what | target | measured | met |\n| --- | --- | --- | --- |\n",
        machine.describe()
    );
    for row in rows {
        let line = format!(
            "| {} | {} | {} | {} |\n",
            row.what,
            row.target,
            row.measured,
            row.verdict.word()
        );
        text.push_str(&line);
    }
    text
}

/// The machine, and how busy it was with other things before anything began.
pub struct Machine {
    load_before: String,
    ticks_before: (u64, u64),
}

impl Machine {
    pub fn now() -> Self {
        Self {
            load_before: read("/proc/loadavg")
                .split(' ')
                .next()
                .unwrap_or_default()
                .to_owned(),
            ticks_before: machine_ticks().unwrap_or_default(),
        }
    }

    fn describe(&self) -> String {
        let cpu = field(&read("/proc/cpuinfo"), "model name");
        let cores = std::thread::available_parallelism().map_or(0, std::num::NonZero::get);
        let kib: u64 = field(&read("/proc/meminfo"), "MemTotal")
            .trim_end_matches(" kB")
            .parse()
            .unwrap_or_default();
        let kernel = read("/proc/sys/kernel/osrelease");
        let system = field(&read("/etc/os-release").replace('=', ":"), "PRETTY_NAME");
        let (busy, all) = machine_ticks().unwrap_or_default();
        let (busy, all) = (busy - self.ticks_before.0, (all - self.ticks_before.1).max(1));
        format!(
            "{cpu}, {cores} cores, {} MiB, {}, Linux {}; load {} before the run, processors {} % busy during it",
            kib / 1024,
            system.trim_matches('"'),
            kernel.trim(),
            self.load_before,
            busy * 100 / all
        )
    }
}

fn read(path: &str) -> String {
    fs::read_to_string(path).unwrap_or_default()
}

fn field(text: &str, name: &str) -> String {
    let line = text
        .lines()
        .find(|line| line.starts_with(name))
        .unwrap_or_default();
    line.split_once(':')
        .map(|(_, value)| value.trim().to_owned())
        .unwrap_or_default()
}
