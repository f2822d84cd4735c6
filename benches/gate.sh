#!/usr/bin/env bash
# What a change may cost at most: user-space instructions per echoed message and per ping, heap
# allocations of both and of disco#info, and no more with many handlers or conversations than with one. Counted by
# valgrind, so that a slow or busy machine does not matter. Installs valgrind if it is missing.
set -euo pipefail
cd "$(dirname "$0")/.."

# libc6-dbg is what valgrind tells memcpy and the like by.
command -v valgrind >/dev/null || deploy/packages.sh valgrind libc6-dbg
cargo build --locked --release -p echo -p rig
benches/rig/count.sh instructions --count 10000 --at-most 12000
benches/rig/count.sh allocations --at-most 6
benches/rig/scale.sh
