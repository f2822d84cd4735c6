#!/bin/sh
# What one stanza costs a component, the whole way from the socket and back: its user-space
# instructions or its heap allocations, counted by valgrind. The difference of two run lengths, so
# that start, handshake and end fall out; independent of the machine's load and speed.
# Usage: benches/rig/count.sh instructions|allocations [--kinds messages,pings,disco,rich] [--count N]
#            [--window N] [--senders N] [--at-most N] [PROGRAM [ARGUMENT ...]]
# PROGRAM defaults to target/release/echo; its answers are checked as in every run of the rig.
# Exits with 1 if a kind takes more than --at-most.
set -eu

here=$(cd "$(dirname "$0")" && pwd)
target=${CARGO_TARGET_DIR:-$here/../../target}
what=${1:-}
case $what in
    instructions) kinds=messages,pings count=20000 ;;
    # Counting them is slow, and they hardly vary.
    allocations) kinds=messages,pings,disco count=2000 ;;
    *) echo "count.sh: instructions or allocations?" >&2; exit 2 ;;
esac
shift
window=1024
senders=64
at_most=""
while [ $# -gt 0 ]; do
    case $1 in
        --kinds) kinds=$2; shift 2 ;;
        --count) count=$2; shift 2 ;;
        --window) window=$2; shift 2 ;;
        --senders) senders=$2; shift 2 ;;
        --at-most) at_most=$2; shift 2 ;;
        --*) echo "count.sh: unknown option $1" >&2; exit 2 ;;
        *) break ;;
    esac
done
[ $# -gt 0 ] || set -- "$target/release/echo"

command -v valgrind >/dev/null || { echo "count.sh: needs valgrind on the PATH" >&2; exit 2; }
(cd "$here" && cargo build --quiet --locked --release -p rig --bin rig)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# in_all KIND COUNT PROGRAM...
in_all() {
    kind=$1
    n=$2
    shift 2
    out=$work/$kind-$n
    case $what in
        instructions) tool="--tool=callgrind --callgrind-out-file=$out" ;;
        allocations) tool="--tool=memcheck --leak-check=no --log-file=$out" ;;
    esac
    "$target/release/rig" drive --count "$n" --kind "$kind" --window "$window" --senders "$senders" \
        "counted=valgrind $tool $*" >&2
    case $what in
        instructions) sed -n 's/^\(totals\|summary\): *\([0-9]*\).*/\2/p' "$out" | tail -n 1 ;;
        allocations) sed -n 's/.*total heap usage: \([0-9,]*\) allocs.*/\1/p' "$out" | tr -d , ;;
    esac
}

over=0
for kind in $(echo "$kinds" | tr , ' '); do
    one=$(in_all "$kind" "$count" "$@")
    two=$(in_all "$kind" $((2 * count)) "$@")
    # Rounded: a buffer that grows once in a run is no cost of a stanza.
    each=$(((two - one + count / 2) / count))
    echo "$kind: $each $what a stanza (of $count; $one and $two in all)"
    if [ -n "$at_most" ] && [ "$each" -gt "$at_most" ]; then
        echo "$kind: more than the $at_most allowed" >&2
        over=1
    fi
done
exit $over
