#!/usr/bin/env bash
# Everything that a release consists of, in one folder: for each target an archive with static binaries,
# manual pages, completions and units, and Debian packages of the same; the sums of all of them, and crates
# that cargo would publish.
#
#   deploy/release.sh                                    # x86_64 and aarch64 Linux, into target/release-files
#   deploy/release.sh --out DIR x86_64-unknown-linux-gnu
#   deploy/release.sh --built DIR --out DIR              # packs the binaries that are there already
#   deploy/release.sh --check                            # only compiles the crates as cargo would publish them
#
# A target whose standard library or linker cannot be had is left out, and named at the end (exit code 3).
set -euo pipefail
cd "$(dirname "$0")/.."
root=$PWD
programs=(couplet echo pubsub)
host=$(rustc -vV | sed -n 's/^host: //p')
target_dir="${CARGO_TARGET_DIR:-target}"
out="$target_dir/release-files"
built=""
is_check=""
targets=()
while [ $# -gt 0 ]; do
    case "$1" in
        --out) out=$2 && shift 2 ;;
        --built) built=$2 && shift 2 ;;
        --check) is_check=yes && shift ;;
        -*) sed -n '2,11s/^# \{0,1\}//p' "$0" && exit 2 ;;
        *) targets+=("$1") && shift ;;
    esac
done

work=$(mktemp -d "${TMPDIR:-/tmp}/couplet-release.XXXXXX")
trap 'rm -rf "$work"' EXIT

# What is published as a crate has to stand by itself, without the folders around it. In a folder that
# never was before: of a version that it has compiled in one, cargo would take what it made then.
publishable() {
    local unpacked
    CARGO_INCREMENTAL=0 CARGO_PROFILE_DEV_DEBUG=0 \
        cargo publish --workspace --dry-run --locked --target-dir "$work/publish"
    # Since it began, and from no registry: nobody needs that again.
    for unpacked in "${CARGO_HOME:-$HOME/.cargo}/registry/src/-"*; do
        [ ! "$unpacked" -nt "$work/publish/CACHEDIR.TAG" ] || rm -rf "$unpacked"
    done
    rm -rf "$work/publish"
}
if [ -n "$is_check" ]; then
    publishable
    exit
fi
[ -z "$built" ] || targets=("$host")
[ ${#targets[@]} -gt 0 ] || targets=(x86_64-unknown-linux-gnu aarch64-unknown-linux-gnu)
version=$(cargo metadata --no-deps --offline --format-version 1 \
    | grep -o '"name":"couplet","version":"[^"]*"' | cut -d '"' -f 8)
# The same sources give the same archive, on any day.
SOURCE_DATE_EPOCH=${SOURCE_DATE_EPOCH:-$(git log -1 --format=%ct 2>/dev/null || echo 0)}
export SOURCE_DATE_EPOCH
mkdir -p "$out"
out=$(cd "$out" && pwd)

# ready TARGET: its standard library and a C compiler that links for it.
ready() {
    local machine=${1%%-*}
    if ! [ -d "$(rustc --print sysroot)/lib/rustlib/$1" ]; then
        command -v rustup >/dev/null && rustup target add "$1" >&2 || return 1
    fi
    [ "$1" != "$host" ] || return 0
    command -v "$machine-linux-gnu-gcc" >/dev/null \
        || deploy/packages.sh "gcc-${machine//_/-}-linux-gnu" "libc6-dev-$([ "$machine" = aarch64 ] && echo arm64 || echo "$machine")-cross" \
        || return 1
    local name=${1//-/_}
    export "CC_$name=$machine-linux-gnu-gcc" "AR_$name=$machine-linux-gnu-ar"
    export "CARGO_TARGET_$(echo "$name" | tr '[:lower:]' '[:upper:]')_LINKER=$machine-linux-gnu-gcc"
}

# glibc, linked in: since 2.34 it resolves names from files and DNS without loading anything.
build() {
    RUSTFLAGS="-C target-feature=+crt-static --remap-path-prefix=$root=. --remap-path-prefix=${CARGO_HOME:-$HOME/.cargo}=cargo" \
        cargo build --locked --release --target "$1" --target-dir "$target_dir" \
        -p couplet-cli -p echo -p pubsub --features echo/ops,pubsub/ops
}

is_static() {
    ! LC_ALL=C readelf --program-headers "$1" | grep -q INTERP
}

# papers PROGRAM: the pages and completions, by a couplet that runs on this machine.
papers() {
    mkdir -p "$work/share/man/man1" "$work/share/bash-completion/completions" \
        "$work/share/zsh/site-functions" "$work/share/fish/vendor_completions.d"
    "$1" man --output "$work/share/man/man1"
    "$1" completions bash >"$work/share/bash-completion/completions/couplet"
    "$1" completions zsh >"$work/share/zsh/site-functions/_couplet"
    "$1" completions fish >"$work/share/fish/vendor_completions.d/couplet.fish"
    gzip -9n "$work/share/man/man1/"*.1
}

# pack TARGET FOLDER
pack() {
    local name="couplet-$version-$1" program
    mkdir -p "$work/$name/bin" "$work/$name/share" "$work/$name/systemd"
    for program in "${programs[@]}"; do
        install -m 755 "$2/$program" "$work/$name/bin/$program"
    done
    cp -R "$work/share/." "$work/$name/share/"
    cp deploy/systemd/*.service "$work/$name/systemd/"
    cp README.md CHANGELOG.md LICENSE-MIT LICENSE-APACHE "$work/$name/"
    tar -C "$work" --sort=name --mtime="@$SOURCE_DATE_EPOCH" --owner=0 --group=0 --numeric-owner -c "$name" \
        | gzip -9n >"$out/$name.tar.gz"
    rm -rf "${work:?}/$name"
    echo "$out/$name.tar.gz"
}

# packages TARGET FOLDER: couplet, couplet-echo and couplet-pubsub for Debian and what is made of it.
packages() {
    local staged="$work/debian" name
    local place="$staged/$1/release"
    cargo deb --version >/dev/null 2>&1 || cargo install --quiet --locked --debug cargo-deb >&2
    mkdir -p "$place"
    cp -R "$work/share" "$place/"
    for name in "${programs[@]}"; do
        install -m 755 "$2/$name" "$place/$name"
    done
    for name in echo pubsub; do
        # Beside the programs of the system, the names of both are taken.
        sed -e "s,/usr/local/lib/couplet/$name,/usr/bin/couplet-$name," -e "1s,.*,# The service of couplet-$name.," \
            "deploy/systemd/$name.service" >"$place/couplet-$name.service"
    done
    for name in couplet-cli echo pubsub; do
        CARGO_TARGET_DIR=$staged cargo deb --quiet --compress-system --no-build --no-strip --offline --locked --target "$1" -p "$name" --output "$out/"
    done
    rm -rf "$staged"
}

left_out=()
for target in "${targets[@]}"; do
    if [ -n "$built" ]; then
        folder=$built
    elif ready "$target"; then
        build "$target"
        folder="$target_dir/$target/release"
        for program in "${programs[@]}"; do
            is_static "$folder/$program" || { echo "$folder/$program is not static" >&2 && exit 1; }
        done
    else
        left_out+=("$target")
        continue
    fi
    if [ ! -d "$work/share" ]; then
        if [ "$target" = "$host" ]; then
            papers "$folder/couplet"
        else
            cargo build --locked -p couplet-cli --target-dir "$target_dir"
            papers "$target_dir/debug/couplet"
        fi
    fi
    pack "$target" "$folder"
    packages "$target" "$folder"
done
(cd "$out" && sha256sum couplet-"$version"-*.tar.gz couplet*_"$version"-*.deb >SHA256SUMS)

[ -n "$built" ] || publishable
if [ ${#left_out[@]} -gt 0 ]; then
    echo "left out, because no standard library or no linker could be had: ${left_out[*]}" >&2
    exit 3
fi
