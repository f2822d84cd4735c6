#!/usr/bin/env bash
# Installs what the tests need and this machine lacks: Prosody, ejabberd, PostgreSQL, promtool, a C
# compiler for ring, in a root directory the servers of Debian 13, and in tests/.venv slixmpp, aioxmpp
# and what judges the files in deploy/. Run it as often as you like; with everything there it takes a
# moment.
set -euo pipefail
cd "$(dirname "$0")/.."

slixmpp=1.17.0
aioxmpp=0.13.3
pytz=2026.6 # aioxmpp needs it and does not say so
kubernetes_validate=1.37.0
kustomize_version=4.5.7 # the last one that the Go of Debian 12 can build

wanted=()
command -v prosody >/dev/null || wanted+=(prosody)
[ -x /usr/sbin/ejabberdctl ] || command -v ejabberdctl >/dev/null || wanted+=(ejabberd)
command -v cc >/dev/null || wanted+=(gcc libc6-dev)
# The server's programs; Debian would also make a cluster and start it.
compgen -G '/usr/lib/postgresql/*/bin/postgres' >/dev/null || command -v initdb >/dev/null || wanted+=(postgresql)
# promtool, which judges the page of metrics and the alert rules.
command -v promtool >/dev/null || wanted+=(prometheus)
# A wall clock that a test can set.
compgen -G '/usr/lib/*/faketime/libfaketimeMT.so.1' >/dev/null || wanted+=(libfaketime)
[ -e /etc/ssl/certs/ca-certificates.crt ] || wanted+=(ca-certificates)
# What judges the units, where it is not part of the system.
command -v systemd-analyze >/dev/null || wanted+=(systemd)
command -v xz >/dev/null || wanted+=(xz-utils)
# kustomize comes inside kubectl; the one of Debian 12 is too old, so it is built.
kustomize=tests/.venv/bin/kustomize
if kubectl version --client 2>/dev/null | grep -q 'Kustomize Version: v[5-9]'; then
    kustomize=""
elif [ ! -x $kustomize ]; then
    command -v go >/dev/null || wanted+=(golang-go)
fi
python3 -c 'import venv, ensurepip' 2>/dev/null || wanted+=(python3-venv)
[ ${#wanted[@]} -eq 0 ] || deploy/packages.sh "${wanted[@]}"

# Prosody 13.0 and ejabberd 24.12, beside those installed here.
tests/debian13.sh
# Makes the Debian packages of a release. Unoptimised: it builds in a third of the time, and xz does its work.
if ! cargo deb --version >/dev/null 2>&1; then
    echo "installing: cargo-deb" >&2
    CARGO_PROFILE_DEV_DEBUG=0 CARGO_TARGET_DIR="${CARGO_TARGET_DIR:-target}/cargo-deb" \
        cargo install cargo-deb --version "^3.8" --locked --debug --quiet
fi

python=tests/.venv/bin/python
installed() {
    [ -x $python ] && $python -c 'import slixmpp, importlib.metadata as m; print(m.version("slixmpp"))' 2>/dev/null
}
if [ "$(installed)" != "$slixmpp" ]; then
    echo "installing: slixmpp $slixmpp in tests/.venv" >&2
    python3 -m venv --clear tests/.venv
    $python -m pip install --quiet --disable-pip-version-check "slixmpp==$slixmpp" </dev/null >&2
fi
if ! $python -c "import aioxmpp, importlib.metadata as m; assert m.version('aioxmpp') == '$aioxmpp'" 2>/dev/null; then
    echo "installing: aioxmpp $aioxmpp in tests/.venv" >&2
    $python -m pip install --quiet --disable-pip-version-check "aioxmpp==$aioxmpp" "pytz==$pytz" </dev/null >&2
fi
if ! $python -c "import importlib.metadata as m; assert m.version('kubernetes-validate') == '$kubernetes_validate'" 2>/dev/null; then
    echo "installing: kubernetes-validate $kubernetes_validate in tests/.venv" >&2
    $python -m pip install --quiet --disable-pip-version-check "kubernetes-validate==$kubernetes_validate" </dev/null >&2
fi
if [ -n "$kustomize" ] && [ ! -x $kustomize ]; then
    echo "installing: kustomize $kustomize_version in tests/.venv" >&2
    GOFLAGS=-modcacherw GOBIN="$PWD/tests/.venv/bin" go install "sigs.k8s.io/kustomize/kustomize/v4@v$kustomize_version"
fi
