//! Step `instances`: the login would not disturb a running instance.
//!
//! A server does not list its connections before a login, but the kernel of its machine does.
//! Instances on other machines are only visible if the server is on this one.

use std::fs;
use std::io::{BufRead, Write};
use std::net::SocketAddr;
use std::time::Duration;

use tokio::sync::oneshot;

use super::dialer::Dialer;
use super::endpoint::Endpoint;
use super::process::{Program, processes, programs};
use super::report::{Checked, Finding};
use super::socket_table::{TcpSocket, is_own_address, tcp_sockets, unix_connections};

/// Number of looks, because connections of earlier steps may still be open on the server's side.
const ATTEMPTS: usize = 10;
const PAUSE: Duration = Duration::from_millis(100);

/// Whether a login may disturb a running instance.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Consent {
    Granted,
    /// The user at the terminal decides.
    Ask,
    Denied,
}

/// The other connections to the server's port.
#[derive(Debug, PartialEq, Eq)]
enum OtherConnections {
    None(Visible),
    /// Their number, and the programs of this machine that hold them, as far as they are visible.
    Some(usize, Vec<Program>),
    /// They are not visible, for this reason.
    Unknown(&'static str),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Visible {
    /// All connections of the server: it is on this machine.
    All,
    /// Only the connections of this machine to the server.
    FromThisMachine,
}

impl OtherConnections {
    /// Returns whether all belong to components of other domains, which a login does not disturb.
    fn are_of_other_domains(&self, domain: &str) -> bool {
        let is_other = |program: &Program| {
            let theirs = program.domain.as_ref();
            theirs.is_some_and(|theirs| theirs.to_lowercase() != domain.to_lowercase())
        };
        match self {
            OtherConnections::Some(count, programs) => {
                programs.len() == *count && programs.iter().all(is_other)
            }
            OtherConnections::None(_) | OtherConnections::Unknown(_) => false,
        }
    }
}

/// Looks for other connections, and asks the user if one may be of another instance.
pub(super) async fn check(dialer: &Dialer<'_>, consent: Consent) -> Checked<()> {
    let domain = dialer.config.domain.as_str();
    let others = find(&dialer.endpoint, domain).await;
    let message = match &others {
        OtherConnections::None(Visible::All) => {
            return Ok((Finding::pass("no other connection to this port"), ()));
        }
        OtherConnections::None(Visible::FromThisMachine) => {
            let message = "no other program of this machine is connected to the server; programs of \
                           other machines cannot be seen";
            return Ok((Finding::pass(message), ()));
        }
        OtherConnections::Some(count, programs) => describe(*count, programs),
        OtherConnections::Unknown(why) => format!("an instance may be running: {why}"),
    };
    if others.are_of_other_domains(domain) {
        let message = format!("{message}; other domains than {domain}");
        return Ok((Finding::pass(message), ()));
    }
    let allowed = match consent {
        Consent::Granted => true,
        Consent::Ask => ask(&message).await,
        Consent::Denied => false,
    };
    if allowed {
        let advice = "The login is attempted anyway, as requested.";
        return Ok((Finding::warn(message, advice), ()));
    }
    Err(Finding::not_tried(
        message,
        "If this is an instance of the same component, Prosody with kick_old would end its connection, \
         and\nejabberd would route only a part of the stanzas to it: stop it first. A login does not \
         disturb other\ncomponents: if it is one of these, continue with --takeover.",
    ))
}

async fn find(endpoint: &Endpoint, domain: &str) -> OtherConnections {
    let look = || match endpoint {
        Endpoint::Tcp(address) => at_port(*address),
        Endpoint::Unix(path) => at_unix_socket(&path.to_string_lossy()),
    };
    for _ in 0..ATTEMPTS {
        match look() {
            others @ OtherConnections::Some(..) if !others.are_of_other_domains(domain) => {
                tokio::time::sleep(PAUSE).await;
            }
            others => return others,
        }
    }
    look()
}

fn describe(count: usize, programs: &[Program]) -> String {
    let names: Vec<String> = programs.iter().map(Program::to_string).collect();
    match (count, names.is_empty()) {
        (1, true) => "another program is connected to this port".to_owned(),
        (_, true) => format!("{count} other programs are connected to this port"),
        (1, false) => format!("connected to this port: {}", names.join(", ")),
        _ => format!(
            "connected to this port, {count} times: {}",
            names.join(", ")
        ),
    }
}

/// Asks at the terminal; only a yes counts.
async fn ask(message: &str) -> bool {
    let (answer, answered) = oneshot::channel();
    let _closed_output = write!(
        std::io::stderr(),
        "{message}. Logging in may disturb it. Log in anyway? [y/N] "
    );
    // A read from a terminal cannot be cancelled, so it has a thread of its own.
    let asking = std::thread::Builder::new()
        .name("stdin".to_owned())
        .spawn(move || {
            let mut line = String::new();
            let _unread_is_no = std::io::stdin().lock().read_line(&mut line);
            let _cancelled = answer.send(matches!(line.trim(), "y" | "Y" | "yes"));
        });
    match asking {
        Ok(_ends_with_the_process) => answered.await.unwrap_or(false),
        Err(_) => false,
    }
}

fn at_port(address: SocketAddr) -> OtherConnections {
    let sockets = tcp_sockets();
    if sockets.is_empty() {
        return OtherConnections::Unknown("the connections of this machine cannot be seen");
    }
    if !is_own_address(address.ip()) {
        return match held_here(&sockets, |socket| socket.remote == address) {
            OtherConnections::None(_) => OtherConnections::None(Visible::FromThisMachine),
            others => others,
        };
    }
    let port = address.port();
    if !sockets.iter().any(|socket| socket.listens_at(port)) {
        return OtherConnections::Unknown("the connections of the server cannot be seen from here");
    }
    if is_forwarded(port) {
        return OtherConnections::Unknown("the port is forwarded into a container");
    }
    let accepted: Vec<&TcpSocket> = sockets
        .iter()
        .filter(|socket| socket.is_established() && socket.local.port() == port)
        .collect();
    let is_peer_of_one = |socket: &TcpSocket| {
        let is_peer =
            |other: &&TcpSocket| other.remote == socket.local && other.local == socket.remote;
        accepted.iter().any(is_peer)
    };
    match held_here(&sockets, is_peer_of_one) {
        OtherConnections::Some(_, programs) => OtherConnections::Some(accepted.len(), programs),
        _ if accepted.is_empty() => OtherConnections::None(Visible::All),
        _ => OtherConnections::Some(accepted.len(), Vec::new()),
    }
}

/// Returns those of the connections that programs of this machine hold.
fn held_here(sockets: &[TcpSocket], is_wanted: impl Fn(&TcpSocket) -> bool) -> OtherConnections {
    let inodes: Vec<&str> = sockets
        .iter()
        .filter(|socket| socket.is_established() && is_wanted(socket))
        .map(|socket| socket.inode.as_str())
        .collect();
    match inodes.len() {
        0 => OtherConnections::None(Visible::All),
        count => OtherConnections::Some(count, programs(&inodes)),
    }
}

fn at_unix_socket(path: &str) -> OtherConnections {
    match unix_connections(path) {
        None => OtherConnections::Unknown("the connections of the server cannot be seen from here"),
        Some(0) => OtherConnections::None(Visible::All),
        Some(count) => OtherConnections::Some(count, Vec::new()),
    }
}

/// Returns whether the proxy of a container engine listens at the port, which hides the connections
/// behind it.
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

    use super::{OtherConnections, Program, Visible, at_port};

    #[cfg(target_os = "linux")]
    #[test]
    fn a_connection_to_the_port_is_seen_and_its_end_too() {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let address = listener.local_addr().unwrap();
        assert_eq!(at_port(address), OtherConnections::None(Visible::All));
        let client = TcpStream::connect(address).unwrap();
        let OtherConnections::Some(1, programs) = at_port(address) else {
            panic!("no connection was seen")
        };
        let is_this = |program: &Program| program.id == std::process::id();
        assert!(programs.iter().any(is_this), "{programs:?}");
        drop(client);
        assert_eq!(at_port(address), OtherConnections::None(Visible::All));
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn a_server_on_another_machine_needs_no_consent_where_no_program_is_connected_here() {
        // RFC 5737: an address for documentation.
        let address = "192.0.2.1:5347".parse().unwrap();
        let none = OtherConnections::None(Visible::FromThisMachine);
        assert_eq!(at_port(address), none);
    }

    #[test]
    fn components_of_other_domains_are_not_instances() {
        let program = |domain: Option<&str>| Program {
            name: "echo".to_owned(),
            id: 7,
            domain: domain.map(str::to_owned),
        };
        let are = |count, programs: &[Program]| {
            OtherConnections::Some(count, programs.to_vec()).are_of_other_domains("echo.localhost")
        };
        let other = program(Some("news.localhost"));
        assert!(are(1, std::slice::from_ref(&other)));
        assert!(are(2, &[other.clone(), other.clone()]));
        assert!(!are(2, std::slice::from_ref(&other)));
        assert!(!are(2, &[other, program(None)]));
        assert!(!are(1, &[program(Some("Echo.localhost"))]));
        assert!(!are(1, &[]));
    }
}
