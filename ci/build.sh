#!/usr/bin/env bash
# Sets up, configures and builds: ci/build.sh PRESET [TARGET...]
set -euo pipefail
cd "$(dirname "$0")/.."

ci/setup.sh
export CCACHE_BASEDIR=$PWD CCACHE_NOHASHDIR=1  # one cache serves every clone
cmake --preset "$1" --log-level=WARNING
cmake --build --preset "$1" --parallel "$(nproc)" ${2:+--target "${@:2}"}
