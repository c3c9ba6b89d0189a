"""Kernels of ops in torch, as people write them, and the mistakes that people make in them.

A kernel takes its inputs and `m`, the name of a mistake or None; what it computes in and rounds to follows
from the inputs' dtype, as in transformers' eager modules.
"""

import dataclasses
import math
from collections.abc import Callable

import torch
import torch.nn.functional as F

SUBTLE = "subtle"
STRUCTURAL = "structural"


@dataclasses.dataclass
class Op:
    name: str
    make: Callable  # (random, dtype, size) -> inputs
    kernel: Callable  # (inputs, mistake) -> output or outputs by name
    mistakes: dict  # of the op's own: name to structural or subtle
    attributes: dict = dataclasses.field(default_factory=dict)


# --- mistakes in writing the result, which any kernel may make


def last_row_unwritten(y):
    y[-1] = 0


def tail_unwritten(y):
    y[..., -3:] = 0


def rows_shifted(y):
    y[1:] = y[:-1].clone()


def channels_exchanged(y):
    y[..., [0, 1]] = y[..., [1, 0]]


def one_row_twice(y):
    y[len(y) // 2] = y[len(y) // 2 - 1]


def block_stale(y):
    y[len(y) // 2 :, ..., : max(1, y.shape[-1] // 4)] = y[0, ..., : max(1, y.shape[-1] // 4)].clone()


def one_element_stale(y):
    y[len(y) // 2].view(-1)[y[0].numel() // 2] = y[0].view(-1)[0] + 1


def one_nan(y):
    y[-1].view(-1)[-1] = math.nan


def one_percent(y):
    y *= 1.01


def narrow_store(y):
    y.copy_(y.to(torch.bfloat16 if y.dtype == torch.float32 else torch.float8_e5m2))


WRITING = {
    last_row_unwritten: STRUCTURAL, tail_unwritten: STRUCTURAL, rows_shifted: STRUCTURAL,
    channels_exchanged: STRUCTURAL, one_row_twice: STRUCTURAL, block_stale: STRUCTURAL,
    one_element_stale: STRUCTURAL, one_nan: STRUCTURAL, one_percent: SUBTLE, narrow_store: SUBTLE,
}  # fmt: skip


# --- kernels


def numbers(random, dtype, *shape, scale=1.0):
    return (torch.randn(*shape, generator=random) * scale).to(dtype)


def size(random, least, most):
    return int(torch.randint(least, most + 1, (), generator=random))


def rms(x, w, eps, m=None):
    f = x.float()
    if m == "mean_removed":
        f = f - f.mean(-1, keepdim=True)
    squares = f.pow(2)
    if m == "tail_not_summed":
        squares[..., -(squares.shape[-1] // 4 or 1) :] = 0
    mean = squares.sum(-1, keepdim=True) if m == "sum_for_mean" else squares.mean(-1, keepdim=True)
    if m == "divided_by_n_minus_1":
        mean = mean * x.shape[-1] / (x.shape[-1] - 1)
    if m == "eps_missing":
        eps = 0.0
    if m == "eps_thousandfold":
        eps = eps * 1000
    inverse = 1 / (mean.sqrt() + eps) if m == "eps_outside" else torch.rsqrt(mean + eps)
    if m == "no_root":
        inverse = inverse.square()
    if m == "neighbours_inverse":
        inverse = inverse.roll(1, 0)
    y = (f * inverse).to(x.dtype)
    if m == "weight_missing":
        return y
    if m == "weight_offset":
        return y * (1 + w)
    if m == "weight_shifted":
        w = w.roll(1, -1)
    return y * w


def rms_inputs(random, dtype, scale):
    rows, width = size(random, 3, 4 * scale), size(random, 8, 16 * scale)
    return {"x": numbers(random, dtype, rows, width), "w": 1 + numbers(random, dtype, width, scale=0.3)}


RMS = {
    "weight_missing": STRUCTURAL, "weight_offset": STRUCTURAL, "mean_removed": STRUCTURAL,
    "sum_for_mean": STRUCTURAL, "no_root": STRUCTURAL, "tail_not_summed": STRUCTURAL,
    "neighbours_inverse": STRUCTURAL, "weight_shifted": STRUCTURAL, "eps_thousandfold": SUBTLE,
    "divided_by_n_minus_1": SUBTLE, "eps_outside": SUBTLE,
}  # fmt: skip


def layer_norm(i, m):
    x, w, b = i["x"].float(), i["w"].float(), i["b"].float()
    mean = x.mean(-1, keepdim=True)
    if m == "mean_kept":
        mean = 0 * mean
    if m == "neighbours_mean":
        mean = mean.roll(1, 0)
    variance = (x - mean).pow(2).mean(-1, keepdim=True)
    if m == "second_moment":
        variance = x.pow(2).mean(-1, keepdim=True)
    if m == "unbiased":
        variance = variance * x.shape[-1] / (x.shape[-1] - 1)
    if m == "no_root":
        variance = variance.square()
    eps = {"eps_large": 1e-3}.get(m, 1e-5)
    y = (x - mean) * torch.rsqrt(variance + eps)
    if m == "weight_missing":
        w = torch.ones_like(w)
    if m == "weight_offset":
        w = w + 1
    if m == "bias_missing":
        b = 0 * b
    if m == "bias_first":
        return ((y + b) * w).to(i["x"].dtype)
    if m == "bias_shifted":
        b = b.roll(1, -1)
    return (y * w + b).to(i["x"].dtype)


def layer_norm_inputs(random, dtype, scale):
    inputs = rms_inputs(random, dtype, scale)
    inputs["x"] = inputs["x"] + numbers(random, dtype, len(inputs["x"]), 1)
    return inputs | {"b": numbers(random, dtype, len(inputs["w"]), scale=0.5)}


LAYER_NORM = {
    "mean_kept": STRUCTURAL, "neighbours_mean": STRUCTURAL, "second_moment": STRUCTURAL, "unbiased": SUBTLE,
    "no_root": STRUCTURAL, "eps_large": SUBTLE, "weight_missing": STRUCTURAL, "weight_offset": STRUCTURAL,
    "bias_missing": STRUCTURAL, "bias_first": STRUCTURAL, "bias_shifted": STRUCTURAL,
}  # fmt: skip


def product(x, w):
    return F.linear(x, w)


def linear(i, m):
    x, w, b = i["x"], i["w"], i["b"]
    if m == "bias_missing":
        return product(x, w)
    if m == "bias_twice":
        return product(x, w) + 2 * b
    if m == "weight_transposed":
        return (x @ w + b).to(x.dtype)
    if m == "last_k_missing":
        x = x.clone()
        x[:, -1] = 0
    if m == "k_tail_missing":
        x = x.clone()
        x[:, -(x.shape[1] // 4) :] = 0
    if m == "k_block_twice":
        x = x.clone()
        x[:, : x.shape[1] // 4] *= 2
    if m == "weight_row_off":
        w = w.roll(1, 0)
    if m == "weight_column_off":
        w = w.roll(1, 1)
    if m == "8_bit_weight":
        unit = w.abs().amax(1, keepdim=True) / 127
        w = ((w / unit).round() * unit).to(w.dtype)
    if m == "4_bit_weight":
        unit = w.abs().amax(1, keepdim=True) / 7
        w = ((w / unit).round() * unit).to(w.dtype)
    if m == "16_bit_sum":
        half = x.shape[1] // 2
        return (product(x[:, :half].bfloat16(), w[:, :half].bfloat16())
                + product(x[:, half:].bfloat16(), w[:, half:].bfloat16())).to(x.dtype) + b
    if m == "bias_rolled":
        b = b.roll(1)
    return F.linear(x, w, b)


def linear_inputs(random, dtype, scale):
    rows, width = size(random, 3, 4 * scale), size(random, 8, 16 * scale)
    return {"x": numbers(random, dtype, rows, width), "w": numbers(random, dtype, width, width, scale=width**-0.5),
            "b": numbers(random, dtype, width, scale=0.5)}


LINEAR = {
    "bias_missing": STRUCTURAL, "bias_twice": STRUCTURAL, "weight_transposed": STRUCTURAL,
    "last_k_missing": STRUCTURAL, "k_tail_missing": STRUCTURAL, "k_block_twice": STRUCTURAL,
    "weight_row_off": STRUCTURAL, "weight_column_off": STRUCTURAL, "8_bit_weight": SUBTLE,
    "4_bit_weight": SUBTLE, "bias_rolled": STRUCTURAL,
}  # fmt: skip


def turned(x, m=None, theta=10000.0, first=0):
    rows, _, dim = x.shape
    if m == "theta":
        theta = 500000.0
    half = dim // 2
    inverse = theta ** -(torch.arange(half, dtype=torch.float32) * 2 / dim)
    if m == "exponent":
        inverse = theta ** -(torch.arange(half, dtype=torch.float32) / dim)
    start = first + {"position_1": 1, "position_0": -first}.get(m, 0)
    angles = torch.outer(torch.arange(start, start + rows, dtype=torch.float32), inverse)
    if m == "two_percent":
        angles = angles * 1.02
    cos, sin = angles.cos().to(x.dtype)[:, None], angles.sin().to(x.dtype)[:, None]
    if m == "sign":
        sin = -sin
    if m == "cos_for_sin":
        sin = cos
    if m == "table_bf16":
        cos, sin = cos.bfloat16().to(x.dtype), sin.bfloat16().to(x.dtype)
    a, b = x[..., :half], x[..., half:]
    if m in ("interleaved", "interleaved_to_halves"):
        a, b = x[..., 0::2], x[..., 1::2]
    if m == "left_out":
        return x.clone()
    y = torch.cat((a * cos - b * sin, b * cos + a * sin), -1)
    if m == "interleaved":
        y = torch.stack((a * cos - b * sin, b * cos + a * sin), -1).flatten(-2)
    if m == "first_head_alone":
        y[:, 1:] = x[:, 1:]
    if m == "half_of_pairs":
        y[..., half // 2 : half] = a[..., half // 2 :]
    return y


def rope_inputs(random, dtype, scale):
    rows, heads, dim = size(random, 4, 4 * scale), size(random, 2, 4), 2 * size(random, 4, 2 * scale)
    return {"x": numbers(random, dtype, rows, heads, dim)}


ROPE = {
    "theta": STRUCTURAL, "exponent": STRUCTURAL, "position_1": STRUCTURAL, "two_percent": SUBTLE, "sign": STRUCTURAL,
    "cos_for_sin": STRUCTURAL, "interleaved": STRUCTURAL, "interleaved_to_halves": STRUCTURAL,
    "left_out": STRUCTURAL, "first_head_alone": STRUCTURAL, "half_of_pairs": STRUCTURAL,
}  # fmt: skip


def attended(q, k, v, m=None, sinks=None, window=0, scale=None):
    rows, heads, dim = q.shape
    groups = heads // k.shape[1]
    scale = dim**-0.5 if scale is None else scale
    scale = {"scale_missing": 1.0, "scale_twice": scale * scale, "scale_1_percent": scale * 1.01}.get(m, scale)
    spread = (lambda x: x.repeat(1, groups, 1)) if m == "heads_tiled" else (lambda x: x.repeat_interleave(groups, 1))
    k, v = spread(k), spread(v)
    scores = torch.einsum("thd,shd->hts", q, k) * scale
    past = k.shape[0] - rows
    at = torch.arange(rows)[:, None] + past
    keys = torch.arange(k.shape[0])[None]
    seen = keys <= at + {"mask_next": 1}.get(m, 0)
    if m == "mask_missing":
        seen = torch.ones_like(seen)
    if m == "mask_itself":
        seen = (keys < at) | (keys == 0)
    if window:
        seen &= keys > at - window - {"window_1_more": 1, "window_ignored": 1 << 20}.get(m, 0)
    scores = scores.masked_fill(~seen, torch.finfo(scores.dtype).min)
    if sinks is not None and m != "sinks_missing":
        scores = torch.cat((scores, sinks[:, None, None].expand(-1, rows, 1)), -1)
        scores = scores - scores.amax(-1, keepdim=True)
    p = torch.softmax(scores, -1, dtype=scores.dtype if sinks is not None else torch.float32).to(q.dtype)
    if m == "not_normalised":
        p = torch.exp(scores.float() - scores.float().amax(-1, keepdim=True)).to(q.dtype)
    if m == "stale_max":
        p = p * 0.98
    if sinks is not None and m != "sinks_missing":
        p = p[..., :-1]
    y = torch.einsum("hts,shd->thd", p, v)
    if m == "untransposed":
        y = y.transpose(0, 1).reshape(y.shape)
    if m == "values_of_head_0":
        y[:, 1:] = torch.einsum("hts,shd->thd", p, v[:, :1].expand_as(v))[:, 1:]
    return y.contiguous()


def attention_inputs(random, dtype, scale):
    rows, kv, groups = size(random, 5, 3 * scale), size(random, 2, 3), size(random, 2, 3)
    dim = size(random, 4, 2 * scale)
    return {"q": numbers(random, dtype, rows, kv * groups, dim, scale=1.5), "k": numbers(random, dtype, rows, kv, dim),
            "v": numbers(random, dtype, rows, kv, dim)}


ATTENTION = {
    "scale_missing": STRUCTURAL, "scale_twice": STRUCTURAL, "scale_1_percent": SUBTLE, "heads_tiled": STRUCTURAL,
    "mask_next": STRUCTURAL, "mask_missing": STRUCTURAL, "mask_itself": STRUCTURAL, "not_normalised": STRUCTURAL,
    "stale_max": SUBTLE, "untransposed": STRUCTURAL, "values_of_head_0": STRUCTURAL,
}  # fmt: skip


def cached_inputs(random, dtype, scale):
    inputs = attention_inputs(random, dtype, scale)
    rows, heads, dim = inputs["k"].shape
    past = size(random, 2, 2 * scale)
    return inputs | {"k_cache": numbers(random, dtype, past, heads, dim), "sinks": numbers(random, dtype, inputs["q"].shape[1]),
                     "v_cache": numbers(random, dtype, past, heads, dim)}


def cached(i, m):
    k, v = torch.cat((i["k_cache"], i["k"])), torch.cat((i["v_cache"], i["v"]))
    past = len(i["k_cache"])
    if m == "cache_forgotten":
        k, v = i["k"], i["v"]
    if m == "cache_rolled":
        v = torch.cat((v[1:past], v[:1], v[past:]))
    if m == "oldest_dropped":
        k, v = k[1:], v[1:]
    return attended(i["q"], k, v, m, i["sinks"])


CACHED = {
    "cache_forgotten": STRUCTURAL, "cache_rolled": STRUCTURAL, "oldest_dropped": STRUCTURAL,
    "sinks_missing": STRUCTURAL, "scale_missing": STRUCTURAL, "heads_tiled": STRUCTURAL, "mask_next": STRUCTURAL,
    "mask_missing": STRUCTURAL, "mask_itself": STRUCTURAL, "untransposed": STRUCTURAL,
}  # fmt: skip


def acted(gate, m=None):
    f = gate.float()
    ways = {"gelu": lambda: F.gelu(f), "gelu_tanh": lambda: F.gelu(f, approximate="tanh"), "relu": lambda: F.relu(f),
            "sigmoid_alone": lambda: torch.sigmoid(f), "swish_1.02": lambda: f * torch.sigmoid(1.02 * f),
            "tanh": lambda: torch.tanh(f), "left_out": lambda: f}
    return ways.get(m, lambda: F.silu(f))().to(gate.dtype)


def gated(i, m):
    gate, up = i["gate"], i["up"]
    if m == "exchanged":
        gate, up = up, gate
    if m == "sum":
        return acted(gate) + up
    if m == "up_missing":
        return acted(gate)
    if m == "up_shifted":
        up = up.roll(1, -1)
    return acted(gate, m) * up


def gated_inputs(random, dtype, scale):
    shape = size(random, 3, 4 * scale), size(random, 8, 16 * scale)
    return {"gate": numbers(random, dtype, *shape, scale=2), "up": numbers(random, dtype, *shape)}


GATED = {
    "gelu": STRUCTURAL, "gelu_tanh": STRUCTURAL, "relu": STRUCTURAL, "sigmoid_alone": STRUCTURAL,
    "swish_1.02": SUBTLE, "tanh": STRUCTURAL, "left_out": STRUCTURAL, "exchanged": STRUCTURAL, "sum": STRUCTURAL,
    "up_missing": STRUCTURAL, "up_shifted": STRUCTURAL,
}  # fmt: skip


def mixture(i, m):
    x = i["x"]
    logits = F.linear(x, i["router"])
    k = {"one_more": 4, "one_less": 2}.get(m, 3)
    scores = torch.softmax(logits.float(), -1)
    if m == "sigmoid":
        scores = torch.sigmoid(logits.float())
    weights, ids = scores.topk(k, -1)
    if m == "softmax_of_all_logits_shifted":
        ids = (ids + 1) % logits.shape[1]
    if m != "not_normalised":
        weights = weights / weights.sum(-1, keepdim=True)
    if m == "weights_ignored":
        weights = torch.full_like(weights, 1 / k)
    if m == "weights_reversed":
        weights = weights.flip(-1)
    y = torch.zeros_like(x)
    for e in range(logits.shape[1]):
        rows, slot = torch.where(ids == e)
        g, u = F.linear(x[rows], i["gate"][e]), F.linear(x[rows], i["up"][e])
        if m == "gate_up_exchanged":
            g, u = u, g
        out = F.linear(acted(g, {"gelu": "gelu"}.get(m)) * u, i["down"][(e + 1) % len(i["down"]) if m == "next_down" else e])
        if m == "last_expert_missing" and e == logits.shape[1] - 1:
            continue
        y.index_add_(0, rows, (out * weights[rows, slot, None].to(x.dtype)).to(x.dtype))
    return y


def mixture_inputs(random, dtype, scale):
    rows, width, inner, experts = size(random, 6, 4 * scale), size(random, 8, 4 * scale), size(random, 4, 3 * scale), 8
    return {"x": numbers(random, dtype, rows, width), "router": numbers(random, dtype, experts, width, scale=2 * width**-0.5),
            "gate": numbers(random, dtype, experts, inner, width, scale=1.5 * width**-0.5),
            "up": numbers(random, dtype, experts, inner, width, scale=width**-0.5),
            "down": numbers(random, dtype, experts, width, inner, scale=inner**-0.5)}


MIXTURE = {
    "one_more": STRUCTURAL, "one_less": STRUCTURAL, "sigmoid": STRUCTURAL, "not_normalised": STRUCTURAL,
    "weights_ignored": STRUCTURAL, "weights_reversed": STRUCTURAL, "gate_up_exchanged": STRUCTURAL,
    "gelu": STRUCTURAL, "next_down": STRUCTURAL, "last_expert_missing": STRUCTURAL,
}  # fmt: skip


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


def norm_product(i, m):
    inner = m in RMS
    x = rms(i["x"], i["norm_w"], 1e-6, m if inner else None)
    return linear({"x": x, "w": i["w"], "b": i["b"]}, None if inner else m)


def norm_product_inputs(random, dtype, scale):
    inputs = linear_inputs(random, dtype, scale)
    return inputs | {"norm_w": 1 + numbers(random, dtype, inputs["x"].shape[1], scale=0.3)}


def added(i, m):
    stream, branch = i["stream"], i["branch"]
    total = stream if m == "branch_missing" else branch if m == "stream_missing" else stream + branch
    if m == "norm_of_the_stream":
        return {"sum": total, "out": rms(stream, i["w"], 1e-6)}
    return {"sum": stream if m == "old_stream_written" else total, "out": rms(total, i["w"], 1e-6, m)}


def added_inputs(random, dtype, scale):
    inputs = rms_inputs(random, dtype, scale)
    return {"stream": inputs["x"], "branch": numbers(random, dtype, *inputs["x"].shape), "w": inputs["w"]}


ADDED = {
    "branch_missing": STRUCTURAL, "stream_missing": STRUCTURAL, "norm_of_the_stream": STRUCTURAL,
    "old_stream_written": STRUCTURAL, "weight_missing": STRUCTURAL, "weight_offset": STRUCTURAL,
    "sum_for_mean": STRUCTURAL, "tail_not_summed": STRUCTURAL, "no_root": STRUCTURAL, "divided_by_n_minus_1": SUBTLE,
}  # fmt: skip


def rope_cache(i, m):
    past = i["cache"]
    new = turned(i["x"], m, first=len(past))
    if m == "unrotated":
        new = i["x"]
    if m == "in_front":
        return {"cache": torch.cat((new, past))}
    if m == "cache_rotated_again":
        past = turned(past, first=0)
    if m == "last_of_the_cache_overwritten":
        past = torch.cat((past[:-1], new[:1]))
    return {"cache": torch.cat((past, new))}


def rope_cache_inputs(random, dtype, scale):
    x = rope_inputs(random, dtype, scale)["x"]
    return {"x": x, "cache": numbers(random, dtype, size(random, 2, 2 * scale), *x.shape[1:])}


ROPE_CACHE = {
    "theta": STRUCTURAL, "position_0": STRUCTURAL, "position_1": STRUCTURAL, "sign": STRUCTURAL,
    "interleaved": STRUCTURAL, "unrotated": STRUCTURAL, "in_front": STRUCTURAL, "cache_rotated_again": STRUCTURAL,
    "last_of_the_cache_overwritten": STRUCTURAL, "two_percent": SUBTLE,
}  # fmt: skip

OPS = [
    Op("rms_norm", rms_inputs, lambda i, m: rms(i["x"], i["w"], 1e-6, m), RMS, {"eps": 1e-6}),
    Op("layer_norm", layer_norm_inputs, layer_norm, LAYER_NORM, {"eps": 1e-5}),
    Op("linear", linear_inputs, linear, LINEAR),
    Op("rope", rope_inputs, lambda i, m: turned(i["x"], m), ROPE, {"theta": 10000}),
    Op("attention", attention_inputs, lambda i, m: attended(i["q"], i["k"], i["v"], m), ATTENTION),
    Op("attention", cached_inputs, cached, CACHED),
    Op("gated_activation", gated_inputs, gated, GATED, {"activation": "silu"}),
    Op("router_experts", mixture_inputs, mixture, MIXTURE, {"top_k": 3}),
    Op("causal_conv", convolved_inputs, convolved, CONVOLVED, {"silu": True}),
    Op("gated_delta_rule", delta_inputs, delta, DELTA),
    Op("rms_norm_linear", norm_product_inputs, norm_product,
       {name: kind for name, kind in RMS.items() if name != "eps_outside"} | {"bias_missing": STRUCTURAL}, {"eps": 1e-6}),
    Op("add_rms_norm", added_inputs, added, ADDED, {"eps": 1e-6}),
    Op("rope_cache", rope_cache_inputs, rope_cache, ROPE_CACHE, {"theta": 10000}),
]  # fmt: skip


def outputs_of(result):
    return result if isinstance(result, dict) else {"out": result}


def run(op, inputs, mistake=None):
    """The outputs by name, with an own mistake of the op or one in writing."""
    own = mistake if isinstance(mistake, str) else None
    outputs = outputs_of(op.kernel(inputs, own))
    outputs = {name: y.clone() for name, y in outputs.items()}
    if mistake is not None and own is None:
        mistake(outputs.get("out", next(iter(outputs.values()))))
    return outputs
