#!/bin/bash
# Makes what is missing (the secret of the component, a certificate, a password for alice) and runs ejabberd.
set -euo pipefail
. /common.sh

host=${XMPP_HOST:-localhost}
pubsub=$(secret pubsub)
alice=$(secret alice)
certificate "$host" ejabberd
(umask 077 && sed "s,@PUBSUB_SECRET@,$pubsub,; s,@HOST@,$host," /etc/ejabberd/template.yml >/etc/ejabberd/ejabberd.yml)
mkdir -p /run/ejabberd
chown -R ejabberd:ejabberd /run/ejabberd /etc/ejabberd /var/lib/ejabberd /var/log/ejabberd

# The name of the Erlang node is kept in its database: it must not change with the container's.
export ERLANG_NODE=ejabberd@localhost HOME=/var/lib/ejabberd
as_ejabberd() { setpriv --reuid=ejabberd --regid=ejabberd --init-groups "$@"; }
rm -f /run/ready
as_ejabberd ejabberdctl foreground &
trap 'as_ejabberd ejabberdctl stop; wait' TERM INT
as_ejabberd ejabberdctl started
as_ejabberd ejabberdctl check_account alice "$host" >/dev/null || as_ejabberd ejabberdctl register alice "$host" "$alice"
touch /run/ready
wait
