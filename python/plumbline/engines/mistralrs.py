"""mistral.rs (candle), in process: `--candidate py:mistralrs`.

It gives log-probabilities of the next token alone, so each position is a request of its own, of all tokens
of the vocabulary. $PLUMB_MISTRALRS_ARCH names the architecture (Llama, Qwen3, ...) where the model type does
not; heads x head_dim must be the hidden size for some of them.
"""

import json
import os
from collections.abc import Callable, Mapping, Sequence
from importlib.metadata import version
from typing import Any

import numpy as np
from mistralrs import Architecture, ChatCompletionRequest, ModelDType, Runner, Which

from plumbline.engine import Engine, Request, Unsupported, serve
from plumbline.scratch import Scratch, text_of

DTYPES = {"float32": ModelDType.F32, "bfloat16": ModelDType.BF16, "float16": ModelDType.F16}


def architecture(model_type: str) -> Any:
    """The engine's name of a model type: qwen3_moe is Qwen3Moe there."""
    wished = os.environ.get("PLUMB_MISTRALRS_ARCH", model_type).replace("_text", "").replace("_", "").lower()
    found = [name for name in dir(Architecture) if name.lower() == wished]
    if not found:
        raise Unsupported(f"model type {model_type}")
    return getattr(Architecture, found[0])


class MistralRs(Engine):
    def __init__(self, request: Request) -> None:
        self.dtype = request.dtype or "float32"
        self.producer = f"mistralrs {version('mistralrs')}"
        config = json.loads((request.checkpoint / "config.json").read_text())
        self.vocabulary = int(config["vocab_size"])
        with Scratch(request.checkpoint) as folder:
            self.runner = Runner(
                which=Which.Plain(model_id=str(folder), arch=architecture(config["model_type"]),
                                  dtype=DTYPES[self.dtype]),
                no_paged_attn=True, prefix_cache_n=0, max_seqs=1)

    def _next(self, tokens: Sequence[int]) -> dict[int, float]:
        """Log-probabilities of the token after `tokens`."""
        answer = self.runner.send_chat_completion_request(ChatCompletionRequest(
            messages=[{"role": "user", "content": text_of(list(tokens))}], model="default", logprobs=True,
            top_logprobs=self.vocabulary, max_tokens=1, temperature=0.0))
        if answer.usage.prompt_tokens != len(tokens):
            raise RuntimeError(f"the engine saw {answer.usage.prompt_tokens} tokens of {len(tokens)}")
        return {entry.token: entry.logprob for entry in answer.choices[0].logprobs.content[0].top_logprobs}

    def forward(self, tokens: Sequence[int], wanted: Callable[[str], bool]) -> Mapping[str, Any]:
        rows = [self._next(tokens[:n + 1]) for n in range(len(tokens))]
        ids = np.array([list(row) for row in rows], dtype=np.int64)
        return {"logprob_ids": ids, "logprobs": np.array([list(row.values()) for row in rows])}


if __name__ == "__main__":
    serve(MistralRs)
