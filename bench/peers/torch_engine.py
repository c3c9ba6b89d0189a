"""One sample of transformers: seconds of a prompt in one call, or of a token through the cache."""

import argparse
import json
import statistics
import time

import torch
from transformers import AutoModelForCausalLM


clock = time.perf_counter


def seconds(body):
    start = clock()
    body()
    return clock() - start


def prefill(model, tokens, repeats):
    model(tokens)
    return statistics.median(seconds(lambda: model(tokens)) for _ in range(repeats))


def decode(model, tokens, repeats):
    cache = model(tokens, use_cache=True).past_key_values
    one = tokens[:, :1]
    model(one, past_key_values=cache, use_cache=True)
    return statistics.median(
        seconds(lambda: model(one, past_key_values=cache, use_cache=True)) for _ in range(4 * repeats)
    )


def main():
    global clock
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("checkpoint")
    parser.add_argument("what", choices=["prefill", "decode"])
    parser.add_argument("--dtype", default="float32")
    parser.add_argument("--length", type=int, default=512)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--repeats", type=int, default=2)
    parser.add_argument("--clock", choices=["wall", "cpu"], default="wall")
    options = parser.parse_args()
    if options.clock == "cpu":
        clock = time.process_time
    torch.set_num_threads(options.threads)
    dtype = getattr(torch, options.dtype)
    model = AutoModelForCausalLM.from_pretrained(options.checkpoint, dtype=dtype).eval()
    generator = torch.Generator().manual_seed(1)
    size = (1, options.length)
    tokens = torch.randint(model.config.vocab_size, size, generator=generator)
    with torch.inference_mode():
        measure = prefill if options.what == "prefill" else decode
        print(json.dumps({"seconds": measure(model, tokens, options.repeats)}))


if __name__ == "__main__":
    main()
