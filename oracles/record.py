#!/usr/bin/env python3
"""Records the oracle traces of the case catalogue, or checks that they can be recorded again.

  oracles/record.py --plumb build/release/plumb                 record all cases
  oracles/record.py --plumb build/release/plumb --check         re-record and compare: float64 to
                                                                1e-13, the rest by their verdicts
  oracles/record.py --plumb build/release/plumb llama-gqa       one case
"""

import argparse
import json
import pathlib
import random
import subprocess
import sys
import tempfile

import h5py
import numpy as np
import torch

ROOT = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(ROOT.parent / "python"))

from plumbline.oracles import recording

CASES = ROOT.parent / "fixtures" / "cases"
TRACES = ROOT / "traces"
FLOAT64_TOLERANCE = 1e-13


def synthesize(plumb, case, folder):
    config = folder / "case-config.json"
    config.write_text(json.dumps(case["config"]))
    target = folder / "checkpoint"
    subprocess.run([plumb, "synth", case["family"], "--config", config, "--seed", str(case["seed"]),
                    "--ties", str(case.get("ties", 0)), "-o", target], check=True)
    return target


def make_prompts(case):
    """Token ids from the case's seed; a recorded trace holds them, so this is the only user."""
    draw = random.Random(case["seed"])
    vocabulary = case["config"].get("text_config", case["config"])["vocab_size"]
    return {name: [draw.randrange(vocabulary) for _ in range(length)]
            for name, length in case["prompts"].items()}


def record(plumb, name, target):
    case = json.loads((CASES / f"{name}.json").read_text())
    prompts = make_prompts(case)
    shortest = min(case["prompts"], key=case["prompts"].get)
    with tempfile.TemporaryDirectory() as folder:
        checkpoint = synthesize(plumb, case, pathlib.Path(folder))
        trace, Oracle = recording.start(checkpoint, prompts)
        for dtype in recording.DTYPES:
            oracle = Oracle(checkpoint, recording.DTYPES[dtype])
            for prompt, tokens in prompts.items():
                # All taps of one prompt alone: files stay small.
                fine = case.get("taps") == "fine" and prompt == shortest
                recording.add(trace, oracle, dtype, prompt, tokens, fine,
                              case.get("greedy", 0) if dtype == "float64" else 0)
    trace.write(target)


def datasets(file):
    found = {}
    file.visititems(lambda name, item: found.update({name: item[()]})
                    if isinstance(item, h5py.Dataset) else None)
    return found


def differences(committed, fresh):
    """What of the float64 part and the structure is not as committed."""
    with h5py.File(committed) as a, h5py.File(fresh) as b:
        if a.attrs["checkpoint_sha256"] != b.attrs["checkpoint_sha256"]:
            yield "checkpoint_sha256 differs: the synthetic weights are not the committed ones"
        old, new = datasets(a), datasets(b)
    for name in sorted(old.keys() ^ new.keys()):
        yield f"{name} stands in one of the two only"
    for name in sorted(old.keys() & new.keys()):
        if name.startswith(("prompts/", "float64/")):
            scale = np.abs(old[name]).max() or 1
            error = np.abs(old[name] - new[name]).max() / scale
            if not error <= FLOAT64_TOLERANCE:
                yield f"{name} differs by {error:.1e} of its largest value"


def verdict_failures(plumb, name, fresh):
    """The low precisions depend on this machine's kernels: they are judged, not compared."""
    case = json.loads((CASES / f"{name}.json").read_text())
    with tempfile.TemporaryDirectory() as folder:
        checkpoint = synthesize(plumb, case, pathlib.Path(folder))
        for dtype in ("float32", "bfloat16"):
            run = subprocess.run([plumb, "check", checkpoint, "--candidate", f"trace:{fresh}#{dtype}",
                                  "--oracle", fresh], capture_output=True, text=True)
            if run.returncode != 0:
                yield f"{dtype} as recorded here does not pass: {(run.stdout + run.stderr).strip()}"


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--plumb", required=True, type=pathlib.Path)
    parser.add_argument("--check", action="store_true")
    parser.add_argument("cases", nargs="*")
    options = parser.parse_args()
    plumb = options.plumb.resolve()
    torch.set_num_threads(1)
    names = options.cases or sorted(file.stem for file in CASES.glob("*.json"))
    failed = 0
    TRACES.mkdir(exist_ok=True)
    for name in names:
        committed = TRACES / f"{name}.h5"
        if not options.check:
            record(plumb, name, committed)
            print(f"recorded {name}: {committed.stat().st_size // 1000} kB", flush=True)
            continue
        with tempfile.TemporaryDirectory() as folder:
            fresh = pathlib.Path(folder) / "fresh.h5"
            record(plumb, name, fresh)
            problems = list(differences(committed, fresh)) + list(verdict_failures(plumb, name, fresh))
        print(f"{'FAILED' if problems else 'ok'} {name}", *problems, sep="\n  ", flush=True)
        failed += bool(problems)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
