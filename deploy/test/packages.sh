# Sourced by ../test.sh: the Debian packages are built from the programs of the images, checked, installed
# in a container beside Prosody, used, and removed again.

in_container() { docker exec "$project-packages" "$@"; }

# What a unit does before it starts its program: the user, and the secret as a credential.
as_unit() {
    local name=$1
    shift
    in_container sh -c "install -d -m 755 /run/credentials && install -m 400 -o couplet-$name /etc/couplet/$name.secret /run/credentials/secret"
    docker exec "$@" -e CREDENTIALS_DIRECTORY=/run/credentials -e COUPLET_OPS_LISTEN=127.0.0.1:9100 "$project-packages" \
        setpriv --reuid="couplet-$name" --regid="couplet-$name" --clear-groups "couplet-$name" --config "/etc/couplet/$name.toml"
}

# has FACT WANTED: a line of stat in the container.
has() {
    local found
    found=$(in_container stat -c '%U:%G %a' "$1")
    [ "$found" = "$2" ] || fail "$1 is $found, not $2"
}

units_are_valid() {
    local name
    for name in couplet-echo couplet-pubsub; do
        dpkg-deb -x "$work"/packages/"$name"_*.deb "$work/$name"
        sed -i "s,/usr/bin/,$work/$name/usr/bin/," "$work/$name/usr/lib/systemd/system/$name.service"
        systemd-analyze verify --man=no "$work/$name/usr/lib/systemd/system/$name.service" >"$work/verify.log" 2>&1 \
            || fail "$(cat "$work/verify.log")"
        ! grep -q "$name" "$work/verify.log" || fail "$(cat "$work/verify.log")"
    done
}

with_packages() {
    local name id built
    step "Debian packages"
    mkdir -p "$work/built" "$work/packages"
    for name in echo pubsub; do
        id=$(docker create "couplet-$name:test")
        docker cp "$id:/$name" "$work/built/$name"
        docker rm "$id" >/dev/null
    done
    built=${CARGO_TARGET_DIR:-target}/debug/couplet
    [ -x "$built" ] || cargo build --locked -p couplet-cli
    cp "$built" "$work/built/couplet"
    strip "$work/built/"*
    deploy/release.sh --built "$work/built" --out "$work/packages"
    units_are_valid

    step "installed, started and used"
    project_compose up -d prosody >"$work/up.log" 2>&1 || { cat "$work/up.log" >&2; fail "up"; }
    healthy prosody
    docker run -d --rm --name "$project-packages" --network "${project}_default" --entrypoint sleep debian:bookworm-slim 900 >/dev/null
    docker cp "$work/packages" "$project-packages:/packages"
    in_container sh -c 'dpkg -i /packages/*.deb' >"$work/dpkg.log" 2>&1 || { cat "$work/dpkg.log" >&2; fail "dpkg -i"; }
    in_container couplet --version
    for name in echo pubsub; do
        has "/etc/couplet/$name.toml" "root:couplet-$name 640"
        has "/etc/couplet/$name.secret" "root:root 600"
        in_container sh -c "grep -qE '^[0-9a-f]{64}\$' /etc/couplet/$name.secret" || fail "no secret for $name"
        # As it comes it names no domain: that is said, and a unit would not try again.
        as_unit "$name" >"$work/said" 2>&1 && fail "$name started without a domain" || [ $? = 2 ] || fail "$(cat "$work/said")"
        in_container sed -i "s/^# domain = .*/domain = \"$name.localhost\"/; s/^server = .*/server = \"prosody:5347\"/" "/etc/couplet/$name.toml"
        project_compose exec -T prosody cat "/secrets/$name" >"$work/secret"
        docker cp "$work/secret" "$project-packages:/etc/couplet/$name.secret"
    done
    as_unit echo -d
    for second in $(seq 30); do
        ! in_container env COUPLET_OPS_LISTEN=127.0.0.1:9100 COUPLET_DOMAIN=echo.localhost COUPLET_SECRET=unused couplet-echo health \
            >"$work/said" 2>&1 || break
        sleep 1
    done
    talk tests/foreign/slixmpp_client.py prosody "$COUPLET_C2S_PORT" echo.localhost

    step "removed: the settings stay; purged: they go"
    in_container dpkg -i /packages/"$(basename "$work"/packages/couplet-echo_*.deb)" >"$work/dpkg.log" 2>&1 || fail "an upgrade"
    has /etc/couplet/echo.toml "root:couplet-echo 640"
    in_container grep -q '^domain = "echo.localhost"' /etc/couplet/echo.toml || fail "an upgrade lost the settings"
    in_container dpkg -r couplet-echo couplet-pubsub >"$work/dpkg.log" 2>&1 || fail "$(cat "$work/dpkg.log")"
    in_container test -e /etc/couplet/echo.secret || fail "a removed package took its secret along"
    in_container dpkg -P couplet-echo couplet-pubsub couplet >"$work/dpkg.log" 2>&1 || fail "$(cat "$work/dpkg.log")"
    in_container test ! -e /etc/couplet || fail "a purged package left $(in_container ls /etc/couplet)"
    docker rm -f "$project-packages" >/dev/null
    project_compose stop >"$work/stop.log" 2>&1
}
