#!/usr/bin/env bash
# What components take that have nothing to do: memory, and processor time over a minute, all of them
# beside one private Prosody at the same time.
#
#   benches/idle.sh [FOLDER]     # with the binaries echo and pubsub; target/release unless given
#
# The peers come from benches/rig/install.sh; one that is missing is left out. Linux only.
set -euo pipefail
cd "$(dirname "$0")/.."
folder="${1:-${CARGO_TARGET_DIR:-target}/release}"
seconds="${SECONDS_IDLE:-60}"
work=$(mktemp -d "${TMPDIR:-/tmp}/couplet-idle.XXXXXX")
pids=()
trap 'kill "${pids[@]}" 2>/dev/null || true; wait; rm -rf "$work"' EXIT
port=$(python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')

names=(couplet pubsub)
[ ! -x benches/rig/.venv/bin/python ] || names+=(slixmpp)
[ ! -d benches/rig/peers/xmpp-js/node_modules ] || names+=(xmpp-js)
{
    echo 'modules_enabled = { "disco" }; modules_disabled = { "s2s", "c2s" }; run_as_root = true'
    echo "component_interfaces = { \"127.0.0.1\" }; component_ports = { $port }; data_path = \"$work/data\""
    echo "log = { info = \"$work/prosody.log\" }; pidfile = \"$work/prosody.pid\"; VirtualHost \"localhost\""
    for name in "${names[@]}"; do
        printf 'Component "%s.localhost"\n    component_secret = "idle"\n' "$name"
    done
} >"$work/prosody.cfg.lua"
mkdir "$work/data"
prosody -F --config "$work/prosody.cfg.lua" >"$work/prosody.out" 2>&1 &
pids+=($!)

# patient COMMAND...: until it holds.
patient() {
    local try
    for try in $(seq 300); do
        ! "$@" 2>/dev/null || return 0
        sleep 0.1
    done
    echo "$* does not hold after $try tries" >&2
    return 1
}
listens() { (: <"/dev/tcp/127.0.0.1/$port"); }
is_in() { [ "$(grep -c "External component successfully authenticated" "$work/prosody.log")" -ge "$1" ]; }
patient listens

declare -A pid_of
for name in "${names[@]}"; do
    case "$name" in
        couplet) command=("$folder/echo") ;;
        pubsub) command=(env "COUPLET_PUBSUB_STORE=sqlite:$work/pubsub.db" "$folder/pubsub") ;;
        slixmpp) command=(benches/rig/.venv/bin/python benches/rig/peers/slixmpp/echo.py) ;;
        xmpp-js) command=(node benches/rig/peers/xmpp-js/echo.js) ;;
    esac
    COUPLET_DOMAIN="$name.localhost" COUPLET_SECRET=idle COUPLET_SERVER="127.0.0.1:$port" \
        RIG_DOMAIN="$name.localhost" RIG_SECRET=idle \
        RIG_SERVER="127.0.0.1:$port" "${command[@]}" >"$work/$name.log" 2>&1 &
    pid_of[$name]=$!
    pids+=($!)
    patient is_in "${#pid_of[@]}" || { cat "$work/$name.log" >&2 && exit 1; }
done
sleep 2

# In milliseconds, of all threads.
cpu() { cat "/proc/$1/task/"*/schedstat | awk '{sum += $1} END {printf "%d", sum / 1e6}'; }
kib() { awk -v what="^($2):" '$1 ~ what {sum += $2} END {print sum}' "/proc/$1/$3"; }

declare -A before
for name in "${names[@]}"; do before[$name]=$(cpu "${pid_of[$name]}"); done
sleep "$seconds"
printf '%-10s %10s %10s %18s\n' component "RSS MiB" "USS MiB" "CPU ms in ${seconds} s"
for name in "${names[@]}"; do
    pid=${pid_of[$name]}
    awk -v name="$name" -v rss="$(kib "$pid" VmRSS status)" \
        -v uss="$(kib "$pid" 'Private_Clean|Private_Dirty' smaps_rollup)" \
        -v cpu=$(($(cpu "$pid") - before[$name])) \
        'BEGIN {printf "%-10s %10.1f %10.1f %18d\n", name, rss / 1024, uss / 1024, cpu}'
done
