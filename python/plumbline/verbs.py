"""The verbs as functions: `check`, `bisect`, `certify`, `synth`."""

from __future__ import annotations

import contextlib
import json
import os
import pathlib
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, TypedDict

from plumbline import inprocess
from plumbline.engine import Engine, Request
from plumbline.program import call
from plumbline.result import Certificate, PathLike, Result
from plumbline.trace import Trace

if TYPE_CHECKING:
    from typing_extensions import Unpack

Candidate = Any  # str | Trace | Engine | Callable[[Request], Engine] | torch.nn.Module


class Options(TypedDict, total=False):
    """Options of `check` and `bisect`; those that are None are as if not given."""

    contract: str | os.PathLike[str] | None  # a name, a file, or "auto": the strictest that it keeps
    oracle: str | os.PathLike[str] | Trace | None  # a trusted producer's trace
    prompts: Trace | Mapping[str, Sequence[int]] | Sequence[Sequence[int]] | Sequence[int] | None  # token ids
    taps: str | Sequence[str] | None  # "all", "coarse", "logits", globs
    state: bool  # in pieces, in batches, after a reset too
    greedy: int | None  # greedy tokens of each prompt
    dtype: str | None  # the precision that an engine outside is asked for
    threads: int | None
    timeout: float | None  # seconds that an engine outside may take
    allow_key: Sequence[str]  # config keys let pass though the model type does not read them
    dialect: str | None  # of a server
    served_model: str | None
    top_logprobs: int | None
    concurrency: int | None
    report: str | os.PathLike[str] | None  # folder to write the report into (check)
    baseline: str | os.PathLike[str] | None  # an earlier results.json (check)
    shrink: str | os.PathLike[str] | None  # where the smallest config that still fails is written (bisect)


def flags(options: Mapping[str, Any]) -> list[str]:
    """`--key value` of each option; lists of taps are joined by commas, others repeat the option."""
    words: list[str] = []
    for key, value in options.items():
        flag = "--" + key.replace("_", "-")
        if value is None or value is False:
            continue
        if value is True:
            words.append(flag)
        elif isinstance(value, (list, tuple)):
            for one in ([",".join(value)] if key == "taps" else value):
                words += [flag, str(one)]
        else:
            words += [flag, os.fspath(value) if isinstance(value, os.PathLike) else str(value)]
    return words


def _prompts_trace(prompts: Any) -> Trace:
    from plumbline.prompts import as_prompts

    trace = Trace("prompts")
    for name, tokens in as_prompts(prompts).items():
        trace.prompt(name, tokens)
    return trace


def _written(trace: Trace, folder: pathlib.Path, name: str) -> str:
    file = folder / f"{name}.safetensors"
    trace.write(file)
    return str(file)


@contextlib.contextmanager
def _candidate(candidate: Candidate, folder: pathlib.Path, dtype: str | None
               ) -> Iterator[tuple[str, Callable[[list[str]], Any]]]:
    """The name for the command line, and what runs it."""
    if isinstance(candidate, (str, os.PathLike)):
        yield os.fspath(candidate), call
    elif isinstance(candidate, Trace):
        yield f"trace:{_written(candidate, folder, 'candidate')}" + (f"#{dtype}" if dtype else ""), call
    else:
        with inprocess.Listener(_maker(candidate, dtype), folder) as listener:
            yield f"exec:{listener.command}", listener.call


def _maker(candidate: Candidate, dtype: str | None) -> Callable[[Request], Engine]:
    """An engine, what makes one of a request, or a torch module."""
    if isinstance(candidate, Engine):
        return lambda _request: candidate
    if isinstance(candidate, type) and issubclass(candidate, Engine):
        return candidate
    if hasattr(candidate, "named_modules"):
        from plumbline.recorder import TorchEngine, producer_of

        engine = TorchEngine(candidate, dtype, producer=producer_of(candidate))
        return lambda _request: engine
    if callable(candidate):
        return candidate  # type: ignore[no-any-return]
    raise TypeError(f"{type(candidate).__name__} is no candidate: a name (cpu-f32, py:MODULE, trace:FILE, ...), a "
                    "Trace, an Engine or its class, or a torch module")


def _judge(verb: str, checkpoint: PathLike, candidate: Candidate, raw: Sequence[str], options: Options) -> Result:
    given: dict[str, Any] = dict(options)
    with tempfile.TemporaryDirectory(prefix="plumbline-") as name:
        folder = pathlib.Path(name)
        prompts, oracle = given.pop("prompts", None), given.get("oracle")
        if prompts is not None and (oracle is not None or isinstance(candidate, Trace)):
            raise ValueError("prompts: the oracle's or the trace's prompts are judged; give one of the two")
        if prompts is not None:
            oracle = _prompts_trace(prompts)  # an oracle of nothing but prompts
        if isinstance(oracle, Trace):
            given["oracle"] = _written(oracle, folder, "oracle")
        dtype = given.get("dtype")
        if isinstance(candidate, Trace):
            given.pop("dtype", None)
        with _candidate(candidate, folder, dtype) as (word, run):
            file = folder / "result.json"
            done = run([verb, os.fspath(checkpoint), "--candidate", word, "--json", str(file), *flags(given), *raw])
        data, story = json.loads(file.read_text()), done.stdout + done.stderr
        if not isinstance(candidate, (str, os.PathLike)):  # its files are gone when this returns
            name = data["candidate"]["name"] = data["candidate"]["producer"]
            kept = [line for line in story.splitlines(keepends=True) if not line.startswith("repeat: ")]
            story = "".join(kept).replace(word, name)
        return Result(data, story)


def check(checkpoint: PathLike, candidate: Candidate, *raw: str, **options: Unpack[Options]) -> Result:
    """Judges one candidate on a checkpoint (`plumb check`).

    `candidate`: as on the command line (cpu-f32, trace:FILE, exec:COMMAND, py:MODULE, plugin:FILE.so,
    http://...), a Trace, an Engine or its class, or a torch module, which is run here. `options`: see
    Options; `raw`: words of the command line, where one is missing there. Raises CallError where the input
    is wrong.
    """
    return _judge("check", checkpoint, candidate, raw, options)


def bisect(checkpoint: PathLike, candidate: Candidate, *raw: str, **options: Unpack[Options]) -> Result:
    """Where the candidate first departs, and why (`plumb bisect`); arguments and errors as `check`. An engine
    is asked again for finer taps where it departs."""
    return _judge("bisect", checkpoint, candidate, raw, options)


def certify(checkpoint: PathLike, *raw: str, contract: str | None = None, taps: str | Sequence[str] | None = None,
            prompts: Any = None, threads: int | None = None, allow_key: Sequence[str] = ()) -> Certificate:
    """Which mistakes this checkpoint and its prompts could show (`plumb certify`). `contract`: of the engine to
    be judged (float32); `taps`: what it records (logits). Raises CallError where the input is wrong."""
    with tempfile.TemporaryDirectory(prefix="plumbline-") as name:
        folder = pathlib.Path(name)
        file = folder / "certificate.json"
        given = {"contract": contract, "taps": taps, "threads": threads, "allow_key": list(allow_key),
                 "prompts": None if prompts is None else _written(_prompts_trace(prompts), folder, "prompts")}
        done = call(["certify", os.fspath(checkpoint), "--json", str(file), *flags(given), *raw])
        return Certificate(json.loads(file.read_text()), done.stdout + done.stderr)


def synth(family: str, output: PathLike, *raw: str, seed: int = 0, preset: str | None = None,
          config: PathLike | None = None, set: Mapping[str, Any] | None = None, quantize: str | None = None,
          ties: int | None = None, threads: int | None = None, allow_key: Sequence[str] = ()) -> pathlib.Path:
    """Writes a synthetic checkpoint (`plumb synth`) and returns its path: a folder, or a file where `output`
    ends in .gguf. `set`: config keys, as values that JSON has. Raises CallError where the input is wrong."""
    changes = [f"{key}={json.dumps(value)}" for key, value in (set or {}).items()]
    given = {"seed": seed, "preset": preset, "config": config, "set": changes, "quantize": quantize, "ties": ties,
             "threads": threads, "allow_key": list(allow_key)}
    call(["synth", family, "-o", os.fspath(output), *flags(given), *raw])
    return pathlib.Path(output)
