#!/usr/bin/env bash
# `make demo`: one approval, from request to record, against the stack that `make dev` serves.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

stack=.local/dev
if [[ ! -r $stack/url || ! -r $stack/keys.env ]]; then
    # shellcheck disable=SC2016
    echo 'error: nothing is being served; run `make dev` in another terminal and wait until it says `ready`.' >&2
    exit 1
fi
set -a
# shellcheck source=/dev/null
source "$stack/keys.env"
set +a
COUNTERSIGN_URL=$(cat "$stack/url")
export COUNTERSIGN_URL
exec "${CARGO_TARGET_DIR:-target}/debug/countersign" demo
