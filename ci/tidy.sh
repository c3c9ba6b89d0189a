#!/usr/bin/env bash
# clang-tidy over the product's sources with the checks of .clang-tidy, where the reasons stand.
#   ci/tidy.sh [FILE...]
set -euo pipefail
cd "$(dirname "$0")/.."

ci/setup.sh tidy
# Clang cannot read GCC's precompiled headers, and compiler warnings are GCC's business: -w.
cmake --preset dev -B build/tidy -DCMAKE_DISABLE_PRECOMPILE_HEADERS=ON --log-level=WARNING
files=("$@")
[[ $# -gt 0 ]] || mapfile -t files < <(git ls-files '*.cpp' ':!tests' ':!bench' ':!studies')
printf '%s\n' "${files[@]}" |
  xargs -P "$(nproc)" -n 1 clang-tidy-19 -p build/tidy --quiet --extra-arg=-w
