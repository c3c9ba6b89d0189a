#!/usr/bin/env bash
# Checks the sources' form; ci/format.sh --fix mends it. Asks for version 14, as the versions differ.
set -euo pipefail
cd "$(dirname "$0")/.."

if ! command -v clang-format-14 >/dev/null; then
  echo "format: not checked, as clang-format-14 is not there (ci/setup.sh format)"
  exit
fi
mode=(--dry-run -Werror)
[[ ${1:-} != --fix ]] || mode=(-i)
git ls-files '*.h' '*.cpp' | xargs clang-format-14 "${mode[@]}"
