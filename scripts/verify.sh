#!/usr/bin/env bash
# Every check there is, in the order in which a mistake is cheapest to hear of. Stops at the first that fails.
#
#     scripts/verify.sh        (make test and CI run it through scripts/test.py, which brings the servers)
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

if [[ -z ${TEST_LOGS:-} ]]; then
    exec scripts/test.py scripts/verify.sh
fi

summary=()

# step <name> <command …>; a command that exits with 77 could not run here, and that is said, not hidden.
step() {
    local name=$1 began=$SECONDS code=0 verdict
    shift
    printf '\n== %s\n' "$name"
    "$@" || code=$?
    case $code in
        0) verdict=ok ;;
        77) verdict=SKIPPED ;;
        *)
            printf '\n== %s: FAILED after %s s: %s\n' "$name" "$((SECONDS - began))" "$*" >&2
            exit 1
            ;;
    esac
    summary+=("$(printf '%5s s  %-7s  %s' "$((SECONDS - began))" "$verdict" "$name")")
    printf '== %s: %s, %s s\n' "$name" "$verdict" "$((SECONDS - began))"
}

# The tests' output, whole, goes to a file that is looked through afterwards; what the passing ones printed is left out here.
tests() {
    measured cargo test --workspace --locked --no-fail-fast -- --show-output 2>&1 | tee "$TEST_LOGS/tests.log" |
        awk '/^successes:$/ { quiet = 1 } /^(failures:|test result:)/ { quiet = 0 } !quiet { print; fflush() }'
}

step 'format' cargo fmt --all --check
step 'scripts and templates' scripts/lint.sh
if [[ ${ADVISORIES:-} == 1 ]]; then
    step 'licences, sources and advisories' scripts/audit.sh
else
    step 'licences and sources (not advisories, which ADVISORIES=1 adds)' scripts/audit.sh
fi
step 'clippy, and the committed queries' scripts/sqlx-prepare.sh --check

# Where it can be had, the build that is run is the one that counts the lines it executes.
counts=
if scripts/coverage.sh tools; then
    counts=yes
    scripts/coverage.sh begin
    # Whoever calls them later shall not meet programs that leave counts behind; the next build links its own.
    trap 'rm -f "${CARGO_TARGET_DIR:-target}"/debug/{countersign,health,tenant,audit,approval,outbox,serve,skewed}' EXIT
fi
measured() {
    if [[ -n $counts ]]; then
        scripts/coverage.sh run "$@"
    else
        "$@"
    fi
}
coverage() {
    if [[ -n $counts ]]; then
        scripts/coverage.sh report
    else
        scripts/coverage.sh tools
    fi
}

step 'build' measured cargo build --workspace --bins --locked
step 'through the local Lambda runtime' measured scripts/e2e.sh
step 'the description, held by Schemathesis' measured scripts/e2e/contract.py
step 'tests' tests
step 'nothing secret left behind' scripts/leaks_after_tests.py
step 'coverage' coverage

printf '\n'
printf '%s\n' "${summary[@]}"
