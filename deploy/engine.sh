# Sourced: `engine_up` makes `docker` and `compose` work, `engine_down` ends what it has started.
#
# A container engine that runs is used as it is. Otherwise, for root on Debian, Docker is installed and
# a private one is started; its images stay in the build folder for the next time, `cargo clean` removes
# them. `engine_up` fails, and says why, where neither can be.

engine_root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
engine_pid=""
engine_folder=""

engine_up() {
    if ! docker info >/dev/null 2>&1; then
        engine_install && engine_start || return 1
    fi
    if docker compose version >/dev/null 2>&1; then
        compose() { docker compose "$@"; }
    else
        command -v docker-compose >/dev/null || "$engine_root/deploy/packages.sh" docker-compose || return 1
        compose() { docker-compose "$@"; }
    fi
    "$engine_root/deploy/base-images.sh"
}

engine_install() {
    command -v dockerd >/dev/null && [ "$(id -u)" = 0 ] && return
    if [ "$(id -u)" != 0 ] || ! command -v apt-get >/dev/null; then
        echo "No container engine runs here, and only root on Debian can have one started." >&2
        return 1
    fi
    "$engine_root/deploy/packages.sh" docker.io docker-compose iptables
}

engine_start() {
    local built="${CARGO_TARGET_DIR:-$engine_root/target}"
    mkdir -p "$built/engine"
    built=$(cd "$built" && pwd)
    # Paths of sockets are short: 108 bytes.
    engine_folder=$(mktemp -d /tmp/couplet-engine.XXXXXX)
    export DOCKER_HOST="unix://$engine_folder/docker.sock"
    dockerd --host "$DOCKER_HOST" --data-root "$built/engine" --exec-root "$engine_folder/exec" \
        --pidfile "$engine_folder/pid" >"$engine_folder/log" 2>&1 &
    engine_pid=$!
    local second
    for second in $(seq 60); do
        docker info >/dev/null 2>&1 && return
        kill -0 "$engine_pid" 2>/dev/null || break
        sleep 1
    done
    echo "No container engine can be started here, after $second s its log ends with:" >&2
    tail -n 3 "$engine_folder/log" >&2
    engine_down
    return 1
}

engine_down() {
    [ -n "$engine_pid" ] || return 0
    kill "$engine_pid" 2>/dev/null || true
    wait "$engine_pid" 2>/dev/null || true
    # dockerd leaves the namespace of containers with the host's network mounted.
    umount "$engine_folder"/exec/netns/* 2>/dev/null || true
    rm -rf "$engine_folder"
    engine_pid=""
}
