//! A PgBouncer of its own before a database server, gone with the test.

use std::fs::{self, Permissions};
use std::io::{BufRead as _, BufReader};
use std::net::TcpListener;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::process::{Child, Command, Stdio};

use nocobase_dingtalk::nocobase::{DatabaseSettings, ServerDatabase};
use tempfile::TempDir;

use super::database::TestDatabase;

/// How many connections it has for everybody: few, so that they are lent to many.
const CONNECTIONS: u32 = 3;

pub struct PgBouncer {
    process: Child,
    pub port: u16,
    _folder: TempDir,
}

impl PgBouncer {
    /// Before the server of this database; `mode` is its `pool_mode`.
    pub fn start(database: &TestDatabase, mode: &str) -> Self {
        // Somebody else may take the port in between.
        (0..5)
            .find_map(|_| Self::try_start(server(database), mode))
            .unwrap_or_else(|| panic!("PgBouncer does not start"))
    }

    fn try_start(server: &ServerDatabase, mode: &str) -> Option<Self> {
        let folder = tempfile::tempdir().unwrap();
        // It does not run as root.
        fs::set_permissions(folder.path(), Permissions::from_mode(0o755)).unwrap();
        let port = TcpListener::bind("127.0.0.1:0")
            .unwrap()
            .local_addr()
            .unwrap()
            .port();
        let settings = format!(
            "[databases]\n* = host={} port={} user={}\n[pgbouncer]\nlisten_addr = 127.0.0.1\nlisten_port = {port}\n\
             unix_socket_dir =\nauth_type = any\npool_mode = {mode}\ndefault_pool_size = {CONNECTIONS}\n\
             max_client_conn = 200\n",
            server.host, server.port, server.user
        );
        let file = folder.path().join("pgbouncer.ini");
        fs::write(&file, settings).unwrap();
        let mut command = Command::new("/usr/sbin/pgbouncer");
        if fs::metadata("/proc/self").unwrap().uid() == 0 {
            command.args(["-u", "nobody"]);
        }
        let mut process = command
            .arg(&file)
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap_or_else(|error| panic!("Debian's package pgbouncer is needed: {error}"));
        let mut said = BufReader::new(process.stderr.take().unwrap());
        let started = Self {
            process,
            port,
            _folder: folder,
        };
        let mut line = String::new();
        while said.read_line(&mut line).unwrap() > 0 {
            if line.contains("process up") {
                // It goes on talking, and would stop at a pipe that is full or closed.
                std::thread::spawn(move || std::io::copy(&mut said, &mut std::io::sink()));
                return Some(started);
            }
            line.clear();
        }
        None
    }

    /// The settings of the database, through it.
    pub fn settings(&self, database: &TestDatabase) -> DatabaseSettings {
        DatabaseSettings::Server(ServerDatabase {
            port: self.port,
            ..server(database).clone()
        })
    }
}

impl Drop for PgBouncer {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

fn server(database: &TestDatabase) -> &ServerDatabase {
    let DatabaseSettings::Server(server) = &database.settings else {
        panic!("PgBouncer stands before a server")
    };
    server
}
