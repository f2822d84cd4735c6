#!/usr/bin/env bash
# Installs what the tests need and this machine lacks: Prosody, ejabberd, promtool, a C compiler for
# ring, and slixmpp in tests/.venv. Run it as often as you like; with everything there it takes a moment.
set -euo pipefail
cd "$(dirname "$0")/.."

slixmpp=1.17.0

wanted=()
command -v prosody >/dev/null || wanted+=(prosody)
[ -x /usr/sbin/ejabberdctl ] || command -v ejabberdctl >/dev/null || wanted+=(ejabberd)
command -v cc >/dev/null || wanted+=(gcc libc6-dev)
# promtool, which judges the page of metrics and the alert rules.
command -v promtool >/dev/null || wanted+=(prometheus)
[ -e /etc/ssl/certs/ca-certificates.crt ] || wanted+=(ca-certificates)
python3 -c 'import venv, ensurepip' 2>/dev/null || wanted+=(python3-venv)
[ ${#wanted[@]} -eq 0 ] || deploy/packages.sh "${wanted[@]}"

python=tests/.venv/bin/python
installed() {
    [ -x $python ] && $python -c 'import slixmpp, importlib.metadata as m; print(m.version("slixmpp"))' 2>/dev/null
}
if [ "$(installed)" != "$slixmpp" ]; then
    echo "installing: slixmpp $slixmpp in tests/.venv" >&2
    python3 -m venv --clear tests/.venv
    $python -m pip install --quiet --disable-pip-version-check "slixmpp==$slixmpp" </dev/null >&2
fi
