//! The sockets of this machine, as the kernel lists them in `/proc/net`.
//!
//! Connections by another way, such as another port of the server, are not found.

use std::fs;
use std::net::{IpAddr, SocketAddr, UdpSocket};

const ESTABLISHED: &str = "01";
const LISTEN: &str = "0A";
const UNIX_CONNECTED: &str = "03";

#[derive(Debug)]
pub(super) struct TcpSocket {
    pub(super) local: SocketAddr,
    pub(super) remote: SocketAddr,
    pub(super) inode: String,
    state: String,
}

impl TcpSocket {
    pub(super) fn listens_at(&self, port: u16) -> bool {
        self.state == LISTEN && self.local.port() == port
    }

    pub(super) fn is_established(&self) -> bool {
        self.state == ESTABLISHED
    }
}

/// Returns the TCP sockets; none if the kernel does not show them.
pub(super) fn tcp_sockets() -> Vec<TcpSocket> {
    ["/proc/net/tcp", "/proc/net/tcp6"]
        .iter()
        .filter_map(|list| fs::read_to_string(list).ok())
        .flat_map(|list| list.lines().skip(1).filter_map(parse).collect::<Vec<_>>())
        .collect()
}

/// Counts the connections to a listener on a unix socket; `None` if the kernel does not show them.
///
/// The columns are `Num RefCount Protocol Flags Type St Inode Path`; an accepted connection has the path.
pub(super) fn unix_connections(path: &str) -> Option<usize> {
    let list = fs::read_to_string("/proc/net/unix").ok()?;
    let connected = list.lines().filter(|line| {
        let mut fields = line.split_whitespace();
        fields.nth(5) == Some(UNIX_CONNECTED) && fields.nth(1) == Some(path)
    });
    Some(connected.count())
}

/// Returns whether an address belongs to this machine, because it can be bound.
pub(super) fn is_own_address(address: IpAddr) -> bool {
    UdpSocket::bind((address, 0)).is_ok()
}

/// Returns whether a port of this machine listens at an address that other machines may reach.
pub(super) fn is_open_to_other_machines(address: SocketAddr) -> bool {
    let sockets = tcp_sockets();
    let mut listeners = sockets
        .iter()
        .filter(|socket| socket.listens_at(address.port()));
    is_own_address(address.ip()) && listeners.any(|socket| !socket.local.ip().is_loopback())
}

/// Parses a line: `sl local remote state queues timer retransmits uid timeout inode`.
fn parse(line: &str) -> Option<TcpSocket> {
    let mut fields = line.split_whitespace().skip(1);
    Some(TcpSocket {
        local: parse_address(fields.next()?)?,
        remote: parse_address(fields.next()?)?,
        state: fields.next()?.to_owned(),
        inode: fields.nth(5)?.to_owned(),
    })
}

/// Parses `0100007F:14E3`: each four bytes of the address are a number in the machine's byte order.
fn parse_address(text: &str) -> Option<SocketAddr> {
    let (address, port) = text.split_once(':')?;
    let mut bytes = Vec::new();
    for at in (0..address.len()).step_by(8) {
        let word = u32::from_str_radix(address.get(at..at + 8)?, 16).ok()?;
        bytes.extend(word.to_ne_bytes());
    }
    let ip = match <[u8; 4]>::try_from(bytes.as_slice()) {
        Ok(four) => IpAddr::from(four),
        Err(_) => IpAddr::from(<[u8; 16]>::try_from(bytes.as_slice()).ok()?).to_canonical(),
    };
    Some(SocketAddr::new(ip, u16::from_str_radix(port, 16).ok()?))
}

#[cfg(test)]
mod tests {
    use super::parse_address;

    #[cfg(target_os = "linux")]
    #[test]
    fn a_port_that_other_machines_reach_is_distinguished_from_one_of_loopback() {
        use std::net::{Ipv4Addr, TcpListener};

        use super::is_open_to_other_machines;

        let closed = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        assert!(!is_open_to_other_machines(closed.local_addr().unwrap()));
        let open = TcpListener::bind((Ipv4Addr::UNSPECIFIED, 0)).unwrap();
        let port = open.local_addr().unwrap().port();
        assert!(is_open_to_other_machines(
            (Ipv4Addr::LOCALHOST, port).into()
        ));
    }

    #[cfg(target_endian = "little")]
    #[test]
    fn an_address_is_parsed_as_the_kernel_writes_it() {
        let parsed = |text| parse_address(text).map(|address| address.to_string());
        assert_eq!(parsed("0100007F:14E3").as_deref(), Some("127.0.0.1:5347"));
        let mapped = parsed("0000000000000000FFFF00000100007F:14E3");
        assert_eq!(mapped.as_deref(), Some("127.0.0.1:5347"));
        let v6 = parsed("00000000000000000000000001000000:14E3");
        assert_eq!(v6.as_deref(), Some("[::1]:5347"));
        assert_eq!(parsed("x"), None);
    }
}
