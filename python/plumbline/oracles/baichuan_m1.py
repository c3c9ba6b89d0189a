"""Baichuan-M1 in plain torch: transformers has no code for it.

Written from the model code published with Baichuan-M1-14B (modeling_baichuan.py), with mlx-lm's
mlx_lm/models/baichuan_m1.py and a vLLM port as second opinions; they agree but where a comment says so.
In bfloat16 it rounds where the published code does, with eager attention in place of flash attention.
"""

import json
import pathlib
from collections.abc import Callable, Sequence
from typing import TypeAlias

import torch
import torch.nn.functional as F

from plumbline.oracles import oracle
from plumbline.oracles.oracle import Array, Folder, tensors_of
from plumbline.oracles.pure_float64 import PureFloat64

Tensor: TypeAlias = torch.Tensor
Keep: TypeAlias = Callable[[str, torch.Tensor], None]


def rms_norm(x: Tensor, weight: Tensor, eps: float, wide: torch.dtype) -> Tensor:
    variance = x.to(wide).pow(2).mean(-1, keepdim=True)
    return weight * (x * torch.rsqrt(variance + eps)).to(weight.dtype)


def convolve(x: Tensor, taps: Tensor) -> Tensor:
    """y[t] = taps[0] x[t-1] + taps[1] x[t] for each kv head of x [T, kv, d]; nothing stands before x[0]."""
    earlier = F.pad(x, (0, 0, 0, 0, 1, 0))[:-1]
    return torch.stack((earlier, x), -1).mul(taps.reshape(1, -1, 1, 2)).sum(-1)


def rotate(x: Tensor, theta: float, wide: torch.dtype) -> Tensor:
    """Half-split RoPE over the whole head of x [T, heads, d]; angles and rotation in the wide dtype."""
    positions, dim = x.shape[0], x.shape[-1]
    inverse = 1.0 / (theta ** (torch.arange(0, dim, 2).to(wide) / dim))
    angle = torch.outer(torch.arange(positions).to(wide), inverse)[:, None]
    first, second = x.to(wide).chunk(2, -1)
    cos, sin = angle.cos(), angle.sin()
    return torch.cat((first * cos - second * sin, first * sin + second * cos), -1).to(x.dtype)


def attend(q: Tensor, k: Tensor, v: Tensor, window: int | None, wide: torch.dtype) -> Tensor:
    """Causal attention of q [T, heads, d] over k, v [T, kv, d]; a window w shows keys i - w < j <= i."""
    group = q.shape[1] // k.shape[1]
    k, v = k.repeat_interleave(group, 1), v.repeat_interleave(group, 1)
    scores = torch.einsum("ihd,jhd->hij", q, k) * q.shape[-1] ** -0.5
    i, j = torch.arange(q.shape[0])[:, None], torch.arange(q.shape[0])
    hidden = (j > i) if window is None else (j > i) | (j <= i - window)
    weights = scores.masked_fill(hidden, float("-inf")).softmax(-1, dtype=wide).to(q.dtype)
    return torch.einsum("hij,jhd->ihd", weights, v).flatten(1)


class Oracle(oracle.Oracle):
    PRODUCER = f"Baichuan-M1 in plain torch {torch.__version__}, CPU"

    def __init__(self, folder: Folder, dtype: torch.dtype) -> None:
        folder = pathlib.Path(folder)
        self.config = json.loads((folder / "config.json").read_text())
        self.weights = {name: tensor.to(dtype) for name, tensor in tensors_of(folder).items()}
        self.dtype = dtype
        self.wide = torch.float64 if dtype is torch.float64 else torch.float32

    @torch.no_grad()
    def logits(self, tokens: Sequence[int], taps: dict[str, Array] | None = None, fine: bool = False) -> Array:
        if self.dtype is not torch.float64:
            return self.forward(tokens, lambda tap, value: None).float().numpy()

        def keep(tap: str, value: Tensor) -> None:
            if taps is not None and (fine or tap.split(".")[-1] in oracle.COARSE):
                taps[tap] = value.numpy().copy()

        with PureFloat64():
            return self.forward(tokens, keep).numpy()

    def forward(self, tokens: Sequence[int], keep: Keep) -> Tensor:
        x = self.weights["model.embed_tokens.weight"][torch.tensor(list(tokens))]
        keep("embed", x)
        for i in range(self.config["num_hidden_layers"]):
            x = self.layer(i, x, keep)
        x = self.norm("model.norm", x)
        keep("final_norm", x)
        return x @ self.head().T

    def head(self) -> Tensor:
        """NormHead: rows of length 1. mlx-lm divides by the length + 1e-7 instead."""
        tied = self.config.get("tie_word_embeddings", False)
        return F.normalize(self.weights["model.embed_tokens.weight" if tied else "lm_head.weight"])

    def norm(self, name: str, x: Tensor) -> Tensor:
        return rms_norm(x, self.weights[name + ".weight"], self.config["rms_norm_eps"], self.wide)

    def linear(self, name: str, x: Tensor) -> Tensor:
        return x @ self.weights[name + ".weight"].T

    def layer(self, i: int, x: Tensor, keep: Keep) -> Tensor:
        def here(tap: str, value: Tensor) -> None:
            keep(f"layer.{i}.{tap}", value)

        prefix = f"model.layers.{i}."
        attention_in = self.norm(prefix + "input_layernorm", x)
        here("mixer_in", attention_in)
        attention = self.attention(i, prefix + "self_attn.", attention_in, here)
        here("mixer_out", attention)
        x = x + attention
        here("mid", x)
        mlp_in = self.norm(prefix + "post_attention_layernorm", x)
        here("ffn_in", mlp_in)
        gate = self.linear(prefix + "mlp.gate_proj", mlp_in)
        up = self.linear(prefix + "mlp.up_proj", mlp_in)
        mlp = self.linear(prefix + "mlp.down_proj", F.silu(gate) * up)
        here("ffn_gate", gate)
        here("ffn_up", up)
        here("ffn_act", F.silu(gate) * up)
        here("ffn_out", mlp)
        x = x + mlp
        here("out", x)
        return x

    def attention(self, i: int, prefix: str, x: Tensor, here: Keep) -> Tensor:
        config = self.config
        slides = i in config["sliding_window_layers"]
        heads, kv = config["num_attention_heads"], config["num_key_value_heads"]
        if slides:  # their own counts, hence their own head_dim; mlx-lm: absent means the same ones
            heads = config.get("num_swa_attention_heads") or heads
            kv = config.get("num_swa_key_value_heads") or kv
        dim = config["hidden_size"] // heads
        packed = self.linear(prefix + "W_pack", x).reshape(x.shape[0], -1, dim)
        q, k, v = packed.split((heads, kv, kv), 1)
        here("q", q)
        here("k", k)
        here("v", v)
        k = convolve(k, self.weights[prefix + "conv_k"])
        v = convolve(v, self.weights[prefix + "conv_v"])
        q, k = (rotate(part, config["rope_theta"], self.wide) for part in (q, k))
        here("q_rope", q)
        here("k_rope", k)
        context = attend(q, k, v, config["sliding_window"] if slides else None, self.wide)
        here("attn", context)
        return self.linear(prefix + "o_proj", context)
