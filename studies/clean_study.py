#!/usr/bin/env python3
"""Hugging Face's forwards, right ones, on models of all shapes: does any of them FAIL?

  studies/clean_study.py --tool build/release/clean_study --shape wide --models 40 --seed 1

The models are those of `clean_study`; the runs eager, sdpa, token by token through the cache and in a
batch, in float32, bfloat16 and float16, with all taps, coarse ones and logits alone. Prints a line of
JSON a judgement that is not PASSED, then how many there were; exits with 1 where one FAILED.
"""

import argparse
import collections
import json
import pathlib
import subprocess
import sys
import tempfile

import torch

import study

WAYS = (("eager", "whole"), ("sdpa", "whole"), ("eager", "tokens"), ("eager", "batch"))


def write_model(options, index, folder):
    """The checkpoint and its prompts."""
    subprocess.run([options.tool, "--shape", options.shape, "--seed", str(options.seed), "--models", "1",
                    "--first", str(index), "--write", folder], check=True, stdout=subprocess.DEVNULL,
                   stderr=subprocess.DEVNULL)
    return json.loads((folder / "prompts.json").read_text())


def record(folder, prompts, options, scratch):
    """A trace of each way, precision and choice of taps."""
    traces = []
    for dtype in options.dtype:
        for attention, way in WAYS:
            try:
                model = study.load(folder, study.DTYPES[dtype], attention)
            except ValueError:  # the family has no such attention, or transformers no such family
                continue
            runs = study.run_all(model, prompts, True, way)
            for which in options.taps if way == "whole" else ["logits"]:
                kept = {name: {**study.keep_taps(taps, which), "logits": taps["logits"]}
                        for name, taps in runs.items()}
                trace = scratch / f"{dtype}-{attention}-{way}-{which}.h5"
                study.write(trace, dtype, prompts, kept)
                traces.append(trace)
    return traces


def judge(options, folder, traces):
    candidates = [word for trace in traces for word in ("--candidate", f"trace:{trace}")]
    run = subprocess.run([options.tool, "--checkpoint", folder, *candidates, "--taps", "all"],
                         capture_output=True, text=True)
    if run.returncode not in (0, 1):
        raise RuntimeError(f"exit code {run.returncode}: {run.stderr}")
    return [json.loads(line) for line in run.stdout.splitlines()]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--tool", required=True, type=pathlib.Path, help="build/release/clean_study")
    parser.add_argument("--shape", default="small")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--first", type=int, default=0)
    parser.add_argument("--models", type=int, default=40)
    parser.add_argument("--dtype", nargs="+", default=list(study.DTYPES), choices=study.DTYPES)
    parser.add_argument("--taps", nargs="+", default=["all", "coarse", "logits"])
    options = parser.parse_args()
    options.tool = options.tool.resolve()
    torch.set_num_threads(1)
    verdicts = collections.Counter()
    for index in range(options.first, options.first + options.models):
        with tempfile.TemporaryDirectory() as scratch:
            scratch = pathlib.Path(scratch)
            folder = scratch / "model"
            prompts = write_model(options, index, folder)
            try:
                traces = record(folder, prompts, options, scratch)
            except Exception as error:  # transformers refuses some shapes: no run, no verdict
                print(f"model {index}: {type(error).__name__}: {error}", file=sys.stderr)
                continue
            for line in judge(options, folder, traces) if traces else []:
                verdicts[line["verdict"]] += 1
                if line["verdict"] != "PASSED":
                    line["candidate"] = pathlib.Path(line["candidate"]).stem
                    print(json.dumps({"index": index, **line}), flush=True)
    print(dict(verdicts))
    return 1 if verdicts["FAILED"] else 0


if __name__ == "__main__":
    sys.exit(main())
