#!/usr/bin/env bash
# The public images that ours are built from. Where no registry of images can be reached, ones of the
# same names are made: Debian by debootstrap, Rust from that and the toolchain of this machine.
#
#   deploy/base-images.sh
set -euo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
debian=debian:bookworm-slim
rust=rust:1-slim-bookworm

has() {
    docker image inspect "$1" >/dev/null 2>&1 || timeout 120 docker pull --quiet "$1" >/dev/null 2>&1
}

work=$(mktemp -d "${TMPDIR:-/tmp}/couplet-base.XXXXXX")
trap 'rm -rf "$work"' EXIT

if ! has $debian; then
    echo "no registry of images: making $debian with debootstrap" >&2
    "$root/deploy/packages.sh" debootstrap ca-certificates
    debootstrap --variant=minbase --include=ca-certificates bookworm "$work/debian" >/dev/null
    # What this machine trusts, the containers trust: a mirror may sign with an authority of its own.
    cp /etc/ssl/certs/ca-certificates.crt "$work/debian/etc/ssl/certs/ca-certificates.crt"
    tar -C "$work/debian" --exclude='./var/cache/apt/archives/*.deb' --exclude='./var/lib/apt/lists/*' -c . \
        | docker import --change 'CMD ["bash"]' - $debian >/dev/null
    rm -rf "$work/debian"
fi

if ! has $rust; then
    echo "no registry of images: making $rust from the toolchain of this machine" >&2
    toolchain=$(rustc --print sysroot)
    host=$(rustc -vV | sed -n 's/^host: //p')
    mkdir -p "$work/rust/lib/rustlib"
    cp -a "$toolchain/bin" "$work/rust/"
    find "$toolchain/lib" -maxdepth 1 -type f -exec cp -a {} "$work/rust/lib/" \;
    cp -a "$toolchain/lib/rustlib/$host" "$work/rust/lib/rustlib/"
    cp /etc/ssl/certs/ca-certificates.crt "$work/authorities.crt"
    cat >"$work/Containerfile" <<FILE
FROM $debian
RUN apt-get update && apt-get install -y --no-install-recommends gcc libc6-dev ca-certificates && rm -rf /var/lib/apt/lists/*
COPY authorities.crt /etc/ssl/certs/ca-certificates.crt
COPY rust /usr/local
ENV CARGO_HOME=/usr/local/cargo SSL_CERT_FILE=/etc/ssl/certs/ca-certificates.crt
FILE
    docker build --quiet -f "$work/Containerfile" -t $rust "$work" >/dev/null
fi
