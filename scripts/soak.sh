#!/usr/bin/env bash
# `make soak`: the heavy tests in their long form, with other chances at each run. Their short form is part of `make test`.
#
#     SOAK_REQUESTS   requests of a round of the fault run        20000
#     SOAK_ROUNDS     its rounds, each on servers of its own      5
#     SOAK_SEED       the first round's seed, which it prints     the time
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

if [[ -z ${TEST_DATABASE_URL:-} ]]; then
    exec scripts/test.py scripts/soak.sh
fi

export SOAK=1
export SOAK_REQUESTS=${SOAK_REQUESTS:-20000} SOAK_ROUNDS=${SOAK_ROUNDS:-5} SOAK_SEED=${SOAK_SEED:-$(date +%s)}
cargo build --workspace --bins --locked
cargo test --locked -p approval --test api races -- --nocapture
cargo test --locked -p system-tests --test races -- --nocapture
exec cargo test --locked -p system-tests --test faults -- --nocapture
