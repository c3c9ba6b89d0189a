#!/usr/bin/env bash
# Plants small changes and counts those that the tests notice: ci/mutate.sh [OPTIONS of ci/mutate.py]
set -euo pipefail
cd "$(dirname "$0")/.."

ci/setup.sh python
venv=build/mutate-venv
[[ -x $venv/bin/python ]] || python3 -m venv "$venv"
"$venv/bin/pip" --quiet --disable-pip-version-check install -r ci/mutation/requirements.txt
exec "$venv/bin/python" ci/mutate.py "$@"
