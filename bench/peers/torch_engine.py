"""One sample of transformers: seconds of a prompt in one call, or of a token through the cache."""

import torch
from transformers import AutoModelForCausalLM

import sampling


class Engine:
    def __init__(self, options):
        torch.set_num_threads(options.threads)
        dtype = getattr(torch, options.dtype)
        self.model = AutoModelForCausalLM.from_pretrained(options.model, dtype=dtype).eval()
        self.vocab_size = self.model.config.vocab_size
        self.reset()

    def reset(self):
        self.cache = None

    def run(self, tokens, position):
        with torch.inference_mode():
            rows = torch.tensor([tokens])
            output = self.model(rows, past_key_values=self.cache, use_cache=True)
        self.cache = output.past_key_values


if __name__ == "__main__":
    sampling.main(
        __doc__, Engine, lambda parser: parser.add_argument("--dtype", default="float32")
    )
