//! The user that PostgreSQL runs as, because it refuses to run as root.

use std::fs;

use crate::error::{TestServerError, doing};

/// The user of the server if the test runs as root.
#[derive(Clone, Copy, Debug)]
pub(super) struct Owner {
    pub(super) user: u32,
    pub(super) group: u32,
}

impl Owner {
    /// Finds the user; returns `None` if the test does not run as root.
    pub(super) fn find() -> Result<Option<Owner>, TestServerError> {
        if !rustix::process::geteuid().is_root() {
            return Ok(None);
        }
        let users = fs::read_to_string("/etc/passwd").map_err(doing("reading /etc/passwd"))?;
        let found = ["postgres", "nobody"]
            .iter()
            .find_map(|name| users.lines().find_map(|line| Owner::read(line, name)));
        let none = || std::io::Error::other("there is neither a user postgres nor a user nobody");
        let found = found.ok_or_else(|| doing("looking for a user to run PostgreSQL")(none()))?;
        Ok(Some(found))
    }

    fn read(line: &str, name: &str) -> Option<Owner> {
        let mut fields = line.split(':');
        if fields.next() != Some(name) {
            return None;
        }
        let user = fields.nth(1)?.parse().ok()?;
        let group = fields.next()?.parse().ok()?;
        Some(Owner { user, group })
    }
}
