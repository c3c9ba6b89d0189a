"""Plumbline's engines beside transformers and llama.cpp: the same checkpoints, in alternating runs.

Every sample is a process of its own, so that no engine's threads or memory are in another's way; a
round takes one sample of each engine, and the ratios are medians over the rounds' own ratios.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).parent
CAPPED = {  # AVX2 at most, in every library
    "PLUMB_TARGET": "AVX2",
    "OPENBLAS_CORETYPE": "Haswell",
    "ATEN_CPU_CAPABILITY": "avx2",
    "ONEDNN_MAX_CPU_ISA": "AVX2",
    "MKL_ENABLE_INSTRUCTIONS": "AVX2",
}
# Our engine, and the peers' weights. The checkpoints hold bfloat16, which cpu-f32 reads as it lies;
# "widened" is what it would do on a checkpoint of float32.
FORMS = {
    "float32": ("cpu-f32", "float32"),
    "widened": ("widened/cpu-f32", "float32"),
    "bfloat16": ("cpu-bf16", "bfloat16"),
}
TRUTH = ("reference", "float64")


def environment(options):
    settings = {k: v for k, v in os.environ.items() if not k.startswith("OPENBLAS_")}
    return settings | (CAPPED if options.isa == "avx2" else {})


def output_of(command, options):
    extra = {"PYTHONPATH": options.llama_path} if options.llama_path in command else {}
    done = subprocess.run(
        [part for part in command if part != options.llama_path],
        env=environment(options) | extra,
        capture_output=True,
        text=True,
    )
    if done.returncode != 0:
        sys.exit(f"{' '.join(map(str, command))}\n{done.stderr}")
    return done.stdout


def sample_plumb(preset, what, engine, options):
    name = "/".join([what, *([] if what == "reference" else [engine]), preset, ""])
    name += "" if what == "decode" else f"{options.length}/"
    command = [options.plumb_bench, "--cache", options.cache, "--presets", preset]
    command += ["--threads", str(options.threads), f"--benchmark_filter=^{name}"]
    command += ["--benchmark_repetitions=2", "--benchmark_min_time=0.01", "--benchmark_format=json"]
    report = json.loads(output_of(command, options))
    runs = [run for run in report["benchmarks"] if run["run_type"] == "iteration"]
    time = "real_time" if options.clock == "wall" else "busy_ms"
    return statistics.median(run[time] for run in runs) * 1e-3, report["context"]


def sample_peer(script, model, what, options, *more):
    python = options.llama_python if script == "llama_engine.py" else options.torch_python
    command = [python, HERE / script, model, what, "--length", str(options.length)]
    command += ["--threads", str(options.threads), "--clock", options.clock, *more]
    if script == "llama_engine.py" and options.llama_path:
        command.append(options.llama_path)
    return json.loads(output_of(command, options))["seconds"]


def checkpoint(preset, options):
    return next(Path(options.cache).glob(f"*-{preset}"))


def gguf(preset, dtype, options):
    file = Path(options.cache) / f"{checkpoint(preset, options).name}-{dtype}.gguf"
    if not file.exists():
        script = [options.torch_python, HERE / "to_gguf.py", checkpoint(preset, options), file]
        output_of([*script, "--dtype", dtype], options)
    return file


def sample(engine, preset, what, form, options):
    ours, dtype = TRUTH if what == "reference" else FORMS[form]
    if engine == "plumb":
        seconds, context = sample_plumb(preset, what, ours, options)
        options.context = context
        return seconds
    what = "decode" if what == "decode" else "prefill"
    if engine == "torch":
        folder = checkpoint(preset, options)
        return sample_peer("torch_engine.py", folder, what, options, "--dtype", dtype)
    return sample_peer("llama_engine.py", gguf(preset, dtype, options), what, options)


def row(preset, what, form, options):
    engines = ["plumb", *options.peers]
    # to_gguf.py has no delta nets, llama.cpp no float64.
    if ("hybrid" in preset or what == "reference") and "llama" in engines:
        engines.remove("llama")
    seconds = {engine: [] for engine in engines}
    load = os.getloadavg()[0]
    for _ in range(options.rounds):
        for engine in engines:
            seconds[engine].append(sample(engine, preset, what, form, options))
    tokens = 1 if what == "decode" else options.length
    cells = [preset, what, form]
    for engine in ["plumb", *options.peers]:
        times = seconds.get(engine)
        cells.append(f"{tokens / statistics.median(times):.1f}" if times else "-")
    for engine in options.peers:
        times = seconds.get(engine)
        ratios = [peer / ours for peer, ours in zip(times or [], seconds["plumb"])]
        cells.append(f"{statistics.median(ratios):.2f}" if ratios else "-")
    print("| " + " | ".join([*cells, f"{load:.1f}"]) + " |", flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--plumb-bench", default="build/release/plumb_bench")
    parser.add_argument("--cache", required=True, help="folder of plumb_bench's checkpoints")
    parser.add_argument("--torch-python", default=sys.executable)
    parser.add_argument("--llama-python", default=sys.executable)
    parser.add_argument("--llama-path", default="", help="PYTHONPATH of another llama_cpp")
    parser.add_argument("--presets", default="small,medium,hybrid")
    parser.add_argument("--what", default="prefill,decode", help="and reference")
    parser.add_argument("--forms", default=",".join(FORMS), help="of our weights, and theirs")
    parser.add_argument("--peers", default="torch,llama")
    parser.add_argument("--isa", choices=["native", "avx2"], default="native")
    parser.add_argument("--length", type=int, default=512)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument(
        "--clock",
        choices=["wall", "cpu"],
        default="wall",
        help="cpu, with one thread: comparable on a machine with busy neighbours",
    )
    options = parser.parse_args()
    options.peers = options.peers.split(",")
    options.cache = str(Path(options.cache).resolve())
    head = ["model", "call", "weights", *(f"{e} tok/s" for e in ["plumb", *options.peers])]
    head += [f"plumb : {peer}" for peer in options.peers] + ["load"]
    print("| " + " | ".join(head) + " |\n|" + "---|" * len(head))
    for preset in options.presets.split(","):
        for what in options.what.split(","):
            for form in ["float64"] if what == "reference" else options.forms.split(","):
                row(preset, what, form, options)
    told = ("simd", "blas", "sgemm_gflops", "read_gbytes", "threads")
    print(", ".join(f"{key} {options.context[key]}" for key in told))


if __name__ == "__main__":
    main()
