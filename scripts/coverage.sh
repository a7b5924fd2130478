#!/usr/bin/env bash
# `make coverage`: how much of the product's code the tests and the live run execute, a line for each file, and the total.
#
#     scripts/coverage.sh          fails below 85 % of the lines
#     scripts/coverage.sh show     the lines that nothing executed, too
#
# The compiler instruments, LLVM's own tools read. They must be at least as new as the compiler's LLVM; where the machine has
# none, Debian's packages are unpacked into .local/ (nothing is installed).
set -euo pipefail

# cargo calls this script in the place of the compiler, for the crates of the workspace alone: what they depend on is neither
# counted nor built again.
if [[ ${1:-} == */rustc || ${1:-} == rustc ]]; then
    exec "$@" -C instrument-coverage -C llvm-args=--runtime-counter-relocation
fi

cd "$(dirname "${BASH_SOURCE[0]}")/.."
if [[ -z ${TEST_DATABASE_URL:-} ]]; then
    exec scripts/test.py scripts/coverage.sh "$@"
fi

least=85
profiles=$PWD/.local/coverage

# tool <name>: the path of an LLVM tool, as new as the compiler's LLVM or newer.
major=$(rustc --version --verbose | sed -n 's/^LLVM version: \([0-9]*\).*/\1/p')
unpacked=$PWD/.local/llvm-$major
llvm() { LD_LIBRARY_PATH=$unpacked/usr/lib/x86_64-linux-gnu:$unpacked/usr/lib/aarch64-linux-gnu "$@"; }
tool() {
    local place
    for place in "$(rustc --print sysroot)/lib/rustlib/$(rustc --print host-tuple)/bin/$1" \
        "/usr/lib/llvm-$major/bin/$1" "$unpacked/usr/lib/llvm-$major/bin/$1"; do
        if [[ -x $place ]] && llvm "$place" --version >/dev/null 2>&1; then
            printf '%s' "$place"
            return
        fi
    done
    return 1
}

if ! tool llvm-cov >/dev/null || ! tool llvm-profdata >/dev/null; then
    if ! command -v apt-get >/dev/null; then
        echo "error: llvm-cov $major was not found; run \`rustup component add llvm-tools\` and run this again." >&2
        exit 1
    fi
    mkdir -p "$unpacked"
    (
        cd "$unpacked"
        apt-get download -q "llvm-$major" "libllvm$major"
        for package in ./*.deb; do dpkg-deb -x "$package" .; done
        rm ./*.deb
    )
fi
profdata=$(tool llvm-profdata)
cov=$(tool llvm-cov)

rm -rf "$profiles"
mkdir -p "$profiles"
# The counters of a process that is killed are lost, as the functions' are when the emulator ends them. So they live in a
# file from the first on (%c), one for all processes of a program (%m).
export LLVM_PROFILE_FILE=$profiles/%m%c.profraw
RUSTC_WORKSPACE_WRAPPER=$PWD/scripts/coverage.sh
export RUSTC_WORKSPACE_WRAPPER

cargo build --workspace --bins --locked
scripts/e2e.sh
failed=0
cargo test --workspace --locked --no-fail-fast || failed=1

mapfile -t tests < <(cargo test --workspace --locked --no-run --message-format=json 2>/dev/null |
    python3 -c 'import json, sys
for line in sys.stdin:
    message = json.loads(line)
    if message.get("executable"):
        print(message["executable"])')
objects=()
for program in "${tests[@]}" "${CARGO_TARGET_DIR:-target}"/debug/{countersign,health,tenant,audit,approval,outbox}; do
    objects+=(--object "$program")
done
find "$profiles" -name '*.profraw' >"$profiles/list"
llvm "$profdata" merge --sparse --failure-mode=all --input-files "$profiles/list" --output "$profiles/all.profdata"

# The product's own lines: what only tests are made of is left out, and so are the tests inside the files.
of_tests='/(tests|testing|target|registry|rustc)/|/tests\.rs$|/examples\.rs$'
llvm "$cov" export --format=lcov --instr-profile "$profiles/all.profdata" --ignore-filename-regex "$of_tests" "${objects[@]}" \
    >"$profiles/lcov.info"
python3 scripts/coverage_report.py "$profiles/lcov.info" "$least" "$@"
if ((failed)); then
    echo 'error: tests failed (above), so fewer lines may have been executed than could be.' >&2
    exit 1
fi
