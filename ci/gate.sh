#!/usr/bin/env bash
# The parity gate: sets up, builds, judges every case of the catalogue, prints the table and writes
# report/. Ends with the gate's exit code. Arguments go to `plumb gate`: ci/gate.sh --filter 'qwen*'
set -euo pipefail
cd "$(dirname "$0")/.."

ci/build.sh release plumb
build/release/plumb gate --report report/ "$@"
