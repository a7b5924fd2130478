#!/usr/bin/env bash
# Licences, sources, duplicates and known advisories of the dependencies, by cargo-deny and `deny.toml`.
#
# No registry ships a current cargo-deny as a binary, and building it takes longer than all other checks together,
# so it runs where it is installed (cargo install --locked cargo-deny). Exit code 77 says that it is not.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

if ! command -v cargo-deny >/dev/null; then
    echo 'cargo-deny is not installed here (cargo install --locked cargo-deny).'
    exit 77
fi

checks=(bans licenses sources)
# The advisory database is a git repository that has to be fetched.
if [[ ${OFFLINE:-} != 1 ]]; then
    checks+=(advisories)
fi
cargo deny --locked check "${checks[@]}"
