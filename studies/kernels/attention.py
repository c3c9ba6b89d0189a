"""Ropes and attention."""

import torch
from drawing import numbers, size
from severity import STRUCTURAL, SUBTLE


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
