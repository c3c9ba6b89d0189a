"""An engine under judgement, and how it answers `plumb`.

A module with

    class MyEngine(Engine):
        producer, dtype = "mine 1.0", "float32"
        def __init__(self, request): ...             # loads request.checkpoint
        def forward(self, tokens, wanted): ...       # -> {"logits": [T, V], ...}

    if __name__ == "__main__":
        serve(MyEngine)

is a candidate: `plumb check CKPT --candidate py:my_module`. `plumb` starts it with a request file
("plumbline.request/1") and reads the trace that it writes.
"""

import abc
import dataclasses
import fnmatch
import json
import os
import pathlib
import sys
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from plumbline.arrays import as_numpy
from plumbline.trace import Trace, cut

__all__ = ["CANNOT", "Engine", "Request", "Unsupported", "answer", "cut", "serve"]

CANNOT = 75  # the exit code that says: this part cannot be done (EX_TEMPFAIL of sysexits.h)


class Unsupported(Exception):
    """The engine cannot do what was asked; the part is left out, and the report says so."""


@dataclasses.dataclass(frozen=True)
class Request:
    """What `plumb` asks: `plumbline.request/1`."""

    checkpoint: pathlib.Path
    threads: int
    dtype: str | None  # the precision wished for; None: the engine's own choice
    taps: tuple[str, ...]  # names and globs: wishes, not demands
    greedy: int  # tokens to continue each prompt by
    prompts: dict[str, list[int]]
    runs: tuple[str, ...]  # "p0", "p0@7+1x30", "p0@batch", "p0@reset"

    @classmethod
    def read(cls, file: str) -> "Request":
        """Raises ValueError where the file is no request."""
        data = json.loads(pathlib.Path(file).read_text())
        if data.get("schema") != "plumbline.request/1":
            raise ValueError(f"{file}: schema is {data.get('schema')!r}, not plumbline.request/1")
        return cls(pathlib.Path(data["checkpoint"]), int(data.get("threads") or 1), data.get("dtype"),
                   tuple(data.get("taps") or ("logits",)), int(data.get("greedy") or 0),
                   dict(data["prompts"]), tuple(data.get("runs") or data["prompts"]))

    @classmethod
    def of(cls, prompts: Mapping[str, Sequence[int]], runs: Sequence[str] = (), *,
           checkpoint: str | os.PathLike[str] = ".", dtype: str | None = None, taps: Sequence[str] = ("logits",),
           greedy: int = 0, threads: int = 1) -> "Request":
        """A request that nobody wrote to a file; without `runs` each prompt whole."""
        return cls(pathlib.Path(checkpoint), threads, dtype, tuple(taps), greedy,
                   {name: list(tokens) for name, tokens in prompts.items()}, tuple(runs or prompts))

    def wants(self, tap: str) -> bool:
        return any(fnmatch.fnmatchcase(tap, pattern) for pattern in self.taps)


class Engine(abc.ABC):
    """One checkpoint, loaded. Values are arrays without a batch axis, the position first."""

    producer: str  # who computes, with its version
    dtype: str  # float64 | float32 | bfloat16 | float16: the precision that it computes in
    contract: str | None = None  # a precision contract's name, where it keeps another than its dtype's

    @abc.abstractmethod
    def forward(self, tokens: Sequence[int], wanted: Callable[[str], bool]) -> Mapping[str, Any]:
        """The taps of one whole prompt, `logits` [T, V] among them (or `logprobs` and `logprob_ids`,
        [T, K]). `wanted(tap)` says which taps are asked for."""

    def forward_in_pieces(self, pieces: Sequence[Sequence[int]],
                          wanted: Callable[[str], bool]) -> Mapping[str, Any]:
        """The same prompt in consecutive calls through the engine's own state; taps joined along the
        position."""
        raise Unsupported("runs in pieces")

    def forward_batch(self, prompts: Mapping[str, Sequence[int]],
                      wanted: Callable[[str], bool]) -> Mapping[str, Mapping[str, Any]]:
        """All prompts as rows of one ragged batch, padding removed: taps by prompt."""
        raise Unsupported("batches")

    def forward_after(self, other: Sequence[int], tokens: Sequence[int],
                      wanted: Callable[[str], bool]) -> Mapping[str, Any]:
        """The prompt after another one and a reset of the state."""
        raise Unsupported("resets")

    def greedy(self, tokens: Sequence[int], steps: int) -> Mapping[str, Any]:
        """`greedy` [N] and `greedy_margin` [N]: each step a forward of the whole sequence."""
        sequence, margins = list(tokens), []
        for _ in range(steps):
            values = self.forward(sequence, lambda tap: tap == "logits")
            if "logits" not in values:
                raise Unsupported("greedy continuations without logits")
            last = as_numpy(values["logits"])[-1].astype(np.float64)
            best = int(last.argmax())
            margins.append(float(last[best] - np.delete(last, best).max()))
            sequence.append(best)
        return {"greedy": sequence[len(tokens):], "greedy_margin": margins}


def _one_run(engine: Engine, request: Request, prompt: str, how: str) -> Mapping[str, Any]:
    tokens = request.prompts[prompt]
    if how == "batch":
        return engine.forward_batch(request.prompts, request.wants)[prompt]
    if how == "reset":
        others = [ids for name, ids in request.prompts.items() if name != prompt]
        return engine.forward_after((others or [list(reversed(tokens))])[0], tokens, request.wants)
    if how:
        return engine.forward_in_pieces(cut(tokens, how), request.wants)
    values = dict(engine.forward(tokens, request.wants))
    if request.greedy:
        values.update(engine.greedy(tokens, request.greedy))
    return values


def answer(engine: Engine, request: Request) -> tuple[Trace, list[str]]:
    """The trace of all runs that the engine can do, and what was left out, with the reason."""
    declared = {} if engine.contract is None else {"contract": engine.contract}
    trace, left_out = Trace(engine.producer, **declared), []
    for name, tokens in request.prompts.items():
        trace.prompt(name, tokens)
    for run in request.runs:
        prompt, _, how = run.partition("@")
        try:
            trace.record(engine.dtype, run, _one_run(engine, request, prompt, how))
        except Unsupported as reason:
            left_out.append(f"{run}: {reason}")
    return trace, left_out


def serve(make: Callable[[Request], Engine], arguments: Sequence[str] | None = None) -> None:
    """The main program of an engine: `MODULE REQUEST TRACE`. Ends with 75 where nothing could be done."""
    given = sys.argv[1:] if arguments is None else list(arguments)
    if len(given) != 2:
        sys.exit("usage: MODULE REQUEST TRACE; plumb calls this (--candidate py:MODULE)")
    request = Request.read(given[0])
    try:
        engine = make(request)
    except Unsupported as reason:
        print(f"cannot do: {reason}", file=sys.stderr)
        sys.exit(CANNOT)
    trace, left_out = answer(engine, request)
    for line in left_out:
        print(f"left out {line}", file=sys.stderr)
    if len(left_out) == len(request.runs):
        sys.exit(CANNOT)
    trace.write(given[1])
