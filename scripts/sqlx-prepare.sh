#!/usr/bin/env bash
# Regenerates `.sqlx` from the queries in the code and the migrations, with nothing but what the repository has.
#
#     scripts/sqlx-prepare.sh            write .sqlx
#     scripts/sqlx-prepare.sh --check    run clippy the strict way and fail when .sqlx is not what would be written
#
# sqlx's macros ask the database, and write what they learn to SQLX_OFFLINE_DIR, whenever they are expanded with
# SQLX_OFFLINE=false. Cargo does not see those variables, so something else must make it compile our crates anew:
# clippy records its arguments as an input of every crate of the workspace, and an argument never used before does
# it, without touching a file or anything that `cargo build` made.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

if [[ -z ${TEST_DATABASE_URL:-} ]]; then
    exec scripts/test.py scripts/sqlx-prepare.sh "$@"
fi

written=$(mktemp -d)
trap 'rm -rf "$written"' EXIT

database=$(scripts/query_database.py)
lints=(-A warnings)
if [[ ${1:-} == --check ]]; then
    lints=(-D warnings)
fi
SQLX_OFFLINE=false DATABASE_URL=$database SQLX_OFFLINE_DIR=$written \
    cargo clippy --workspace --all-targets --locked -- "${lints[@]}" --cfg "sqlx_run_$(date +%s)_$$"

if [[ ${1:-} == --check ]]; then
    mkdir -p .sqlx
    if ! diff --recursive --brief .sqlx "$written"; then
        echo 'The committed .sqlx is not what the code and the migrations say; run scripts/sqlx-prepare.sh.' >&2
        exit 1
    fi
else
    mkdir -p .sqlx
    rm -f .sqlx/query-*.json
    find "$written" -name 'query-*.json' -exec cp {} .sqlx/ \;
    printf '.sqlx: %s queries\n' "$(find .sqlx -name 'query-*.json' | wc -l)"
fi
