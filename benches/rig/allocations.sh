#!/bin/sh
# Heap allocations of a component per stanza, the whole way from the socket and back: the difference
# of two run lengths, counted by valgrind. The same on every machine.
# Usage: benches/rig/allocations.sh [--kinds messages,pings,disco] [--at-most N] [PROGRAM [ARGUMENT ...]]
# PROGRAM defaults to target/release/echo. Exits with 1 if a kind takes more than --at-most.
set -eu

here=$(cd "$(dirname "$0")" && pwd)
target=${CARGO_TARGET_DIR:-$here/../../target}
count=2000
at_most=""
kinds=messages,pings,disco
while [ $# -gt 0 ]; do
    case $1 in
        --at-most) at_most=$2; shift 2 ;;
        --kinds) kinds=$2; shift 2 ;;
        --*) echo "allocations.sh: unknown option $1" >&2; exit 2 ;;
        *) break ;;
    esac
done
[ $# -gt 0 ] || set -- "$target/release/echo"

command -v valgrind >/dev/null || { echo "allocations.sh: needs valgrind on the PATH" >&2; exit 2; }
(cd "$here" && cargo build --quiet --locked --release -p rig --bin rig)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# allocations KIND COUNT PROGRAM...
allocations() {
    kind=$1
    n=$2
    shift 2
    log=$work/$kind-$n
    "$target/release/rig" drive --count "$n" --kind "$kind" \
        "counted=valgrind --tool=memcheck --leak-check=no --log-file=$log $*" >&2
    sed -n 's/.*total heap usage: \([0-9,]*\) allocs.*/\1/p' "$log" | tr -d ,
}

over=0
for kind in $(echo "$kinds" | tr , ' '); do
    one=$(allocations "$kind" "$count" "$@")
    two=$(allocations "$kind" $((2 * count)) "$@")
    # Rounded: a buffer that grows once in a run is no cost of a stanza.
    each=$(((two - one + count / 2) / count))
    echo "$kind: $each allocations a stanza (of $count; $one and $two in all)"
    if [ -n "$at_most" ] && [ "$each" -gt "$at_most" ]; then
        echo "$kind: more than the $at_most allowed" >&2
        over=1
    fi
done
exit $over
