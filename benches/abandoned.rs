//! 100,000 sign-ins that are begun and given up, each from another address, leave memory where it was.
//!
//! Starts the real program and asks the system how much memory it holds, after a warm-up that fills what is kept for
//! addresses, and at the end. Run by `.ci/long`: `cargo bench --bench abandoned`.

#![expect(clippy::unwrap_used, reason = "a check stops at the first surprise")]

use std::io::{BufRead as _, BufReader, Lines, Read as _, Write as _};
use std::net::TcpStream;
use std::process::{Child, ChildStdout, Command, Stdio};
use std::time::Instant;

const WARM_UP: u32 = 10_000;
const STARTS: u32 = 100_000;
const CLIENTS: u32 = 4;
/// A flow that was kept would take a few hundred bytes: 90,000 of them far more than this.
const MAY_GROW_KIB: u64 = 4096;
const PASSWORD: &str = "a root password";

fn main() {
    let folder = tempfile::tempdir().unwrap();
    let sidecar = Sidecar::start(folder.path());
    sidecar.set_up();
    let begun = Instant::now();
    sidecar.abandon(0, WARM_UP);
    let after_warm_up = sidecar.resident_kib();
    sidecar.abandon(WARM_UP, STARTS);
    let at_the_end = sidecar.resident_kib();
    let counted = sidecar.started();

    println!(
        "{counted} abandoned starts in {:.0} s",
        begun.elapsed().as_secs_f64()
    );
    println!("resident after {WARM_UP}: {after_warm_up} KiB, after {STARTS}: {at_the_end} KiB");
    assert_eq!(counted, u64::from(STARTS), "some starts were refused");
    let growth = at_the_end.saturating_sub(after_warm_up);
    assert!(
        growth <= MAY_GROW_KIB,
        "it grew by {growth} KiB, more than {MAY_GROW_KIB}"
    );
    println!("ok: it grew by {growth} KiB, at most {MAY_GROW_KIB} are allowed");
}

/// The program, alone, on a free port.
struct Sidecar {
    process: Child,
    /// Kept, because a program that nobody listens to ends.
    _said: Lines<BufReader<ChildStdout>>,
    address: String,
}

impl Sidecar {
    fn start(folder: &std::path::Path) -> Self {
        let mut process = Command::new(env!("CARGO_BIN_EXE_nocobase-dingtalk"))
            .arg("serve")
            .env_clear()
            .env("SIDECAR_LISTEN", "127.0.0.1:0")
            .env("SIDECAR_STORAGE", folder)
            .env("INIT_ROOT_PASSWORD", PASSWORD)
            .env("RUST_LOG", "warn")
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut said = BufReader::new(process.stdout.take().unwrap()).lines();
        let page = said.next().unwrap().unwrap();
        let url = page.split("http://").nth(1).unwrap();
        let address = url.split('/').next().unwrap().to_owned();
        Self {
            process,
            _said: said,
            address,
        }
    }

    /// Enables the plugin and adds an authenticator.
    fn set_up(&self) {
        let mut client = Client::connect(&self.address);
        let credentials = format!(r#"{{"account":"nocobase","password":"{PASSWORD}"}}"#);
        let session = client.post("auth:signIn", "", &credentials);
        let token = session.split(r#""token":""#).nth(1).unwrap();
        let token = format!("Authorization: Bearer {}\r\n", token.split('"').next().unwrap());
        client.post("pm:enable?filterByTk=nocobase-plugin-auth-dingtalk", &token, "{}");
        let authenticator = r#"{"name":"s_dingtalk","authType":"dingtalk","enabled":true,
            "options":{"clientId":"id","clientSecret":"secret"}}"#;
        client.post("authenticators:create", &token, authenticator);
    }

    /// Begins the sign-ins with these numbers and gives all of them up.
    fn abandon(&self, from: u32, to: u32) {
        std::thread::scope(|scope| {
            for first in from..from + CLIENTS {
                scope.spawn(move || {
                    let mut client = Client::connect(&self.address);
                    for number in (first..to).step_by(CLIENTS as usize) {
                        client.start(number);
                    }
                });
            }
        });
    }

    fn resident_kib(&self) -> u64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.process.id())).unwrap();
        let line = status.lines().find(|line| line.starts_with("VmRSS:")).unwrap();
        line.split_whitespace().nth(1).unwrap().parse().unwrap()
    }

    fn started(&self) -> u64 {
        let mut client = Client::connect(&self.address);
        let (_, metrics) = client.ask("GET /metrics", "", "");
        let mut lines = metrics.lines();
        let name = "nocobase_dingtalk_flows_started_total ";
        let value = lines.find_map(|line| line.strip_prefix(name)).unwrap();
        value.parse().unwrap()
    }
}

impl Drop for Sidecar {
    fn drop(&mut self) {
        // Nothing is left to be said when it has ended already.
        let _killed = self.process.kill();
        let _status = self.process.wait();
    }
}

/// One connection, kept open.
struct Client(BufReader<TcpStream>);

impl Client {
    fn connect(address: &str) -> Self {
        let stream = TcpStream::connect(address).unwrap();
        stream.set_nodelay(true).unwrap();
        Self(BufReader::new(stream))
    }

    /// Begins a sign-in, as a trusted proxy that speaks for another address each time.
    fn start(&mut self, number: u32) {
        let [a, b, c, d] = (u32::from_be_bytes([11, 0, 0, 0]) + number).to_be_bytes();
        let forwarded = format!("X-Forwarded-For: {a}.{b}.{c}.{d}\r\n");
        let line = "GET /api/auth:redirect?authenticator=s_dingtalk&return=/signin";
        let (head, _) = self.ask(line, &forwarded, "");
        assert!(head.starts_with("HTTP/1.1 302 "), "{head}");
    }

    fn post(&mut self, action: &str, headers: &str, body: &str) -> String {
        let headers = format!("Content-Type: application/json\r\nX-Authenticator: basic\r\n{headers}");
        let (head, answer) = self.ask(&format!("POST /api/{action}"), &headers, body);
        assert!(head.starts_with("HTTP/1.1 200 "), "{action}: {head}{answer}");
        answer
    }

    fn ask(&mut self, line: &str, headers: &str, body: &str) -> (String, String) {
        let length = body.len();
        let request =
            format!("{line} HTTP/1.1\r\nHost: localhost\r\nContent-Length: {length}\r\n{headers}\r\n{body}");
        self.0.get_mut().write_all(request.as_bytes()).unwrap();
        let mut head = String::new();
        while !head.ends_with("\r\n\r\n") {
            assert_ne!(self.0.read_line(&mut head).unwrap(), 0, "closed after {head}");
        }
        let length = head.lines().find_map(|line| {
            let (name, value) = line.split_once(':')?;
            name.eq_ignore_ascii_case("content-length")
                .then(|| value.trim().parse().unwrap())
        });
        let mut answer = vec![0; length.unwrap_or(0)];
        self.0.read_exact(&mut answer).unwrap();
        (head, String::from_utf8(answer).unwrap())
    }
}
