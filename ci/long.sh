#!/usr/bin/env bash
# What takes longer than .ci/run may: the state matrix, the parsers under sanitizers, every oracle recorded again and
# compared, README's example run, the keys of transformers, and the wheel built, installed and tried.
set -euo pipefail
cd "$(dirname "$0")/.."

ci/gate.sh --state
ci/asan.sh
ci/record.sh --check
ci/examples.py
build/venv/bin/python ci/transformers_keys.py --check
ci/python.sh
