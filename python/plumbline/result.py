"""The judging verbs, as functions that give a Result."""

import dataclasses
import json
import os
import pathlib
import tempfile
from collections.abc import Sequence
from typing import Any

from plumbline.program import call

PathLike = str | os.PathLike[str]


@dataclasses.dataclass(frozen=True)
class Result:
    """What `check` or `bisect` found: `plumbline.result/1`, whose keys docs/formats.md explains."""

    data: dict[str, Any]
    story: str  # what the program prints for people

    @property
    def verdict(self) -> str:
        """PASSED, FAILED, INCONCLUSIVE or SKIPPED."""
        return str(self.data["verdict"])

    @property
    def passed(self) -> bool:
        return self.verdict == "PASSED"

    @property
    def ratio(self) -> float | None:
        """RMS error of the logits over the RMS that the precision makes by itself: about 1 is right."""
        drift = self.data.get("drift") or {}
        value = drift.get("floor_ratio")
        return None if value is None else float(value)

    @property
    def tap(self) -> str | None:
        """The first recorded tap that departs."""
        first = self.data.get("first_divergence") or {}
        return first.get("tap")

    @property
    def causes(self) -> list[str]:
        """The names of the causes; several give the same values, none: unknown."""
        return [cause["cause"] for cause in self.data.get("diagnosis") or []]


def _judge(verb: str, checkpoint: PathLike, candidate: str, options: Sequence[str]) -> Result:
    with tempfile.TemporaryDirectory() as folder:
        file = pathlib.Path(folder) / "result.json"
        done = call([verb, os.fspath(checkpoint), "--candidate", candidate, "--json", str(file), *options])
        return Result(json.loads(file.read_text()), done.stdout + done.stderr)


def check(checkpoint: PathLike, candidate: str, *options: str) -> Result:
    """`plumb check`: judges one candidate. `options` as on the command line ("--state", "--oracle", ...).
    Raises CallError where the input is wrong."""
    return _judge("check", checkpoint, candidate, options)


def bisect(checkpoint: PathLike, candidate: str, *options: str) -> Result:
    """`plumb bisect`: where the candidate first departs, and why."""
    return _judge("bisect", checkpoint, candidate, options)


def certify(checkpoint: PathLike, *options: str) -> dict[str, Any]:
    """`plumb certify`: which mistakes this checkpoint and its prompts could show."""
    with tempfile.TemporaryDirectory() as folder:
        file = pathlib.Path(folder) / "certificate.json"
        call(["certify", os.fspath(checkpoint), "--json", str(file), *options])
        certificate: dict[str, Any] = json.loads(file.read_text())
        return certificate
