//! [`Setup`]: the configuration of a server in a test, common to Prosody and ejabberd.
//!
//! Each server's own file translates it to the server's syntax.

use couplet_core::jid::hosted_domain;

use crate::root::Packages;

/// The configuration of a server in a test: its components, and how it treats them.
///
/// The virtual host is always `localhost`. The same value works for both servers; options of only
/// one server say so.
///
/// # Examples
///
/// ```
/// use couplet_test::Setup;
///
/// let setup = Setup::component("echo.localhost", "s3cret")
///     .and_component("news.localhost", "other")
///     .kick_old();
/// assert_eq!(setup.domains().collect::<Vec<_>>(), ["echo.localhost", "news.localhost"]);
/// ```
#[derive(Clone, Debug)]
pub struct Setup {
    pub(crate) components: Vec<(String, String)>,
    pub(crate) kick_old: bool,
    pub(crate) tls: bool,
    pub(crate) unix_socket: bool,
    pub(crate) global_routes: bool,
    pub(crate) access_none: bool,
    pub(crate) password_without_hosts: bool,
    pub(crate) stanza_limit: Option<usize>,
    pub(crate) client_stanza_limit: Option<usize>,
    pub(crate) read_timeout: Option<u32>,
    pub(crate) no_delay: bool,
    pub(crate) send_chunk: Option<usize>,
    pub(crate) client_tls: bool,
    pub(crate) own_pubsub: Option<OwnPubsub>,
    pub(crate) mod_privilege: bool,
    pub(crate) packages: Packages,
}

/// The server's own pubsub service: its address, and who may create nodes.
#[derive(Clone, Debug)]
pub(crate) struct OwnPubsub {
    pub(crate) domain: String,
    pub(crate) creator: String,
}

impl Setup {
    /// Creates a setup with one component, by its domain and secret.
    ///
    /// # Examples
    ///
    /// ```
    /// let _setup = couplet_test::Setup::component("echo.localhost", "s3cret");
    /// ```
    pub fn component(domain: &str, secret: &str) -> Setup {
        Setup {
            components: vec![(domain.to_owned(), secret.to_owned())],
            kick_old: false,
            tls: false,
            unix_socket: false,
            global_routes: false,
            access_none: false,
            password_without_hosts: false,
            stanza_limit: None,
            client_stanza_limit: None,
            read_timeout: None,
            no_delay: false,
            send_chunk: None,
            client_tls: false,
            own_pubsub: None,
            mod_privilege: false,
            packages: Packages::Installed,
        }
    }

    /// Adds another component.
    ///
    /// # Examples
    ///
    /// ```
    /// use couplet_test::Setup;
    /// let _setup = Setup::component("a.localhost", "one").and_component("b.localhost", "two");
    /// ```
    #[must_use]
    pub fn and_component(mut self, domain: &str, secret: &str) -> Setup {
        self.components.push((domain.to_owned(), secret.to_owned()));
        self
    }

    /// Lets a second login replace the first one (Prosody's `component_conflict_resolve`).
    ///
    /// Without it Prosody rejects the second one with `conflict`. ejabberd has no such option: it
    /// accepts both and distributes the stanzas among them.
    ///
    /// # Examples
    ///
    /// ```
    /// let _setup = couplet_test::Setup::component("a.localhost", "one").kick_old();
    /// ```
    #[must_use]
    pub fn kick_old(mut self) -> Setup {
        self.kick_old = true;
        self
    }

    /// Adds a port with TLS from the first byte (ejabberd only; Prosody has none).
    ///
    /// # Examples
    ///
    /// ```
    /// let _setup = couplet_test::Setup::component("a.localhost", "one").tls();
    /// ```
    #[must_use]
    pub fn tls(mut self) -> Setup {
        self.tls = true;
        self
    }

    /// Adds a unix socket for components (ejabberd only; Prosody has none).
    ///
    /// # Examples
    ///
    /// ```
    /// let _setup = couplet_test::Setup::component("a.localhost", "one").unix_socket();
    /// ```
    #[must_use]
    pub fn unix_socket(mut self) -> Setup {
        self.unix_socket = true;
        self
    }

    /// Routes the domains of all components to each of them: ejabberd's default, which is usually
    /// switched off because components then receive each other's stanzas (servers.md, 4).
    ///
    /// # Examples
    ///
    /// ```
    /// let _setup = couplet_test::Setup::component("a.localhost", "one").global_routes();
    /// ```
    #[must_use]
    pub fn global_routes(mut self) -> Setup {
        self.global_routes = true;
        self
    }

    /// Makes ejabberd's component listener reject everything that is sent to the components, with
    /// `access: none` (ejabberd only). Logins work; the components receive nothing.
    ///
    /// # Examples
    ///
    /// ```
    /// let _setup = couplet_test::Setup::component("a.localhost", "one").access_none();
    /// ```
    #[must_use]
    pub fn access_none(mut self) -> Setup {
        self.access_none = true;
        self
    }

    /// Gives ejabberd's component listener a `password` and no `hosts` (ejabberd only): the secret
    /// of the first component then works for any domain.
    ///
    /// # Examples
    ///
    /// ```
    /// let _setup = couplet_test::Setup::component("a.localhost", "one").password_without_hosts();
    /// ```
    #[must_use]
    pub fn password_without_hosts(mut self) -> Setup {
        self.password_without_hosts = true;
        self
    }

    /// Sets the size of the largest stanza, in bytes, that the server accepts from a component.
    ///
    /// The default is the server's: 512 KiB in Prosody, unlimited in ejabberd.
    ///
    /// # Examples
    ///
    /// ```
    /// let _setup = couplet_test::Setup::component("a.localhost", "one").stanza_limit(10_000);
    /// ```
    #[must_use]
    pub fn stanza_limit(mut self, bytes: usize) -> Setup {
        self.stanza_limit = Some(bytes);
        self
    }

    /// Sets the size of the largest stanza, in bytes, that the server accepts from a user.
    ///
    /// Raise it to let hostile stanzas through: Prosody's default is 256 KiB, ejabberd has none.
    ///
    /// # Examples
    ///
    /// ```
    /// let _setup = couplet_test::Setup::component("a.localhost", "one").client_stanza_limit(1 << 26);
    /// ```
    #[must_use]
    pub fn client_stanza_limit(mut self, bytes: usize) -> Setup {
        self.client_stanza_limit = Some(bytes);
        self
    }

    /// Sets the seconds of silence after which Prosody sends a space (ejabberd never does;
    /// servers.md, 6).
    ///
    /// # Examples
    ///
    /// ```
    /// let _setup = couplet_test::Setup::component("a.localhost", "one").read_timeout(6);
    /// ```
    #[must_use]
    pub fn read_timeout(mut self, seconds: u32) -> Setup {
        self.read_timeout = Some(seconds);
        self
    }

    /// Switches off Nagle's algorithm in Prosody. It is on by default, and delays each response to
    /// a user by 40 ms, which adds up over consecutive requests (ejabberd never waits).
    ///
    /// # Examples
    ///
    /// ```
    /// let _setup = couplet_test::Setup::component("a.localhost", "one").no_delay();
    /// ```
    #[must_use]
    pub fn no_delay(mut self) -> Setup {
        self.no_delay = true;
        self
    }

    /// Offers STARTTLS to users, with a certificate for `localhost`; TLS stays optional.
    ///
    /// # Examples
    ///
    /// ```
    /// let _setup = couplet_test::Setup::component("a.localhost", "one").client_tls();
    /// ```
    #[must_use]
    pub fn client_tls(mut self) -> Setup {
        self.client_tls = true;
        self
    }

    /// Sets the number of bytes that Prosody 13 writes at a time, 4 MiB by default. Prosody 13.0
    /// loses the rest of a larger stanza (docs/servers.md, 3); the other servers have no such
    /// limit.
    ///
    /// # Examples
    ///
    /// ```
    /// let _setup = couplet_test::Setup::component("a.localhost", "one").send_chunk(1 << 28);
    /// ```
    #[must_use]
    pub fn send_chunk(mut self, bytes: usize) -> Setup {
        self.send_chunk = Some(bytes);
        self
    }

    /// Adds the server's own pubsub service (`mod_pubsub`) at this address, where only this account
    /// may create nodes, to compare with another one.
    ///
    /// # Examples
    ///
    /// ```
    /// use couplet_test::Setup;
    ///
    /// let setup = Setup::component("echo.localhost", "s3cret")
    ///     .own_pubsub("pubsub.localhost", "alice@localhost");
    /// assert_eq!(setup.domains().count(), 1);
    /// ```
    #[must_use]
    pub fn own_pubsub(mut self, domain: &str, creator: &str) -> Setup {
        self.own_pubsub = Some(OwnPubsub {
            domain: domain.to_owned(),
            creator: creator.to_owned(),
        });
        self
    }

    /// Loads ejabberd's `mod_privilege` without granting privileges (ejabberd only). Since 24.10
    /// the server then drops every IQ that a component sends to an address without a resource
    /// (docs/servers.md, 5).
    ///
    /// # Examples
    ///
    /// ```
    /// let _setup = couplet_test::Setup::component("a.localhost", "one").mod_privilege();
    /// ```
    #[must_use]
    pub fn mod_privilege(mut self) -> Setup {
        self.mod_privilege = true;
        self
    }

    /// Uses the server of Debian 13 (Prosody 13.0, ejabberd 24.12) instead of the installed one.
    ///
    /// It runs in a root directory that tests/debian13.sh creates once; the environment variable
    /// `COUPLET_TRIXIE` overrides its path, `/var/cache/couplet/trixie`.
    ///
    /// # Examples
    ///
    /// ```
    /// use couplet_test::{Packages, Setup};
    ///
    /// let setup = Setup::component("a.localhost", "one").packages(Packages::Debian13);
    /// ```
    #[must_use]
    pub fn packages(mut self, packages: Packages) -> Setup {
        self.packages = packages;
        self
    }

    /// Returns the domains of the components.
    ///
    /// # Examples
    ///
    /// ```
    /// let setup = couplet_test::Setup::component("a.localhost", "one");
    /// assert_eq!(setup.domains().next(), Some("a.localhost"));
    /// ```
    pub fn domains(&self) -> impl Iterator<Item = &str> {
        self.components.iter().map(|(domain, _)| domain.as_str())
    }

    /// Returns whether a component has this domain, in the form in which servers name it.
    pub(crate) fn hosts(&self, domain: &str) -> bool {
        self.domains().any(|known| hosted_domain(known) == domain)
    }

    /// Returns the secret of a component.
    pub(crate) fn secret(&self, domain: &str) -> Option<&str> {
        let hosted = hosted_domain(domain);
        let mut components = self.components.iter();
        let component = components.find(|(known, _)| hosted_domain(known) == hosted);
        component.map(|(_, secret)| secret.as_str())
    }
}

/// Returns a string literal that has the same meaning in Lua and in YAML.
pub(crate) fn quoted(text: &str) -> String {
    let mut literal = String::with_capacity(text.len() + 2);
    literal.push('"');
    for c in text.chars() {
        match c {
            '"' | '\\' => literal.extend(['\\', c]),
            '\n' => literal.push_str("\\n"),
            '\r' => literal.push_str("\\r"),
            c => literal.push(c),
        }
    }
    literal.push('"');
    literal
}

#[cfg(test)]
mod tests {
    use super::quoted;

    #[test]
    fn a_secret_with_quotes_and_backslashes_stays_one_literal() {
        assert_eq!(quoted("a\"b\\c\n"), r#""a\"b\\c\n""#);
    }
}
