#!/usr/bin/env bash
# Every test there is: on the server in memory, on Prosody and ejabberd of Debian 12 and 13, with a client that
# nobody here wrote, and as images. Installs what it needs first; IMAGES=no leaves the images out.
set -euo pipefail
cd "$(dirname "$0")/.."
. tests/step.sh

step "install Prosody, ejabberd (also those of Debian 13), promtool, slixmpp and aioxmpp"
tests/install.sh

# The scenarios run the binaries as users would. Built together with the tests, or cargo would
# choose other features for the same dependencies and build them twice.
step "build the binaries and the tests"
cargo build --workspace --bins --tests

if cargo nextest --version >/dev/null 2>&1; then
    step "tests (nextest)"
    cargo nextest run --workspace --no-fail-fast
else
    step "tests"
    cargo test --workspace --tests --no-fail-fast
fi

step "examples in the documentation"
cargo test --workspace --doc

# Built from nothing it takes minutes; whoever changes no image may leave it out.
if [ "${IMAGES:-yes}" = no ]; then
    step "images and compose: left out"
else
    deploy/test.sh
fi

step "all tests passed"
