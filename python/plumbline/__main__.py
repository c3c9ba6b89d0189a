"""`python -m plumbline ...` is `plumb ...`; `python -m plumbline oracle ...` records an oracle
(plumbline.oracles), which needs torch and transformers."""

import importlib
import os
import sys

from plumbline.program import CallError, binary


def main() -> None:
    if sys.argv[1:2] == ["oracle"]:
        try:
            recording = importlib.import_module("plumbline.oracles.recording")
        except ImportError as error:
            print(f"plumbline oracle: {error}; pip install 'plumbline[transformers]'", file=sys.stderr)
            sys.exit(2)
        sys.exit(recording.main(sys.argv[2:]))
    try:
        program = str(binary())
    except CallError as error:
        print(f"plumbline: {error}", file=sys.stderr)
        sys.exit(2)
    os.execv(program, [program, *sys.argv[1:]])


if __name__ == "__main__":
    main()
