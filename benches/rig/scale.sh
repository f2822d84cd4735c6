#!/bin/sh
# Does a stanza cost the same whatever the house holds? Instructions per message and per ping with
# 1 and with many registered handlers, from 1 and from many known conversations.
# Usage: benches/rig/scale.sh [--handlers N] [--conversations N] [--count N] [--percent N]
# Exits with 1 if many cost more than one by over --percent. Memory, and a million conversations,
# are measured by `rig known`: under valgrind they would take half an hour.
set -eu

here=$(cd "$(dirname "$0")" && pwd)
target=${CARGO_TARGET_DIR:-$here/../../target}
handlers=10000
conversations=20000
count=5000
percent=20
while [ $# -gt 0 ]; do
    case $1 in
        --handlers) handlers=$2; shift 2 ;;
        --conversations) conversations=$2; shift 2 ;;
        --count) count=$2; shift 2 ;;
        --percent) percent=$2; shift 2 ;;
        *) echo "scale.sh: unknown option $1" >&2; exit 2 ;;
    esac
done

(cd "$here" && cargo build --quiet --locked --release -p rig --bin rig --bin variants)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
over=0

# compare WHAT: both files hold "kind: instructions ..." lines.
compare() {
    for kind in messages pings; do
        one=$(sed -n "s/^$kind: \([0-9]*\) .*/\1/p" "$work/one")
        many=$(sed -n "s/^$kind: \([0-9]*\) .*/\1/p" "$work/many")
        [ -n "$one" ] && [ -n "$many" ] || { echo "scale.sh: $kind were not counted" >&2; exit 2; }
        echo "$kind, $1: $one and $many instructions ($(((many - one) * 1000 / one)) per mille more)"
        if [ $((many * 100)) -gt $((one * (100 + percent))) ]; then
            echo "$kind, $1: more than $percent % apart" >&2
            over=1
        fi
    done
}

RIG_HANDLERS=1 "$here/count.sh" instructions --count "$count" "$target/release/variants" >"$work/one"
RIG_HANDLERS=$handlers "$here/count.sh" instructions --count "$count" "$target/release/variants" >"$work/many"
compare "1 and $handlers handlers"

# As many stanzas as addresses: in the difference of N and 2N each address writes again.
"$here/count.sh" instructions --senders 1 --count "$count" "$target/release/variants" >"$work/one"
"$here/count.sh" instructions --senders "$conversations" --count "$conversations" \
    "$target/release/variants" >"$work/many"
compare "1 and $conversations known conversations"
exit $over
