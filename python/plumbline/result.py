"""What the program found, as values."""

import dataclasses
import json
import os
import pathlib
import tempfile
from typing import Any, TypeAlias

import numpy as np

from plumbline import html
from plumbline.program import call

PathLike: TypeAlias = str | os.PathLike[str]

TAP_NUMBERS = ("max_abs", "max_rel", "rms", "nmse", "cosine", "floor_ratio", "local_ratio")


@dataclasses.dataclass(frozen=True)
class Reason:
    """Why a verdict is not PASSED."""

    gate: str  # proof, local, bits, global, match, state, tokens, oracle, recording, power
    tap: str | None
    message: str

    def __str__(self) -> str:
        return f"{self.gate}: {self.message}" if self.tap is None else f"{self.gate}: {self.tap}: {self.message}"


@dataclasses.dataclass(frozen=True)
class Cause:
    """A mistake that explains what was seen."""

    cause: str  # its name in docs/faults.md, or contract:NAME
    says: str
    layer: int | None
    explained: float | None  # share of the error's energy, 0 to 1

    def __str__(self) -> str:
        return f"{self.cause}: {self.says}"


def records(rows: list[dict[str, Any]], name: str, numbers: tuple[str, ...]) -> np.recarray[Any, Any]:
    """Rows as numpy records: the text `name`, then floats; what a row lacks is NaN. A column is an
    array (`.floor_ratio`), a row has its names (`[0].tap`), pandas.DataFrame takes it whole."""
    longest = max([len(str(row[name])) for row in rows], default=1)
    kind = np.dtype([(name, f"U{longest}"), *((number, "f8") for number in numbers)])
    values = [(str(row[name]), *(np.nan if row.get(number) is None else row[number] for number in numbers))
              for row in rows]
    return np.array(values, dtype=kind).view(np.recarray)


@dataclasses.dataclass(frozen=True)
class Result:
    """What `check` or `bisect` found. `data`: `plumbline.result/1`, whose keys docs/formats.md explains."""

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
    def reasons(self) -> list[Reason]:
        """Why the verdict is not PASSED, the weightiest first."""
        return [Reason(row["gate"], row["tap"], row["message"]) for row in self.data.get("reasons") or []]

    @property
    def contract(self) -> str | None:
        """The precision contract to which it was held."""
        contract: str | None = self.data["candidate"].get("contract")
        return contract

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
    def diagnosis(self) -> list[Cause]:
        """The causes, the best first; several give the same values, none: unknown, or nothing departs."""
        return [Cause(row["cause"], row["says"], row.get("layer"), row.get("explained"))
                for row in self.data.get("diagnosis") or []]

    @property
    def causes(self) -> list[str]:
        """The names of the causes."""
        return [found.cause for found in self.diagnosis]

    @property
    def cause(self) -> str:
        """In words: what is wrong; "unknown" where something departs and no mistake explains it, "" where
        nothing departs."""
        if self.diagnosis:
            return "; or ".join(found.says for found in self.diagnosis)
        return "" if self.data.get("first_divergence") is None else "unknown"

    @property
    def taps(self) -> np.recarray[Any, Any]:
        """One record a tap, in the order of the forward: tap, max_abs, max_rel (over the largest value),
        rms, nmse, cosine, floor_ratio (over what the precision makes), local_ratio (on its own inputs)."""
        return records(self.data.get("taps") or [], "tap", TAP_NUMBERS)

    @property
    def notes(self) -> list[str]:
        return list(self.data.get("notes") or [])

    def report(self, folder: PathLike, baseline: PathLike | None = None) -> pathlib.Path:
        """Writes a web page, Markdown, JUnit XML and JSON (`plumb report`); returns the page. `baseline`: an
        earlier results.json, against which it tells what moved."""
        with tempfile.TemporaryDirectory() as scratch:
            file = pathlib.Path(scratch) / "result.json"
            file.write_text(json.dumps(self.data))
            more = [] if baseline is None else ["--baseline", os.fspath(baseline)]
            call(["report", str(file), "-o", os.fspath(folder), *more])
        return pathlib.Path(folder) / "index.html"

    def __str__(self) -> str:
        return self.story

    def __repr__(self) -> str:
        ratio = "" if self.ratio is None else f", ratio {self.ratio:.3g}"
        first = "" if self.tap is None else f", first {self.tap}"
        return f"<Result {self.data.get('case')} {self.data['candidate']['name']}: {self.verdict}{ratio}{first}>"

    def _repr_html_(self) -> str:
        return html.of_result(self)


@dataclasses.dataclass(frozen=True)
class Certificate:
    """What `certify` found. `data`: `plumbline.certificate/1`."""

    data: dict[str, Any]
    story: str

    @property
    def faults(self) -> np.recarray[Any, Any]:
        """One record a mistake: says, shift (floors by which it moves the tap), seen (1 or 0), layer (NaN:
        every one, or none)."""
        return records(self.data["faults"], "says", ("shift", "seen", "layer"))

    @property
    def blind_to(self) -> list[str]:
        """Names of the structural mistakes that would not be seen."""
        return list(dict.fromkeys(row["cause"] for row in self.data["faults"]
                                  if row["class"] == "structural" and row["applies"] and not row["seen"]))

    def __getitem__(self, key: str) -> Any:
        return self.data[key]

    def __str__(self) -> str:
        return self.story

    def _repr_html_(self) -> str:
        return html.of_certificate(self)
