#!/bin/sh
# Prints what to do next, once everything is up: welcome.sh SERVICE PROGRAMS
host=$XMPP_HOST
compose="docker compose -f deploy/compose.yaml"
[ "$1" = prosody ] || compose="$compose --profile postgres"
cat <<TEXT

$2 are up. An XMPP client on this machine logs in over TLS with

    account   alice@$host
    password  $(cat /secrets/alice)
    server    127.0.0.1, port $C2S_PORT

profanity:      /connect alice@$host server 127.0.0.1 port $C2S_PORT tls trust
other clients:  accept the certificate, or trust the CA that was made at the first start:
                $compose exec -T $1 cat /certificates/ca.pem > ca.pem

TEXT
[ "$1" != prosody ] || echo "Write to bot@echo.$host and it says it back. Publish-subscribe is at pubsub.$host."
[ "$1" = prosody ] || echo "Publish-subscribe is at pubsub.$host, by two instances on one PostgreSQL."
cat <<TEXT
Next: deploy/README.md. To stop: Ctrl-C; to delete everything: $compose down -v

TEXT
