//! A login that the server rejected: why, and what to change.
//!
//! Which error the servers send in which case was observed (servers.md, 2).

use std::fmt;

use couplet_core::jid::{Jid, dns_name};

use super::{Software, printable, snippet};
use crate::config::Server;

/// A login that the server rejected.
///
/// # Examples
///
/// ```
/// use couplet::config::Server;
/// use couplet::error::{Reason, Rejected};
///
/// let rejected = Rejected::new("echo.localhost", Server::default(), "not-authorized", None);
/// assert_eq!(rejected.reason(), Reason::SecretOrDomain);
/// assert!(rejected.to_string().contains("Component \"echo.localhost\""));
/// assert!(rejected.to_string().contains("module: ejabberd_service"));
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rejected {
    domain: String,
    server: Server,
    condition: String,
    text: Option<String>,
    software: Option<Software>,
}

/// The most likely reason for a rejected login.
///
/// # Examples
///
/// ```
/// use couplet::config::Server;
/// use couplet::error::{Reason, Rejected};
///
/// let rejected = Rejected::new("echo.localhost", Server::default(), "conflict", None);
/// assert_eq!(rejected.reason(), Reason::Taken);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Reason {
    /// The secret does not match. From Prosody, for a domain that it knows.
    Secret,
    /// The server has no secret for the domain. Prosody then sends this for every secret.
    NoSecret,
    /// The secret does not match or the domain is unknown: ejabberd does not distinguish the two.
    SecretOrDomain,
    /// The server has no component of this name.
    Domain,
    /// The domain is one of the server's own hosts.
    OwnDomain,
    /// Another connection serves the domain.
    Taken,
    /// The port is meant for clients or for other servers.
    WrongPort,
    /// The server is stopping, restarting or short of resources; it may accept the component later.
    Temporary,
    /// Any other reason.
    Other,
}

impl Rejected {
    /// Creates a rejection from the stream error: its condition (RFC 6120, 4.9.3) and its text.
    ///
    /// # Examples
    ///
    /// ```
    /// use couplet::config::Server;
    ///
    /// let server = Server::default();
    /// let rejected = couplet::error::Rejected::new("echo.localhost", server, "conflict", None);
    /// ```
    pub fn new(domain: &str, server: Server, condition: &str, text: Option<&str>) -> Rejected {
        Rejected {
            domain: domain.to_owned(),
            server,
            condition: condition.to_owned(),
            text: text.filter(|text| !text.is_empty()).map(printable),
            software: text.and_then(Software::by_text),
        }
    }

    /// Sets the server software, if known; the advice then contains only its lines.
    ///
    /// # Examples
    ///
    /// ```
    /// use couplet::config::Server;
    /// use couplet::error::{Reason, Rejected, Software};
    ///
    /// let rejected = Rejected::new("echo.localhost", Server::default(), "not-authorized", None)
    ///     .by(Some(Software::Prosody));
    /// assert_eq!(rejected.reason(), Reason::NoSecret);
    /// assert!(!rejected.to_string().contains("ejabberd"));
    /// ```
    #[must_use]
    pub fn by(mut self, software: Option<Software>) -> Rejected {
        self.software = self.software.or(software);
        self
    }

    /// Returns the condition of the stream error, such as `not-authorized`.
    ///
    /// # Examples
    ///
    /// ```
    /// use couplet::config::Server;
    ///
    /// let server = Server::default();
    /// let rejected = couplet::error::Rejected::new("echo.localhost", server, "conflict", None);
    /// assert_eq!(rejected.condition(), "conflict");
    /// ```
    pub fn condition(&self) -> &str {
        &self.condition
    }

    /// Returns the most likely reason. Use it to decide whether to retry.
    ///
    /// # Examples
    ///
    /// ```
    /// use couplet::config::Server;
    /// use couplet::error::{Reason, Rejected};
    ///
    /// let server = Server::default();
    /// let rejected = Rejected::new("localhost", server, "host-unknown", None);
    /// assert_eq!(rejected.reason(), Reason::Domain);
    /// ```
    pub fn reason(&self) -> Reason {
        let said = |words: &str| self.text.as_ref().is_some_and(|text| text.contains(words));
        match self.condition.as_str() {
            "not-authorized" if said("Given token does not match") => Reason::Secret,
            // Prosody sends a text if the secret does not match, and none if it has no secret.
            "not-authorized" if self.text.is_none() && self.is_of(Software::Prosody) => {
                Reason::NoSecret
            }
            "not-authorized" => Reason::SecretOrDomain,
            // Prosody says so on its ports for clients and servers if the domain is not one of its
            // hosts; on the component port it says "does not match any configured".
            "host-unknown" if said("does not serve") => Reason::WrongPort,
            "host-unknown" => Reason::Domain,
            "conflict" if said("local domain") => Reason::OwnDomain,
            "conflict" => Reason::Taken,
            // The same ports for a domain that is a host, and ejabberd's ports for any domain.
            "undefined-condition" if said("No stream features") => Reason::WrongPort,
            // Prosody's port for servers does not accept a handshake.
            "invalid-namespace" | "unsupported-stanza-type" => Reason::WrongPort,
            // RFC 6120, 4.9.3: none of these conditions is about the component.
            "system-shutdown"
            | "reset"
            | "resource-constraint"
            | "internal-server-error"
            | "connection-timeout" => Reason::Temporary,
            _ => Reason::Other,
        }
    }

    fn is_of(&self, software: Software) -> bool {
        self.software == Some(software)
    }

    fn advice(&self) -> String {
        let Rejected {
            domain,
            server,
            software,
            ..
        } = self;
        match self.reason() {
            Reason::Secret => format!(
                "\n  Prosody knows the domain. Give both sides the same secret.{}",
                snippet::prosody(domain, server, ""),
            ),
            Reason::NoSecret => format!(
                "\n  Prosody knows the domain and has no secret for it: this Component has no \
                 component_secret (`password` is\n  not the name of the setting).{}",
                snippet::prosody(domain, server, ""),
            ),
            Reason::SecretOrDomain => format!(
                "\n  ejabberd answers an unknown domain exactly like a wrong secret: look for the \
                 domain below `hosts`\n  first, then compare the passwords.{}",
                snippet::of(*software, domain, server),
            ),
            Reason::Domain => self.advice_for_an_unknown_domain(),
            Reason::OwnDomain => {
                let own = format!("echo.{domain}");
                format!(
                    "\n  A component needs a domain of its own, such as {own}.{}",
                    snippet::of(*software, &own, server),
                )
            }
            Reason::Taken => format!(
                "\n  Run one instance of this component. After a crash Prosody may hold the lost \
                 connection for up to\n  14 minutes, unless the newer one is to win.{}",
                snippet::prosody(
                    domain,
                    server,
                    "    component_conflict_resolve = \"kick_old\"\n"
                ),
            ),
            Reason::WrongPort => format!(
                "\n  Set `server` to the port for components, usually 5347; 5222 is for clients, 5269 for servers.{}",
                snippet::of(*software, domain, &with_usual_port(server)),
            ),
            Reason::Temporary => {
                "\n  That is no fault of the configuration: the component tries again until the \
                 server takes it."
                    .to_owned()
            }
            Reason::Other => "\n  The server's own log may say why.".to_owned(),
        }
    }

    fn advice_for_an_unknown_domain(&self) -> String {
        let Rejected { domain, server, .. } = self;
        let below = format!("echo.{domain}");
        // Prosody sends the same for a domain that is one of its hosts (servers.md, 2). A
        // component's domain rarely has no dot.
        let wanted = match domain.contains('.') {
            true => domain,
            false => &below,
        };
        format!(
            "\n  Prosody has no Component with this name, and a VirtualHost is no component: where \
             {domain}\n  is one, choose a domain below it, such as {below}.{}{}",
            other_form(domain),
            snippet::of(self.software, wanted, server),
        )
    }
}

/// Returns advice about the other form of a domain: Prosody treats A-labels and U-labels as
/// different domains.
fn other_form(domain: &str) -> String {
    let unicode = Jid::new(domain).map(|jid| jid.prepared().to_owned());
    let other = match dns_name(domain) {
        ascii if ascii != domain => ascii.into_owned(),
        _ => match unicode {
            Ok(unicode) if unicode != domain => unicode,
            _ => return String::new(),
        },
    };
    format!(
        "\n  If its configuration names the component {other:?}, write that as the domain here too."
    )
}

impl fmt::Display for Rejected {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let why = match self.reason() {
            Reason::Secret => "the secret does not match",
            Reason::NoSecret => "the server has no secret for this component",
            Reason::SecretOrDomain => {
                "the secret does not match, or the server knows no component of this name"
            }
            Reason::Domain => "the server knows no component of this name",
            Reason::OwnDomain => "the domain is one of the server's own",
            Reason::Taken => "another connection already serves the domain",
            Reason::WrongPort => "this port is for clients or servers, not for components",
            Reason::Temporary => "the server is not accepting connections at the moment",
            Reason::Other => "the login failed",
        };
        let Rejected {
            domain,
            server,
            condition,
            ..
        } = self;
        write!(
            f,
            "the server at {server} rejected {domain}: {why} ({condition}"
        )?;
        if let Some(text) = &self.text {
            write!(f, ": {text}")?;
        }
        write!(f, "){}", self.advice())
    }
}

impl std::error::Error for Rejected {}

fn with_usual_port(server: &Server) -> Server {
    match server {
        Server::Tcp { host, .. } => Server::Tcp {
            host: host.clone(),
            port: crate::config::DEFAULT_PORT,
        },
        server => server.clone(),
    }
}

#[cfg(test)]
mod tests {
    use super::{Rejected, Software};
    use crate::config::Server;

    fn text(domain: &str, condition: &str, text: Option<&str>) -> String {
        Rejected::new(domain, Server::default(), condition, text).to_string()
    }

    #[test]
    fn every_refusal_that_was_observed_has_its_own_words() {
        let token = "Given token does not match calculated token";
        for (condition, said, line) in [
            (
                "not-authorized",
                Some(token),
                "the secret does not match (not-authorized: Given token does not match calculated token)",
            ),
            (
                "not-authorized",
                None,
                "the secret does not match, or the server knows no component of this name (not-authorized)",
            ),
            (
                "host-unknown",
                Some("echo.localhost does not match any configured external components"),
                "the server knows no component of this name (host-unknown: echo.localhost does not match any configured external components)",
            ),
            (
                "conflict",
                Some("Unable to register route on existing local domain"),
                "the domain is one of the server's own (conflict: Unable to register route on existing local domain)",
            ),
            (
                "conflict",
                Some("Component already connected"),
                "another connection already serves the domain (conflict: Component already connected)",
            ),
            (
                "undefined-condition",
                Some("No stream features to proceed with"),
                "this port is for clients or servers, not for components (undefined-condition: No stream features to proceed with)",
            ),
            (
                "host-unknown",
                Some("This server does not serve echo.localhost"),
                "this port is for clients or servers, not for components (host-unknown: This server does not serve echo.localhost)",
            ),
            (
                "invalid-namespace",
                None,
                "this port is for clients or servers, not for components (invalid-namespace)",
            ),
            (
                "unsupported-stanza-type",
                None,
                "this port is for clients or servers, not for components (unsupported-stanza-type)",
            ),
            (
                "system-shutdown",
                None,
                "the server is not accepting connections at the moment (system-shutdown)",
            ),
            (
                "policy-violation",
                None,
                "the login failed (policy-violation)",
            ),
        ] {
            let text = text("echo.localhost", condition, said);
            let head = "the server at localhost:5347 rejected echo.localhost: ";
            assert_eq!(text.lines().next().unwrap(), format!("{head}{line}"));
        }
    }

    #[test]
    fn an_unknown_domain_prints_the_lines_for_both_servers() {
        let text = text("echo.localhost", "host-unknown", None);
        let block =
            "    Component \"echo.localhost\"\n        component_secret = \"…the same secret…\"\n";
        assert!(text.contains(block), "{text}");
        assert!(
            text.contains("\n    listen:\n      -\n        port: 5347\n"),
            "{text}"
        );
        assert!(
            text.contains("prosodyctl shell host activate echo.localhost"),
            "{text}"
        );
    }

    #[test]
    fn an_unknown_internationalized_domain_prints_its_other_form() {
        for (domain, other) in [
            ("echo.ツ.example", "echo.xn--bdk.example"),
            ("echo.xn--bdk.example", "echo.ツ.example"),
        ] {
            let text = text(domain, "host-unknown", None);
            assert!(text.contains(&format!("component {other:?}")), "{text}");
        }
        assert!(!text("echo.localhost", "host-unknown", None).contains("domain here too"));
    }

    #[test]
    fn a_server_that_is_known_gets_its_own_lines_only() {
        let of = |condition, said, software| {
            let server = Server::default();
            let rejected = Rejected::new("echo.localhost", server, condition, said);
            rejected.by(software).to_string()
        };
        let unknown = "echo.localhost does not match any configured external components";
        let text = of("host-unknown", Some(unknown), None);
        assert!(
            text.contains("component_secret") && !text.contains("ejabberd"),
            "{text}"
        );
        let text = of("not-authorized", None, Some(Software::Ejabberd));
        assert!(
            text.contains("ejabberd.yml") && !text.contains("Prosody"),
            "{text}"
        );
        let text = of("not-authorized", None, Some(Software::Prosody));
        assert!(
            text.contains("this Component has no component_secret"),
            "{text}"
        );
        assert!(!text.contains("ejabberd"), "{text}");
        // Its text says that it is not Prosody's.
        let said = Some("Unable to register route on existing local domain");
        let text = of("conflict", said, None);
        assert!(
            text.contains("ejabberd.yml") && !text.contains("Prosody"),
            "{text}"
        );
    }

    #[test]
    fn what_is_no_fault_of_the_configuration_is_answered_without_lines() {
        for condition in ["system-shutdown", "resource-constraint", "policy-violation"] {
            let text = text("echo.localhost", condition, None);
            assert!(!text.contains("component_secret"), "{text}");
            assert!(!text.contains("ejabberd_service"), "{text}");
        }
    }

    #[test]
    fn a_port_for_servers_is_answered_with_the_usual_port() {
        let server = "localhost:5269".parse().unwrap();
        let rejected = Rejected::new("echo.localhost", server, "unsupported-stanza-type", None);
        let text = rejected.to_string();
        assert!(
            text.contains("port: 5347") && !text.contains("{ 5269 }"),
            "{text}"
        );
    }

    #[test]
    fn a_host_of_prosody_is_answered_with_a_domain_below_it() {
        let said = "localhost does not match any configured external components";
        let text = text("localhost", "host-unknown", Some(said));
        assert!(text.contains("Component \"echo.localhost\""), "{text}");
        assert!(!text.contains("Component \"localhost\""), "{text}");
    }

    #[test]
    fn a_domain_of_the_server_itself_is_answered_with_one_below_it() {
        let said = Some("Unable to register route on existing local domain");
        let text = text("localhost", "conflict", said);
        assert!(text.contains("\"echo.localhost\":"), "{text}");
    }

    #[test]
    fn a_taken_domain_is_answered_with_the_way_to_take_it_over() {
        let text = text("echo.localhost", "conflict", None);
        assert!(
            text.contains("        component_conflict_resolve = \"kick_old\""),
            "{text}"
        );
        assert!(!text.contains("ejabberd_service"), "{text}");
    }
}
