#!/usr/bin/env bash
# Records the oracle traces with their families' own code, in an environment of its own under build/.
#   ci/record.sh [CASE...]           record into oracles/traces/
#   ci/record.sh --check [CASE...]   record again and compare with what is committed, and with
#                                    transformers' sources the table of config keys
set -euo pipefail
cd "$(dirname "$0")/.."

ci/venv.sh
ci/build.sh release plumb
venv=build/venv
[[ ${1:-} != --check ]] || "$venv/bin/python" ci/transformers_keys.py --check
"$venv/bin/python" oracles/record.py --plumb build/release/plumb "$@"
