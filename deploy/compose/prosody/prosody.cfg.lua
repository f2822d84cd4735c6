-- A Prosody to try components with: one host, whose users log in over TLS.
modules_enabled = { "roster"; "saslauth"; "disco"; "ping"; "posix"; "tls" }
authentication = "internal_hashed"
c2s_require_encryption = true
-- The pair that start.sh puts there: made by it, or your own.
ssl = { certificate = "/etc/xmpp-tls/fullchain.pem"; key = "/etc/xmpp-tls/privkey.pem" }
data_path = "/var/lib/prosody"
log = { warn = "*console" }

-- Only the network of the compose file reaches this port: it is plain text.
component_ports = { 5347 }
component_interfaces = { "*" }

VirtualHost (ENV_XMPP_HOST)

Component ("echo." .. ENV_XMPP_HOST)
    component_secret = ENV_ECHO_SECRET

Component ("pubsub." .. ENV_XMPP_HOST)
    component_secret = ENV_PUBSUB_SECRET
