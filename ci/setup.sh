#!/usr/bin/env bash
# Installs from Debian what is not there yet. Needs neither root nor a network when all is there.
#   ci/setup.sh          what the build and the tests need
#   ci/setup.sh PART...  what else: format, tidy, record, python
set -euo pipefail

# A tool counts as there when it can be called, whoever installed it; a library, when Debian's
# package is installed. COMMAND:PACKAGE, or PACKAGE.
declare -A needs=(
  [build]="g++:g++ cmake:cmake ninja:ninja-build ccache:ccache python3:python3
           libxtensor-dev nlohmann-json3-dev libopenblas-dev libhdf5-dev libhwy-dev libcli11-dev
           libfmt-dev libssl-dev libcurl4-openssl-dev libgtest-dev libgmock-dev libbenchmark-dev libvalijson-dev
           libexpat1-dev"
  [format]="clang-format-14:clang-format-14"
  [tidy]="clang-tidy-19:clang-tidy-19"
  [record]="python3-venv"
  [python]="python3-venv"
)

is_there() {
  if [[ $1 == *:* ]]; then
    command -v "${1%%:*}" >/dev/null
  else
    dpkg-query -W -f '${db:Status-Status}' "$1" 2>/dev/null | grep -qx installed
  fi
}

missing=()
for part in build "$@"; do
  [[ -v needs[$part] ]] || { echo "setup: no part '$part'; there are ${!needs[*]}" >&2; exit 2; }
  for need in ${needs[$part]}; do
    is_there "$need" || missing+=("${need##*:}")
  done
done
if [[ ${#missing[@]} == 0 ]]; then
  echo "setup: all is there"
  exit
fi

echo "setup: installs ${missing[*]}"
command -v apt-get >/dev/null || { echo "setup: no apt-get here: install these by hand" >&2; exit 2; }
as_root=(env DEBIAN_FRONTEND=noninteractive)
[[ $(id -u) == 0 ]] || as_root=(sudo "${as_root[@]}")
"${as_root[@]}" apt-get update -qq
"${as_root[@]}" apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null
