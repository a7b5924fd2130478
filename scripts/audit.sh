#!/usr/bin/env bash
# Licences, sources and banned crates of the dependencies, by cargo-deny and `deny.toml`; with ADVISORIES=1 known
# advisories too, whose database is a git repository that has to be fetched.
#
# No registry ships cargo-deny as a binary. It is built once into .local/, without optimisation: a minute, and it only
# reads a lock file. Exit code 77 says that it could not be had.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

version=0.20.2
tools=$PWD/.local/tools
if [[ ! -x $tools/bin/cargo-deny-$version ]]; then
    echo "building cargo-deny $version into .local/"
    if ! CARGO_TARGET_DIR=$tools/target cargo install --quiet --locked --debug --root "$tools" "cargo-deny@$version"; then
        echo "cargo-deny $version could not be built here."
        exit 77
    fi
    # Named by its version, so that a newer one is noticed as missing.
    mv "$tools/bin/cargo-deny" "$tools/bin/cargo-deny-$version"
    rm -rf "$tools/target"
fi

checks=(bans licenses sources)
if [[ ${ADVISORIES:-} == 1 ]]; then
    checks+=(advisories)
fi
"$tools/bin/cargo-deny-$version" --locked check "${checks[@]}"
