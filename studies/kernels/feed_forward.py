"""Gated activations and mixtures of experts."""

import torch
import torch.nn.functional as F
from drawing import numbers, size
from severity import STRUCTURAL, SUBTLE


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
