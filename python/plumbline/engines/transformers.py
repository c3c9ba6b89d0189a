"""Hugging Face transformers: `--candidate py:transformers`.

The model's own attention (sdpa), from_pretrained in the precision asked for (float32 otherwise); taps by
forward hooks, runs in pieces through its cache, batches padded on the left. What transformers says is
missing from or left over in the checkpoint is refused. $PLUMB_ATTENTION names another implementation
(eager, sdpa, ...).
"""

import os
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
import transformers as hf
from transformers import AutoModelForCausalLM

from plumbline.engine import Engine, Request, Unsupported, serve

MIXERS = ("self_attn", "linear_attn", "attention")
FEED_FORWARDS = ("mlp", "block_sparse_moe", "feed_forward", "moe")
Wanted = Callable[[str], bool]


def tensor_of(value: Any) -> torch.Tensor:
    return value if isinstance(value, torch.Tensor) else tensor_of(value[0])


class Transformers(Engine):
    def __init__(self, request: Request) -> None:
        self.dtype = request.dtype or "float32"
        torch.set_num_threads(request.threads)
        attention = os.environ.get("PLUMB_ATTENTION", "sdpa")
        self.producer = f"transformers {hf.__version__}, torch {torch.__version__}, {attention}"
        self.model, info = AutoModelForCausalLM.from_pretrained(
            request.checkpoint, dtype=getattr(torch, self.dtype), attn_implementation=attention,
            output_loading_info=True)
        self.model.eval()
        for kind in ("missing_keys", "unexpected_keys", "mismatched_keys"):
            if info[kind]:
                raise SystemExit(f"{request.checkpoint}: {kind}: {sorted(info[kind])[:4]}")
        self.taps: dict[str, list[torch.Tensor]] = {}
        self._hook(self.model.model)

    def _hook(self, decoder: Any) -> None:
        self._keep(decoder.norm, "final_norm")
        for i, layer in enumerate(decoder.layers):
            self._keep(layer, f"layer.{i}.out")
            for names, tap in ((MIXERS, "mixer_out"), (FEED_FORWARDS, "ffn_out")):
                block = next((getattr(layer, name) for name in names if hasattr(layer, name)), None)
                if block is not None:
                    self._keep(block, f"layer.{i}.{tap}")

    def _keep(self, module: Any, tap: str) -> None:
        module.register_forward_hook(
            lambda _module, _inputs, output: self.taps.setdefault(tap, []).append(tensor_of(output)))

    @torch.no_grad()
    def _run(self, tokens: torch.Tensor, wanted: Wanted, **options: Any) -> tuple[dict[str, torch.Tensor], Any]:
        self.taps.clear()
        output = self.model(tokens, **options)
        kept = {tap: values[0] for tap, values in self.taps.items() if wanted(tap)}
        return {**kept, "logits": output.logits}, output

    def forward(self, tokens: Sequence[int], wanted: Wanted) -> Mapping[str, Any]:
        values, _ = self._run(torch.tensor([tokens]), wanted, use_cache=False)
        return {tap: rows(value, len(tokens)) for tap, value in values.items()}

    def forward_in_pieces(self, pieces: Sequence[Sequence[int]], wanted: Wanted) -> Mapping[str, Any]:
        parts: dict[str, list[torch.Tensor]] = {}
        cache = None
        for piece in pieces:
            values, output = self._run(torch.tensor([piece]), wanted, past_key_values=cache, use_cache=True)
            cache = output.past_key_values
            if cache is None:
                raise Unsupported("this model keeps no cache")
            for tap, value in values.items():
                parts.setdefault(tap, []).append(rows(value, len(piece)))
        return {tap: torch.cat(part) for tap, part in parts.items()}

    def forward_after(self, other: Sequence[int], tokens: Sequence[int], wanted: Wanted) -> Mapping[str, Any]:
        self.forward(other, wanted)
        return self.forward(tokens, wanted)

    def forward_batch(self, prompts: Mapping[str, Sequence[int]], wanted: Wanted) -> Mapping[str, Mapping[str, Any]]:
        length = max(map(len, prompts.values()))
        tokens = torch.tensor([[0] * (length - len(ids)) + list(ids) for ids in prompts.values()])
        mask = torch.tensor([[0] * (length - len(ids)) + [1] * len(ids) for ids in prompts.values()])
        values, _ = self._run(tokens, wanted, attention_mask=mask, use_cache=False,
                              position_ids=(mask.cumsum(-1) - 1).clamp(min=0))
        split = {tap: value.reshape(len(prompts), length, -1).float() for tap, value in values.items()}
        return {name: {tap: value[row, length - len(ids):] for tap, value in split.items()}
                for row, (name, ids) in enumerate(prompts.items())}


def rows(value: torch.Tensor, count: int) -> torch.Tensor:
    """[count, ...] in float32 (exact for 16 bits), without the batch axis."""
    value = value.reshape(count, -1)
    return value if value.dtype is torch.float64 else value.float()


if __name__ == "__main__":
    serve(Transformers)
