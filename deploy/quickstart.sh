#!/usr/bin/env bash
# From nothing to an echo: installs what is missing, builds, and runs `couplet dev`, which starts a
# private Prosody and the echo component beside it. Arguments go to `couplet dev`, and so does
# standard input:
#
#   deploy/quickstart.sh
#   printf 'hello\n' | deploy/quickstart.sh
#   deploy/quickstart.sh --server ejabberd
#   deploy/quickstart.sh --help
set -euo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)

# rustup leaves it to the next login to find what it has installed.
command -v cargo >/dev/null || PATH="$PATH:${CARGO_HOME:-$HOME/.cargo}/bin"
if ! command -v cargo >/dev/null; then
    echo "Rust is missing: install it from https://rustup.rs, then run this again." >&2
    exit 1
fi

wanted=()
command -v cc >/dev/null || wanted+=(gcc libc6-dev)
case " $* " in
    *" ejabberd "* | *"=ejabberd "*) [ -x /usr/sbin/ejabberdctl ] || wanted+=(ejabberd) ;;
    *) command -v prosody >/dev/null || wanted+=(prosody) ;;
esac
[ ${#wanted[@]} -eq 0 ] || "$root/deploy/packages.sh" "${wanted[@]}" </dev/null

# Standard input belongs to the chat, standard output to what it prints; the current directory to
# a component of one's own that is named after --.
target=${CARGO_TARGET_DIR:-target}
(cd "$root" && cargo build --release --target-dir "$target" -p couplet-cli -p echo) </dev/null >&2
case "$target" in
    /*) ;;
    *) target="$root/$target" ;;
esac
exec "$target/release/couplet" dev "$@"
