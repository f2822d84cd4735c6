//! Lines to paste into the server's configuration.
//!
//! They must not contain the secret; a placeholder marks its place.

use super::Software;
use crate::config::{DEFAULT_PORT, Server};

const SECRET: &str = "…the same secret…";

/// Returns the lines for `prosody.cfg.lua` that add this component.
///
/// Prosody's component port is plain TCP only; for a `tls://` or `unix:` server the lines say so.
///
/// # Examples
///
/// ```
/// let lines = couplet::error::prosody_snippet("echo.localhost", &"127.0.0.1".parse()?);
/// assert_eq!(
///     lines,
///     "Component \"echo.localhost\"\n    component_secret = \"…the same secret…\"\n",
/// );
/// # Ok::<(), couplet::config::ServerError>(())
/// ```
pub fn prosody_snippet(domain: &str, server: &Server) -> String {
    let mut lines = String::new();
    match server {
        Server::Tcp { port, .. } => {
            if *port != DEFAULT_PORT {
                lines +=
                    &format!("component_ports = {{ {port} }}  -- above the first VirtualHost\n");
            }
            if !server.is_local() {
                lines += "component_interfaces = { \"*\" }  -- above the first VirtualHost; \
                          this connection is not encrypted, so only in a network you trust\n";
            }
        }
        // servers.md, 10: Prosody's component port has neither TLS nor unix sockets.
        Server::Tls { .. } | Server::Unix(_) => {
            lines += &format!(
                "-- Prosody accepts components over plain TCP only: set server = \"host:{DEFAULT_PORT}\"\n"
            );
        }
    }
    lines += &format!("Component \"{domain}\"\n    component_secret = \"{SECRET}\"\n");
    lines
}

/// Returns the lines for `ejabberd.yml` that add this component.
///
/// They set `global_routes: false`, because by default a component also gets the stanzas for the
/// listener's other domains (servers.md, 4).
///
/// # Examples
///
/// ```
/// let lines = couplet::error::ejabberd_snippet("echo.localhost", &"tls://10.0.0.7:5348".parse()?);
/// assert!(lines.contains("port: 5348") && lines.contains("tls: true"));
/// # Ok::<(), couplet::config::ServerError>(())
/// ```
pub fn ejabberd_snippet(domain: &str, server: &Server) -> String {
    let mut lines = "listen:\n  -\n".to_owned();
    match server {
        Server::Unix(path) => lines += &format!("    port: \"unix:{}\"\n", path.display()),
        Server::Tcp { host, port } | Server::Tls { host, port } => {
            let ip = match (server.is_local(), host.contains(':')) {
                (true, true) => "::1",
                (true, false) => "127.0.0.1",
                (false, _) => "::",
            };
            lines += &format!("    port: {port}\n    ip: \"{ip}\"\n");
        }
    }
    if matches!(server, Server::Tls { .. }) {
        lines += "    tls: true\n";
    }
    lines += &format!(
        "    module: ejabberd_service\n    access: all\n    global_routes: false\n    hosts:\n      \
         \"{domain}\":\n        password: \"{SECRET}\"\n"
    );
    lines
}

/// Returns the lines for the server's software, or for both if it is unknown, each under a heading
/// and indented.
pub(super) fn of(software: Option<Software>, domain: &str, server: &Server) -> String {
    match software {
        Some(Software::Prosody) => prosody(domain, server, ""),
        Some(Software::Ejabberd) => ejabberd(domain, server),
        None => format!(
            "{}{}",
            prosody(domain, server, ""),
            ejabberd(domain, server)
        ),
    }
}

/// Returns Prosody's lines under a heading, with `more` lines for the same section.
pub(super) fn prosody(domain: &str, server: &Server, more: &str) -> String {
    // Tried with Prosody 0.12.3: a reload applies a changed secret but starts no new component.
    format!(
        "\n\n  Prosody, in prosody.cfg.lua; then `prosodyctl reload` for a changed secret, \
         and for a new component\n  `prosodyctl shell host activate {domain}` or a restart:\n{}",
        indented(&format!("{}{more}", prosody_snippet(domain, server))),
    )
}

/// Returns ejabberd's lines under a heading.
pub(super) fn ejabberd(domain: &str, server: &Server) -> String {
    format!(
        "\n\n  ejabberd, in ejabberd.yml; then `ejabberdctl reload_config`:\n{}",
        indented(&ejabberd_snippet(domain, server)),
    )
}

fn indented(lines: &str) -> String {
    let lines: Vec<String> = lines.lines().map(|line| format!("    {line}")).collect();
    lines.join("\n")
}

#[cfg(test)]
mod tests {
    use super::{ejabberd_snippet, prosody_snippet};

    #[test]
    fn the_lines_for_prosody_have_a_port_and_an_interface_that_are_not_its_default() {
        let lines = prosody_snippet("echo.example", &"xmpp.example:5888".parse().unwrap());
        assert!(
            lines.starts_with("component_ports = { 5888 }  -- above"),
            "{lines}"
        );
        assert!(
            lines.contains("component_interfaces = { \"*\" }"),
            "{lines}"
        );
        let lines = prosody_snippet("echo.example", &"tls://xmpp.example".parse().unwrap());
        assert!(
            lines.starts_with("-- Prosody accepts components over plain TCP only"),
            "{lines}"
        );
    }

    #[test]
    fn the_lines_for_ejabberd_have_the_whole_listener() {
        assert_eq!(
            ejabberd_snippet("echo.localhost", &"[::1]:5348".parse().unwrap()),
            "listen:\n  -\n    port: 5348\n    ip: \"::1\"\n    module: ejabberd_service\n    \
             access: all\n    global_routes: false\n    hosts:\n      \"echo.localhost\":\n        \
             password: \"…the same secret…\"\n",
        );
        let lines = ejabberd_snippet("echo.localhost", &"unix:/run/c".parse().unwrap());
        assert!(
            lines.starts_with("listen:\n  -\n    port: \"unix:/run/c\"\n    module:"),
            "{lines}"
        );
    }
}
