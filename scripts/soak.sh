#!/usr/bin/env bash
# `make soak`: the heavy tests in their long form, with other chances at each run. Their short form is part of `make test`.
#
#     SOAK_SEED            decides the chances; it is printed, and the first round's of the fault run     the time
#     CONTRACT_EXAMPLES    inputs of Schemathesis for each operation                                       500
#     SOAK_FUZZ_SECONDS    of libFuzzer for each target                                                   300
#     SOAK_STORIES         of the model of approvals, of up to 60 steps each                              1500
#     SOAK_REQUESTS        requests of a round of the fault run                                           20000
#     SOAK_ROUNDS          its rounds, each on servers of its own                                         5
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

if [[ -z ${TEST_DATABASE_URL:-} ]]; then
    exec scripts/test.py scripts/soak.sh
fi

export SOAK=1 SOAK_SEED=${SOAK_SEED:-$(date +%s)}
export SOAK_REQUESTS=${SOAK_REQUESTS:-20000} SOAK_ROUNDS=${SOAK_ROUNDS:-5} CONTRACT_EXAMPLES=${CONTRACT_EXAMPLES:-500}
printf 'SOAK_SEED=%s\n' "$SOAK_SEED"

cargo build --workspace --bins --locked
printf '\n== the description, held by Schemathesis\n'
CONTRACT_SEED=$SOAK_SEED scripts/e2e/contract.py
printf '\n== libFuzzer\n'
code=0
FUZZ_SEED=$SOAK_SEED scripts/fuzz.sh "${SOAK_FUZZ_SECONDS:-300}" || code=$?
# Without a C++ compiler it cannot run, and has said so.
if [[ $code -ne 0 && $code -ne 77 ]]; then
    exit "$code"
fi
printf '\n== the model of approvals\n'
PROPTEST_CASES=${SOAK_STORIES:-1500} PROPTEST_RNG_SEED=$SOAK_SEED \
    cargo test --locked -p system-tests --test approval_model -- --nocapture
printf '\n== races and faults\n'
cargo test --locked -p approval --test api races -- --nocapture
cargo test --locked -p system-tests --test races -- --nocapture
exec cargo test --locked -p system-tests --test faults -- --nocapture
