"""The gated delta rule of transformers, per token and in chunks: 512 tokens, 16 heads of 128 x 128.

`--plumb-bench` adds our kernels, a round of each in turn; ratios are medians over the rounds.
"""

import argparse
import json
import os
import statistics
import subprocess
import time

import torch
from transformers.models.qwen3_next import modeling_qwen3_next as qwen3_next

from compare import CAPPED

TOKENS, HEADS, DIM = 512, 16, 128
PEERS = {
    "torch per token": qwen3_next.torch_recurrent_gated_delta_rule,
    "torch in chunks": qwen3_next.torch_chunk_gated_delta_rule,
}


def peer_seconds(rule, clock):
    torch.manual_seed(1)
    q, k, v = (torch.randn(1, TOKENS, HEADS, DIM) for _ in range(3))
    beta, g = torch.rand(1, TOKENS, HEADS), -torch.rand(1, TOKENS, HEADS)
    times = []
    for _ in range(6):
        start = clock()
        rule(
            q, k, v, g=g, beta=beta, initial_state=None, output_final_state=True,
            use_qk_l2norm_in_kernel=True,
        )  # fmt: skip
        times.append(clock() - start)
    return statistics.median(times[1:])


def our_seconds(options):
    command = [options.plumb_bench, "--threads", str(options.threads), "--benchmark_format=json"]
    command += ["--benchmark_filter=^delta_rule/", "--benchmark_min_time=0.1"]
    settings = {k: v for k, v in os.environ.items() if not k.startswith("OPENBLAS_")}
    settings |= CAPPED if options.isa == "avx2" else {}
    done = subprocess.run(command, env=settings, capture_output=True, text=True, check=True)
    key = "busy_ms" if options.clock == "cpu" else "real_time"
    runs = json.loads(done.stdout)["benchmarks"]
    return {run["name"].split("/")[1]: run[key] * 1e-3 for run in runs}


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--plumb-bench", default="build/release/plumb_bench")
    parser.add_argument("--isa", choices=["native", "avx2"], default="native")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--clock", choices=["wall", "cpu"], default="wall")
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    clock = time.process_time if options.clock == "cpu" else time.perf_counter
    rounds = []
    for _ in range(options.rounds):
        with torch.inference_mode():
            times = {name: peer_seconds(rule, clock) for name, rule in PEERS.items()}
        rounds.append(times | our_seconds(options))
    names = list(rounds[0])
    print("| kernel | ms | " + " | ".join(f"{peer} : it" for peer in PEERS) + " |")
    print("|---" * (2 + len(PEERS)) + "|")
    for name in names:
        cells = [f"{1e3 * statistics.median(r[name] for r in rounds):.1f}"]
        for peer in PEERS:
            cells.append(f"{statistics.median(r[peer] / r[name] for r in rounds):.2f}")
        print(f"| {name} | " + " | ".join(cells) + " |")


if __name__ == "__main__":
    main()
