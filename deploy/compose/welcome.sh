#!/bin/sh
# What to do next, once everything is up.
cat <<TEXT

Prosody, echo and pubsub are up. Log in with any XMPP client:

    server    127.0.0.1, port ${C2S_PORT}, no TLS (this is a place to try things)
    account   alice@localhost
    password  $(cat /secrets/alice)

Write to bot@echo.localhost and it says it back. Publish-subscribe is at pubsub.localhost.
Next: deploy/README.md. To stop: Ctrl-C; to forget everything: docker compose -f deploy/compose.yaml down -v

TEXT
