"""Oracles of meta checkpoints (rlformers) from ExecuTorch's own modules, examples/models/llama.

ExecuTorch declares normalize_tok_embeddings and output_soft_cap_temp and never applies them. Their
maths is stated here as its examples/models/muse_glimmer/model/model.py has it: a weightless RMSNorm
with norm_eps after the embedding, and cap * tanh(logits / cap) at the end (there in float32).
"""

import dataclasses
import importlib.metadata
import json
import pathlib
from collections.abc import Sequence

import torch
from executorch.examples.models.llama import attention as mixers
from executorch.examples.models.llama.llama_transformer import construct_transformer
from executorch.examples.models.llama.model_args import ModelArgs
from executorch.examples.models.llama.norm import ScalelessRMSNorm
from executorch.examples.models.llama.rope import Rope

from plumbline.oracles import oracle
from plumbline.oracles.oracle import Array, Folder, tensors_of
from plumbline.oracles.pure_float64 import PureFloat64
from plumbline.taps import Module
from plumbline.taps import Recorder as ModuleRecorder

LONGEST = 512  # positions of the rope tables

mixers._get_gated_delta_rule_op = lambda: None  # the fused kernel knows float32 alone


class Recorder(ModuleRecorder):
    def _hook_inside(self, layer: Module, prefix: str) -> None:
        if not hasattr(layer.attention, "wq"):
            self._after(layer.attention_norm, prefix + "mixer_in")
            self._after(layer.ffn_norm, prefix + "ffn_in")
            return
        attention, feed_forward = layer.attention, layer.feed_forward
        changed = attention.use_attn_o_norm or attention.use_attn_o_gate or attention.use_q_gate
        heads = (-1, attention.head_dim)
        self._after(layer.attention_norm, prefix + "mixer_in")
        for module, tap in (("wq", "q"), ("wk", "k"), ("wv", "v")):
            if not (module == "wq" and attention.use_q_gate):
                self._after(getattr(attention, module), prefix + tap, heads)
        if attention.use_qk_norm and attention.qk_norm_before_rope:
            self._after(attention.k_norm_fn, prefix + "k_norm", heads)
        if attention.use_attn_o_norm:
            self._before(attention.o_norm, prefix + "attn", (-1,))
        self._before(attention.wo, prefix + ("attn_gated" if changed else "attn"))
        self._after(layer.ffn_norm, prefix + "ffn_in")
        self._after(feed_forward.w1, prefix + "ffn_gate")
        self._after(feed_forward.w3, prefix + "ffn_up")
        self._before(feed_forward.w2, prefix + "ffn_act")
        if layer.use_residual_gate:
            self._after(layer.add_attn, prefix + "mid")


class Oracle(oracle.Oracle):
    PRODUCER = (f"ExecuTorch {importlib.metadata.version('executorch')} examples/models/llama, "
                f"torch {torch.__version__}, CPU")

    def __init__(self, folder: Folder, dtype: torch.dtype) -> None:
        folder = pathlib.Path(folder)
        self.args = ModelArgs(**json.loads((folder / "params.json").read_text()),
                              generate_full_logits=True, max_seq_len=LONGEST, max_context_len=LONGEST)
        self.dtype = dtype
        if dtype is torch.float64:
            with PureFloat64():
                self.model = construct_transformer(self.args).eval()
        else:
            self.model = construct_transformer(self.args).eval().to(dtype)
        self.embedding_norm = ScalelessRMSNorm(self.args.dim, self.args.norm_eps)
        tensors = {name: tensor.to(dtype) for name, tensor in tensors_of(folder).items()}
        left = self.model.load_state_dict(tensors, strict=False)
        missing = [name for name in left.missing_keys if not name.endswith("_state")]
        if missing or left.unexpected_keys:
            raise RuntimeError(f"{folder}: missing {missing}, unexpected {left.unexpected_keys}")

    @torch.no_grad()
    def logits(self, tokens: Sequence[int], taps: dict[str, Array] | None = None, fine: bool = False) -> Array:
        if self.dtype is not torch.float64:
            return self.forward(tokens).float().numpy()
        with Recorder(self.model, fine) as recorder, PureFloat64():
            logits = self.forward(tokens)
        if taps is not None:
            taps.update({name: value.numpy() for name, value in recorder.taps.items()})
        return logits.numpy()

    def forward(self, tokens: Sequence[int]) -> torch.Tensor:
        if self.args.rope_scaling_long_factor is not None:
            self.stretch(len(tokens))
        stream = self.model.tok_embeddings(torch.tensor([list(tokens)]))
        if self.args.normalize_tok_embeddings:
            stream = self.embedding_norm(stream)
        logits = self.model(h=stream)[0]
        cap = self.args.output_soft_cap_temp
        return logits if cap is None else torch.tanh(logits / cap) * cap

    def stretch(self, length: int) -> None:
        """ExecuTorch chooses longrope's factors by the length of its tables; here by the prompt's."""
        rope = Rope(dataclasses.replace(self.args, max_context_len=length))
        for name in ("freqs_cos", "freqs_sin"):
            setattr(self.model.rope, name, getattr(rope, name).to(self.dtype))
