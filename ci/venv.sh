#!/usr/bin/env bash
# The environment with torch and transformers, build/venv: oracles are recorded in it, and the Python package's
# tests of them run in it. Does nothing where it is there as oracles/requirements*.txt say.
set -euo pipefail
cd "$(dirname "$0")/.."

ci/setup.sh record
venv=build/venv
if ! cat oracles/requirements*.txt | cmp -s - "$venv/requirements.txt"; then
  echo "venv: installs oracles/requirements*.txt into $venv"
  rm -rf "$venv"
  python3 -m venv "$venv"
  pip="$venv/bin/pip --quiet --disable-pip-version-check"
  $pip install -r oracles/requirements.txt
  $pip install --no-deps -r oracles/requirements-no-deps.txt
  cat oracles/requirements*.txt > "$venv/requirements.txt"
fi
