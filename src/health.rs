//! `health`: asks a sidecar on this machine how it is, for containers that bring no other program to do so.

use std::io::{self, Read as _, Write as _};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpStream};
use std::time::Duration;

const ANSWER_WITHIN: Duration = Duration::from_secs(5);

/// Asks the sidecar that listens on this address; anything but 200 is an error.
pub fn ask(listen: SocketAddr, path: &str) -> io::Result<()> {
    let mut connection = TcpStream::connect_timeout(&reachable(listen), ANSWER_WITHIN)?;
    connection.set_read_timeout(Some(ANSWER_WITHIN))?;
    connection.set_write_timeout(Some(ANSWER_WITHIN))?;
    write!(
        connection,
        "GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"
    )?;
    let mut answer = [0; b"HTTP/1.1 200".len()];
    connection.read_exact(&mut answer)?;
    if answer.starts_with(b"HTTP/1.") && answer.ends_with(b" 200") {
        Ok(())
    } else {
        let status = String::from_utf8_lossy(&answer).into_owned();
        Err(io::Error::other(format!("it answered {status}")))
    }
}

/// Who listens everywhere is reached here.
fn reachable(listen: SocketAddr) -> SocketAddr {
    let here = match listen.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(ip) if ip.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
        ip @ (IpAddr::V4(_) | IpAddr::V6(_)) => ip,
    };
    SocketAddr::new(here, listen.port())
}
