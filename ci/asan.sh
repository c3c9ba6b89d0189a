#!/usr/bin/env bash
# The tests of everything that reads what people hand in, under AddressSanitizer and
# UndefinedBehaviorSanitizer.
set -euo pipefail
cd "$(dirname "$0")/.."

suites=(test_base test_trace test_model test_cli)
ci/build.sh asan plumb "${suites[@]}"
for suite in "${suites[@]}"; do
  "build/asan/$suite" --gtest_brief=1
done
