//! Step `name`: the name of the server has addresses.

use std::net::{IpAddr, SocketAddr};

use couplet::config::{Config, Server};
use couplet_core::jid::dns_name;
use tokio::net::lookup_host;

use super::endpoint::{Endpoint, unreachable};
use super::report::{Checked, Finding};

/// Returns the endpoints to try: the addresses of the name, or the path of the socket.
pub(super) async fn check(config: &Config) -> Checked<Vec<Endpoint>> {
    let (host, port) = match &config.server {
        Server::Tcp { host, port } | Server::Tls { host, port } => (host, *port),
        Server::Unix(path) => {
            let finding = Finding::skipped("a unix socket has no name to resolve");
            return Ok((finding, vec![Endpoint::Unix(path.clone())]));
        }
        other => {
            return Err(Finding::fail(
                format!("unknown kind of server: {other}"),
                "",
            ));
        }
    };
    let dns_name = dns_name(host);
    let found = lookup_host((&*dns_name, port)).await;
    let mut addresses: Vec<SocketAddr> = Vec::new();
    for address in found.map_err(|error| unreachable(config, &error))? {
        if !addresses.contains(&address) {
            addresses.push(address);
        }
    }
    let ips = addresses.iter().map(|address| address.ip().to_string());
    let finding = match host.parse::<IpAddr>() {
        Ok(_) => Finding::pass("`server` is an IP address"),
        Err(_) => {
            let ips: Vec<String> = ips.collect();
            Finding::pass(format!("{host} resolves to {}", ips.join(" and ")))
        }
    };
    Ok((finding, addresses.into_iter().map(Endpoint::Tcp).collect()))
}
