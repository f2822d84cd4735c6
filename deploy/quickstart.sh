#!/usr/bin/env bash
# From nothing to an echo: installs what is missing, builds the command `couplet`, and runs
# `couplet dev`, which starts a private Prosody and an echo component beside it. Arguments go to
# `couplet dev`, and so does standard input:
#
#   deploy/quickstart.sh
#   printf 'hello\n' | deploy/quickstart.sh
#   deploy/quickstart.sh --xml
#   deploy/quickstart.sh --server ejabberd
#   deploy/quickstart.sh --help
set -euo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)

say() { echo "quickstart: $*" >&2; }

# rustup leaves it to the next login to find what it has installed.
command -v cargo >/dev/null || PATH="$PATH:${CARGO_HOME:-$HOME/.cargo}/bin"
if ! command -v cargo >/dev/null; then
    say "Rust is missing: install it from https://rustup.rs, then run this again."
    exit 1
fi

wanted=()
command -v cc >/dev/null || wanted+=(gcc libc6-dev)
case " $* " in
    *" ejabberd "* | *"=ejabberd "*) [ -x /usr/sbin/ejabberdctl ] || wanted+=(ejabberd) ;;
    *) command -v prosody >/dev/null || wanted+=(prosody) ;;
esac
[ ${#wanted[@]} -eq 0 ] || "$root/deploy/packages.sh" "${wanted[@]}" </dev/null

target=${CARGO_TARGET_DIR:-target}
case "$target" in
    /*) ;;
    *) target="$root/$target" ;;
esac
couplet="$target/quick/couplet"

# The profile `quick` is built in a quarter of the time that `release` takes. Standard input belongs
# to the chat, standard output to what it prints; the current directory to a component of one's own
# that is named after --.
first=
[ -x "$couplet" ] || first=1
[ -z "$first" ] || say "building the command couplet; the first time takes one to two minutes on two cores"
began=$SECONDS
(cd "$root" && cargo build --locked --profile quick --target-dir "$target" -p couplet-cli \
    $([ -n "$first" ] || echo --quiet)) </dev/null >&2
if [ -n "$first" ]; then
    say "built $couplet in $((SECONDS - began)) s; to have it on PATH:"
    say "    cargo install --locked --profile quick --path $root/crates/couplet-cli"
fi
exec "$couplet" dev "$@"
