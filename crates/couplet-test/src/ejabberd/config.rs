//! The configuration of ejabberd.
//!
//! It loads few modules, so that a user's stanza passes few of them.

use super::Ejabberd;
use crate::setup::quoted;

/// Returns the configuration file.
pub(super) fn text(server: &Ejabberd) -> String {
    let limit = |bytes: Option<usize>| {
        bytes
            .map(|bytes| format!("    max_stanza_size: {bytes}\n"))
            .unwrap_or_default()
    };
    let certificate = quoted(&server.root.inside(&server.certificate).to_string_lossy());
    let own_pubsub = own_pubsub(server);
    let privilege = match server.setup.mod_privilege {
        true => "  mod_privilege: {}\n",
        false => "",
    };
    let mut config = format!(
        r#"hosts: ["localhost"]
loglevel: info
certfiles: [{certificate}]
auth_method: internal
auth_password_format: plain
registration_timeout: infinity
s2s_access: none
modules:
  mod_disco: {{}}
  mod_ping: {{}}
  mod_roster: {{}}
  mod_register: {{ip_access: all, access: all}}
{privilege}{own_pubsub}listen:
  - port: {}
    ip: "127.0.0.1"
    module: ejabberd_c2s
    starttls: {}
{}"#,
        server.client_port,
        server.setup.client_tls,
        limit(server.setup.client_stanza_limit)
    );
    // A component listener without its own certificate file offers no certificate.
    let tls = format!("\n    tls: true\n    certfile: {certificate}");
    let tcp = |port, extra: &str| format!("port: {port}\n    ip: \"127.0.0.1\"{extra}");
    let listeners = [
        Some(tcp(server.component_port, "")),
        server.setup.tls.then(|| tcp(server.tls_port, &tls)),
        server
            .unix_path()
            .map(|socket| server.root.inside(&socket))
            .map(|socket| format!("port: {}", quoted(&format!("unix:{}", socket.display())))),
    ];
    for listener in listeners.into_iter().flatten() {
        config.push_str(&format!(
            "  - {listener}\n    module: ejabberd_service\n    access: {}\n    global_routes: {}\n{}{}",
            if server.setup.access_none { "none" } else { "all" },
            server.setup.global_routes,
            limit(server.setup.stanza_limit),
            secrets(server)
        ));
    }
    config
}

/// Returns the domains of a component listener, each with its secret.
fn secrets(server: &Ejabberd) -> String {
    let components = &server.setup.components;
    if let (true, Some((_, secret))) = (server.setup.password_without_hosts, components.first()) {
        return format!("    password: {}\n", quoted(secret));
    }
    let mut lines = "    hosts:\n".to_owned();
    for (domain, secret) in components {
        let (domain, secret) = (quoted(domain), quoted(secret));
        lines.push_str(&format!("      {domain}: {{password: {secret}}}\n"));
    }
    lines
}

/// Returns the last of the modules, and the rules it needs, which may stand anywhere.
fn own_pubsub(server: &Ejabberd) -> String {
    let Some(own) = &server.setup.own_pubsub else {
        return String::new();
    };
    let (domain, creator) = (quoted(&own.domain), quoted(&own.creator));
    format!(
        "  mod_pubsub: {{host: {domain}, access_createnode: creators, plugins: [flat]}}\n\
         acl: {{creator: {{user: {creator}}}}}\naccess_rules: {{creators: {{allow: creator}}}}\n"
    )
}
