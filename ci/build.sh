#!/usr/bin/env bash
# Sets up, configures and builds: ci/build.sh PRESET [TARGET...]
set -euo pipefail
cd "$(dirname "$0")/.."

ci/setup.sh
cmake --preset "$1" --log-level=WARNING
cmake --build --preset "$1" --parallel "$(nproc)" ${2:+--target "${@:2}"}
