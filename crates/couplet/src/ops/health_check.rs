//! Asks a program whether it is ready, from its own binary: a health check for containers without a
//! shell.
//!
//! Blocking, because the process does nothing else.

use std::{
    io::{self, Read, Write},
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpStream, ToSocketAddrs},
    time::Duration,
};

/// The timeout of health checks in container engines.
const TIMEOUT: Duration = Duration::from_secs(5);

/// A response is one line and a few headers.
const MAX_RESPONSE: u64 = 16 * 1024;

/// Requests `url` (`http://host:port/path`); returns the line of a component that is ready.
///
/// # Errors
///
/// Why the component is not ready, or why there was no response.
pub(crate) fn check_health(url: &str) -> Result<String, String> {
    let rest = url.strip_prefix("http://").unwrap_or(url);
    let (host, path) = match rest.split_once('/') {
        Some((host, path)) => (host, format!("/{path}")),
        None => (rest, "/readyz".to_owned()),
    };
    let failed = |why: io::Error| format!("{url}: {why}");
    let response = http_get(host, &path).map_err(failed)?;
    let status = response.split(' ').nth(1).unwrap_or_default();
    let line = response.split("\r\n\r\n").nth(1).unwrap_or_default().trim();
    match status {
        "200" => Ok(line.to_owned()),
        "503" => Err(line.to_owned()),
        _ => Err(format!("{url}: unexpected response: {status}")),
    }
}

/// Returns the URL to ask a program that listens at `address`, from the same machine.
pub(crate) fn url(address: SocketAddr) -> String {
    let ip = match address.ip() {
        IpAddr::V4(any) if any.is_unspecified() => IpAddr::V4(Ipv4Addr::LOCALHOST),
        IpAddr::V6(any) if any.is_unspecified() => IpAddr::V6(Ipv6Addr::LOCALHOST),
        ip => ip,
    };
    format!("http://{}/readyz", SocketAddr::new(ip, address.port()))
}

fn http_get(host: &str, path: &str) -> io::Result<String> {
    let address = host.to_socket_addrs()?.next();
    let address = address.ok_or(io::ErrorKind::NotFound)?;
    let mut stream = TcpStream::connect_timeout(&address, TIMEOUT)?;
    stream.set_read_timeout(Some(TIMEOUT))?;
    stream.set_write_timeout(Some(TIMEOUT))?;
    let request = format!("GET {path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes())?;
    let mut response = String::new();
    stream.take(MAX_RESPONSE).read_to_string(&mut response)?;
    Ok(response)
}
