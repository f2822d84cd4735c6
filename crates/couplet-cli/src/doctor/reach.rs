//! The way to the server: its addresses, and whether each takes connections.
//!
//! Deliberately absent: what is spoken there.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

use couplet::Stream;
use couplet::config::{Config, DEFAULT_PORT, Server};
use couplet::error::Unreachable;
use couplet_core::jid::dns_name;
use tokio::net::{TcpStream, UnixStream, lookup_host};
use tokio::time::timeout;

use super::chart::Finding;

/// A place where a connection was taken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Place {
    Tcp(SocketAddr),
    Unix(PathBuf),
}

impl Place {
    fn is_loopback(&self) -> bool {
        matches!(self, Place::Tcp(address) if address.ip().is_loopback())
    }

    pub(super) async fn connect(&self) -> io::Result<Box<dyn Stream>> {
        Ok(match self {
            Place::Tcp(address) => Box::new(tcp(*address).await?),
            Place::Unix(path) => Box::new(UnixStream::connect(path).await?),
        })
    }
}

pub(super) async fn tcp(address: SocketAddr) -> io::Result<TcpStream> {
    let stream = TcpStream::connect(address).await?;
    stream.set_nodelay(true)?;
    Ok(stream)
}

/// The places to try: the addresses of the name, or the path of the socket.
pub(super) async fn resolve(config: &Config) -> (Finding, Option<Vec<Place>>) {
    let (host, port) = match &config.server {
        Server::Tcp { host, port } | Server::Tls { host, port } => (host, *port),
        Server::Unix(path) => {
            let finding = Finding::skipped("a unix socket needs none");
            return (finding, Some(vec![Place::Unix(path.clone())]));
        }
        other => return (Finding::fail(format!("{other} is unknown here"), ""), None),
    };
    let mut addresses: Vec<SocketAddr> = Vec::new();
    match lookup_host((&*dns_name(host), port)).await {
        Ok(found) => {
            for address in found {
                if !addresses.contains(&address) {
                    addresses.push(address);
                }
            }
        }
        Err(error) => return (unreachable(config, &error), None),
    }
    let told: Vec<String> = addresses
        .iter()
        .map(|address| address.ip().to_string())
        .collect();
    let finding = match host.parse::<std::net::IpAddr>() {
        Ok(_) => Finding::pass("the server is given by its address"),
        Err(_) => Finding::pass(format!("{host} is {}", told.join(" and "))),
    };
    (
        finding,
        Some(addresses.into_iter().map(Place::Tcp).collect()),
    )
}

/// Connects to each place once; the first that works is the one to go on with.
pub(super) async fn connect(
    config: &Config,
    places: Vec<Place>,
    limit: Duration,
) -> (Finding, Option<Place>) {
    let share = limit / u32::try_from(places.len().max(1)).unwrap_or(1);
    let (mut open, mut shut) = (Vec::new(), Vec::new());
    for place in places {
        match timeout(share, place.connect()).await {
            Ok(Ok(_closed_again)) => open.push(place),
            Ok(Err(error)) => shut.push((place, error)),
            Err(_) => shut.push((place, io::ErrorKind::TimedOut.into())),
        }
    }
    if let (true, Some((_, error))) = (open.is_empty(), shut.first()) {
        let finding = unreachable(config, error);
        return (finding.and(&elsewhere(config, limit).await), None);
    }
    let first = open.first().cloned();
    (judged(config, &open, &shut), first)
}

/// What it means that some places take connections and others do not.
fn judged(config: &Config, open: &[Place], shut: &[(Place, io::Error)]) -> Finding {
    if open.is_empty() {
        return Finding::fail("there is no address to connect to", "");
    }
    if shut.is_empty() {
        return match config.server {
            Server::Unix(_) => Finding::pass("the socket takes connections"),
            _ if open.len() > 1 => Finding::pass("each address takes connections"),
            _ => Finding::pass("it takes connections"),
        };
    }
    let told: Vec<String> = shut
        .iter()
        .map(|(place, error)| match place {
            Place::Tcp(address) => format!("{address}: {error}"),
            Place::Unix(path) => format!("{}: {error}", path.display()),
        })
        .collect();
    let all = open.len() + shut.len();
    let some = format!("{} of {all} addresses take connections", open.len());
    // Such attempts fail at once, and what the server listens on would not change the first kind.
    if shut.iter().all(|(_, error)| is_without_route(error)) {
        Finding::pass(format!(
            "{some}; this machine has no route to the rest ({})",
            told.join("; ")
        ))
    } else if shut.iter().all(|(place, _)| place.is_loopback()) {
        Finding::pass(format!(
            "{some}; the rest is refused at once, on this machine itself ({})",
            told.join("; ")
        ))
    } else {
        Finding::warn(
            some,
            format!(
                "{}\nThe component tries them in order, so it gets through; each attempt that \
                 fails costs time.\nLet the server listen on all of them, or set `server` to one \
                 that works.",
                told.join("\n")
            ),
        )
    }
}

/// Whether there is no way there at all, as to `::1` on a machine without IPv6.
fn is_without_route(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::AddrNotAvailable | io::ErrorKind::NetworkUnreachable
    )
}

/// Where else something listens: at the usual port, or at the loopback address of the other kind.
async fn elsewhere(config: &Config, limit: Duration) -> String {
    let (Server::Tcp { host, port } | Server::Tls { host, port }) = &config.server else {
        return String::new();
    };
    let other = match host.parse::<IpAddr>() {
        Ok(IpAddr::V4(address)) if address.is_loopback() => Some("::1"),
        Ok(IpAddr::V6(address)) if address.is_loopback() => Some("127.0.0.1"),
        _ => None,
    };
    let listens = async |host: &str, port: u16| {
        let connecting = timeout(limit, TcpStream::connect((host, port))).await;
        matches!(connecting, Ok(Ok(_closed_again)))
    };
    if let Some(other) = other
        && listens(other, *port).await
    {
        let server = Server::Tcp {
            host: other.to_owned(),
            port: *port,
        };
        return format!(
            "\nSomething listens at {server}: the server has the other kind of address. Set server = \
             \"localhost:{port}\", which is both."
        );
    }
    if *port != DEFAULT_PORT && listens(&dns_name(host), DEFAULT_PORT).await {
        return format!(
            "\nSomething listens at {host}:{DEFAULT_PORT}, the usual port for components: \
             is that the one?"
        );
    }
    String::new()
}

fn unreachable(config: &Config, error: &io::Error) -> Finding {
    let server = config.server.clone();
    Finding::of_error(&Unreachable::from_io(&config.domain, server, error))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What is said of a machine with one address that takes connections and this one.
    async fn beside(other: SocketAddr) -> Finding {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let works = Place::Tcp(listener.local_addr().unwrap());
        let places = vec![Place::Tcp(other), works.clone()];
        let config = Config::new("echo.test", "secret");
        let (finding, chosen) = connect(&config, places, Duration::from_secs(10)).await;
        assert_eq!(chosen, Some(works));
        finding
    }

    #[tokio::test]
    async fn an_address_without_a_route_is_no_fault_of_the_server() {
        // TCP has no way to a group, with or without IPv6.
        let group = "224.0.0.1:5347".parse().unwrap();
        assert_eq!(
            beside(group).await,
            Finding::pass(
                "1 of 2 addresses take connections; this machine has no route to the rest \
                 (224.0.0.1:5347: Network is unreachable (os error 101))"
            )
        );
    }

    #[test]
    fn an_address_of_another_machine_that_refuses_is_worth_a_warning() {
        // RFC 5737: addresses that are given to no machine.
        let place = |text: &str| Place::Tcp(text.parse().unwrap());
        let refused = io::Error::from(io::ErrorKind::ConnectionRefused);
        let finding = judged(
            &Config::new("echo.test", "secret"),
            &[place("192.0.2.1:5347")],
            &[(place("192.0.2.2:5347"), refused)],
        );
        let advice = "192.0.2.2:5347: connection refused\n\
             The component tries them in order, so it gets through; each attempt that fails costs \
             time.\nLet the server listen on all of them, or set `server` to one that works.";
        let warning = Finding::warn("1 of 2 addresses take connections", advice);
        assert_eq!(finding, warning);
    }

    /// `localhost` is both, and servers are told to listen on 127.0.0.1.
    #[tokio::test]
    async fn a_loopback_address_that_refuses_costs_nothing() {
        let closed = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let address = closed.local_addr().unwrap();
        drop(closed);
        let told = format!(
            "1 of 2 addresses take connections; the rest is refused at once, on this machine itself \
             ({address}: Connection refused (os error 111))"
        );
        assert_eq!(beside(address).await, Finding::pass(told));
    }

    #[tokio::test]
    async fn a_server_of_the_other_kind_of_loopback_address_is_found() {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let server = format!("[::1]:{port}").parse().unwrap();
        let config = Config::new("echo.test", "secret").with_server(server);
        let places = vec![Place::Tcp((std::net::Ipv6Addr::LOCALHOST, port).into())];
        let (finding, chosen) = connect(&config, places, Duration::from_secs(10)).await;
        assert_eq!(chosen, None);
        let text = format!("{finding:?}");
        let found = format!("Something listens at 127.0.0.1:{port}");
        assert!(
            text.contains(&found) && text.contains("localhost"),
            "{text}"
        );
    }
}
