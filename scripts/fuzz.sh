#!/usr/bin/env bash
# libFuzzer over every target in fuzz/, for so many seconds each.
#
#     scripts/fuzz.sh [seconds] [target …]     60 seconds and every target when not said
#     FUZZ_SEED=2 …                            other inputs; 1 when not said
#
# The coverage counters that libFuzzer is led by come from the compiler, on the stable toolchain too, so neither a nightly
# one nor cargo-fuzz is needed. What is needed is a C++ compiler, for libFuzzer itself: without one it exits with 77.
# Inputs that lead further are kept in fuzz/found/<target>/, one that breaks a promise in fuzz/artifacts/<target>/.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

seconds=${1:-60}
shift || true
targets=("$@")
if [[ ${#targets[@]} -eq 0 ]]; then
    for binary in fuzz/fuzz_targets/*.rs; do
        targets+=("$(basename "$binary" .rs)")
    done
fi

if ! command -v "${CXX:-c++}" >/dev/null; then
    echo 'fuzz: no C++ compiler was found, which libFuzzer needs; not run' >&2
    exit 77
fi
host=$(rustc -vV | sed -n 's/^host: //p')
# With a target named, build scripts and macros are built without the counters.
export CARGO_TARGET_DIR=${FUZZ_TARGET_DIR:-fuzz/target} SQLX_OFFLINE=true
export RUSTFLAGS='-Cpasses=sancov-module -Cllvm-args=-sanitizer-coverage-level=4
    -Cllvm-args=-sanitizer-coverage-inline-8bit-counters -Cllvm-args=-sanitizer-coverage-pc-table
    -Cllvm-args=-sanitizer-coverage-trace-compares -Ccodegen-units=1 --cfg fuzzing'
cargo build --manifest-path fuzz/Cargo.toml --release --locked --bins --target "$host"

for target in "${targets[@]}"; do
    printf -- '-- %s for %s s\n' "$target" "$seconds"
    mkdir -p "fuzz/found/$target" "fuzz/artifacts/$target"
    code=0
    # A worker of libFuzzer has the whole process to itself, and a panic ends it: the input is then in artifacts.
    "$CARGO_TARGET_DIR/$host/release/$target" "fuzz/found/$target" "fuzz/corpus/$target" \
        "-artifact_prefix=fuzz/artifacts/$target/" "-max_total_time=$seconds" -timeout=10 -rss_limit_mb=2048 \
        -max_len=8192 "-seed=${FUZZ_SEED:-1}" -print_final_stats=1 -verbosity=0 || code=$?
    if [[ $code -ne 0 ]]; then
        echo "fuzz: $target broke (exit $code); the input is in fuzz/artifacts/$target/" >&2
        exit 1
    fi
done
