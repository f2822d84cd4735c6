#!/bin/sh
# Installs the rig's peers at pinned versions, beside their sources; nothing outside this folder.
# Usage: benches/rig/install.sh [tokio-xmpp] [xmpp-js] [slixmpp]     (default: all of them)
#
# A package registry that does not carry @xmpp/component 0.14.0 is replaced by the project's own
# repository at the release's commit: XMPP_JS_GIT names it (an address or a local clone).
set -eu

here=$(cd "$(dirname "$0")" && pwd)
xmpp_js_git=${XMPP_JS_GIT:-https://github.com/xmppjs/xmpp.js}
xmpp_js_commit=147e4273aef6a3f0e795e8260c4397c0ecb6f50b # "v0.14.0"
failed=""

missing() {
    echo "install.sh: $1 needs $2 on the PATH; skipped" >&2
    failed="$failed $1"
}

install_tokio_xmpp() {
    command -v cargo >/dev/null || { missing tokio-xmpp cargo; return; }
    # Its own target directory: the rig looks for the binaries there whatever the caller's is.
    (cd "$here/peers/tokio-xmpp" && CARGO_TARGET_DIR="$here/peers/tokio-xmpp/target" \
        cargo build --release --locked)
}

# The release's packages from its repository, with their own three dependencies from the registry.
xmpp_js_from_git() {
    work=$(mktemp -d)
    git init -q --bare "$work/git"
    git --git-dir="$work/git" fetch -q --depth 1 "$xmpp_js_git" "$xmpp_js_commit"
    mkdir "$work/tree"
    git --git-dir="$work/git" archive "$xmpp_js_commit" packages | tar -x -C "$work/tree"
    (cd "$here/peers/xmpp-js" && npm install --silent --no-save --no-package-lock --no-audit \
        --no-fund --prefix "$work/deps" ltx@3.1.2 koa-compose@4.1.0 events@3.3.0)
    rm -rf "$here/peers/xmpp-js/node_modules"
    mv "$work/deps/node_modules" "$here/peers/xmpp-js/node_modules"
    mkdir -p "$here/peers/xmpp-js/node_modules/@xmpp"
    for package in component component-core connection connection-tcp error events id iq jid \
        middleware reconnect xml; do
        cp -R "$work/tree/packages/$package" "$here/peers/xmpp-js/node_modules/@xmpp/$package"
    done
    rm -rf "$work"
}

install_xmpp_js() {
    command -v node >/dev/null || { missing xmpp-js node; return; }
    command -v npm >/dev/null || { missing xmpp-js npm; return; }
    (cd "$here/peers/xmpp-js" && npm install --silent --no-audit --no-fund --no-package-lock) && return
    echo "install.sh: the registry has no @xmpp/component 0.14.0, taking it from $xmpp_js_git" >&2
    xmpp_js_from_git
}

install_slixmpp() {
    command -v python3 >/dev/null || { missing slixmpp python3; return; }
    python3 -m venv "$here/.venv"
    "$here/.venv/bin/pip" install --quiet -r "$here/peers/slixmpp/requirements.txt"
}

for peer in ${*:-tokio-xmpp xmpp-js slixmpp}; do
    case $peer in
        tokio-xmpp) install_tokio_xmpp ;;
        xmpp-js) install_xmpp_js ;;
        slixmpp) install_slixmpp ;;
        *) echo "install.sh: unknown peer $peer" >&2; exit 2 ;;
    esac
done

if [ -n "$failed" ]; then
    echo "install.sh: not installed:$failed" >&2
    exit 1
fi
