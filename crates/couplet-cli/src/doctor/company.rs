//! Whether somebody is connected who would be disturbed by a login.
//!
//! No server tells that before a login, but the kernel knows all connections of a machine.
//! Deliberately absent: connections that come by another way, such as another port of the server.

use std::fs;
use std::io::{BufRead, Write};
use std::net::{IpAddr, SocketAddr, UdpSocket};
use std::time::Duration;

use tokio::sync::oneshot;

use super::chart::Finding;
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
    Nobody,
    /// As many connections, of these programs as far as they can be seen.
    Somebody(usize, Vec<String>),
    /// It cannot be seen from here, for this reason.
    Unknown(&'static str),
}

/// Looks, and asks where that is not enough; a value means that the login may be tried.
pub(super) async fn examine(place: &Place, consent: Consent) -> (Finding, Option<()>) {
    let company = seen(place).await;
    let told = match &company {
        Company::Nobody => {
            return (
                Finding::pass("nobody else is connected to this port"),
                Some(()),
            );
        }
        Company::Somebody(count, programs) => somebody(*count, programs),
        Company::Unknown(why) => format!("an instance may be running: {why}"),
    };
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
         for ours,\nand ejabberd would give it only a part of the stanzas. Stop it first, or say \
         --takeover if that does no harm.",
    );
    (finding, None)
}

/// Who is seen more than once: the server may still hold the connections of the steps before.
async fn seen(place: &Place) -> Company {
    let look = || match place {
        Place::Tcp(address) => at_port(*address),
        Place::Unix(path) => at_socket(&path.to_string_lossy()),
    };
    for _ in 0..LOOKS {
        match look() {
            Company::Somebody(..) => tokio::time::sleep(PAUSE).await,
            company => return company,
        }
    }
    look()
}

fn somebody(count: usize, programs: &[String]) -> String {
    let who = match programs {
        [] => String::new(),
        programs => format!(" ({})", programs.join(", ")),
    };
    match count {
        1 => format!("somebody is connected to this port{who}"),
        count => format!("{count} others are connected to this port{who}"),
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
    local: u16,
    remote: u16,
    state: String,
    inode: String,
}

fn at_port(address: SocketAddr) -> Company {
    if !is_ours(address.ip()) {
        return Company::Unknown("the server is on another machine");
    }
    let rows: Vec<Row> = ["/proc/net/tcp", "/proc/net/tcp6"]
        .iter()
        .filter_map(|list| fs::read_to_string(list).ok())
        .flat_map(|list| list.lines().skip(1).filter_map(row).collect::<Vec<_>>())
        .collect();
    let port = address.port();
    if !rows
        .iter()
        .any(|row| row.state == LISTEN && row.local == port)
    {
        return Company::Unknown("the server's connections cannot be seen from here");
    }
    if is_forwarded(port) {
        return Company::Unknown("the port is forwarded into a container");
    }
    let peers: Vec<u16> = rows
        .iter()
        .filter(|row| row.state == ESTABLISHED && row.local == port)
        .map(|row| row.remote)
        .collect();
    if peers.is_empty() {
        return Company::Nobody;
    }
    let inodes: Vec<&str> = rows
        .iter()
        .filter(|row| row.remote == port && peers.contains(&row.local))
        .map(|row| row.inode.as_str())
        .collect();
    Company::Somebody(peers.len(), programs(&inodes))
}

/// A line of /proc/net/tcp: `sl local remote state queues timer retransmits uid timeout inode`.
fn row(line: &str) -> Option<Row> {
    let mut fields = line.split_whitespace().skip(1);
    let mut port = || u16::from_str_radix(fields.next()?.rsplit_once(':')?.1, 16).ok();
    let (local, remote) = (port()?, port()?);
    Some(Row {
        local,
        remote,
        state: fields.next()?.to_owned(),
        inode: fields.nth(5)?.to_owned(),
    })
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
        0 => Company::Nobody,
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

/// The names and numbers of the processes that hold these sockets, where they can be seen.
fn programs(inodes: &[&str]) -> Vec<String> {
    let wanted: Vec<String> = inodes
        .iter()
        .map(|inode| format!("socket:[{inode}]"))
        .collect();
    let holds = |process: &std::path::PathBuf| {
        let files = fs::read_dir(process.join("fd"))
            .into_iter()
            .flatten()
            .flatten();
        files
            .filter_map(|file| fs::read_link(file.path()).ok())
            .any(|target| {
                wanted
                    .iter()
                    .any(|socket| target.as_os_str() == socket.as_str())
            })
    };
    processes()
        .filter(holds)
        .map(|process| {
            let name = fs::read_to_string(process.join("comm")).unwrap_or_default();
            let number = process
                .file_name()
                .unwrap_or_default()
                .to_string_lossy()
                .into_owned();
            format!("{} with the process id {number}", name.trim())
        })
        .collect()
}

fn processes() -> impl Iterator<Item = std::path::PathBuf> {
    let all = fs::read_dir("/proc").into_iter().flatten().flatten();
    all.map(|entry| entry.path()).filter(|path| {
        path.file_name().is_some_and(|name| {
            name.to_string_lossy()
                .bytes()
                .all(|byte| byte.is_ascii_digit())
        })
    })
}

#[cfg(test)]
mod tests {
    use std::net::{Ipv4Addr, TcpListener, TcpStream};

    use super::{Company, at_port};

    #[cfg(target_os = "linux")]
    #[test]
    fn a_connection_to_the_port_is_seen_and_its_end_too() {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let address = listener.local_addr().unwrap();
        assert_eq!(at_port(address), Company::Nobody);
        let client = TcpStream::connect(address).unwrap();
        let Company::Somebody(1, programs) = at_port(address) else {
            panic!("nobody was seen")
        };
        let number = std::process::id().to_string();
        assert!(
            programs.iter().any(|program| program.ends_with(&number)),
            "{programs:?}"
        );
        drop(client);
        assert_eq!(at_port(address), Company::Nobody);
    }

    #[test]
    fn the_connections_of_another_machine_cannot_be_seen() {
        // RFC 5737: an address that nobody has.
        let address = "192.0.2.1:5347".parse().unwrap();
        assert!(matches!(at_port(address), Company::Unknown(_)));
    }
}
