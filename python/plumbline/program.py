"""Where the program is, and how it is started."""

import os
import pathlib
import shutil
import subprocess
from collections.abc import Sequence


class CallError(RuntimeError):
    """The input or the call was wrong (exit code 2) or the program failed (3); its one line says what and
    how to mend it."""


def binary() -> pathlib.Path:
    """The program: $PLUMB where that is set, else the one inside this package, else `plumb` on the PATH."""
    named = os.environ.get("PLUMB")
    inside = pathlib.Path(__file__).parent / "bin" / "plumb"
    found = named or (str(inside) if inside.is_file() else shutil.which("plumb"))
    if not found:
        raise CallError("plumb is not there: install the wheel, put it on the PATH, or name it in $PLUMB")
    return pathlib.Path(found)


def start(arguments: Sequence[str]) -> "subprocess.Popen[str]":
    """Starts `plumb ARGUMENTS`, its output kept."""
    return subprocess.Popen([str(binary()), *arguments], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def finish(process: "subprocess.Popen[str]", output: str, errors: str) -> "subprocess.CompletedProcess[str]":
    """What an ended process gave. Exit codes 0 and 1 (judged) return; others raise CallError."""
    if process.returncode not in (0, 1):
        raise CallError(errors.strip() or f"plumb ended with {process.returncode}")
    return subprocess.CompletedProcess(process.args, process.returncode, output, errors)


def call(arguments: Sequence[str]) -> "subprocess.CompletedProcess[str]":
    """Runs `plumb ARGUMENTS`; exit codes as `finish`."""
    with start(arguments) as process:
        return finish(process, *process.communicate())
