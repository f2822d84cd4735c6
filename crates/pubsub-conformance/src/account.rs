//! The accounts of a run, from the command line or from a file.
//!
//! Accounts are not registered: that is up to the administrator of the server.

use std::fmt;

/// An account of a server, with which the runner logs in.
///
/// `Debug` does not show the password.
///
/// # Examples
///
/// ```
/// use pubsub_conformance::Account;
///
/// let alice: Account = "alice@localhost:se:cret".parse()?;
/// assert_eq!((alice.jid(), alice.password()), ("alice@localhost", "se:cret"));
/// # Ok::<(), pubsub_conformance::BadAccount>(())
/// ```
#[derive(Clone, PartialEq, Eq)]
pub struct Account {
    jid: String,
    password: String,
}

impl Account {
    /// Creates an account from its bare JID and password.
    ///
    /// # Examples
    ///
    /// ```
    /// let alice = pubsub_conformance::Account::new("alice@localhost", "secret");
    /// assert_eq!(alice.jid(), "alice@localhost");
    /// ```
    #[must_use]
    pub fn new(jid: &str, password: &str) -> Account {
        Account {
            jid: jid.to_owned(),
            password: password.to_owned(),
        }
    }

    /// Returns the bare JID.
    ///
    /// # Examples
    ///
    /// ```
    /// assert_eq!(pubsub_conformance::Account::new("a@b", "c").jid(), "a@b");
    /// ```
    #[must_use]
    pub fn jid(&self) -> &str {
        &self.jid
    }

    /// Returns the password.
    ///
    /// # Examples
    ///
    /// ```
    /// assert_eq!(pubsub_conformance::Account::new("a@b", "c").password(), "c");
    /// ```
    #[must_use]
    pub fn password(&self) -> &str {
        &self.password
    }

    pub(crate) fn local(&self) -> &str {
        self.jid.split_once('@').map_or("", |(local, _)| local)
    }

    pub(crate) fn domain(&self) -> &str {
        self.jid
            .split_once('@')
            .map_or(self.jid.as_str(), |(_, domain)| domain)
    }
}

impl fmt::Debug for Account {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Account")
            .field("jid", &self.jid)
            .finish_non_exhaustive()
    }
}

/// The error of a text that is not an account.
///
/// # Examples
///
/// ```
/// use pubsub_conformance::Account;
///
/// let error = "alice@localhost".parse::<Account>().unwrap_err();
/// assert_eq!(error.to_string(), "write an account as user@domain:password");
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BadAccount;

impl fmt::Display for BadAccount {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("write an account as user@domain:password")
    }
}

impl std::error::Error for BadAccount {}

impl std::str::FromStr for Account {
    type Err = BadAccount;

    fn from_str(text: &str) -> Result<Account, BadAccount> {
        match text.split_once(':') {
            Some((jid, password)) if jid.contains('@') && !jid.contains('/') => {
                Ok(Account::new(jid, password))
            }
            _ => Err(BadAccount),
        }
    }
}

/// The accounts of a run, all of them ordinary users.
///
/// # Examples
///
/// ```
/// use pubsub_conformance::{Account, Accounts};
///
/// let accounts = Accounts {
///     owner: Account::new("alice@localhost", "secret"),
///     publisher: Account::new("bob@localhost", "secret"),
///     subscriber: Account::new("carol@localhost", "secret"),
///     stranger: Account::new("dave@localhost", "secret"),
///     outsider: None,
/// };
/// assert!(accounts.outsider.is_none());
/// ```
#[derive(Clone, Debug)]
pub struct Accounts {
    /// Creates the nodes; must be allowed to.
    pub owner: Account,
    /// Publishes to them.
    pub publisher: Account,
    /// Subscribes to them.
    pub subscriber: Account,
    /// Has no relation to any node.
    pub stranger: Account,
    /// Must not be allowed to create nodes; without it case 12 is not run.
    pub outsider: Option<Account>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_is_not_shown() {
        assert!(!format!("{:?}", Account::new("a@b", "c0ffee")).contains("c0ffee"));
    }

    #[test]
    fn a_full_address_is_no_account() {
        assert_eq!("a@b/c:d".parse::<Account>(), Err(BadAccount));
    }
}
