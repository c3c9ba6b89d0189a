#!/usr/bin/env bash
# Sets up, builds everything, runs the tests (all but those labelled slow) and the cheap checks of
# the sources.
set -euo pipefail
cd "$(dirname "$0")/.."

ci/build.sh release
ci/layering.py
ci/format.sh
ctest --preset release --label-exclude slow --parallel "$(nproc)"
