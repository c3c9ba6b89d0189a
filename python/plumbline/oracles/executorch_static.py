"""Oracles of meta checkpoints whose features only ExecuTorch's static decoder has: its own modules,
examples/qualcomm/oss_scripts/llama/model/static_llama.py, fed as its loader feeds them.

It caps scores before it scales them; here they are scaled first, as Gemma 2's authors have it.
"""

import importlib
import importlib.metadata
import json
import pathlib
import sys
import types
from collections.abc import Callable, Sequence
from typing import Any

import executorch
import torch
import transformers.activations  # noqa: F401  asks whether scipy is there, before it is made up
from executorch.examples.models.llama.model_args import ModelArgs

from plumbline.oracles import oracle
from plumbline.oracles.oracle import Array, Folder, Tensors, tensors_of
from plumbline.oracles.pure_float64 import PureFloat64
from plumbline.taps import Module
from plumbline.taps import Recorder as ModuleRecorder

PACKAGE = "executorch.examples.qualcomm.oss_scripts.llama"


def static_llama() -> Any:
    """The module by itself: its packages import exporters, and scipy for a rotation that is not used."""
    root = pathlib.Path(next(iter(executorch.__path__)))
    parts = PACKAGE.split(".")
    for count in range(3, len(parts) + 1):
        module = types.ModuleType(".".join(parts[:count]))
        module.__path__ = [str(root.joinpath(*parts[1:count]))]
        sys.modules[module.__name__] = module
    sys.modules.setdefault("scipy", types.ModuleType("scipy"))
    return importlib.import_module(PACKAGE + ".model.static_llama")


def halves(weight: torch.Tensor, heads: int, rotary_dim: int) -> torch.Tensor:
    """Rows in pairs (2i, 2i + 1) as the decoder turns them: (i, i + rotary_dim / 2)."""
    rows = weight.view(heads, -1, weight.shape[-1])
    turned = rows[:, :rotary_dim].view(heads, rotary_dim // 2, 2, -1).transpose(1, 2)
    return torch.cat([turned.reshape(heads, rotary_dim, -1), rows[:, rotary_dim:]], 1).reshape(weight.shape)


def as_loaded(tensors: Tensors, args: Any) -> Tensors:
    loaded = dict(tensors)
    for name, tensor in tensors.items():
        if "norm" in name and args.norm_type in ("gemma2", "gemma3"):
            loaded[name] = tensor + 1
        if name == "tok_embeddings.weight":
            loaded[name] = tensor * args.embedding_scale_factor
        rotary_dim = int(args.head_dim * args.partial_rotary_factor)
        if args.model_architecture == "GlmForCausalLM" and name.endswith((".wq.weight", ".wk.weight")):
            heads = args.n_heads if ".wq." in name else args.n_kv_heads
            loaded[name] = halves(tensor, heads, rotary_dim)
    return loaded


class Recorder(ModuleRecorder):
    def _hook_inside(self, layer: Module, prefix: str) -> None:
        self._after(layer.attention_norm, prefix + "mixer_in")
        self._before(layer.attention.wo, prefix + "attn")


class Oracle(oracle.Oracle):
    PRODUCER = (f"ExecuTorch {importlib.metadata.version('executorch')} static decoder, "
                f"torch {torch.__version__}, CPU")

    def __init__(self, folder: Folder, dtype: torch.dtype) -> None:
        folder = pathlib.Path(folder)
        self.dtype = dtype
        self.params = json.loads((folder / "params.json").read_text())
        self.tensors = {name: tensor.to(dtype) for name, tensor in tensors_of(folder).items()}

    def model_of(self, length: int) -> tuple[Module, Any]:
        module = static_llama()
        args = ModelArgs(**self.params, max_seq_len=length, max_context_len=length)
        if args.local_rope_theta is None and args.layer_types is not None:
            args.local_rope_theta = args.rope_freq_base
        sliding = args.layer_types is not None
        model = (module.MultiScopeAwareLlamaModel if sliding else module.LlamaModel)(
            args, ar_len=length, output_cache=False).eval()
        model.load_state_dict(as_loaded(self.tensors, args), strict=True, assign=True)
        for layer in model.layers:
            attention = layer.attention
            if attention.attn_logit_softcapping is not None:
                attention.attn_logit_softcapping *= attention.scale
        return (model if self.dtype is torch.float64 else model.to(self.dtype)), args

    def forward(self, tokens: Sequence[int]) -> tuple[Module, Callable[[], torch.Tensor]]:
        model, args = self.model_of(len(tokens))
        distance = torch.arange(len(tokens))[:, None] - torch.arange(len(tokens))[None, :]
        masks = [distance < 0]
        if args.layer_types is not None:
            masks.append((distance < 0) | (distance >= args.sliding_window))
        hidden = [torch.zeros(mask.shape, dtype=self.dtype).masked_fill(mask, float("-inf")) for mask in masks]
        return model, lambda: model(torch.tensor([list(tokens)]), *hidden)[0]

    @torch.no_grad()
    def logits(self, tokens: Sequence[int], taps: dict[str, Array] | None = None, fine: bool = False) -> Array:
        if self.dtype is not torch.float64:
            return self.forward(tokens)[1]().float().numpy()
        with PureFloat64():
            model, run = self.forward(tokens)
        with Recorder(model, fine) as recorder, PureFloat64():
            logits = run()
        if taps is not None:
            taps.update({name: value.numpy() for name, value in recorder.taps.items()})
        return logits.numpy()
