"""What the samples of all peers share: the command line, the tokens, and what is timed.

An engine has `vocab_size`, `reset()`, and `run(tokens, position)`: one call, of tokens that stand
from `position` on, that gives the logits of all of them.
"""

import argparse
import json
import random
import statistics
import time

CLOCKS = {"wall": time.perf_counter, "cpu": time.process_time}


def seconds(clock, engine, tokens, position):
    start = clock()
    engine.run(tokens, position)
    return clock() - start


def prefill(engine, tokens, repeats, clock):
    times = []
    for _ in range(repeats + 1):
        engine.reset()
        times.append(seconds(clock, engine, tokens, 0))
    return times


def decode(engine, tokens, repeats, clock):
    engine.reset()
    engine.run(tokens, 0)
    count = 4 * repeats + 1
    return [seconds(clock, engine, tokens[:1], len(tokens) + i) for i in range(count)]


def main(description, make_engine, add_options=lambda parser: None):
    """Prints the median seconds of a call; the first one warms up."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("model")
    parser.add_argument("what", choices=["prefill", "decode"])
    parser.add_argument("--length", type=int, default=512)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--repeats", type=int, default=2)
    parser.add_argument("--clock", choices=CLOCKS, default="wall")
    add_options(parser)
    options = parser.parse_args()
    engine = make_engine(options)
    choose = random.Random(1)
    tokens = [choose.randrange(engine.vocab_size) for _ in range(options.length)]
    measure = prefill if options.what == "prefill" else decode
    times = measure(engine, tokens, options.repeats, CLOCKS[options.clock])
    print(json.dumps({"seconds": statistics.median(times[1:])}))
