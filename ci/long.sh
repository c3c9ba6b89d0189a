#!/usr/bin/env bash
# What takes longer than .ci/run may: the parsers under sanitizers, and every oracle recorded again and compared, the
# keys of transformers besides.
set -euo pipefail
cd "$(dirname "$0")/.."

ci/asan.sh
ci/record.sh --check
