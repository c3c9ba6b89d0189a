"""Started by `plumb` as an engine (`messenger.py SOCKET REQUEST TRACE`): hands both names to the process that
has the engine (plumbline.inprocess) and ends as that one says. Imports nothing, so that it starts at once."""

import json
import socket
import sys


def main(path: str, request: str, trace: str) -> int:
    with socket.socket(socket.AF_UNIX) as connection:
        connection.connect(path)
        with connection.makefile("rw") as lines:
            lines.write(json.dumps([request, trace]) + "\n")
            lines.flush()
            code, text = json.loads(lines.readline() or '[1, "the process that has the engine has ended"]')
    print(text, file=sys.stderr)
    return int(code)


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:4]))
