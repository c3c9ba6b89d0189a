"""Convolutions and delta rules."""

import torch
import torch.nn.functional as F
from drawing import numbers, size
from severity import STRUCTURAL, SUBTLE


def convolved(i, m):
    x, w = i["x"], i["w"]
    kernel = w.shape[1]
    before = torch.zeros(kernel - 1, x.shape[1], dtype=x.dtype)
    if m == "first_row_repeated":
        before = x[:1].expand(kernel - 1, -1)
    if m == "kernel_reversed":
        w = w.flip(1)
    if m == "oldest_tap_missing":
        w = torch.cat((0 * w[:, :1], w[:, 1:]), 1)
    if m == "newest_tap_missing":
        w = torch.cat((w[:, :-1], 0 * w[:, :1]), 1)
    if m == "weight_of_neighbour":
        w = w.roll(1, 0)
    if m == "one_late":
        x = torch.cat((0 * x[:1], x[:-1]))
    if m == "one_early":
        x = torch.cat((x[1:], 0 * x[:1]))
    if m == "weights_1.02":
        w = w * 1.02
    y = F.conv1d(torch.cat((before, x)).T[None], w[:, None].to(x.dtype), groups=x.shape[1])[0].T
    y = y.contiguous()
    if m == "activation_missing":
        return y
    return F.gelu(y) if m == "gelu" else torch.sigmoid(y) if m == "sigmoid" else F.silu(y)


def convolved_inputs(random, dtype, scale):
    channels = size(random, 6, 8 * scale)
    return {"x": numbers(random, dtype, size(random, 6, 4 * scale), channels), "w": numbers(random, dtype, channels, 4, scale=0.7)}


CONVOLVED = {
    "first_row_repeated": STRUCTURAL, "kernel_reversed": STRUCTURAL, "oldest_tap_missing": STRUCTURAL,
    "newest_tap_missing": STRUCTURAL, "weight_of_neighbour": STRUCTURAL, "one_late": STRUCTURAL,
    "one_early": STRUCTURAL, "weights_1.02": SUBTLE, "activation_missing": STRUCTURAL, "gelu": STRUCTURAL,
    "sigmoid": STRUCTURAL,
}  # fmt: skip


def delta(i, m):
    dtype = i["q"].dtype
    q, k, v = (i[name].float() for name in "qkv")
    beta, g = i["beta"].float(), i["g"].float()
    unit = (lambda x: x) if m == "not_at_unit_length" else lambda x: x * torch.rsqrt(x.pow(2).sum(-1, keepdim=True) + 1e-6)
    q, k = unit(q), unit(k)
    if m != "query_scale_missing":
        q = q * q.shape[-1] ** -0.5
    groups = v.shape[1] // k.shape[1]
    spread = (lambda x: x.repeat(1, groups, 1)) if m == "heads_tiled" else (lambda x: x.repeat_interleave(groups, 1))
    q, k = spread(q), spread(k)
    s = 0 * i["state"].float() if m == "state_forgotten" else i["state"].float().clone()
    if m == "state_transposed":
        s = s.transpose(1, 2).reshape(s.shape)
    out = []
    for t in range(len(v)):
        decay = torch.exp(g[t])[:, None, None]
        before = s
        s = s if m == "decay_missing" else s * decay * (decay if m == "decay_twice" else 1)
        kv = torch.einsum("hkv,hk->hv", before if m == "stale_state_in_delta" else s, k[t])
        d = (v[t] - kv) * (1 if m == "beta_missing" else beta[t][:, None])
        if m == "plain_linear_attention":
            d = v[t] * beta[t][:, None]
        read = s
        s = s + torch.einsum("hk,hv->hkv", k[t], d)
        out.append(torch.einsum("hkv,hk->hv", read if m == "read_before_update" else s, q[t]))
    return {"out": torch.stack(out).to(dtype), "state": s}


def delta_inputs(random, dtype, scale):
    rows, keys, groups = size(random, 4, 3 * scale), 2, 2
    key, value = size(random, 4, 2 * scale), size(random, 4, 2 * scale)
    heads = keys * groups
    return {"q": numbers(random, dtype, rows, keys, key), "k": numbers(random, dtype, rows, keys, key),
            "v": numbers(random, dtype, rows, heads, value), "beta": torch.sigmoid(numbers(random, dtype, rows, heads)),
            "g": -torch.rand(rows, heads, generator=random), "state": torch.randn(heads, key, value, generator=random) * 0.5}


DELTA = {
    "not_at_unit_length": STRUCTURAL, "query_scale_missing": STRUCTURAL, "heads_tiled": STRUCTURAL,
    "state_forgotten": STRUCTURAL, "state_transposed": STRUCTURAL, "decay_missing": STRUCTURAL,
    "decay_twice": STRUCTURAL, "stale_state_in_delta": STRUCTURAL, "beta_missing": STRUCTURAL,
    "plain_linear_attention": STRUCTURAL, "read_before_update": STRUCTURAL,
}  # fmt: skip
