"""`python -m plumbline oracle CHECKPOINT -o FILE`: an oracle trace of a checkpoint, in float64 alone."""

import argparse
import os
import pathlib
import sys
from collections.abc import Mapping, Sequence

import torch

from plumbline import checkpoint as folders
from plumbline.oracles.families import oracle_of
from plumbline.oracles.oracle import Array, Oracle
from plumbline.program import CallError
from plumbline.trace import Trace, TraceError

DTYPES = {"float64": torch.float64, "float32": torch.float32, "bfloat16": torch.bfloat16}


def add(trace: Trace, oracle: Oracle, dtype: str, prompt: str, tokens: Sequence[int], fine: bool = False,
        greedy: int = 0) -> None:
    """One prompt's logits, in float64 its taps too, and `greedy` tokens that continue it."""
    taps: dict[str, Array] = {}
    logits = oracle.logits(tokens, taps, fine)
    trace.record(dtype, prompt, {"logits": logits, **taps})
    if greedy:
        chosen, margins = oracle.greedy(tokens, greedy)
        trace.record(dtype, prompt, {"greedy": chosen, "greedy_margin": margins})


def start(checkpoint: str | os.PathLike[str], prompts: Mapping[str, Sequence[int]]) -> tuple[Trace, type[Oracle]]:
    """A trace that states what it is of, with its prompts; and the checkpoint's oracle."""
    family, config = folders.config_of(checkpoint)
    found = oracle_of(family, config)
    trace = Trace(found.PRODUCER, model_type=family, checkpoint_sha256=folders.sha256(checkpoint))
    for name, tokens in prompts.items():
        trace.prompt(name, tokens)
    return trace, found


def record_oracle(checkpoint: str | os.PathLike[str], prompts: Mapping[str, Sequence[int]] | None = None, *,
                  fine: bool = False, greedy: int = 0) -> Trace:
    """The float64 forward of a checkpoint as its authors' code or transformers' states it. `prompts`: token
    ids by name, default ones without. `fine`: taps inside blocks too. Raises CallError where the folder is
    none or is quantised, AssertionError where an operation saw a float tensor that is not float64."""
    _, config = folders.config_of(checkpoint)
    for key in ("quantization_config", "compression_config", "quantization"):
        if config.get(key):
            raise CallError(f"{os.fspath(checkpoint)}: {key}: quantised weights run on their library's own kernels, "
                            "never in float64; make the oracle of the checkpoint before it was quantised")
    asked = folders.default_prompts(config) if prompts is None else prompts
    trace, kind = start(checkpoint, asked)
    oracle = kind(checkpoint, torch.float64)
    for name, tokens in asked.items():
        add(trace, oracle, "float64", name, tokens, fine, greedy)
    return trace


def main(arguments: Sequence[str]) -> int:
    """Exit code 2 where the input is wrong, 3 where the forward is not pure float64."""
    parser = argparse.ArgumentParser(prog="python -m plumbline oracle", description=__doc__)
    parser.add_argument("checkpoint", type=pathlib.Path, metavar="CHECKPOINT", help="folder")
    parser.add_argument("-o", "--output", required=True, type=pathlib.Path, metavar="FILE",
                        help="trace to write: FILE.safetensors, else HDF5")
    parser.add_argument("--prompts", type=pathlib.Path, metavar="TRACE", help="a trace whose prompts are run")
    parser.add_argument("--fine", action="store_true", help="taps inside blocks too")
    parser.add_argument("--greedy", type=int, default=0, metavar="N", help="tokens that continue each prompt")
    parser.add_argument("--threads", type=int, default=1)
    options = parser.parse_args(arguments)
    torch.set_num_threads(options.threads)
    try:
        prompts = Trace.read(options.prompts).prompts if options.prompts else None
        trace = record_oracle(options.checkpoint, prompts, fine=options.fine, greedy=options.greedy)
        trace.write(options.output)
    except (CallError, TraceError, OSError, RuntimeError, ValueError, ImportError) as error:
        print(f"plumbline oracle: {' '.join(str(error).split())}", file=sys.stderr)
        return 2
    except AssertionError as error:
        print(f"plumbline oracle: {options.checkpoint}: {error}", file=sys.stderr)
        return 3
    for name, tokens in trace.prompts.items():
        print(f"{name}: {len(tokens)} tokens, {len(trace.taps('float64', name))} arrays")
    print(f"{options.output}: {trace.producer}, float64 alone")
    return 0
