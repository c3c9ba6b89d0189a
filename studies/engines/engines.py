#!/usr/bin/env python3
"""What the judge makes of released engines: families x engines, written to docs/engines.md.

  studies/engines/engines.py --work /tmp/engines                       run what is not in its results yet
  studies/engines/engines.py --work /tmp/engines --engines keras litgpt --families qwen3
  studies/engines/engines.py --work /tmp/engines --write docs/engines.md    the page from all results there

Run it with the Python in which the engines are installed, and plumb on the PATH or in $PLUMB. Each cell is one
`plumb check`; its result stays as JSON in the work folder.
"""

import argparse
import dataclasses
import datetime
import json
import os
import pathlib
import shlex
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent.parent / "python"))

import plumbline

# Widths that all engines take (heads x head_dim = hidden_size, multiples of 16, none the vocabulary's), and
# values that a reader might have built in set to something else.
SIZES = {"hidden_size": 64, "num_attention_heads": 4, "num_key_value_heads": 2, "head_dim": 16,
         "intermediate_size": 96, "vocab_size": 160, "num_hidden_layers": 2, "max_position_embeddings": 512}
FAMILIES = {
    "llama": {},
    "qwen3": {},
    "mixtral": {},
    "gemma3_text": {"num_hidden_layers": 6, "query_pre_attn_scalar": 32},
    "qwen2": {},
    "phi3": {"partial_rotary_factor": 1.0},
}
# Those with bfloat16 of their own.
BOTH = ("float32", "bfloat16")
ENGINES = {"transformers": BOTH, "onnxruntime": ("float32",), "openvino": BOTH, "ctranslate2": BOTH, "keras": BOTH,
           "litgpt": BOTH, "mlx": BOTH, "mistralrs": BOTH, "executorch": ("float32",), "llama_cpp": ("float32",),
           "vllm": BOTH}
GREEDY = 4
SEED = 7


@dataclasses.dataclass(frozen=True)
class Cell:
    family: str
    engine: str
    dtype: str

    @property
    def name(self):
        return f"{self.family}-{self.engine}-{self.dtype}"

    @property
    def command(self):
        return (f"plumb check {self.family} --candidate py:{self.engine} --dtype {self.dtype} --greedy {GREEDY}")


def settings(family):
    chosen = {**SIZES, **FAMILIES[family]}
    if family == "phi3":
        del chosen["head_dim"]  # it has no such key
    return chosen


def synth_command(family):
    words = ["plumb", "synth", family, "-o", family, "--seed", str(SEED)]
    for key, value in settings(family).items():
        words += ["--set", f"{key}={json.dumps(value)}"]
    return shlex.join(words)


def run(cell, work):
    """A dict: verdict, ratio, cause, producer, seconds; or error in the place of a verdict."""
    checkpoint = work / cell.family
    if not checkpoint.exists():
        plumbline.synth(cell.family, checkpoint, seed=SEED, set=settings(cell.family))
    start = time.monotonic()
    found = {**dataclasses.asdict(cell), "date": datetime.date.today().isoformat()}
    try:
        result = plumbline.check(checkpoint, f"py:{cell.engine}", dtype=cell.dtype, greedy=GREEDY, threads=1)
    except plumbline.CallError as error:
        last = [line for line in str(error).splitlines() if line.strip()][-1]
        found |= {"verdict": "-", "cause": last.replace(str(work) + "/", "")}
    else:
        reason = str(result.reasons[0]) if result.reasons else ""
        notes = "; ".join(note for note in result.notes if "SKIPPED" not in note)
        found |= {"verdict": result.verdict, "ratio": result.ratio, "contract": result.contract, "reason": reason,
                  "cause": result.cause, "first": result.tap, "producer": result.data["candidate"]["producer"],
                  "notes": notes}
    return found | {"seconds": round(time.monotonic() - start)}


def shown(found):
    if found is None:
        return ""
    ratio = found.get("ratio")
    return found["verdict"] + ("" if ratio is None else f" {ratio:.3g}")


def table(results, dtype):
    engines = [engine for engine in ENGINES if any(key[1:] == (engine, dtype) for key in results)]
    families = [family for family in FAMILIES if any(key[0] == family for key in results)]
    yield f"| | {' | '.join(families)} |"
    yield f"|---|{'---|' * len(families)}"
    for engine in engines:
        cells = [shown(results.get((family, engine, dtype))) for family in families]
        yield f"| {engine} | {' | '.join(cells)} |"


def page(results, traced):
    lines = ["# Engines", "",
             "Written by `studies/engines/engines.py`, which runs released engines over synthetic checkpoints whose",
             "values are not the usual ones. A cell is the verdict and the RMS error of the logits over what the",
             "precision makes by itself; `-`: the engine does not take this (below), empty: not run.", ""]
    for dtype in [dtype for dtype in BOTH if any(key[2] == dtype for key in results)]:
        lines += [f"## {dtype}", "", *table(results, dtype), ""]
    lines += ["## What is not PASSED", "", "| family | engine | dtype | what was found | traced to |", "|---|---|---|---|---|"]
    for key, found in sorted(results.items()):
        if found["verdict"] != "PASSED":
            what = found.get("reason") or found["cause"]
            named = f"; cause: {found['cause']}" if found.get("reason") and found["cause"] else ""
            why = traced.get("/".join(key), traced.get(f"*/{key[1]}/{key[2]}", ""))
            lines.append(f"| {' | '.join(key)} | {what.replace('|', '/')}{named} | {why} |")
    lines += ["", "## Versions", ""]
    producers = {found["engine"]: (found["producer"], found["date"]) for found in results.values() if "producer" in found}
    lines += [f"- {engine}: {producer} ({date})" for engine, (producer, date) in sorted(producers.items())]
    unseen = [engine for engine in ENGINES if engine not in producers]
    if unseen:
        lines += ["", f"Adapters that were not run here: {', '.join(unseen)}. They are written from the engines' own",
                  "documentation and source, and checked for form and types alone."]
    lines += ["", "## To repeat", "", "```sh", *[synth_command(family) for family in FAMILIES
                                                 if any(key[0] == family for key in results)],
              *[Cell(*key).command for key in sorted(results)], "```", ""]
    return "\n".join(lines)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--work", required=True, type=pathlib.Path, help="checkpoints and results")
    parser.add_argument("--engines", nargs="*", default=list(ENGINES), choices=list(ENGINES))
    parser.add_argument("--families", nargs="*", default=list(FAMILIES), choices=list(FAMILIES))
    parser.add_argument("--dtypes", nargs="*", default=list(BOTH), choices=list(BOTH))
    parser.add_argument("--write", type=pathlib.Path, help="the page to write; then nothing is run")
    options = parser.parse_args()
    options.work.mkdir(parents=True, exist_ok=True)
    if options.write:
        found = [json.loads(file.read_text()) for file in sorted(options.work.glob("*.json"))]
        traced = json.loads((pathlib.Path(__file__).with_name("traced.json")).read_text())
        results = {(one["family"], one["engine"], one["dtype"]): one for one in found}
        options.write.write_text(page(results, traced))
        return
    # `py:NAME` is started as python3: the one that runs this.
    os.environ["PATH"] = f"{pathlib.Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    os.environ["PYTHONPATH"] = os.pathsep.join(filter(None, [sys.path[0], os.environ.get("PYTHONPATH")]))
    for engine in options.engines:
        for family in options.families:
            for dtype in [dtype for dtype in ENGINES[engine] if dtype in options.dtypes]:
                cell = Cell(family, engine, dtype)
                file = options.work / f"{cell.name}.json"
                if file.exists():
                    continue
                found = run(cell, options.work)
                file.write_text(json.dumps(found, indent=1))
                print(cell.name, shown(found), found["cause"], f"{found['seconds']} s", flush=True)


if __name__ == "__main__":
    main()
