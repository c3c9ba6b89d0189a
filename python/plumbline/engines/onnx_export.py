"""A transformers model as an ONNX file, with its taps as outputs: what onnxruntime and openvino here read."""

import pathlib
from typing import Any

import torch
from transformers import AutoModelForCausalLM

from plumbline.taps import LAYERS, child, decoder_of, first_tensor

EXAMPLE = 7  # positions at which the graph is traced; other lengths run too


class WithTaps(torch.nn.Module):
    """Gives logits, and what each layer returns: [1, T, ...]."""

    def __init__(self, model: Any) -> None:
        super().__init__()
        self.model = model
        self.taps = [f"layer.{i}.out" for i in range(len(child(decoder_of(model), LAYERS)))]

    def forward(self, input_ids: torch.Tensor) -> tuple[torch.Tensor, ...]:
        outputs: list[torch.Tensor] = []
        hooks = [layer.register_forward_hook(lambda _m, _args, output: outputs.append(first_tensor(output)))
                 for layer in child(decoder_of(self.model), LAYERS)]
        logits = self.model(input_ids, use_cache=False).logits
        for hook in hooks:
            hook.remove()
        return logits, *outputs


@torch.no_grad()
def export(checkpoint: pathlib.Path, file: pathlib.Path, dtype: str = "float32") -> list[str]:
    """Writes `file` and returns the names of its outputs, `logits` first."""
    model = AutoModelForCausalLM.from_pretrained(checkpoint, dtype=getattr(torch, dtype), attn_implementation="eager",
                                                 experts_implementation="eager").eval()
    wrapped = WithTaps(model)
    names = ["logits", *wrapped.taps]
    torch.onnx.export(wrapped, (torch.arange(EXAMPLE)[None],), str(file), input_names=["input_ids"],
                      output_names=names, dynamic_shapes=({1: torch.export.Dim.DYNAMIC},), dynamo=True, verbose=False)
    return names
