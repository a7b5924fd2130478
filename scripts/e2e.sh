#!/usr/bin/env bash
# The product as a client meets it: through `cargo lambda watch`, over HTTP, on the test servers.
#
#     scripts/e2e.sh                    every check in scripts/e2e/
#     scripts/e2e.sh some command …     that command instead, with the same stack around it
#
# The functions say all they can, for the search for leaks; LOG_LEVEL=info keeps them as quiet as usual.
#
# COUNTERSIGN_URL, the seeded keys and cargo-lambda are in the environment of what runs.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

if [[ -z ${TEST_DATABASE_URL:-} ]]; then
    exec scripts/test.py scripts/e2e.sh "$@"
fi
if [[ -z ${COUNTERSIGN_LIVE:-} ]]; then
    exec scripts/live.py scripts/e2e.sh "$@"
fi
# Where the checks find what they share with the scripts that brought the servers.
export PYTHONPATH=$PWD/scripts${PYTHONPATH:+:$PYTHONPATH}
if [[ $# -gt 0 ]]; then
    exec "$@"
fi

# A check that exits with 77 could not run here. The others still do, and then that is what this exits with.
skipped=0
for check in deployed readme gateway decision_page schedule; do
    printf -- '-- %s\n' "$check"
    code=0
    python3 "scripts/e2e/$check.py" || code=$?
    case $code in
        0) ;;
        77) skipped=77 ;;
        *) exit "$code" ;;
    esac
done
printf -- '-- the demo\n'
"${CARGO_TARGET_DIR:-target}/debug/countersign" demo --keys-file "$COUNTERSIGN_KEYS_FILE"
# Last, because it looks through all that the others have left behind.
printf -- '-- leaks\n'
python3 scripts/e2e/leaks.py
exit "$skipped"
