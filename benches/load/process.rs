//! Processes: started, watched through /proc, killed when dropped.

use std::fs::{self, File};
use std::io::{BufRead as _, BufReader};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, Stdio};
use std::time::{Duration, Instant};

use tempfile::TempDir;

use crate::Outcome;
use crate::connection::{Connection, Extras};
use crate::database::Database;

/// The secret that sidecar and generator share.
pub const SECRET: &str = "a secret of the load generator, forty-two characters";

/// A process that says on its first line where it listens.
pub struct Program {
    pub address: SocketAddr,
    pub pid: u32,
    child: Child,
    /// A process that cannot say its lines ends.
    _said: BufReader<ChildStdout>,
}

impl Program {
    fn start(command: &mut Command, log: &Path) -> Outcome<Self> {
        let mut child = command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(File::create(log)?)
            .spawn()?;
        let mut said = BufReader::new(child.stdout.take().ok_or("no output")?);
        let mut line = String::new();
        said.read_line(&mut line)?;
        let Some((_, address)) = line.split_once("http://") else {
            return Err(format!("it did not start: {}", fs::read_to_string(log)?).into());
        };
        Ok(Self {
            address: address.trim().parse()?,
            pid: child.id(),
            child,
            _said: said,
        })
    }

    /// One of the programs in `servers.rs`.
    pub fn of_ours(arguments: &[&str], folder: &TempDir) -> Outcome<Self> {
        let mut command = Command::new(std::env::current_exe()?);
        Self::start(
            command.args(arguments),
            &folder.path().join(format!("{}.log", arguments[0])),
        )
    }

    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    pub fn resident(&self) -> Outcome<Memory> {
        Memory::of(self.pid)
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        // It may have ended by itself; the scenario has said so by then.
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

/// How a sidecar is started beside a database.
pub struct Sidecar<'a> {
    pub binary: &'a Path,
    pub database: &'a Database,
    pub dingtalk: &'a Program,
    pub folder: &'a TempDir,
    pub name: &'a str,
}

impl Sidecar<'_> {
    fn command(&self, listen: &str) -> Command {
        let dingtalk = self.dingtalk.url();
        let mut command = Command::new(self.binary);
        command
            .arg("serve")
            .env_clear()
            .envs(self.database.settings())
            .env("APP_KEY", SECRET)
            .env("DB_TIMEZONE", "+00:00")
            .env("SIDECAR_LISTEN", listen)
            .env("SIDECAR_INSTANCE", self.name)
            .env("SIDECAR_STORAGE", self.folder.path().join(self.name))
            .env("STORAGE_PATH", self.folder.path().join("no-nocobase"))
            .env("DINGTALK_QPS_PER_API", "0")
            // One address here is all people, and some rows only begin.
            .env("SIDECAR_ATTEMPTS_PER_ADDRESS", "0")
            .envs(
                ["DINGTALK_LOGIN_URL", "DINGTALK_API_URL", "DINGTALK_OAPI_URL"]
                    .map(|name| (name, dingtalk.as_str())),
            );
        command
    }

    fn log(&self) -> PathBuf {
        self.folder.path().join(format!("{}.log", self.name))
    }

    /// Starts it and waits until it is ready.
    pub async fn start(&self) -> Outcome<Program> {
        let program = Program::start(&mut self.command("127.0.0.1:0"), &self.log())?;
        until_ready(program.address, Duration::from_micros(500)).await?;
        Ok(program)
    }

    /// From exec to the first 200 on `/readyz`.
    pub async fn time_to_ready(&self) -> Outcome<Duration> {
        let address = std::net::TcpListener::bind("127.0.0.1:0")?.local_addr()?;
        let mut command = self.command(&address.to_string());
        let log = File::create(self.log())?;
        let begun = Instant::now();
        let mut child = command
            .stdin(Stdio::null())
            .stdout(log.try_clone()?)
            .stderr(log)
            .spawn()?;
        let ready = until_ready(address, Duration::from_micros(500)).await;
        let elapsed = begun.elapsed();
        child.kill()?;
        child.wait()?;
        ready.map(|()| elapsed)
    }
}

const READY_LIMIT: Duration = Duration::from_mins(2);

async fn until_ready(address: SocketAddr, pause: Duration) -> Outcome<()> {
    let begun = Instant::now();
    loop {
        let answer = Connection::to(address).get("/readyz", Extras::default()).await;
        if answer.is_ok_and(|answer| answer.status.is_success()) {
            return Ok(());
        }
        if begun.elapsed() > READY_LIMIT {
            return Err("it is not ready".into());
        }
        std::thread::sleep(pause);
    }
}

/// Resident memory in KiB: now, and the most it ever was.
#[derive(Clone, Copy)]
pub struct Memory {
    pub now: u64,
    pub most: u64,
}

impl Memory {
    pub fn of(pid: u32) -> Outcome<Self> {
        let status = fs::read_to_string(format!("/proc/{pid}/status"))?;
        let field = |name: &str| -> Outcome<u64> {
            let line = status
                .lines()
                .find(|line| line.starts_with(name))
                .ok_or("no such line")?;
            Ok(line.split_whitespace().nth(1).ok_or("no figure")?.parse()?)
        };
        Ok(Self {
            now: field("VmRSS:")?,
            most: field("VmHWM:")?,
        })
    }
}

/// Time on a processor, in clock ticks; Linux counts a hundred a second for programs, whatever it does itself.
pub fn ticks(pid: u32) -> Outcome<u64> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat"))?;
    let fields: Vec<&str> = stat.rsplit(") ").next().unwrap_or_default().split(' ').collect();
    let field = |index: usize| -> Outcome<u64> { Ok(fields.get(index).ok_or("no figure")?.parse()?) };
    Ok(field(11)? + field(12)?)
}

/// The same of the whole machine: all that was not idle, and everything.
pub fn machine_ticks() -> Outcome<(u64, u64)> {
    let stat = fs::read_to_string("/proc/stat")?;
    let line = stat.lines().next().unwrap_or_default();
    let fields: Vec<u64> = line
        .split_whitespace()
        .skip(1)
        .filter_map(|field| field.parse().ok())
        .collect();
    let all: u64 = fields.iter().take(8).sum();
    let idle: u64 = fields.iter().skip(3).take(2).sum();
    Ok((all - idle, all))
}
