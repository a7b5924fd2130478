#!/usr/bin/env bash
# Every check there is, in the order in which a mistake is cheapest to hear of. Stops at the first that fails.
#
#     scripts/verify.sh        (make test and CI run it through scripts/test.py, which brings the servers)
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

if [[ -z ${TEST_DATABASE_URL:-} ]]; then
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

step 'format' cargo fmt --all --check
step 'scripts and templates' scripts/lint.sh
step 'licences and advisories' scripts/audit.sh
step 'clippy, and the committed queries' scripts/sqlx-prepare.sh --check
step 'build' cargo build --workspace --bins --locked
step 'through the local Lambda runtime' scripts/e2e.sh
step 'tests' cargo test --workspace --locked
step 'nothing secret left in Redis' scripts/leaks_in_redis.py

printf '\n'
printf '%s\n' "${summary[@]}"
