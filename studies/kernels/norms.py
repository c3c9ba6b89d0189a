"""Norms and products."""

import torch
import torch.nn.functional as F
from drawing import numbers, size
from severity import STRUCTURAL, SUBTLE


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
