#!/bin/bash
# Makes what is missing (the secret of the component, a password for alice) and runs ejabberd.
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
pubsub=$(secret pubsub)
alice=$(secret alice)
sed "s,@PUBSUB_SECRET@,$pubsub," /etc/ejabberd/template.yml > /etc/ejabberd/ejabberd.yml
mkdir -p /run/ejabberd
chown -R ejabberd:ejabberd /run/ejabberd /etc/ejabberd /var/lib/ejabberd /var/log/ejabberd

# The name of the Erlang node is kept in its database: it must not change with the container's.
export ERLANG_NODE=ejabberd@localhost HOME=/var/lib/ejabberd
as_ejabberd() { setpriv --reuid=ejabberd --regid=ejabberd --init-groups "$@"; }
rm -f /run/ready
as_ejabberd ejabberdctl foreground &
trap 'as_ejabberd ejabberdctl stop; wait' TERM INT
as_ejabberd ejabberdctl started
as_ejabberd ejabberdctl check_account alice localhost >/dev/null 2>&1 \
    || as_ejabberd ejabberdctl register alice localhost "$alice" >/dev/null
touch /run/ready
wait
