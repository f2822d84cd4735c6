#!/usr/bin/env bash
# Fuzzes what reads a stranger's bytes, with the stable compiler: a target for each of the given names
# (all of them without one), one after the other. What is found is kept in fuzz/corpus/TARGET and used
# again; an input that fails is left in fuzz/artifacts/TARGET, and the script ends with an error.
# Usage: fuzz/run.sh [--seconds N] [TARGET ...]          (60 seconds each; needs a C++ compiler)
#        fuzz/run.sh --again FILE TARGET                  one input, with its backtrace
set -euo pipefail

seconds=60 again=""
while [ $# -gt 0 ]; do
    case $1 in
        --seconds) seconds=$2; shift 2 ;;
        --again) again=$(realpath "$2"); shift 2 ;;
        --help | -h) sed -n '2,6s/^# //p' "$0"; exit 0 ;;
        -*) echo "run.sh: unknown option $1" >&2; exit 2 ;;
        *) break ;;
    esac
done
cd "$(dirname "$0")"
[ -z "$again" ] || [ $# -eq 1 ] || { echo "run.sh: --again of which target?" >&2; exit 2; }
[ $# -gt 0 ] || set -- answers framer pubsub tree
for target in "$@"; do
    [ -f "fuzz_targets/$target.rs" ] || { echo "run.sh: no target is called $target" >&2; exit 2; }
done

# The coverage that libFuzzer is led by. Only for the target's own triple: what runs while building
# must not be counted.
triple=$(rustc -vV | sed -n 's/^host: //p')
coverage=(
    -Cpasses=sancov-module
    -Cllvm-args=-sanitizer-coverage-level=4
    -Cllvm-args=-sanitizer-coverage-inline-8bit-counters
    -Cllvm-args=-sanitizer-coverage-pc-table
    -Cllvm-args=-sanitizer-coverage-trace-compares
    -Ccodegen-units=1 -Cdebug-assertions -Coverflow-checks --cfg fuzzing
)
RUSTFLAGS="${coverage[*]}" cargo build --locked --release --target "$triple" --bins
built=${CARGO_TARGET_DIR:-target}/$triple/release

if [ -n "$again" ]; then
    RUST_BACKTRACE=1 exec "$built/$1" "$again"
fi
for target in "$@"; do
    mkdir -p "corpus/$target" "artifacts/$target"
    echo "==> $target, $seconds seconds"
    "$built/$target" "corpus/$target" seeds/* -dict=xml.dict -max_len=4000 -timeout=10 \
        -max_total_time="$seconds" -verbosity=0 -print_final_stats=1 \
        -artifact_prefix="artifacts/$target/"
done
