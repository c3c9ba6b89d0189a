"""One sample of llama.cpp: seconds of a prompt in one call, or of a token through the cache."""

import argparse
import json
import random
import statistics
import time

import llama_cpp


clock = time.perf_counter


class Engine:
    def __init__(self, options):
        llama_cpp.llama_backend_init()
        settings = llama_cpp.llama_model_default_params()
        self.model = llama_cpp.llama_model_load_from_file(options.model.encode(), settings)
        settings = llama_cpp.llama_context_default_params()
        settings.n_ctx = 2 * options.length
        settings.n_batch = settings.n_ubatch = options.length
        settings.n_threads = settings.n_threads_batch = options.threads
        self.context = llama_cpp.llama_init_from_model(self.model, settings)
        vocab = llama_cpp.llama_model_get_vocab(self.model)
        self.vocab_size = llama_cpp.llama_vocab_n_tokens(vocab)
        self.batch = llama_cpp.llama_batch_init(options.length, 0, 1)

    def clear(self):
        llama_cpp.llama_memory_clear(llama_cpp.llama_get_memory(self.context), True)

    def run(self, tokens, position):
        """Seconds of one call that gives the logits of all its tokens."""
        batch = self.batch
        batch.n_tokens = len(tokens)
        for i, token in enumerate(tokens):
            batch.token[i] = token
            batch.pos[i] = position + i
            batch.n_seq_id[i] = 1
            batch.seq_id[i][0] = 0
            batch.logits[i] = 1
        start = clock()
        if llama_cpp.llama_decode(self.context, batch) != 0:
            raise SystemExit("llama_decode failed")
        llama_cpp.llama_get_logits(self.context)
        return clock() - start


def prefill(engine, tokens, repeats):
    times = []
    for _ in range(repeats + 1):
        engine.clear()
        times.append(engine.run(tokens, 0))
    return statistics.median(times[1:])


def decode(engine, tokens, repeats):
    engine.run(tokens, 0)
    count = 4 * repeats + 1
    times = [engine.run(tokens[:1], len(tokens) + i) for i in range(count)]
    return statistics.median(times[1:])


def main():
    global clock
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("model")
    parser.add_argument("what", choices=["prefill", "decode"])
    parser.add_argument("--length", type=int, default=512)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--repeats", type=int, default=2)
    parser.add_argument("--clock", choices=["wall", "cpu"], default="wall")
    options = parser.parse_args()
    if options.clock == "cpu":
        clock = time.process_time
    engine = Engine(options)
    choose = random.Random(1)
    tokens = [choose.randrange(engine.vocab_size) for _ in range(options.length)]
    measure = prefill if options.what == "prefill" else decode
    print(json.dumps({"seconds": measure(engine, tokens, options.repeats)}))


if __name__ == "__main__":
    main()
