#!/usr/bin/env python3
"""What plumb op, and allclose with usual tolerances, make of kernels with planted mistakes and of clean ones.

  studies/kernels/study.py [--seeds N] [--clean N] [--ops NAME,...] [--dtypes ...] [--allclose-alone] [--markdown FILE]

For each op its own mistakes and ten in writing the result, in float32, bfloat16 and float16. allclose compares
with the same op in float32 by torch, as kernels' tests do. Ends with 1 where a clean kernel FAILED, or a
structural mistake passed.
"""

import argparse
import collections
import sys

import kernels
import torch
from severity import STRUCTURAL
from writing import WRITING

from plumbline import ops

DTYPES = {"float32": torch.float32, "bfloat16": torch.bfloat16, "float16": torch.float16}
TOLERANCES = {  # rtol, atol by dtype
    "numpy's defaults": {d: (1e-5, 1e-8) for d in DTYPES},
    "torch.testing's": {"float32": (1.3e-6, 1e-5), "bfloat16": (1.6e-2, 1e-5), "float16": (1e-3, 1e-5)},
    "1e-3": {d: (1e-3, 1e-3) for d in DTYPES},
    "1e-2": {d: (1e-2, 1e-2) for d in DTYPES},
    "5e-2": {d: (5e-2, 5e-2) for d in DTYPES},
}


def close(op, inputs, outputs, tolerance):
    wide = {name: x.float() for name, x in inputs.items()}
    expected = kernels.outputs_of(op.kernel(wide, None))
    rtol, atol = tolerance
    return all(torch.allclose(y.float(), expected[name].float(), rtol=rtol, atol=atol) for name, y in outputs.items())


class Study:
    def __init__(self, allclose_alone):
        self.allclose_alone = allclose_alone
        self.counts = collections.defaultdict(lambda: [0, 0])  # by (gate, severity, dtype): objections, cases
        self.bad = []

    def judge(self, op, dtype, seed, mistake, severity):
        inputs = op.make(torch.Generator().manual_seed(seed), DTYPES[dtype], 8)
        outputs = kernels.run(op, inputs, mistake)
        clean = kernels.run(op, inputs)
        same = all(torch.equal(outputs[name], clean[name]) for name in outputs)
        if mistake is not None and same:
            return  # on these inputs it is none
        for name, tolerance in TOLERANCES.items():
            self.count(name, severity, dtype, not close(op, inputs, outputs, tolerance[dtype]))
        if self.allclose_alone:
            return
        result = ops.check(op.name, inputs, outputs, **op.attributes)
        label = getattr(mistake, "__name__", mistake) or "clean"
        self.count("plumb op", severity, dtype, result.verdict == "FAILED")
        named = ", ".join(result.causes) or "-"
        print(f"{op.name:18} {dtype:9} {seed} {severity:10} {label:28} {result.verdict:12} {named}", flush=True)
        if (mistake is None and result.verdict == "FAILED") or (severity == STRUCTURAL and result.verdict != "FAILED"):
            self.bad.append((op.name, dtype, seed, label, result))

    def count(self, gate, severity, dtype, objects):
        cell = self.counts[gate, severity, dtype]
        cell[0] += objects
        cell[1] += 1

    def table(self):
        severities = ("structural", "subtle", "clean")
        lines = ["| gate | " + " | ".join(f"{s}, {d}" for s in severities for d in DTYPES) + " |"]
        lines.append("|---" * (1 + len(severities) * len(DTYPES)) + "|")
        for gate in (() if self.allclose_alone else ("plumb op",)) + tuple(TOLERANCES):
            cells = [self.counts[gate, s, d] for s in severities for d in DTYPES]
            lines.append(f"| {gate} | " + " | ".join(f"{a} of {n}" for a, n in cells) + " |")
        return "\n".join(lines) + "\n"


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--seeds", type=int, default=1)
    parser.add_argument("--clean", type=int, default=5)
    parser.add_argument("--ops", default="")
    parser.add_argument("--dtypes", default=",".join(DTYPES))
    parser.add_argument("--allclose-alone", action="store_true")
    parser.add_argument("--markdown")
    options = parser.parse_args()
    torch.set_num_threads(1)
    study = Study(options.allclose_alone)
    for op in kernels.OPS:
        if options.ops and op.name not in options.ops.split(","):
            continue
        for dtype in options.dtypes.split(","):
            for seed in range(options.clean):
                study.judge(op, dtype, 1000 + seed, None, "clean")
            for seed in range(options.seeds):
                for mistake, severity in (op.mistakes | WRITING).items():
                    study.judge(op, dtype, seed, mistake, severity)
    print(study.table())
    if options.markdown:
        with open(options.markdown, "w") as file:
            file.write(study.table())
    for op, dtype, seed, label, result in study.bad:
        print(f"WRONG: {op} {dtype} seed {seed} {label}: {result.verdict}")
    sys.exit(bool(study.bad))


if __name__ == "__main__":
    main()
