-- For the end of Prosody's prosody.cfg.lua. Then: prosodyctl check config, and a restart.
--
-- Prosody listens for components at port 5347 of loopback, and that is the place for it: XEP-0114 is
-- plain text, and who knows the secret speaks for the whole domain. To move it, set component_ports and
-- component_interfaces above the first VirtualHost; below one they change nothing.
--
-- Where the server has no VirtualHost "example.org", `disco_items = { { "echo.example.org" } }` above the first
-- VirtualHost has its users find the component, and prosodyctl no longer calls it unreferenced.
--
-- The secret is worth more than a password: `openssl rand -hex 32` makes one.

Component "echo.example.org"
    component_secret = "the same secret"

Component "pubsub.example.org"
    component_secret = "another secret"
