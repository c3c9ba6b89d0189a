#!/usr/bin/env python3
"""What the judge makes of real Hugging Face forwards: right ones, and ones with planted mistakes.

  studies/study.py --plumb build/release/plumb llama-gqa gemma2-caps
  studies/study.py --plumb build/release/plumb --clean 5 'qwen*'       right runs of five seeds

Right runs: eager, sdpa, token by token through the cache, with weights and sums permuted by a batch
of two, in float32, bfloat16 and float16. Every line that is not as it should be is printed; then the
tables of docs/judgement.md, with what the gates in common use make of the same runs.
"""

import argparse
import collections
import fnmatch
import json
import pathlib
import random
import subprocess
import sys
import tempfile

import h5py
import numpy as np
import torch
from transformers import AutoModelForCausalLM

ROOT = pathlib.Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT / "oracles"), str(ROOT / "python")]

import block_mistakes
import common_gates
import layout_mistakes
import mixer_mistakes
import number_mistakes
import record
from planting import decoder
from plumbline.taps import Recorder

DTYPES = {"float32": torch.float32, "bfloat16": torch.bfloat16, "float16": torch.float16}
MISTAKES = (*mixer_mistakes.ROWS, *block_mistakes.ROWS, *layout_mistakes.ROWS, *number_mistakes.ROWS)
COARSE = ("embed", "mixer_out", "ffn_out", "out", "final_norm", "logits")


def load(folder, dtype, attention="eager"):
    return AutoModelForCausalLM.from_pretrained(
        folder, dtype=dtype, attn_implementation=attention, experts_implementation="eager").eval()


def keep_taps(taps, which):
    if which == "logits":
        return {}
    if which == "coarse":
        return {name: value for name, value in taps.items() if name.split(".")[-1] in COARSE}
    return taps


@torch.no_grad()
def forward(model, tokens, way="whole"):
    ids = torch.tensor([tokens])
    if way == "whole":
        return model(ids, use_cache=False).logits[0]
    if way == "batch":
        return model(ids.repeat(3, 1), use_cache=False).logits[1]
    cache, rows = None, []
    for t in range(len(tokens)):
        output = model(ids[:, t:t + 1], past_key_values=cache, use_cache=True)
        cache = output.past_key_values
        rows.append(output.logits[0])
    return torch.cat(rows)


def run_all(model, prompts, fine=False, way="whole"):
    """The taps of each prompt: all of them, or coarse ones; of a prompt in pieces, the logits."""
    runs = {}
    for prompt, tokens in prompts.items():
        with Recorder(model, fine) as recorder:
            logits = forward(model, tokens, way)
        runs[prompt] = {**(recorder.taps if way == "whole" else {}), "logits": logits}
    return runs


def logits_of(runs):
    return {prompt: taps["logits"].double().numpy() for prompt, taps in runs.items()}


def is_blamed(result, which, layer):
    """With logits alone the first cause is in the mistake's layer; else the first departure is."""
    if which == "logits":
        causes = result["diagnosis"] or []
        return bool(causes) and causes[0]["layer"] == layer
    first = result["first_divergence"]
    return bool(first) and (layer is None or first["layer"] == layer)


def write(path, dtype, prompts, runs):
    with h5py.File(path, "w") as file:
        file.attrs["schema"] = "plumbline.trace/1"
        file.attrs["producer"] = "transformers"
        for name, tokens in prompts.items():
            file[f"prompts/{name}"] = np.array(tokens, np.int64)
            for tap, value in runs[name].items():
                file[f"{dtype}/{name}/{tap}"] = value.float().numpy()


def judge(plumb, checkpoint, trace):
    run = subprocess.run([plumb, "check", checkpoint, "--candidate", f"trace:{trace}", "--json", "-",
                          "--threads", "1"], capture_output=True, text=True)
    if run.returncode not in (0, 1):
        raise RuntimeError(f"exit code {run.returncode}: {run.stderr}")
    return json.loads(run.stdout)


class Study:
    def __init__(self, options, folder):
        self.options = options
        self.folder = pathlib.Path(folder)
        self.folder.mkdir(parents=True, exist_ok=True)
        self.table = collections.defaultdict(collections.Counter)
        self.gates = collections.defaultdict(collections.Counter)  # by (dtype, gate)

    def checkpoint(self, case):
        target = self.folder / "checkpoint"
        subprocess.run(["rm", "-rf", target, self.folder / "case-config.json"], check=True)
        return record.synthesize(self.options.plumb, case, self.folder)

    def judged(self, checkpoint, dtype, prompts, runs, which):
        trace = self.folder / "run.h5"
        kept = {name: {**keep_taps(taps, which), "logits": taps["logits"]} for name, taps in runs.items()}
        write(trace, dtype, prompts, kept)
        return judge(self.options.plumb, checkpoint, trace)

    def clean(self, name, case):
        for seed in range(self.options.clean):
            case = {**case, "seed": case["seed"] + 1000 * seed}
            checkpoint, prompts = self.checkpoint(case), record.make_prompts(case)
            truth = common_gates.true_logits(self.options.plumb, checkpoint, prompts, self.folder)
            for dtype in self.options.dtype:
                clean = run_all(load(checkpoint, DTYPES[dtype]), prompts)
                drift = common_gates.drift(logits_of(clean), truth)
                for attention, way in (("eager", "whole"), ("sdpa", "whole"), ("eager", "tokens"),
                                       ("eager", "batch")):
                    runs = self.clean_run(f"{name} seed {case['seed']}", checkpoint, prompts, dtype,
                                          attention, way)
                    if runs:
                        self.count_gates("clean", dtype, logits_of(runs), truth, drift)

    def clean_run(self, label, checkpoint, prompts, dtype, attention, way):
        try:
            model = load(checkpoint, DTYPES[dtype], attention)
        except ValueError:  # the family has no such attention
            return None
        runs = run_all(model, prompts, "all" in self.options.taps, way)
        for which in self.options.taps if way == "whole" else ["logits"]:
            result = self.judged(checkpoint, dtype, prompts, runs, which)
            self.table[f"clean {dtype} {which}"][result["verdict"]] += 1
            if result["verdict"] != "PASSED":
                print(f"{result['verdict']} {label} {dtype} {attention} {way} {which}:",
                      [f"{r['gate']} {r['tap']} {r['message']}" for r in result["reasons"]][:2], flush=True)
        return runs

    def count_gates(self, kind, dtype, logits, truth, drift):
        for gate, passes in common_gates.verdicts(logits, truth, drift).items():
            self.count_gate(kind, dtype, gate, passes)

    def count_gate(self, kind, dtype, gate, passes):
        row = self.gates[dtype, gate]
        row[kind] += 1
        row[f"{kind} {'refused' if kind == 'clean' else 'missed'}"] += passes != (kind == "clean")

    def planted(self, name, case):
        checkpoint, prompts = self.checkpoint(case), record.make_prompts(case)
        draw = random.Random(case["seed"])
        truth = common_gates.true_logits(self.options.plumb, checkpoint, prompts, self.folder)
        for dtype in self.options.dtype:
            model = load(checkpoint, DTYPES[dtype])
            clean = logits_of(run_all(model, prompts))
            self.clean_logits, self.drift = clean, common_gates.drift(clean, truth)
            self.count_gates("clean", dtype, clean, truth, self.drift)
            every = range(len(decoder(model).layers))
            for mistake in MISTAKES:
                if not fnmatch.fnmatch(mistake.name, self.options.mistake):
                    continue
                able = [layer for layer in every if mistake.plant(model, layer) is not None]
                one = [draw.choice(able)] if mistake.layered and able else []
                # In every layer is another mistake only where several can have it.
                for layer in one + ([None] if len(able) != 1 or not mistake.layered else []):
                    context = mistake.plant(model, layer)
                    if context is not None:
                        with context:
                            runs = run_all(model, prompts, fine=True)
                        self.assess(name, checkpoint, prompts, dtype, runs, truth, mistake, layer)

    def assess(self, name, checkpoint, prompts, dtype, runs, truth, mistake, layer):
        logits = logits_of(runs)
        if all(np.array_equal(logits[prompt], self.clean_logits[prompt]) for prompt in prompts):
            return  # it changes nothing
        kind = "structural" if mistake.structural else "subtle"
        self.count_gates(kind, dtype, logits, truth, self.drift)
        for which in self.options.taps:
            result = self.judged(checkpoint, dtype, prompts, runs, which)
            outcome = self.outcome(result, mistake, layer)
            self.count_gate(kind, dtype, f"plumb, {which}", result["verdict"] != "FAILED")
            row = self.table[f"{dtype} {which} {kind}"]
            row["planted"] += 1
            row["killed"] += result["verdict"] == "FAILED"
            first = result["first_divergence"]
            row["blamed"] += is_blamed(result, which, layer)
            row[outcome] += 1
            if outcome != "named":
                where = "every layer" if layer is None else f"layer {layer}"
                says = [d["says"] for d in result["diagnosis"] or []] or [
                    note for note in result["notes"] if "unknown" in note]
                print(f"{outcome}: {name} {dtype} {which}: {mistake.name} in {where}; "
                      f"{first and (first['tap'], first['op'], first['layer'])} {says[:2]}", flush=True)

    @staticmethod
    def outcome(result, mistake, layer):
        if result["verdict"] != "FAILED":
            return "missed"
        causes = result["diagnosis"] or []
        if not causes:
            return "unknown"
        # What is found in the first layer, with the others' taps left over, is no wrong name.
        rest = any(note.startswith("not explained by this cause") for note in result["notes"])
        right = any(cause["cause"] in mistake.causes and
                    (cause["layer"] == layer or layer is None and rest) for cause in causes)
        return "named" if right else "WRONG"

    def print(self):
        columns = ("planted", "killed", "blamed", "named", "unknown", "WRONG", "missed")
        for key in sorted(self.table):
            row = self.table[key]
            shown = row if key.startswith("clean") else {c: row[c] for c in columns}
            print(f"| {key} | " + " | ".join(f"{k} {v}" for k, v in shown.items()) + " |")
        print("\n| dtype, gate | structural missed | subtle missed | clean refused |\n|---|---|---|---|")
        for (dtype, gate), row in sorted(self.gates.items()):
            shown = (f"{row[f'{kind} {fate}']} of {row[kind]}" for kind, fate in
                     (("structural", "missed"), ("subtle", "missed"), ("clean", "refused")))
            print(f"| {dtype}, {gate} | " + " | ".join(shown) + " |")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--plumb", required=True, type=pathlib.Path)
    parser.add_argument("--dtype", nargs="+", default=["float32", "bfloat16"], choices=DTYPES)
    parser.add_argument("--taps", nargs="+", default=["all", "coarse", "logits"])
    parser.add_argument("--clean", type=int, default=0, help="right runs of so many seeds, nothing planted")
    parser.add_argument("--mistake", default="*")
    parser.add_argument("--folder", help="keep the last checkpoint and trace here")
    parser.add_argument("cases", nargs="+", help="globs over the catalogue")
    options = parser.parse_args()
    options.plumb = options.plumb.resolve()
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as scratch:
        study = Study(options, options.folder or scratch)
        for file in sorted(record.CASES.glob("*.json")):
            if any(fnmatch.fnmatch(file.stem, glob) for glob in options.cases):
                case = json.loads(file.read_text())
                (study.clean if options.clean else study.planted)(file.stem, case)
        study.print()


if __name__ == "__main__":
    main()
