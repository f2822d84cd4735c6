#!/usr/bin/env bash
# Builds the images, brings compose.yaml up, and uses what it finds there as a stranger would: slixmpp
# from outside, over TLS, and Prometheus beside it. The server is restarted at another address, everything
# is stopped and started again, a program is killed until an alert fires, and all is deleted.
#
#   deploy/test.sh             # all of these
#   deploy/test.sh prosody     # Prosody, echo, pubsub on SQLite; then the components beside their own server
#   deploy/test.sh postgres    # ejabberd, two instances of pubsub on PostgreSQL, on another host name
#   deploy/test.sh packages    # the Debian packages, installed in a container beside that Prosody
#
# COUPLET_PROFILE=release builds what is shipped; the default, quick, is enough to test with.
set -euo pipefail
cd "$(dirname "$0")/.."
. tests/step.sh
. deploy/engine.sh
. deploy/test/packages.sh

profiles=("${@:-prosody}")
[ $# -gt 0 ] || profiles=(prosody packages postgres)
export COUPLET_PROFILE="${COUPLET_PROFILE:-quick}" COUPLET_TAG=test
# Otherwise nobody outside of the container could ask it.
export COUPLET_OPS_LISTEN=0.0.0.0:9100
project="couplet-test-$$"
python=tests/.venv/bin/python
work=$(mktemp -d "${TMPDIR:-/tmp}/couplet-deploy.XXXXXX")
prometheus_pid=""

clean_up() {
    local code=$?
    if [ -n "$prometheus_pid" ]; then
        kill "$prometheus_pid" 2>/dev/null || true
        wait "$prometheus_pid" 2>/dev/null || true
    fi
    if [ -n "${is_up:-}" ]; then
        [ $code = 0 ] || project_compose logs --tail 20 >&2 || true
        docker rm -f "$project-squatter" "$project-packages" >/dev/null 2>&1 || true
        own_server down -v >"$work/down.log" 2>&1 || cat "$work/down.log" >&2
        project_compose down -v --remove-orphans >"$work/down.log" 2>&1 || cat "$work/down.log" >&2
    fi
    engine_down
    rm -rf "$work"
    exit $code
}

project_compose() {
    compose -p "$project" -f deploy/compose.yaml --profile postgres "$@" </dev/null
}

# The components alone, beside a server that is there already.
own_server() {
    compose -p "$project-own" -f deploy/compose-own-server.yaml "$@" </dev/null
}

fail() {
    echo "FAIL: $*" >&2
    exit 1
}

container() { project_compose ps -q "$1"; }
address() { docker inspect -f '{{range .NetworkSettings.Networks}}{{.IPAddress}}{{end}}' "$(container "$1")"; }

# healthy SERVICE...: until the container's own health check says so.
healthy() {
    local service state second
    for service in "$@"; do
        for second in $(seq 120); do
            state=$(docker inspect -f '{{.State.Health.Status}}' "$(container "$service")")
            [ "$state" != healthy ] || continue 2
            sleep 1
        done
        fail "$service is $state after $second s"
    done
}

# says SERVICE TEXT: sooner or later. Into a file: grep -q would break the pipe of whoever writes.
says() {
    local second
    for second in $(seq 30); do
        project_compose logs "$1" >"$work/said.log" 2>&1
        ! grep -q "$2" "$work/said.log" || return 0
        sleep 1
    done
    echo "nothing like it in $second s" >&2
    return 1
}

password() { project_compose exec -T "$1" cat /secrets/alice; }

# talk SCRIPT SERVER PORT COMPONENT [OPTIONS]: as the user alice, over TLS, trusting the CA that was made.
talk() {
    local script=$1 server=$2 port=$3 component=$4
    shift 4
    project_compose exec -T "$server" cat /certificates/ca.pem >"$work/ca.pem"
    "$python" -W ignore::DeprecationWarning "$script" --server "127.0.0.1:$port" --jid "alice@$COUPLET_HOST" \
        --password "$(password "$server")" --component "$component" --ca "$work/ca.pem" "$@"
}

# no_restarts: no container has ended by itself and been started again.
no_restarts() {
    local id
    for id in $(project_compose ps -q); do
        docker inspect -f '{{.Name}} {{.RestartCount}}' "$id" | grep -q ' 0$' || fail "$id was restarted"
    done
}

# starts_again SERVICE...: all are stopped, as by a reboot, and come back with what they had.
starts_again() {
    project_compose stop >"$work/stop.log" 2>&1
    project_compose up -d "$@" >"$work/up.log" 2>&1 || { cat "$work/up.log" >&2; fail "up again"; }
    healthy "$@"
    no_restarts
}

# stops SERVICE: SIGTERM is enough, within the ten seconds that Docker gives, and ends it well.
stops() {
    local began code
    began=$(date +%s)
    docker stop -t 10 "$(container "$1")" >/dev/null
    code=$(docker inspect -f '{{.State.ExitCode}}' "$(container "$1")")
    [ "$code" = 0 ] || fail "$1 ended with $code"
    [ $(($(date +%s) - began)) -le 10 ] || fail "$1 took too long to stop"
}

# is_bare IMAGE: one program, nobody's, no shell to get into, and a list of what it is made of.
is_bare() {
    local user
    user=$(docker image inspect -f '{{.Config.User}}' "$1")
    [ "$user" = 10001:10001 ] || fail "$1 runs as $user"
    ! docker run --rm --entrypoint /bin/sh "$1" -c true 2>/dev/null || fail "$1 has a shell"
    docker create --name "$project-papers" "$1" >/dev/null
    docker cp "$project-papers:/usr/share/doc/components.cdx.json" "$work/components.json"
    docker rm "$project-papers" >/dev/null
    "$python" - "$work/components.json" <<'PYTHON' || fail "what is in $1"
import json, sys
components = json.load(open(sys.argv[1]))["components"]
assert any(one["name"] == "tokio" for one in components) and all(one["licenses"][0]["expression"] for one in components)
PYTHON
    echo "$1: $(docker image inspect -f '{{.Size}}' "$1") bytes"
}

# What is shipped is small; what is built to be tested is not.
are_small() {
    local image sum=0
    for image in "$@"; do
        sum=$((sum + $(docker image inspect -f '{{.Size}}' "$image")))
    done
    [ "$COUPLET_PROFILE" != release ] || [ $sum -lt 20000000 ] || fail "$* have $sum bytes together"
}

watch_with_prometheus() {
    local service
    # The same rules, which fire after seconds instead of minutes.
    sed 's/for: [0-9]*m/for: 3s/' deploy/grafana/alerts.yaml >"$work/alerts.yaml"
    {
        echo "global: {scrape_interval: 1s, evaluation_interval: 1s}"
        echo "rule_files: [$work/alerts.yaml]"
        echo "scrape_configs:"
        for service in "$@"; do
            echo "  - {job_name: $service, static_configs: [{targets: ['$(address "$service"):9100']}]}"
        done
    } >"$work/prometheus.yml"
    prometheus_url="127.0.0.1:$(free_port)"
    prometheus --config.file "$work/prometheus.yml" --storage.tsdb.path "$work/prometheus" \
        --web.listen-address "$prometheus_url" >"$work/prometheus.log" 2>&1 </dev/null &
    prometheus_pid=$!
}

# prometheus_has QUERY: sooner or later its result is not empty.
prometheus_has() {
    local second
    for second in $(seq 60); do
        ! curl -fsS --max-time 5 --get --data-urlencode "query=$1" "http://$prometheus_url/api/v1/query" \
            >"$work/result.json" 2>"$work/curl.log" \
            || ! grep -q '"result":\[{' "$work/result.json" || return 0
        sleep 1
    done
    fail "Prometheus has nothing for $1 after $second s: $(cat "$work/curl.log")"
}

# fires ALERT DOMAIN
fires() {
    prometheus_has "ALERTS{alertname=\"$1\", domain=\"$2\", alertstate=\"firing\"}"
    echo "$1 fires for $2"
}

free_port() {
    "$python" -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])'
}

# The server comes back where it was not before: the name has to be looked up again.
server_moves() {
    local before after
    before=$(address prosody)
    docker stop -t 10 "$(container prosody)" >/dev/null
    docker run -d --rm --name "$project-squatter" --network "${project}_default" --entrypoint sleep \
        couplet-prosody:test 600 >/dev/null
    docker start "$(container prosody)" >/dev/null
    after=$(address prosody)
    [ "$before" != "$after" ] || fail "the server kept its address $before"
    healthy prosody echo pubsub
}

beside_prosody() {
    step "up: prosody, echo, pubsub"
    project_compose up -d prosody echo pubsub welcome >"$work/up.log" 2>&1 || { cat "$work/up.log" >&2; fail "up"; }
    healthy echo pubsub
    says welcome "An XMPP client on this machine logs in" || fail "nothing says what to do next"
    watch_with_prometheus echo pubsub

    step "slixmpp talks to them"
    talk tests/foreign/slixmpp_client.py prosody "$COUPLET_C2S_PORT" echo.localhost
    talk deploy/test/pubsub.py prosody "$COUPLET_C2S_PORT" pubsub.localhost
    for service in echo pubsub; do
        curl -fsS --max-time 5 "http://$(address "$service"):9100/metrics" | promtool check metrics \
            || fail "the metrics of $service"
    done

    step "a backup, and another one in its place"
    talk deploy/test/pubsub.py prosody "$COUPLET_C2S_PORT" pubsub.localhost --step publish --node kept
    for attempt in first second; do
        project_compose exec -T pubsub /pubsub backup /data/backup.db || fail "the $attempt backup"
    done

    step "every panel of the dashboard has data"
    # A rate needs traffic after the first scrape of its series, and Prometheus may have started late.
    prometheus_has 'couplet_handler_duration_seconds_count{domain="echo.localhost"}'
    prometheus_has 'couplet_pubsub_fanout_lag_seconds_count{domain="pubsub.localhost"}'
    talk tests/foreign/slixmpp_client.py prosody "$COUPLET_C2S_PORT" echo.localhost
    talk deploy/test/pubsub.py prosody "$COUPLET_C2S_PORT" pubsub.localhost
    "$python" deploy/test/panels.py "http://$prometheus_url" deploy/grafana/dashboard.json

    step "a program is killed, and an alert fires"
    docker kill "$(container echo)" >/dev/null
    fires CoupletDown echo.localhost

    step "the server is restarted, at another address"
    docker start "$(container echo)" >/dev/null
    server_moves
    talk tests/foreign/slixmpp_client.py prosody "$COUPLET_C2S_PORT" echo.localhost
    talk deploy/test/pubsub.py prosody "$COUPLET_C2S_PORT" pubsub.localhost

    step "all are stopped and started again"
    starts_again prosody echo pubsub
    talk tests/foreign/slixmpp_client.py prosody "$COUPLET_C2S_PORT" echo.localhost
    talk deploy/test/pubsub.py prosody "$COUPLET_C2S_PORT" pubsub.localhost --step read --node kept

    step "the components stop, and run beside a server that is there already"
    for service in echo pubsub; do
        stops "$service"
    done
    beside_their_own_server
    project_compose stop >"$work/stop.log" 2>&1
}

beside_their_own_server() {
    local name
    export COUPLET_SERVER COUPLET_PUBSUB_SERVER COUPLET_ECHO_LISTEN COUPLET_PUBSUB_LISTEN COUPLET_SECRETS=$work/secrets
    COUPLET_SERVER=$(address prosody):5347
    COUPLET_PUBSUB_SERVER=$COUPLET_SERVER
    COUPLET_ECHO_LISTEN=127.0.0.1:$(free_port)
    COUPLET_PUBSUB_LISTEN=127.0.0.1:$(free_port)
    mkdir -p "$COUPLET_SECRETS"
    for name in echo pubsub; do
        project_compose exec -T prosody cat "/secrets/$name" >"$COUPLET_SECRETS/$name"
        # For the user of the containers; the folder above is closed to others.
        chmod 644 "$COUPLET_SECRETS/$name"
    done
    own_server up -d >"$work/up.log" 2>&1 || { cat "$work/up.log" >&2; fail "up beside a server"; }
    talk_when_ready "$COUPLET_ECHO_LISTEN" tests/foreign/slixmpp_client.py prosody "$COUPLET_C2S_PORT" echo.localhost
    talk_when_ready "$COUPLET_PUBSUB_LISTEN" deploy/test/pubsub.py prosody "$COUPLET_C2S_PORT" pubsub.localhost
    own_server down -v >"$work/down.log" 2>&1
}

# talk_when_ready LISTENS ...: as `talk`, once /readyz at this address says so.
talk_when_ready() {
    curl -fsS --retry 60 --retry-delay 1 --retry-all-errors --max-time 5 -o "$work/ready" "http://$1/readyz" 2>"$work/curl.log" \
        || fail "$1: $(cat "$work/ready" "$work/curl.log")"
    shift
    talk "$@"
}

beside_ejabberd() {
    export COUPLET_HOST=xmpp.example
    step "up: ejabberd, postgres, two instances of pubsub, for the host $COUPLET_HOST"
    project_compose up -d ejabberd postgres pubsub-a pubsub-b welcome-postgres >"$work/up.log" 2>&1 \
        || { cat "$work/up.log" >&2; fail "up"; }
    healthy pubsub-a pubsub-b
    says welcome-postgres "alice@$COUPLET_HOST" || fail "nothing says what to do next"

    step "slixmpp talks to both"
    talk deploy/test/pubsub.py ejabberd "$COUPLET_EJABBERD_C2S_PORT" "pubsub.$COUPLET_HOST"
    talk deploy/test/pubsub.py ejabberd "$COUPLET_EJABBERD_C2S_PORT" "pubsub.$COUPLET_HOST" --step publish --node kept

    step "all are stopped and started again"
    starts_again ejabberd postgres pubsub-a pubsub-b
    talk deploy/test/pubsub.py ejabberd "$COUPLET_EJABBERD_C2S_PORT" "pubsub.$COUPLET_HOST" --step read --node kept

    step "one of them stops, and is not missed"
    stops pubsub-a
    talk deploy/test/pubsub.py ejabberd "$COUPLET_EJABBERD_C2S_PORT" "pubsub.$COUPLET_HOST"

    step "the database is away: the requests fail, and are counted as failures of the store"
    docker stop -t 10 "$(container postgres)" >/dev/null
    ! talk deploy/test/pubsub.py ejabberd "$COUPLET_EJABBERD_C2S_PORT" "pubsub.$COUPLET_HOST" --step publish --node kept \
        || fail "something was published without a database"
    curl -fsS --max-time 5 "http://$(address pubsub-b):9100/metrics" >"$work/metrics"
    grep -q '^couplet_pubsub_store_failures_total{.*kind="busy".*} [1-9]' "$work/metrics" || fail "no failure is counted"
    stops pubsub-b
    project_compose stop >"$work/stop.log" 2>&1
}

trap clean_up EXIT
step "container engine"
if ! engine_up; then
    [ "${CI:-}" != true ] || fail "CI has to have a container engine"
    echo "left out: images and compose"
    exit 0
fi
tests/install.sh
command -v curl >/dev/null || deploy/packages.sh curl
COUPLET_C2S_PORT=$(free_port)
COUPLET_EJABBERD_C2S_PORT=$(free_port)
export COUPLET_C2S_PORT COUPLET_EJABBERD_C2S_PORT COUPLET_HOST=localhost

step "images"
project_compose build >"$work/build.log" 2>&1 || { tail -n 50 "$work/build.log" >&2; fail "build"; }
is_bare couplet-echo:test
is_bare couplet-pubsub:test
are_small couplet-echo:test couplet-pubsub:test

is_up=yes
for profile in "${profiles[@]}"; do
    case "$profile" in
        prosody) beside_prosody ;;
        packages) with_packages ;;
        postgres) beside_ejabberd ;;
        *) fail "no such profile: $profile" ;;
    esac
done
step "deployed and gone again"
