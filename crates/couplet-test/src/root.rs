//! [`Packages`] and [`Root`]: run the servers of this machine or those of Debian 13.
//!
//! A server of Debian 13 runs by chroot in its own root directory. It uses the network, the process
//! ids and the users of this machine, and needs no mounts, so nothing is left behind when a test is
//! killed.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::Command;

use tempfile::TempDir;

use crate::error::{TestServerError, doing};
use crate::process;

/// The root directory that tests/debian13.sh creates.
const DEBIAN_13: &str = "/var/cache/couplet/trixie";
const PATH: &str = "/usr/sbin:/usr/bin:/sbin:/bin";

/// The packages that a server comes from.
///
/// # Examples
///
/// ```
/// use couplet_test::{Packages, TestServer};
///
/// assert_eq!(TestServer::prosody().packages(), Packages::Installed);
/// assert_eq!(TestServer::prosody_13().packages(), Packages::Debian13);
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Packages {
    /// The packages on this machine; on Debian 12 Prosody 0.12.3 and ejabberd 23.01.
    #[default]
    Installed,
    /// The packages of Debian 13, Prosody 13.0 and ejabberd 24.12, from the root directory that
    /// tests/debian13.sh creates.
    Debian13,
}

/// The root directory of a server.
#[derive(Clone, Debug)]
pub(crate) struct Root {
    path: Option<PathBuf>,
}

impl Root {
    /// # Errors
    ///
    /// [`TestServerError::NoRoot`]: the root directory of Debian 13 does not exist.
    pub(crate) fn of(packages: Packages) -> Result<Root, TestServerError> {
        if packages == Packages::Installed {
            return Ok(Root { path: None });
        }
        let path =
            std::env::var_os("COUPLET_TRIXIE").map_or_else(|| DEBIAN_13.into(), PathBuf::from);
        // The script writes this file last.
        if !path.join("etc/couplet-packages").exists() {
            return Err(TestServerError::NoRoot { path });
        }
        Ok(Root { path: Some(path) })
    }

    /// Returns the full path of a server's program.
    pub(crate) fn find(
        &self,
        program: &'static str,
        package: &'static str,
    ) -> Result<PathBuf, TestServerError> {
        let Some(root) = &self.path else {
            return process::find(program, package);
        };
        PATH.split(':')
            .map(|folder| root.join(folder.trim_start_matches('/')).join(program))
            .find(|candidate| candidate.exists())
            .ok_or_else(|| TestServerError::NoRoot { path: root.clone() })
    }

    /// Creates a temporary directory that the server can access too.
    pub(crate) fn temporary(&self, prefix: &str) -> Result<TempDir, TestServerError> {
        let place = self
            .path
            .as_ref()
            .map_or_else(std::env::temp_dir, |root| root.join("tmp"));
        tempfile::Builder::new()
            .prefix(prefix)
            .tempdir_in(place)
            .map_err(doing("making a temporary directory"))
    }

    /// Returns a path as the server sees it.
    pub(crate) fn inside(&self, path: &Path) -> PathBuf {
        match self.path.as_ref().map(|root| path.strip_prefix(root)) {
            Some(Ok(below)) => Path::new("/").join(below),
            _ => path.to_owned(),
        }
    }

    /// Returns a command that runs `program`, a path from [`Root::find`].
    pub(crate) fn command(&self, program: &Path) -> Command {
        let Some(root) = &self.path else {
            return Command::new(program);
        };
        // Only root may chroot, or root in a user namespace.
        let (mut command, chroot) = match rustix::process::geteuid().is_root() {
            true => (Command::new("chroot"), None),
            false => (Command::new("unshare"), Some(["--map-root-user", "chroot"])),
        };
        command
            .args(chroot.iter().flatten())
            .args([root.as_os_str(), self.inside(program).as_os_str()])
            .env("PATH", PATH)
            .env("LC_ALL", OsStr::new("C.UTF-8"));
        command
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_of_this_machine_is_another_one_inside_the_root() {
        let root = Root {
            path: Some("/var/cache/trixie".into()),
        };
        for (outside, inside) in [
            ("/var/cache/trixie/tmp/x/y", "/tmp/x/y"),
            ("/var/cache/trixie", "/"),
        ] {
            assert_eq!(root.inside(Path::new(outside)), Path::new(inside));
        }
        let none = Root { path: None };
        assert_eq!(none.inside(Path::new("/tmp/x")), Path::new("/tmp/x"));
    }
}
