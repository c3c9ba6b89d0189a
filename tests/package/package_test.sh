#!/usr/bin/env bash
# Installs what was built and uses it as a user's C++ project does:
#   package_test.sh BUILD_FOLDER SOURCE_FOLDER
set -euo pipefail
build=$1 source=$2
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT

for component in program headers; do
  cmake --install "$build" --prefix "$scratch/installed" --component "$component" >/dev/null
done
cp "$source/examples/llama.c" "$scratch/engine.c"
cp "$source"/tests/package/{CMakeLists.txt,consumer.cpp} "$scratch"
cmake -S "$scratch" -B "$scratch/build" -DCMAKE_PREFIX_PATH="$scratch/installed" >/dev/null
cmake --build "$scratch/build" >"$scratch/build.log" || { cat "$scratch/build.log"; exit 1; }

cd "$scratch"
unset PLUMB
installed/bin/plumb synth llama --seed 5 --set vocab_size=512 -o checkpoint >/dev/null
build/consumer
installed/bin/plumb check checkpoint --candidate plugin:build/libengine.so
