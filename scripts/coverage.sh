#!/usr/bin/env bash
# How much of the product's code the tests and the live run execute: a line for each file, and the total.
#
#     scripts/coverage.sh                   measures all of it, reports, and fails below 85 % of the lines (`make coverage`)
#     scripts/coverage.sh show              the lines that nothing executed, too
#
# and its parts, for scripts/verify.sh, whose own tests are the measured ones:
#
#     scripts/coverage.sh tools             finds LLVM's tools or brings them; exits with 77, and the reason, where it cannot
#     scripts/coverage.sh begin             forgets what was counted before
#     scripts/coverage.sh run <command …>   runs the command; what it builds of the workspace is instrumented
#     scripts/coverage.sh report [show]     what was counted since
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
have_tools() { tool llvm-cov >/dev/null && tool llvm-profdata >/dev/null; }

bring_tools() {
    local draft=$unpacked.new
    rm -rf "$draft"
    mkdir -p "$draft"
    (
        cd "$draft"
        # The lists of a fresh machine are empty or old; bringing them up to date is root's alone, and may not be needed.
        apt-get download -q "llvm-$major" "libllvm$major" 2>/dev/null || {
            apt-get update -qq && apt-get download -q "llvm-$major" "libllvm$major"
        }
        for package in ./*.deb; do dpkg-deb -x "$package" .; done
        rm ./*.deb
    ) || return 1
    rm -rf "$unpacked"
    mv "$draft" "$unpacked"
}

tools() {
    if have_tools; then
        return
    fi
    if command -v apt-get >/dev/null && command -v dpkg-deb >/dev/null; then
        echo "fetching Debian's llvm-$major into .local/"
        if bring_tools && have_tools; then
            return
        fi
    fi
    echo "coverage cannot be measured here: neither rustup's llvm-tools nor Debian's llvm-$major could be had." >&2
    return 77
}

begin() {
    rm -rf "$profiles"
    mkdir -p "$profiles"
}

run() {
    # The counters of a process that is killed are lost, as the functions' are when the emulator ends them. So they live in a
    # file from the first on (%c), one for all processes of a program (%m).
    LLVM_PROFILE_FILE=$profiles/%m%c.profraw RUSTC_WORKSPACE_WRAPPER=$PWD/scripts/coverage.sh "$@"
}

# Every program whose counts there may be, with the code that they count.
programs() {
    run cargo test --workspace --locked --no-run --message-format=json 2>/dev/null | python3 -c '
import json, sys
for line in sys.stdin:
    message = json.loads(line)
    if message.get("executable"):
        print(message["executable"])'
}

report() {
    local program programs=() objects=()
    mapfile -t programs < <(programs)
    for program in "${programs[@]}"; do
        objects+=(--object "$program")
    done
    find "$profiles" -name '*.profraw' >"$profiles/list"
    llvm "$(tool llvm-profdata)" merge --sparse --failure-mode=all --input-files "$profiles/list" --output "$profiles/all.profdata"

    # The product's own lines: what only tests are made of is left out, and so are the tests inside the files.
    local of_tests='/(tests|testing|target|registry|rustc)/|/tests\.rs$|/examples\.rs$'
    llvm "$(tool llvm-cov)" export --format=lcov --instr-profile "$profiles/all.profdata" \
        --ignore-filename-regex "$of_tests" "${objects[@]}" >"$profiles/lcov.info"
    python3 scripts/coverage_report.py "$profiles/lcov.info" "$least" "$@"
}

everything() {
    if [[ -z ${TEST_DATABASE_URL:-} ]]; then
        exec scripts/test.py scripts/coverage.sh "$@"
    fi
    local failed=0
    tools || exit
    begin
    run cargo build --workspace --bins --locked
    run scripts/e2e.sh
    run cargo test --workspace --locked --no-fail-fast || failed=1
    report "$@"
    if ((failed)); then
        echo 'error: tests failed (above), so fewer lines may have been executed than could be.' >&2
        exit 1
    fi
}

case ${1:-} in
    tools | begin | run | report) "$@" ;;
    '' | show) everything "$@" ;;
    *)
        echo 'usage: scripts/coverage.sh [show | tools | begin | run <command …> | report [show]]' >&2
        exit 2
        ;;
esac
