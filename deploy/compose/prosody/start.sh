#!/bin/bash
# Makes what is missing (a secret for each component, a password for alice) and becomes Prosody.
set -euo pipefail
umask 077

secret() {
    local file=/secrets/$1
    if [ ! -s "$file" ]; then
        head -c 24 /dev/urandom | base64 | tr '+/' '-_' > "$file"
        # The components of this compose file run as 10001.
        chown 10001:10001 "$file"
    fi
    cat "$file"
}

chmod 755 /secrets
# The environment is how a configuration of Prosody 0.12 reads a secret that it does not contain.
export ECHO_SECRET PUBSUB_SECRET
ECHO_SECRET=$(secret echo)
PUBSUB_SECRET=$(secret pubsub)
alice=$(secret alice)

chown -R prosody:prosody /var/lib/prosody
prosodyctl register alice localhost "$alice" >/dev/null
exec setpriv --reuid=prosody --regid=prosody --init-groups prosody -F
