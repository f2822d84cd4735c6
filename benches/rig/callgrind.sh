#!/bin/sh
# User-space instructions of a component per stanza: the difference of two run lengths, so that
# start, handshake and end fall out. Independent of the machine's load and speed.
# Usage: benches/rig/callgrind.sh [--count N] [--window N] [--senders N] [--at-most INSTRUCTIONS]
#            [--kinds messages,pings] [PROGRAM [ARGUMENT ...]]
# PROGRAM defaults to target/release/echo; its answers are checked as in every run of the rig.
# Exits with 1 if a kind takes more than --at-most.
set -eu

here=$(cd "$(dirname "$0")" && pwd)
target=${CARGO_TARGET_DIR:-$here/../../target}
count=20000
window=1024
senders=64
at_most=""
kinds=messages,pings
while [ $# -gt 0 ]; do
    case $1 in
        --count) count=$2; shift 2 ;;
        --window) window=$2; shift 2 ;;
        --senders) senders=$2; shift 2 ;;
        --at-most) at_most=$2; shift 2 ;;
        --kinds) kinds=$2; shift 2 ;;
        --*) echo "callgrind.sh: unknown option $1" >&2; exit 2 ;;
        *) break ;;
    esac
done
[ $# -gt 0 ] || set -- "$target/release/echo"

command -v valgrind >/dev/null || { echo "callgrind.sh: needs valgrind on the PATH" >&2; exit 2; }
(cd "$here" && cargo build --quiet --locked --release -p rig --bin rig)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# instructions KIND COUNT PROGRAM...
instructions() {
    kind=$1
    n=$2
    shift 2
    out=$work/$kind-$n
    "$target/release/rig" drive --count "$n" --kind "$kind" --window "$window" --senders "$senders" \
        "callgrind=valgrind --tool=callgrind --callgrind-out-file=$out $*" >&2
    sed -n 's/^\(totals\|summary\): *\([0-9]*\).*/\2/p' "$out" | tail -n 1
}

over=0
for kind in $(echo "$kinds" | tr , ' '); do
    one=$(instructions "$kind" "$count" "$@")
    two=$(instructions "$kind" $((2 * count)) "$@")
    each=$(((two - one) / count))
    echo "$kind: $each instructions a stanza (of $count; $one and $two in all)"
    if [ -n "$at_most" ] && [ "$each" -gt "$at_most" ]; then
        echo "$kind: more than the $at_most allowed" >&2
        over=1
    fi
done
exit $over
