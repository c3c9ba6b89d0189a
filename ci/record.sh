#!/usr/bin/env bash
# Records the oracle traces with their families' own code, in an environment of its own under build/.
#   ci/record.sh [CASE...]           record into oracles/traces/
#   ci/record.sh --check [CASE...]   record again and compare with what is committed, and with
#                                    transformers' sources the table of config keys
set -euo pipefail
cd "$(dirname "$0")/.."

ci/setup.sh record
ci/build.sh release plumb
venv=build/venv
if ! cat oracles/requirements*.txt | cmp -s - "$venv/requirements.txt"; then
  echo "record: installs oracles/requirements*.txt into $venv"
  rm -rf "$venv"
  python3 -m venv "$venv"
  pip="$venv/bin/pip --quiet --disable-pip-version-check"
  $pip install -r oracles/requirements.txt
  $pip install --no-deps -r oracles/requirements-no-deps.txt
  cat oracles/requirements*.txt > "$venv/requirements.txt"
fi
[[ ${1:-} != --check ]] || "$venv/bin/python" ci/transformers_keys.py --check
"$venv/bin/python" oracles/record.py --plumb build/release/plumb "$@"
