#!/usr/bin/env bash
# Records the oracle traces with Hugging Face's own code, in an environment of its own under build/.
#   ci/record.sh [CASE...]           record into oracles/traces/
#   ci/record.sh --check [CASE...]   record again and compare with what is committed
set -euo pipefail
cd "$(dirname "$0")/.."

ci/setup.sh record
ci/build.sh release plumb
venv=build/venv
if ! cmp -s oracles/requirements.txt "$venv/requirements.txt"; then
  echo "record: installs oracles/requirements.txt into $venv"
  rm -rf "$venv"
  python3 -m venv "$venv"
  "$venv/bin/pip" install --quiet --disable-pip-version-check -r oracles/requirements.txt
  cp oracles/requirements.txt "$venv/"
fi
"$venv/bin/python" oracles/record.py --plumb build/release/plumb "$@"
