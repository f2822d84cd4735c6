//! Whether somebody is connected who would be disturbed by a login.
//!
//! No server tells that before a login, but the kernel knows all connections of a machine.
//! Deliberately absent: connections that come by another way, such as another port of the server.

use std::fs;
use std::io::{BufRead, Write};
use std::net::{IpAddr, SocketAddr, UdpSocket};
use std::time::Duration;

use couplet::Config;
use tokio::sync::oneshot;

use super::chart::Finding;
use super::process::{Program, processes, programs};
use super::reach::Place;

const ESTABLISHED: &str = "01";
const LISTEN: &str = "0A";
const UNIX_CONNECTED: &str = "03";

const LOOKS: usize = 10;
const PAUSE: Duration = Duration::from_millis(100);

/// Whether a login may disturb an instance that is running.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Consent {
    /// It may.
    Given,
    /// Ask the person at the terminal.
    Asked,
    /// It may not, and nobody can be asked.
    Refused,
}

/// Who else is connected to the port.
#[derive(Debug, PartialEq, Eq)]
enum Company {
    /// No connection, as far as can be seen from here.
    Nobody(Seen),
    /// As many connections, of these programs as far as they can be seen.
    Somebody(usize, Vec<Program>),
    /// It cannot be seen from here, for this reason.
    Unknown(&'static str),
}

/// From where the connections of a server can be seen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Seen {
    /// The server is on this machine: all of them.
    All,
    /// The server is on another one: those of this machine.
    FromHere,
}

impl Company {
    /// Whether all are components of other domains, which another login does not disturb.
    fn is_of_others(&self, domain: &str) -> bool {
        let is_other = |program: &Program| {
            let theirs = program.domain.as_ref();
            theirs.is_some_and(|theirs| theirs.to_lowercase() != domain.to_lowercase())
        };
        match self {
            Company::Somebody(count, programs) => {
                programs.len() == *count && programs.iter().all(is_other)
            }
            Company::Nobody(_) | Company::Unknown(_) => false,
        }
    }
}

/// Looks, and asks where that is not enough; a value means that the login may be tried.
pub(super) async fn examine(
    place: &Place,
    domain: &str,
    consent: Consent,
) -> (Finding, Option<()>) {
    let company = seen(place, domain).await;
    let told = match &company {
        Company::Nobody(Seen::All) => {
            let told = "nothing else is connected to this port";
            return (Finding::pass(told), Some(()));
        }
        Company::Nobody(Seen::FromHere) => {
            let told = "no other program of this machine is connected to the server; those of other \
                        machines cannot be seen";
            return (Finding::pass(told), Some(()));
        }
        Company::Somebody(count, programs) => connected(*count, programs),
        Company::Unknown(why) => format!("an instance may be running: {why}"),
    };
    if company.is_of_others(domain) {
        return (
            Finding::pass(format!("{told}; other domains than ours")),
            Some(()),
        );
    }
    let allowed = match consent {
        Consent::Given => true,
        Consent::Asked => ask(&told).await,
        Consent::Refused => false,
    };
    if allowed {
        return (
            Finding::warn(told, "The login is tried all the same, as was said."),
            Some(()),
        );
    }
    let finding = Finding::not_tried(
        told,
        "If that is an instance of this component, Prosody with kick_old would end its connection \
         for ours,\nand ejabberd would give it only a part of the stanzas: stop it first. If it is \
         another component, a login\ndoes it no harm: go on with --takeover.",
    );
    (finding, None)
}

/// Who is seen more than once: the server may still hold the connections of the steps before.
async fn seen(place: &Place, domain: &str) -> Company {
    let look = || match place {
        Place::Tcp(address) => at_port(*address),
        Place::Unix(path) => at_socket(&path.to_string_lossy()),
    };
    for _ in 0..LOOKS {
        match look() {
            company @ Company::Somebody(..) if !company.is_of_others(domain) => {
                tokio::time::sleep(PAUSE).await;
            }
            company => return company,
        }
    }
    look()
}

fn connected(count: usize, programs: &[Program]) -> String {
    let programs: Vec<String> = programs.iter().map(Program::to_string).collect();
    match (count, programs.is_empty()) {
        (1, true) => "another program is connected to this port".to_owned(),
        (_, true) => format!("{count} others are connected to this port"),
        (1, false) => format!("connected to this port: {}", programs.join(", ")),
        _ => format!(
            "connected to this port, {count} times: {}",
            programs.join(", ")
        ),
    }
}

/// A question at the terminal; silence and everything but a yes is a no.
async fn ask(told: &str) -> bool {
    let (answer, answered) = oneshot::channel();
    let _nobody_reads_it_then = write!(
        std::io::stderr(),
        "{told}. Logging in may disturb it. Log in all the same? [y/N] "
    );
    // A read that waits for a person cannot be called off, so it has a thread of its own.
    let asking = std::thread::Builder::new()
        .name("stdin".to_owned())
        .spawn(move || {
            let mut line = String::new();
            let _nothing_read_is_a_no = std::io::stdin().lock().read_line(&mut line);
            let _gone_meanwhile = answer.send(matches!(line.trim(), "y" | "Y" | "yes"));
        });
    match asking {
        Ok(_ends_by_itself) => answered.await.unwrap_or(false),
        Err(_) => false,
    }
}

/// A connection or listener in the kernel's list.
#[derive(Debug)]
struct Row {
    local: SocketAddr,
    remote: SocketAddr,
    state: String,
    inode: String,
}

fn rows() -> Vec<Row> {
    ["/proc/net/tcp", "/proc/net/tcp6"]
        .iter()
        .filter_map(|list| fs::read_to_string(list).ok())
        .flat_map(|list| list.lines().skip(1).filter_map(row).collect::<Vec<_>>())
        .collect()
}

fn at_port(address: SocketAddr) -> Company {
    let rows = rows();
    if rows.is_empty() {
        return Company::Unknown("the connections of this machine cannot be seen");
    }
    if !is_ours(address.ip()) {
        return match connected_to(&rows, |row| row.remote == address) {
            Company::Nobody(_) => Company::Nobody(Seen::FromHere),
            company => company,
        };
    }
    let port = address.port();
    let listens = |row: &Row| row.state == LISTEN && row.local.port() == port;
    if !rows.iter().any(listens) {
        return Company::Unknown("the server's connections cannot be seen from here");
    }
    if is_forwarded(port) {
        return Company::Unknown("the port is forwarded into a container");
    }
    let peers: Vec<&Row> = rows
        .iter()
        .filter(|row| row.state == ESTABLISHED && row.local.port() == port)
        .collect();
    let from_here = |row: &Row| {
        let is_peer = |peer: &&Row| peer.remote == row.local && peer.local == row.remote;
        peers.iter().any(is_peer)
    };
    match connected_to(&rows, from_here) {
        Company::Somebody(_, programs) => Company::Somebody(peers.len(), programs),
        _ if peers.is_empty() => Company::Nobody(Seen::All),
        _ => Company::Somebody(peers.len(), Vec::new()),
    }
}

/// The programs of this machine that hold these connections.
fn connected_to(rows: &[Row], is_theirs: impl Fn(&Row) -> bool) -> Company {
    let inodes: Vec<&str> = rows
        .iter()
        .filter(|row| row.state == ESTABLISHED && is_theirs(row))
        .map(|row| row.inode.as_str())
        .collect();
    match inodes.len() {
        0 => Company::Nobody(Seen::All),
        count => Company::Somebody(count, programs(&inodes)),
    }
}

/// A warning in place of a pass, where the port of a server on this machine is open to others and the
/// component does not need that.
pub(super) fn or_open_to_others(
    config: &Config,
    (finding, place): (Finding, Option<Place>),
) -> (Finding, Option<Place>) {
    let is_open = match &place {
        Some(Place::Tcp(address)) => config.server.is_local() && is_open_to_others(*address),
        _ => false,
    };
    if !is_open || !finding.has_passed() {
        return (finding, place);
    }
    let warning = Finding::warn(
        "it takes connections, those of other machines too",
        "Every machine that reaches the port may try secrets, and what a component says is not \
         encrypted. Where\nall components are on this machine: in ejabberd's listener `ip: \
         \"127.0.0.1\"`; in prosody.cfg.lua above the\nfirst VirtualHost `component_interfaces = { \
         \"127.0.0.1\" }`.",
    );
    (warning, place)
}

fn is_open_to_others(address: SocketAddr) -> bool {
    let rows = rows();
    let mut here = rows
        .iter()
        .filter(|row| row.state == LISTEN && row.local.port() == address.port());
    is_ours(address.ip()) && here.any(|row| !row.local.ip().is_loopback())
}

/// A line of /proc/net/tcp: `sl local remote state queues timer retransmits uid timeout inode`.
fn row(line: &str) -> Option<Row> {
    let mut fields = line.split_whitespace().skip(1);
    let (local, remote) = (socket(fields.next()?)?, socket(fields.next()?)?);
    Some(Row {
        local,
        remote,
        state: fields.next()?.to_owned(),
        inode: fields.nth(5)?.to_owned(),
    })
}

/// `0100007F:14E3`: each four bytes of the address as this machine keeps a number.
fn socket(text: &str) -> Option<SocketAddr> {
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

/// `Num RefCount Protocol Flags Type St Inode Path`: what a server accepted has its path.
fn at_socket(path: &str) -> Company {
    let Ok(list) = fs::read_to_string("/proc/net/unix") else {
        return Company::Unknown("the server's connections cannot be seen from here");
    };
    let connected = list.lines().filter(|line| {
        let mut fields = line.split_whitespace();
        fields.nth(5) == Some(UNIX_CONNECTED) && fields.nth(1) == Some(path)
    });
    match connected.count() {
        0 => Company::Nobody(Seen::All),
        count => Company::Somebody(count, Vec::new()),
    }
}

/// Only an address of this machine can be bound.
fn is_ours(address: IpAddr) -> bool {
    UdpSocket::bind((address, 0)).is_ok()
}

/// Whether a container engine's proxy holds the port: what is behind it cannot be seen.
fn is_forwarded(port: u16) -> bool {
    let port = port.to_string();
    processes().any(|process| {
        let arguments = fs::read(process.join("cmdline")).unwrap_or_default();
        let mut words = arguments
            .split(|byte| *byte == 0)
            .map(String::from_utf8_lossy);
        let is_proxy = words
            .next()
            .is_some_and(|name| name.contains("docker-proxy") || name.contains("rootlessport"));
        is_proxy && (words.clone().count() < 2 || words.any(|word| *word == port))
    })
}

#[cfg(test)]
mod tests {
    use std::net::{Ipv4Addr, TcpListener, TcpStream};

    use super::{Company, Program, Seen, at_port, is_open_to_others, socket};

    #[cfg(target_os = "linux")]
    #[test]
    fn a_connection_to_the_port_is_seen_and_its_end_too() {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let address = listener.local_addr().unwrap();
        assert_eq!(at_port(address), Company::Nobody(Seen::All));
        let client = TcpStream::connect(address).unwrap();
        let Company::Somebody(1, programs) = at_port(address) else {
            panic!("nobody was seen")
        };
        let ours = |program: &Program| program.id == std::process::id();
        assert!(programs.iter().any(ours), "{programs:?}");
        drop(client);
        assert_eq!(at_port(address), Company::Nobody(Seen::All));
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn a_server_on_another_machine_needs_no_consent_where_no_program_is_connected_here() {
        // RFC 5737: an address that is given to no machine.
        let address = "192.0.2.1:5347".parse().unwrap();
        assert_eq!(at_port(address), Company::Nobody(Seen::FromHere));
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn a_port_that_other_machines_reach_is_told_from_one_of_loopback() {
        let closed = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        assert!(!is_open_to_others(closed.local_addr().unwrap()));
        let open = TcpListener::bind((Ipv4Addr::UNSPECIFIED, 0)).unwrap();
        let port = open.local_addr().unwrap().port();
        assert!(is_open_to_others((Ipv4Addr::LOCALHOST, port).into()));
    }

    #[test]
    fn components_of_other_domains_are_no_instances() {
        let program = |domain: Option<&str>| Program {
            name: "echo".to_owned(),
            id: 7,
            domain: domain.map(str::to_owned),
        };
        let is = |count, programs: &[Program]| {
            Company::Somebody(count, programs.to_vec()).is_of_others("echo.localhost")
        };
        let other = program(Some("news.localhost"));
        assert!(is(1, std::slice::from_ref(&other)));
        assert!(is(2, &[other.clone(), other.clone()]));
        assert!(!is(2, std::slice::from_ref(&other)));
        assert!(!is(2, &[other, program(None)]));
        assert!(!is(1, &[program(Some("Echo.localhost"))]));
        assert!(!is(1, &[]));
    }

    #[cfg(target_endian = "little")]
    #[test]
    fn an_address_is_read_as_the_kernel_writes_it() {
        let read = |text| socket(text).map(|socket| socket.to_string());
        assert_eq!(read("0100007F:14E3").as_deref(), Some("127.0.0.1:5347"));
        let mapped = read("0000000000000000FFFF00000100007F:14E3");
        assert_eq!(mapped.as_deref(), Some("127.0.0.1:5347"));
        let v6 = read("00000000000000000000000001000000:14E3");
        assert_eq!(v6.as_deref(), Some("[::1]:5347"));
        assert_eq!(read("x"), None);
    }
}
