#!/usr/bin/env bash
# Installs Debian packages that are missing, without starting the services they bring.
#
#   deploy/packages.sh prosody ejabberd ...
#
# Servers that were here before are left alone, running or not.
set -euo pipefail

missing=()
for package in "$@"; do
    dpkg-query -W -f='${Status}' "$package" 2>/dev/null | grep -q 'ok installed' || missing+=("$package")
done
[ ${#missing[@]} -gt 0 ] || exit 0

if ! command -v apt-get >/dev/null; then
    echo "This is no Debian or Ubuntu: please install these yourself, then run this again: ${missing[*]}" >&2
    exit 1
fi
as_root=()
if [ "$(id -u)" != 0 ]; then
    if ! command -v sudo >/dev/null; then
        echo "Please install these as root, then run this again: apt-get install ${missing[*]}" >&2
        exit 1
    fi
    as_root=(sudo)
    # Without a terminal sudo must not ask.
    [ -e /dev/tty ] && (: </dev/tty) 2>/dev/null || as_root=(sudo -n)
fi

# Debian starts a service as soon as it is installed, unless policy-rc.d says 101. The tests start
# servers of their own; one on the usual ports is nothing that anybody asked for.
policy=/usr/sbin/policy-rc.d
if [ ! -e "$policy" ]; then
    trap '"${as_root[@]}" rm -f "$policy"' EXIT
    printf '#!/bin/sh\nexit 101\n' | "${as_root[@]}" tee "$policy" >/dev/null
    "${as_root[@]}" chmod 755 "$policy"
fi

apt() {
    "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive \
        apt-get -qq -o Dpkg::Use-Pty=0 -o DPkg::Lock::Timeout=120 -o Acquire::Retries=3 "$@" \
        </dev/null >/dev/null
}
echo "installing: ${missing[*]}" >&2
# The lists may be missing or old; only then is fetching them worth the time.
apt install -y --no-install-recommends "${missing[@]}" 2>/dev/null || {
    apt update
    apt install -y --no-install-recommends "${missing[@]}"
}

# Nor shall they come up at the next boot.
if [ -d /run/systemd/system ]; then
    for package in "${missing[@]}"; do
        case "$package" in
            prosody | ejabberd | postgresql | prometheus) "${as_root[@]}" systemctl --quiet disable "$package.service" >&2 || true ;;
        esac
    done
fi
