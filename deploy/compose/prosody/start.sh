#!/bin/bash
# Makes what is missing (secrets, a certificate, a password for alice) and becomes Prosody.
set -euo pipefail
. /common.sh

# The environment is how a configuration of Prosody 0.12 reads a secret that it does not contain.
export XMPP_HOST=${XMPP_HOST:-localhost} ECHO_SECRET PUBSUB_SECRET
ECHO_SECRET=$(secret echo)
PUBSUB_SECRET=$(secret pubsub)
alice=$(secret alice)
certificate "$XMPP_HOST" prosody

chown -R prosody:prosody /var/lib/prosody
prosodyctl register alice "$XMPP_HOST" "$alice" >/dev/null
exec setpriv --reuid=prosody --regid=prosody --init-groups prosody -F
