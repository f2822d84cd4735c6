//! The configuration of Prosody, and a module of the tests.
//!
//! It loads few modules, so that a user's stanza passes few of them.

use super::Prosody;
use crate::setup::{Setup, quoted};

/// Returns the configuration file.
pub(super) fn text(server: &Prosody) -> String {
    let folder = quoted(&server.root.inside(server.folder.path()).to_string_lossy());
    let Prosody {
        client_port,
        component_port,
        setup,
        ..
    } = server;
    let mut config = format!(
        r#"run_as_root = true
local folder = {folder}
reload_folder = folder
data_path = folder .. "/data"
plugin_paths = {{ folder .. "/modules" }}
certificates = folder
interfaces = {{ "127.0.0.1" }}
component_interfaces = {{ "127.0.0.1" }}
c2s_ports = {{ {client_port} }}
component_ports = {{ {component_port} }}
modules_enabled = {{ "roster", "saslauth", "disco", "ping", "register_ibr", "reload" }}
modules_disabled = {{ "s2s", "offline" }}
authentication = "internal_plain"
storage = "internal"
c2s_require_encryption = false
allow_unencrypted_plain_auth = true
allow_registration = true
log = {{ info = "*console" }}
"#
    );
    let options = [
        (
            "component_stanza_size_limit",
            setup.stanza_limit.map(|bytes| bytes.to_string()),
        ),
        (
            "c2s_stanza_size_limit",
            setup.client_stanza_limit.map(|bytes| bytes.to_string()),
        ),
        ("network_settings", network(setup)),
    ];
    for (name, value) in options {
        config.extend(value.map(|value| format!("{name} = {value}\n")));
    }
    if let Some(own) = &setup.own_pubsub {
        config.push_str(&format!("admins = {{ {} }}\n", quoted(&own.creator)));
    }
    config.push_str("VirtualHost \"localhost\"\n");
    if setup.client_tls {
        let file = quoted(&server.root.inside(&server.certificate).to_string_lossy());
        config.push_str(&format!(
            "  modules_enabled = {{ \"tls\" }}\n  ssl = {{ key = {file}; certificate = {file} }}\n"
        ));
    }
    for (domain, secret) in &setup.components {
        let (domain, secret) = (quoted(domain), quoted(secret));
        config.push_str(&format!(
            "Component {domain}\n  component_secret = {secret}\n"
        ));
        if setup.kick_old {
            config.push_str("  component_conflict_resolve = \"kick_old\"\n");
        }
    }
    if let Some(own) = &setup.own_pubsub {
        config.push_str(&format!("Component {} \"pubsub\"\n", quoted(&own.domain)));
    }
    config
}

fn network(setup: &Setup) -> Option<String> {
    let timeout = setup.read_timeout;
    let timeout = timeout.map(|seconds| format!("read_timeout = {seconds}"));
    let prompt = setup.no_delay.then(|| "nagle = false".to_owned());
    let chunk = setup.send_chunk;
    let chunk = chunk.map(|bytes| format!("max_send_chunk = {bytes}"));
    let all: Vec<String> = timeout.into_iter().chain(prompt).chain(chunk).collect();
    (!all.is_empty()).then(|| format!("{{ {} }}", all.join("; ")))
}

/// Reloads a component when a file requests it: prosodyctl's shell needs a second and more modules.
pub(super) const MOD_RELOAD: &str = r#"
local modulemanager = require "core.modulemanager";
local folder = module:get_option_string("reload_folder");
module:add_timer(0.02, function ()
	local order = io.open(folder.."/reload");
	if order then
		local domain = order:read("*l");
		order:close();
		os.remove(folder.."/reload");
		local ok, err = modulemanager.reload(domain, "component");
		local answer = io.open(folder.."/answer", "w");
		answer:write(ok and "reloaded" or tostring(err));
		answer:close();
		os.rename(folder.."/answer", folder.."/reloaded");
	end
	return 0.02;
end);
"#;
