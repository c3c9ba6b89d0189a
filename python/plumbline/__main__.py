"""`python -m plumbline ...` is `plumb ...`."""

import os
import sys

from plumbline.program import binary


def main() -> None:
    program = str(binary())
    os.execv(program, [program, *sys.argv[1:]])


if __name__ == "__main__":
    main()
