#!/usr/bin/env bash
# From nothing to an echo: installs what is missing, builds, and runs `couplet dev`, which starts a
# private Prosody and the echo component beside it. Arguments go to `couplet dev`, and so does
# standard input:
#
#   deploy/quickstart.sh
#   printf 'hello\n' | deploy/quickstart.sh
#   deploy/quickstart.sh --server ejabberd
set -euo pipefail
cd "$(dirname "$0")/.."

wanted=()
command -v prosody >/dev/null || wanted+=(prosody)
command -v cc >/dev/null || wanted+=(gcc libc6-dev)
case " $* " in
    *" ejabberd "* | *"=ejabberd "*) [ -x /usr/sbin/ejabberdctl ] || wanted+=(ejabberd) ;;
esac
[ ${#wanted[@]} -eq 0 ] || deploy/packages.sh "${wanted[@]}"

if ! command -v cargo >/dev/null; then
    echo "Rust is missing: install it from https://rustup.rs, then run this again." >&2
    exit 1
fi
# Standard input belongs to the chat, standard output to what it prints.
cargo build --release -p couplet-cli -p echo </dev/null >&2

exec "${CARGO_TARGET_DIR:-target}/release/couplet" dev "$@"
