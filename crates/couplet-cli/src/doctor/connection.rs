//! Step `connection`: each address accepts connections, and no more machines than necessary reach it.

use std::io;
use std::net::IpAddr;
use std::time::Duration;

use couplet::config::{Config, DEFAULT_PORT, Server};
use couplet_core::jid::dns_name;
use tokio::net::TcpStream;
use tokio::time::timeout;

use super::endpoint::{Endpoint, unreachable};
use super::report::{Checked, Finding};
use super::socket_table::is_open_to_other_machines;

/// Connects once to each endpoint, and returns the first that accepts the connection.
pub(super) async fn check(
    config: &Config,
    endpoints: Vec<Endpoint>,
    limit: Duration,
) -> Checked<Endpoint> {
    let share = limit / u32::try_from(endpoints.len().max(1)).unwrap_or(1);
    let (mut open, mut failed) = (Vec::new(), Vec::new());
    for endpoint in endpoints {
        match timeout(share, endpoint.connect()).await {
            Ok(Ok(_closed_again)) => open.push(endpoint),
            Ok(Err(error)) => failed.push((endpoint, error)),
            Err(_) => failed.push((endpoint, io::ErrorKind::TimedOut.into())),
        }
    }
    match (open.first(), failed.first()) {
        (Some(first), _) => {
            let first = first.clone();
            let finding = or_open_to_others(config, &first, found(config, &open, &failed));
            Ok((finding, first))
        }
        (None, Some((_, error))) => {
            let elsewhere = listens_elsewhere(config, limit).await;
            Err(unreachable(config, error).with_advice(&elsewhere))
        }
        (None, None) => Err(Finding::fail("there is no address to connect to", "")),
    }
}

/// Returns the finding if at least one endpoint accepts connections.
fn found(config: &Config, open: &[Endpoint], failed: &[(Endpoint, io::Error)]) -> Finding {
    if failed.is_empty() {
        return Finding::pass(match config.server {
            Server::Unix(_) => "the socket accepts connections",
            _ if open.len() > 1 => "each address accepts connections",
            _ => "the address accepts connections",
        });
    }
    let errors: Vec<String> = failed
        .iter()
        .map(|(endpoint, error)| format!("{endpoint}: {error}"))
        .collect();
    let all = open.len() + failed.len();
    let some = format!("{} of {all} addresses accept connections", open.len());
    // Both kinds of failure cost no time, and the first kind has no remedy in the server.
    if failed.iter().all(|(_, error)| has_no_route(error)) {
        Finding::pass(format!(
            "{some}; this machine has no route to the others ({})",
            errors.join("; ")
        ))
    } else if failed.iter().all(|(endpoint, _)| endpoint.is_loopback()) {
        Finding::pass(format!(
            "{some}; the others, on this machine itself, fail at once ({})",
            errors.join("; ")
        ))
    } else {
        Finding::warn(
            some,
            format!(
                "{}\nThe component tries them in order, so it connects; each failed attempt costs \
                 time.\nLet the server listen on all of them, or set `server` to one that works.",
                errors.join("\n")
            ),
        )
    }
}

/// Returns whether there is no route at all, as to `::1` on a machine without IPv6.
fn has_no_route(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::AddrNotAvailable | io::ErrorKind::NetworkUnreachable
    )
}

/// Replaces a pass by a warning if other machines reach the port although the server is on this
/// one.
fn or_open_to_others(config: &Config, endpoint: &Endpoint, finding: Finding) -> Finding {
    match endpoint {
        Endpoint::Tcp(address)
            if finding.has_passed()
                && config.server.is_local()
                && is_open_to_other_machines(*address) => {}
        _ => return finding,
    }
    Finding::warn(
        "the address accepts connections, of other machines too",
        "Every machine that reaches the port can try secrets, and the stanzas of components are not \
         encrypted.\nWhere all components are on this machine: in ejabberd's listener `ip: \
         \"127.0.0.1\"`; in prosody.cfg.lua above the\nfirst VirtualHost `component_interfaces = { \
         \"127.0.0.1\" }`.",
    )
}

/// Returns advice if a program listens at the usual port, or at the loopback address of the other
/// family.
async fn listens_elsewhere(config: &Config, limit: Duration) -> String {
    let (Server::Tcp { host, port } | Server::Tls { host, port }) = &config.server else {
        return String::new();
    };
    let other_family = match host.parse::<IpAddr>() {
        Ok(IpAddr::V4(address)) if address.is_loopback() => Some("::1"),
        Ok(IpAddr::V6(address)) if address.is_loopback() => Some("127.0.0.1"),
        _ => None,
    };
    let listens = async |host: &str, port: u16| {
        let connecting = timeout(limit, TcpStream::connect((host, port))).await;
        matches!(connecting, Ok(Ok(_closed_again)))
    };
    if let Some(other) = other_family
        && listens(other, *port).await
    {
        let server = Server::Tcp {
            host: other.to_owned(),
            port: *port,
        };
        return format!(
            "\nSomething listens at {server}: the server uses the other family of addresses. Set \
             server = \"localhost:{port}\", which is both."
        );
    }
    if *port != DEFAULT_PORT && listens(&dns_name(host), DEFAULT_PORT).await {
        return format!(
            "\nSomething listens at {host}:{DEFAULT_PORT}, the usual port for components: \
             is that the server?"
        );
    }
    String::new()
}

#[cfg(test)]
mod tests {
    use std::net::SocketAddr;

    use super::*;

    /// Returns the finding for a machine with one address that accepts connections and this one.
    async fn with_another(other: SocketAddr) -> Finding {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let works = Endpoint::Tcp(listener.local_addr().unwrap());
        let endpoints = vec![Endpoint::Tcp(other), works.clone()];
        let config = Config::new("echo.test", "secret");
        let (finding, chosen) = check(&config, endpoints, Duration::from_secs(10))
            .await
            .unwrap();
        assert_eq!(chosen, works);
        finding
    }

    #[tokio::test]
    async fn an_address_without_a_route_is_not_a_fault_of_the_server() {
        // TCP cannot connect to a multicast group, with or without IPv6.
        let group = "224.0.0.1:5347".parse().unwrap();
        assert_eq!(
            with_another(group).await,
            Finding::pass(
                "1 of 2 addresses accept connections; this machine has no route to the others \
                 (224.0.0.1:5347: Network is unreachable (os error 101))"
            )
        );
    }

    #[test]
    fn an_address_of_another_machine_that_refuses_is_worth_a_warning() {
        // RFC 5737: addresses for documentation.
        let endpoint = |text: &str| Endpoint::Tcp(text.parse().unwrap());
        let refused = io::Error::from(io::ErrorKind::ConnectionRefused);
        let finding = found(
            &Config::new("echo.test", "secret"),
            &[endpoint("192.0.2.1:5347")],
            &[(endpoint("192.0.2.2:5347"), refused)],
        );
        let advice = "192.0.2.2:5347: connection refused\n\
             The component tries them in order, so it connects; each failed attempt costs \
             time.\nLet the server listen on all of them, or set `server` to one that works.";
        let warning = Finding::warn("1 of 2 addresses accept connections", advice);
        assert_eq!(finding, warning);
    }

    /// `localhost` has both families, and servers usually listen on 127.0.0.1.
    #[tokio::test]
    async fn a_loopback_address_that_refuses_costs_nothing() {
        let closed = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let address = closed.local_addr().unwrap();
        drop(closed);
        let message = format!(
            "1 of 2 addresses accept connections; the others, on this machine itself, fail at once \
             ({address}: Connection refused (os error 111))"
        );
        assert_eq!(with_another(address).await, Finding::pass(message));
    }

    #[tokio::test]
    async fn a_server_at_the_loopback_address_of_the_other_family_is_found() {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let server = format!("[::1]:{port}").parse().unwrap();
        let config = Config::new("echo.test", "secret").with_server(server);
        let endpoints = vec![Endpoint::Tcp((std::net::Ipv6Addr::LOCALHOST, port).into())];
        let checked = check(&config, endpoints, Duration::from_secs(10)).await;
        let text = format!("{:?}", checked.unwrap_err());
        let found = format!("Something listens at 127.0.0.1:{port}");
        assert!(
            text.contains(&found) && text.contains("localhost"),
            "{text}"
        );
    }
}
