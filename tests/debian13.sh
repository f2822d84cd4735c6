#!/usr/bin/env bash
# Makes a root directory with the servers of Debian 13 (Prosody 13.0 and ejabberd 24.12), which tests run
# beside those of this machine. Takes two minutes and 600 MB, once; with the root there it takes a moment,
# and an interrupted run is resumed.
#
#   tests/debian13.sh
#
# COUPLET_TRIXIE names another place than /var/cache/couplet/trixie, for this script and for the tests.
# Packages come from the mirror that apt uses here, or from COUPLET_DEBIAN_MIRROR.
set -euo pipefail
cd "$(dirname "$0")/.."

root=${COUPLET_TRIXIE:-/var/cache/couplet/trixie}
packages=(ejabberd prosody prosody-modules lua-unbound openssl)
stamp=etc/couplet-packages

[ "$(cat "$root/$stamp" 2>/dev/null)" != "${packages[*]}" ] || exit 0

if ! command -v apt-get >/dev/null; then
    echo "This is not Debian or Ubuntu: make a root of Debian 13 at $root yourself, with these packages: ${packages[*]}" >&2
    exit 1
fi
# debootstrap and chroot are for root only.
if [ "$(id -u)" != 0 ]; then
    if ! command -v sudo >/dev/null; then
        echo "Please run this as root: $0" >&2
        exit 1
    fi
    exec sudo COUPLET_TRIXIE="$root" COUPLET_DEBIAN_MIRROR="${COUPLET_DEBIAN_MIRROR:-}" "$0"
fi
deploy/packages.sh debootstrap debian-archive-keyring

# Of two runs at once the second waits, and finds the root.
mkdir -p "$(dirname "$root")"
exec 9>"$root.lock"
flock 9
[ "$(cat "$root/$stamp" 2>/dev/null)" != "${packages[*]}" ] || exit 0

mirror=${COUPLET_DEBIAN_MIRROR:-$(apt-get indextargets --format '$(REPO_URI)' \
    'Created-By: Packages' 'Origin: Debian' 'Component: main' | grep '/debian/*$' | head -n 1 || true)}
mirror=${mirror:-http://deb.debian.org/debian}
eval "$(apt-config shell http_proxy Acquire::http::Proxy https_proxy Acquire::https::Proxy)"
export http_proxy=${http_proxy:-} https_proxy=${https_proxy:-}

# Under another name until it is complete.
partial=$root.partial
if [ -d "$root" ]; then
    rm -rf "$partial"
    mv "$root" "$partial"
fi
# debootstrap removes its own directory when it has finished.
if [ ! -e "$partial/etc/debian_version" ] || [ -e "$partial/debootstrap" ]; then
    rm -rf "$partial"
    echo "installing: Debian 13 in $root, from $mirror" >&2
    debootstrap --variant=minbase trixie "$partial" "$mirror" </dev/null >"$root.log" 2>&1 || {
        tail -n 20 "$root.log" >&2
        exit 1
    }
fi

# The servers do not start when they are installed: the tests start them.
printf '#!/bin/sh\nexit 101\n' >"$partial/usr/sbin/policy-rc.d"
chmod 755 "$partial/usr/sbin/policy-rc.d"
echo "installing in $root: ${packages[*]}" >&2
in_root() {
    chroot "$partial" env -i DEBIAN_FRONTEND=noninteractive HOME=/root LC_ALL=C.UTF-8 \
        PATH=/usr/sbin:/usr/bin:/sbin:/bin http_proxy="$http_proxy" https_proxy="$https_proxy" "$@" </dev/null
}
{
    in_root dpkg --configure -a &&
        in_root apt-get -qq -o Acquire::Retries=3 update &&
        in_root apt-get -qq -o Acquire::Retries=3 install -y --no-install-recommends "${packages[@]}" &&
        in_root apt-get clean
} >"$root.log" 2>&1 || {
    tail -n 20 "$root.log" >&2
    exit 1
}
rm -rf "$partial"/var/lib/apt/lists/*
# Each test has a directory of its own here.
chmod 1777 "$partial/tmp"
echo "${packages[*]}" >"$partial/$stamp"
mv "$partial" "$root"
rm -f "$root.log"
