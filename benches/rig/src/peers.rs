//! The measured programs: name, command line, and role in the table. `install.sh` installs them.

use std::fs;
use std::path::{Path, PathBuf};
use std::thread;

use serde::Serialize;

use crate::fault::Fault;

/// The role of a row.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Role {
    /// A component of ours, which is compared.
    Ours,
    /// A component of another library; the fastest one in a block is the reference.
    Peer,
    /// Bytes copied back unread: the limit of the rig and the machine.
    Floor,
}

/// A component, as a command.
#[derive(Clone, Debug)]
pub(crate) struct Peer {
    pub(crate) name: String,
    pub(crate) role: Role,
    pub(crate) program: PathBuf,
    pub(crate) arguments: Vec<String>,
    pub(crate) environment: Vec<(String, String)>,
}

/// The names that `--peers` accepts, ours first.
pub(crate) const NAMES: [&str; 6] = [
    "couplet",
    "couplet-threads",
    "tokio-xmpp-send",
    "tokio-xmpp-feed",
    "xmpp-js",
    "slixmpp",
];

/// The name of the floor.
pub(crate) const FLOOR: &str = "copyback";

impl Peer {
    /// Returns a peer by its name in [`NAMES`].
    pub(crate) fn known(name: &str) -> Result<Peer, Fault> {
        let here = Path::new(env!("CARGO_MANIFEST_DIR"));
        let rust = here.join("peers/tokio-xmpp/target/release");
        let script = |interpreter: PathBuf, path: &str| {
            (
                interpreter,
                vec![here.join(path).to_string_lossy().into_owned()],
            )
        };
        let (program, arguments) = match name {
            "couplet" | "couplet-threads" => (beside_the_rig("echo"), Vec::new()),
            "tokio-xmpp-send" | "tokio-xmpp-feed" => (rust.join(name), Vec::new()),
            "xmpp-js" => script(PathBuf::from("node"), "peers/xmpp-js/echo.js"),
            "slixmpp" => script(here.join(".venv/bin/python"), "peers/slixmpp/echo.py"),
            _ => {
                let names = NAMES.join(", ");
                return Err(Fault::new(format!(
                    "no peer {name}; known: {names}, ours, tokio-xmpp, all"
                )));
            }
        };
        let role = if name.starts_with("couplet") {
            Role::Ours
        } else {
            Role::Peer
        };
        let mut environment = Vec::new();
        if name == "couplet-threads" {
            let processors = thread::available_parallelism().map_or(1, usize::from);
            environment.push(("COUPLET_THREADS".to_owned(), processors.max(2).to_string()));
        }
        Ok(Peer {
            name: name.to_owned(),
            role,
            program,
            arguments,
            environment,
        })
    }

    pub(crate) fn floor() -> Peer {
        Peer {
            name: FLOOR.to_owned(),
            role: Role::Floor,
            program: std::env::current_exe().unwrap_or_default(),
            arguments: vec!["copyback".to_owned()],
            environment: Vec::new(),
        }
    }

    /// Returns the floor of the start time: this program, which logs in and ends.
    pub(crate) fn handshake() -> Peer {
        Peer {
            name: "handshake".to_owned(),
            arguments: vec!["handshake".to_owned()],
            ..Peer::floor()
        }
    }

    /// Parses `NAME=[KEY=VALUE ...] PROGRAM [ARGUMENT ...]`, split at spaces, without a shell: the
    /// started process is the measured one.
    pub(crate) fn spelled(text: &str) -> Result<Peer, Fault> {
        let malformed = || Fault::new(format!("not NAME=COMMAND: {text}"));
        let (name, command) = text.split_once('=').ok_or_else(malformed)?;
        let mut words = command.split_whitespace().peekable();
        let mut environment = Vec::new();
        while let Some((key, value)) = words.peek().and_then(|word| word.split_once('=')) {
            environment.push((key.to_owned(), value.to_owned()));
            words.next();
        }
        let program = PathBuf::from(words.next().ok_or_else(malformed)?);
        let arguments = words.map(str::to_owned).collect();
        Ok(Peer {
            name: name.to_owned(),
            role: Role::Ours,
            program,
            arguments,
            environment,
        })
    }

    /// Returns the size of its binary; `None` for a script.
    pub(crate) fn binary_bytes(&self) -> Option<u64> {
        let script = self.role == Role::Peer && !self.arguments.is_empty();
        let bytes = || Some(fs::metadata(&self.program).ok()?.len());
        if script { None } else { bytes() }
    }

    /// Returns why this peer cannot be measured here, if so.
    pub(crate) fn absent(&self) -> Option<String> {
        let here = Path::new(env!("CARGO_MANIFEST_DIR"));
        let found = match self.name.as_str() {
            "xmpp-js" => here
                .join("peers/xmpp-js/node_modules/@xmpp/component")
                .exists(),
            // A name without a path is looked up on the PATH when it is started.
            _ => self.program.components().count() == 1 || self.program.exists(),
        };
        let advice = match (self.role, self.name.as_str()) {
            (Role::Peer, _) => "benches/rig/install.sh installs it",
            (_, "couplet" | "couplet-threads") => "cargo build --release -p echo builds it",
            _ => "no such program",
        };
        (!found).then(|| format!("{}: not there ({advice})", self.name))
    }
}

/// Expands the short names in the list of `--peers`.
pub(crate) fn expand(names: &[String]) -> Vec<String> {
    let mut expanded: Vec<String> = Vec::new();
    for name in names {
        let all = match name.as_str() {
            "all" => NAMES.to_vec(),
            "ours" => vec!["couplet", "couplet-threads"],
            "tokio-xmpp" => vec!["tokio-xmpp-send", "tokio-xmpp-feed"],
            other => vec![other],
        };
        for name in all {
            if !expanded.iter().any(|known| known == name) {
                expanded.push(name.to_owned());
            }
        }
    }
    expanded
}

fn beside_the_rig(program: &str) -> PathBuf {
    let rig = std::env::current_exe().unwrap_or_default();
    rig.parent().unwrap_or(Path::new(".")).join(program)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_command_line_carries_its_environment_before_it() {
        let peer = Peer::spelled("mt=A=1 B=x=y ./echo --flag").unwrap();
        assert_eq!(
            (peer.name.as_str(), peer.program.as_path()),
            ("mt", Path::new("./echo"))
        );
        assert_eq!(peer.arguments, ["--flag"]);
        let environment = [("A", "1"), ("B", "x=y")].map(|(k, v)| (k.to_owned(), v.to_owned()));
        assert_eq!(peer.environment, environment);
        assert!(Peer::spelled("nothing").is_err() && Peer::spelled("name=A=1").is_err());
    }

    #[test]
    fn short_names_stand_for_several_peers_once_each() {
        let names =
            |list: &[&str]| expand(&list.iter().map(|n| (*n).to_owned()).collect::<Vec<_>>());
        assert_eq!(
            names(&["tokio-xmpp-feed", "tokio-xmpp"]),
            ["tokio-xmpp-feed", "tokio-xmpp-send"]
        );
        assert_eq!(names(&["all", "slixmpp"]).len(), NAMES.len());
        assert!(names(&["all"]).iter().all(|name| Peer::known(name).is_ok()));
        assert!(Peer::known("nobody").is_err());
    }
}
