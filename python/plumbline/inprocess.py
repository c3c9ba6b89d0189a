"""Engines that live in this process, as candidates of the program: `plumb` starts a messenger
(plumbline/messenger.py), which hands the request over and waits for the trace."""

import contextlib
import json
import pathlib
import shlex
import socket
import subprocess
import sys
import threading
import traceback
from collections.abc import Callable, Sequence

from plumbline.engine import CANNOT, Engine, Request, Unsupported, answer
from plumbline.program import finish, start

WAIT = 0.2  # seconds between looks at whether the program has ended


class Listener:
    """Answers requests with the engine that `make` gives for the first of them."""

    def __init__(self, make: Callable[[Request], Engine], folder: pathlib.Path) -> None:
        self._make = make
        self._engine: Engine | None = None
        self._path = str(folder / "engine.socket")
        words = [sys.executable, str(pathlib.Path(__file__).with_name("messenger.py").resolve()), self._path]
        self.command = shlex.join(words)
        self._error: BaseException | None = None

    def __enter__(self) -> "Listener":
        self._socket = socket.socket(socket.AF_UNIX)
        self._socket.bind(self._path)
        self._socket.listen(1)
        self._socket.settimeout(WAIT)
        return self

    def __exit__(self, *_: object) -> None:
        self._socket.close()

    def call(self, arguments: Sequence[str]) -> "subprocess.CompletedProcess[str]":
        """Runs `plumb ARGUMENTS` and serves meanwhile, in this thread. An exception of the engine's own is
        raised again, with its traceback."""
        with start(arguments) as process:
            outputs: list[str] = []
            reader = threading.Thread(target=lambda: outputs.extend(process.communicate()))
            reader.start()
            try:
                while process.poll() is None:
                    with contextlib.suppress(TimeoutError):
                        self._serve(self._socket.accept()[0])
            finally:
                if process.poll() is None and sys.exc_info()[0] is not None:
                    process.terminate()
                reader.join()
        if self._error is not None:
            raise self._error
        return finish(process, *outputs)

    def _serve(self, connection: socket.socket) -> None:
        with connection, connection.makefile("rw") as lines:
            request_file, trace_file = json.loads(lines.readline())
            code, text = self._answer(request_file, trace_file)
            with contextlib.suppress(OSError):  # the program's time was up, and its messenger is gone
                lines.write(json.dumps([code, text]) + "\n")
                lines.flush()

    def _answer(self, request_file: str, trace_file: str) -> tuple[int, str]:
        request = Request.read(request_file)
        try:
            self._engine = self._engine or self._make(request)
            trace, left_out = answer(self._engine, request)
        except Unsupported as reason:
            return CANNOT, f"cannot do: {reason}"
        except Exception as error:
            self._error = error
            return 1, traceback.format_exc()
        if len(left_out) == len(request.runs):
            return CANNOT, "; ".join(left_out)
        trace.write(trace_file)
        return 0, "\n".join(f"left out {line}" for line in left_out)
