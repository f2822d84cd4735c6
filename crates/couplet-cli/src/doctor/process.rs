//! Programs of this machine that hold connections, and their domains if they are components.
//!
//! Programs of other users are only visible as root.

use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};

/// A program that holds a connection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Program {
    pub(super) name: String,
    pub(super) id: u32,
    /// The domain in its settings, if it is a component made with Couplet and they are readable.
    pub(super) domain: Option<String>,
}

impl fmt::Display for Program {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} with the process id {}", self.name, self.id)?;
        match &self.domain {
            Some(domain) => write!(f, ", for {domain}"),
            None => Ok(()),
        }
    }
}

/// Returns the programs that hold these sockets, one for each visible socket.
pub(super) fn programs(inodes: &[&str]) -> Vec<Program> {
    let mut found = Vec::new();
    for process in processes() {
        let files = fs::read_dir(process.join("fd"));
        let sockets = files
            .into_iter()
            .flatten()
            .flatten()
            .filter_map(|file| fs::read_link(file.path()).ok());
        let held = sockets.filter(|target| {
            let is_target =
                |inode: &&str| target.as_os_str() == format!("socket:[{inode}]").as_str();
            inodes.iter().any(is_target)
        });
        for _ in 0..held.count() {
            found.extend(program(&process));
        }
    }
    found
}

fn program(process: &Path) -> Option<Program> {
    let name = fs::read_to_string(process.join("comm")).unwrap_or_default();
    Some(Program {
        name: name.trim().to_owned(),
        id: process.file_name()?.to_str()?.parse().ok()?,
        domain: domain(process),
    })
}

/// Returns the domain of a component from a flag, a variable or the file.
fn domain(process: &Path) -> Option<String> {
    let arguments = words(&process.join("cmdline"));
    let variables = words(&process.join("environ"));
    let flag = |name: &str| {
        let at = arguments.iter().position(|word| word == name);
        let next = at.and_then(|at| arguments.get(at + 1).cloned());
        let joined = arguments
            .iter()
            .find_map(|word| word.strip_prefix(name)?.strip_prefix('='));
        next.or_else(|| joined.map(str::to_owned))
    };
    let variable = |name: &str| {
        let value = variables
            .iter()
            .find_map(|word| word.strip_prefix(name)?.strip_prefix('='));
        value.filter(|value| !value.is_empty()).map(str::to_owned)
    };
    flag("--domain")
        .or_else(|| variable("COUPLET_DOMAIN"))
        .or_else(|| {
            let file = flag("--config").or_else(|| variable("COUPLET_CONFIG"));
            domain_of_a_file(
                process,
                Path::new(&file.unwrap_or("couplet.toml".to_owned())),
            )
        })
}

fn domain_of_a_file(process: &Path, file: &Path) -> Option<String> {
    let path = match file.strip_prefix("/") {
        Ok(below) => process.join("root").join(below),
        Err(_) => process.join("cwd").join(file),
    };
    let text = fs::read_to_string(path).ok()?;
    let document = text.parse::<toml_edit::ImDocument<String>>().ok()?;
    Some(document.get("domain")?.as_str()?.to_owned())
}

/// Returns the strings of a kernel file in which each ends with a zero.
fn words(path: &Path) -> Vec<String> {
    let bytes = fs::read(path).unwrap_or_default();
    let words = bytes.split(|byte| *byte == 0);
    words
        .map(|word| String::from_utf8_lossy(word).into_owned())
        .collect()
}

pub(super) fn processes() -> impl Iterator<Item = PathBuf> {
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
    use std::fs;

    use super::domain;

    /// Returns the domain found for a process with these files in /proc.
    fn domain_of(arguments: &str, variables: &str, file: &str) -> Option<String> {
        let process = tempfile::tempdir().unwrap();
        let path = process.path();
        fs::write(path.join("cmdline"), arguments.replace(' ', "\0")).unwrap();
        fs::write(path.join("environ"), variables.replace(' ', "\0")).unwrap();
        for folder in ["cwd", "root/etc/echo"] {
            fs::create_dir_all(path.join(folder)).unwrap();
            fs::write(path.join(folder).join("couplet.toml"), file).unwrap();
        }
        domain(path)
    }

    #[test]
    fn the_domain_of_a_component_is_read_from_its_flags_its_variables_or_its_file() {
        let file = "domain = \"c.localhost\"";
        for (arguments, variables, file, found) in [
            (
                "echo --domain a.localhost",
                "COUPLET_DOMAIN=b.localhost",
                file,
                Some("a.localhost"),
            ),
            ("echo --domain=a.localhost", "", "", Some("a.localhost")),
            (
                "echo",
                "HOME=/ COUPLET_DOMAIN=b.localhost",
                file,
                Some("b.localhost"),
            ),
            ("echo", "COUPLET_DOMAIN=", file, Some("c.localhost")),
            (
                "echo --config /etc/echo/couplet.toml",
                "",
                file,
                Some("c.localhost"),
            ),
            (
                "echo",
                "COUPLET_CONFIG=/etc/echo/couplet.toml",
                file,
                Some("c.localhost"),
            ),
            ("echo", "COUPLET_CONFIG=/nowhere.toml", file, None),
            ("python3 bot.py", "", "", None),
        ] {
            let domain = domain_of(arguments, variables, file);
            assert_eq!(domain.as_deref(), found, "{arguments} {variables}");
        }
    }
}
