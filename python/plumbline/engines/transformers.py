"""Hugging Face transformers: `--candidate py:transformers`.

The attention that transformers chooses (sdpa where the model has it), from_pretrained in the precision asked
for (float32 otherwise); taps, runs in pieces and batches as plumbline.record makes them. What transformers
says is missing from or left over in the checkpoint is refused. $PLUMB_ATTENTION names an implementation.
"""

import os

import torch
from transformers import AutoModelForCausalLM

from plumbline.engine import Request, serve
from plumbline.recorder import TorchEngine, producer_of


class Transformers(TorchEngine):
    def __init__(self, request: Request) -> None:
        torch.set_num_threads(request.threads)
        dtype = request.dtype or "float32"
        model, info = AutoModelForCausalLM.from_pretrained(
            request.checkpoint, dtype=getattr(torch, dtype),
            attn_implementation=os.environ.get("PLUMB_ATTENTION"), output_loading_info=True)
        for kind in ("missing_keys", "unexpected_keys", "mismatched_keys"):
            if info[kind]:
                raise SystemExit(f"{request.checkpoint}: {kind}: {sorted(info[kind])[:4]}")
        super().__init__(model, dtype, producer=producer_of(model))


if __name__ == "__main__":
    serve(Transformers)
