"""Kernels of ops in torch, as people write them, and the mistakes that people make in them.

A kernel takes its inputs and `m`, the name of a mistake or None; what it computes in and rounds to follows
from the inputs' dtype, as in transformers' eager modules.
"""

import dataclasses
from collections.abc import Callable

from attention import ATTENTION, CACHED, ROPE, attended, attention_inputs, cached, cached_inputs, rope_inputs, turned
from delta import CONVOLVED, DELTA, convolved, convolved_inputs, delta, delta_inputs
from feed_forward import GATED, MIXTURE, gated, gated_inputs, mixture, mixture_inputs
from fused import ADDED, ROPE_CACHE, added, added_inputs, norm_product, norm_product_inputs, rope_cache, rope_cache_inputs
from norms import LAYER_NORM, LINEAR, RMS, layer_norm, layer_norm_inputs, linear, linear_inputs, rms, rms_inputs
from severity import STRUCTURAL


@dataclasses.dataclass
class Op:
    name: str
    make: Callable  # (random, dtype, size) -> inputs
    kernel: Callable  # (inputs, mistake) -> output or outputs by name
    mistakes: dict  # of the op's own: name to structural or subtle
    attributes: dict = dataclasses.field(default_factory=dict)


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
