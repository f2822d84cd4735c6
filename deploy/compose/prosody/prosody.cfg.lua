-- A Prosody to try components with: one host, accounts over plain TCP on loopback.
-- Before others can reach it: certificates, and c2s_require_encryption = true.
modules_enabled = { "roster"; "saslauth"; "disco"; "ping"; "posix"; "tls" }
authentication = "internal_hashed"
c2s_require_encryption = false
data_path = "/var/lib/prosody"
-- Not info: each look at its health is a client, and the welcome would scroll away.
log = { warn = "*console" }

-- Only the network of the compose file reaches this port: it is plain text.
component_ports = { 5347 }
component_interfaces = { "*" }

VirtualHost "localhost"

Component "echo.localhost"
    component_secret = ENV_ECHO_SECRET

Component "pubsub.localhost"
    component_secret = ENV_PUBSUB_SECRET
