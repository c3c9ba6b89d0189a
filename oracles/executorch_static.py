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

import executorch
import torch
import transformers.activations  # noqa: F401  asks whether scipy is there, before it is made up
from executorch.examples.models.llama.model_args import ModelArgs
from safetensors.torch import load_file

import oracle
from pure_float64 import PureFloat64
from taps import Recorder as ModuleRecorder

PACKAGE = "executorch.examples.qualcomm.oss_scripts.llama"


def static_llama():
    """The module by itself: its packages import exporters, and scipy for a rotation that is not used."""
    root = pathlib.Path(next(iter(executorch.__path__)))
    parts = PACKAGE.split(".")
    for count in range(3, len(parts) + 1):
        module = types.ModuleType(".".join(parts[:count]))
        module.__path__ = [str(root.joinpath(*parts[1:count]))]
        sys.modules[module.__name__] = module
    sys.modules.setdefault("scipy", types.ModuleType("scipy"))
    return importlib.import_module(PACKAGE + ".model.static_llama")


def halves(weight, heads, rotary_dim):
    """Rows in pairs (2i, 2i + 1) as the decoder turns them: (i, i + rotary_dim / 2)."""
    rows = weight.view(heads, -1, weight.shape[-1])
    turned = rows[:, :rotary_dim].view(heads, rotary_dim // 2, 2, -1).transpose(1, 2)
    return torch.cat([turned.reshape(heads, rotary_dim, -1), rows[:, rotary_dim:]], 1).reshape(weight.shape)


def as_loaded(tensors, args):
    loaded = dict(tensors)
    for name, tensor in tensors.items():
        if "norm" in name and args.norm_type in ("gemma2", "gemma3"):
            loaded[name] = tensor + 1
        if name == "tok_embeddings.weight":
            loaded[name] = tensor * args.embedding_scale_factor
        rotary_dim = int(args.head_dim * args.partial_rotary_factor)
        if args.model_architecture == "GlmForCausalLM":
            if name.endswith((".wq.weight", ".wk.weight")):
                heads = args.n_heads if ".wq." in name else args.n_kv_heads
                loaded[name] = halves(tensor, heads, rotary_dim)
    return loaded


class Recorder(ModuleRecorder):
    def _hook_inside(self, layer, prefix):
        self._after(layer.attention_norm, prefix + "mixer_in")
        self._before(layer.attention.wo, prefix + "attn")


class Oracle(oracle.Oracle):
    PRODUCER = (f"ExecuTorch {importlib.metadata.version('executorch')} static decoder, "
                f"torch {torch.__version__}, CPU")

    def __init__(self, folder, dtype):
        folder = pathlib.Path(folder)
        self.dtype = dtype
        self.params = json.loads((folder / "params.json").read_text())
        self.tensors = {name: tensor.to(dtype) for file in folder.glob("*.safetensors")
                        for name, tensor in load_file(file).items()}

    def model_of(self, length):
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

    def forward(self, tokens):
        model, args = self.model_of(len(tokens))
        distance = torch.arange(len(tokens))[:, None] - torch.arange(len(tokens))[None, :]
        masks = [distance < 0]
        if args.layer_types is not None:
            masks.append((distance < 0) | (distance >= args.sliding_window))
        hidden = [torch.zeros(mask.shape, dtype=self.dtype).masked_fill(mask, float("-inf")) for mask in masks]
        return model, lambda: model(torch.tensor([tokens]), *hidden)[0]

    @torch.no_grad()
    def logits(self, tokens, taps=None, fine=False):
        if self.dtype is not torch.float64:
            return self.forward(tokens)[1]().float().numpy()
        with PureFloat64():
            model, run = self.forward(tokens)
        with Recorder(model, fine) as recorder, PureFloat64():
            logits = run()
        if taps is not None:
            taps.update({name: value.numpy() for name, value in recorder.taps.items()})
        return logits.numpy()
