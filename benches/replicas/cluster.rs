//! A throw-away database server on a port of its own, which can be stopped and started.

use std::fs::{self, File};
use std::net::TcpListener;
use std::os::unix::fs::{PermissionsExt as _, chown};
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use sea_orm::{Database, DatabaseConnection};
use tempfile::TempDir;

use crate::support::database::Kind;

/// Outside the range that outgoing connections draw from: a server that was stopped finds its port free again.
const PORTS: std::ops::Range<u16> = 20_000..30_000;
/// A server that takes longer is broken.
const START_LIMIT: Duration = Duration::from_mins(1);

/// How a server ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// Asked to, with its connections cut.
    Restart,
    /// Without a chance to tidy up.
    Crash,
}

/// A server; killed when dropped.
pub struct Cluster {
    kind: Kind,
    folder: TempDir,
    port: u16,
    server: Option<Child>,
}

impl Cluster {
    /// Makes and starts one. What it has committed survives its own crash, though not the machine's.
    pub async fn start(kind: Kind) -> Self {
        let folder = tempfile::tempdir().unwrap();
        fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o755)).unwrap();
        let data = folder.path().join("data");
        if kind.is_postgres() {
            fs::create_dir(&data).unwrap();
            if let Some((user, group)) = postgres_account() {
                chown(&data, Some(user), Some(group)).unwrap();
            }
            let mut initdb = as_postgres("initdb");
            initdb.args([
                "-U",
                "postgres",
                "--auth=trust",
                "--encoding=UTF8",
                "--no-sync",
                "-D",
            ]);
            run(initdb.arg(&data));
        } else {
            let mut install = Command::new("mariadb-install-db");
            install.args([
                "--no-defaults",
                "--auth-root-authentication-method=normal",
                "--skip-test-db",
            ]);
            install.arg(format!("--user={}", mariadb_account()));
            run(install.arg(format!("--datadir={}", data.display())));
        }
        let mut cluster = Self {
            kind,
            folder,
            port: free_port(),
            server: None,
        };
        cluster.launch();
        drop(cluster.answers().await);
        cluster
    }

    /// Where tests make their databases.
    pub fn url(&self) -> String {
        let port = self.port;
        if self.kind.is_postgres() {
            format!("postgres://postgres@127.0.0.1:{port}/postgres")
        } else {
            format!("mysql://root@127.0.0.1:{port}/mysql")
        }
    }

    /// Its port.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Ends it; nothing listens when this returns.
    pub fn stop(&mut self, end: End) {
        let data = self.folder.path().join("data");
        let mut server = self.server.take().unwrap();
        match (self.kind.is_postgres(), end) {
            (true, _) => {
                let mode = if end == End::Crash { "immediate" } else { "fast" };
                run(as_postgres("pg_ctl")
                    .args(["stop", "-w", "-m", mode, "-D"])
                    .arg(data));
            }
            (false, End::Restart) => {
                let mut admin = Command::new("mariadb-admin");
                admin.args(["--no-defaults", "--host=127.0.0.1", "--user=root"]);
                run(admin.arg(format!("--port={}", self.port)).arg("shutdown"));
            }
            (false, End::Crash) => server.kill().unwrap(),
        }
        server.wait().unwrap();
    }

    /// Starts it again, without waiting for it.
    pub fn launch(&mut self) {
        let data = self.folder.path().join("data");
        let log = File::create(self.folder.path().join("log")).unwrap();
        let mut command = if self.kind.is_postgres() {
            let mut postgres = as_postgres("postgres");
            postgres.arg("-D").arg(data).args(["-p", &self.port.to_string()]);
            for setting in [
                "listen_addresses=127.0.0.1",
                "unix_socket_directories=",
                "fsync=off",
                "full_page_writes=off",
                "max_connections=200",
            ] {
                postgres.args(["-c", setting]);
            }
            postgres
        } else {
            let mut mariadbd = Command::new("mariadbd");
            mariadbd.args([
                "--no-defaults",
                "--bind-address=127.0.0.1",
                "--character-set-server=utf8mb4",
                "--collation-server=utf8mb4_general_ci",
                "--innodb-flush-log-at-trx-commit=2",
                "--max-connections=200",
            ]);
            mariadbd.arg(format!("--user={}", mariadb_account()));
            mariadbd.arg(format!("--port={}", self.port));
            mariadbd.arg(format!("--datadir={}", data.display()));
            mariadbd.arg(format!(
                "--socket={}",
                self.folder.path().join("socket").display()
            ));
            mariadbd
        };
        command.stdout(log.try_clone().unwrap()).stderr(log);
        self.server = Some(command.spawn().unwrap());
    }

    /// Returns as soon as it answers, with a connection to it.
    pub async fn answers(&self) -> DatabaseConnection {
        let begun = Instant::now();
        loop {
            let mut options = sea_orm::ConnectOptions::new(self.url());
            options
                .max_connections(1)
                .acquire_timeout(Duration::from_millis(200));
            if let Ok(connection) = Database::connect(options).await {
                return connection;
            }
            let log = self.folder.path().join("log");
            assert!(
                begun.elapsed() < START_LIMIT,
                "it does not start: {}",
                fs::read_to_string(log).unwrap_or_default()
            );
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        if self.server.is_some() {
            self.stop(End::Crash);
        }
    }
}

fn free_port() -> u16 {
    // Suites that run at the same time begin to look at different places.
    let skipped = usize::try_from(std::process::id()).unwrap() % PORTS.len();
    PORTS
        .cycle()
        .skip(skipped)
        .take(PORTS.len())
        .find(|port| TcpListener::bind(("127.0.0.1", *port)).is_ok())
        .unwrap()
}

fn run(command: &mut Command) {
    let output = command.stdin(Stdio::null()).output();
    let output = output.unwrap_or_else(|failure| panic!("{command:?}: {failure}"));
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{command:?}: {said}");
}

/// A program of the newest PostgreSQL, run as the account that PostgreSQL asks for where we are root.
fn as_postgres(program: &str) -> Command {
    let mut command = Command::new(postgres_programs().join(program));
    // Its own folder may not be open to that account.
    command.current_dir("/");
    if let Some((user, group)) = postgres_account() {
        command.uid(user).gid(group);
    }
    command
}

/// Debian keeps them off the path.
fn postgres_programs() -> PathBuf {
    let versions = fs::read_dir("/usr/lib/postgresql")
        .into_iter()
        .flatten()
        .flatten();
    versions
        .filter_map(|entry| entry.file_name().to_str()?.parse::<u32>().ok())
        .max()
        .map_or_else(PathBuf::new, |version| {
            Path::new("/usr/lib/postgresql")
                .join(version.to_string())
                .join("bin")
        })
}

/// User and group of the account `postgres`; `None` where we are not root and it is not needed.
fn postgres_account() -> Option<(u32, u32)> {
    if !is_root() {
        return None;
    }
    let accounts = fs::read_to_string("/etc/passwd").unwrap();
    let account = accounts.lines().find(|line| line.starts_with("postgres:"));
    let mut numbers = account
        .unwrap()
        .split(':')
        .skip(2)
        .map(|number| number.parse().unwrap());
    Some((numbers.next().unwrap(), numbers.next().unwrap()))
}

fn is_root() -> bool {
    let status = fs::read_to_string("/proc/self/status").unwrap();
    status.lines().any(|line| {
        line.strip_prefix("Uid:")
            .is_some_and(|ids| ids.split_whitespace().next() == Some("0"))
    })
}

/// MariaDB does not mind root when it is told.
fn mariadb_account() -> String {
    let output = Command::new("id").arg("-un").output().unwrap();
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}
