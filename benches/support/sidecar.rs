//! A sidecar as a process of its own.

use std::fs::{self, File, OpenOptions};
use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Child, ChildStdout, Command, Stdio};
use std::sync::{Arc, Mutex, PoisonError};

use crate::support::shared_site::SharedSite;

/// A running `nocobase-dingtalk serve`; killed when dropped.
pub struct Sidecar {
    /// Its base address.
    pub url: String,
    process: Process,
    /// A process that cannot say its lines ends.
    _said: BufReader<ChildStdout>,
}

/// The process of a sidecar, which others may kill too.
#[derive(Clone)]
pub struct Process(Arc<Mutex<Child>>);

impl Process {
    /// kill -9, and waits until it is gone.
    pub fn kill(&self) {
        let mut child = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        // It may be gone already.
        drop(child.kill());
        child.wait().unwrap();
    }

    fn id(&self) -> u32 {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).id()
    }
}

impl Sidecar {
    /// Starts one on a site and registers its address with DingTalk; it listens when this returns.
    pub fn start(site: &SharedSite, instance: &str, settings: &[(&str, &str)]) -> Self {
        let log = log_file(site.database.folder.path(), instance);
        let mut child = Command::new(binary())
            .arg("serve")
            .env_clear()
            .env("RUST_LOG", "warn")
            .envs(site.settings(instance, settings))
            .current_dir(site.database.folder.path())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(log)
            .spawn()
            .unwrap();
        // It says where it listens; what else it says fits into the pipe.
        let mut said = String::new();
        let mut lines = BufReader::new(child.stdout.take().unwrap());
        // What it waits for may be a task of ours.
        tokio::task::block_in_place(|| lines.read_line(&mut said)).unwrap();
        let Some((_, address)) = said.split_once("http://") else {
            let path = site.database.folder.path().join(format!("{instance}.log"));
            panic!(
                "it did not start: {}",
                fs::read_to_string(path).unwrap_or_default()
            );
        };
        let address = address.trim().split('/').next().unwrap_or_default();
        let url = format!("http://{address}");
        site.register_sidecar(&url);
        let process = Process(Arc::new(Mutex::new(child)));
        Self {
            url,
            process,
            _said: lines,
        }
    }

    /// kill -9.
    pub fn kill(&self) {
        self.process.kill();
    }

    /// The process.
    pub fn process(&self) -> Process {
        self.process.clone()
    }

    /// Its resident memory in KiB: now, and the most it ever had.
    pub fn memory(&self) -> (u64, u64) {
        let status = fs::read_to_string(format!("/proc/{}/status", self.process.id())).unwrap();
        let field = |name: &str| {
            let line = status.lines().find(|line| line.starts_with(name)).unwrap();
            line.split_whitespace().nth(1).unwrap().parse().unwrap()
        };
        (field("VmRSS:"), field("VmHWM:"))
    }
}

impl Drop for Sidecar {
    fn drop(&mut self) {
        self.kill();
    }
}

/// The program: that of this build, or another one to compare it with.
fn binary() -> std::ffi::OsString {
    std::env::var_os("NBDT_BINARY").unwrap_or_else(|| env!("CARGO_BIN_EXE_nocobase-dingtalk").into())
}

fn log_file(folder: &Path, instance: &str) -> File {
    let path = folder.join(format!("{instance}.log"));
    OpenOptions::new().create(true).append(true).open(path).unwrap()
}
