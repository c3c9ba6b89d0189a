"""Mistakes with norms, projections, feed-forwards, experts and the wiring between them."""

import contextlib

import torch
from torch import nn

from planting import Mistake as M
from planting import decoder, feed_forwards, hooked, layers, mixers, replaced, text_config, weights_changed
from plumbline.taps import child

# --- modules

def norms(model, layer, *names):
    every = [getattr(one, name, None) for one in layers(model, layer) for name in names]
    return [norm for norm in every if norm is not None]


def on_norms(names, change, applies=lambda module: True):
    def plant(model, layer):
        found = norms(model, layer, *names) if names else [decoder(model).norm]
        return change(found) if found and all(map(applies, found)) else None
    return plant


def eps_name(module):
    return "variance_epsilon" if hasattr(module, "variance_epsilon") else "eps"


def other_eps(modules):
    return replaced([(m, eps_name(m), 1e-3) for m in modules])


def skipped(modules):
    return replaced([(m, "forward", lambda x: x) for m in modules])


def is_rms(module):
    return "RMSNorm" in type(module).__name__


def is_offset(module):
    return "Gemma" in type(module).__name__ or type(module).__name__ in (
        "Qwen3_5RMSNorm", "Qwen3NextRMSNorm")


def without_offset(modules):
    return weights_changed([(m.weight, lambda w: w - 1) for m in modules])


def in_low_precision(dtype):
    def change(modules):
        def low(module):
            def forward(x):
                y = x.to(dtype)
                y = y * torch.rsqrt(y.pow(2).mean(-1, keepdim=True) + getattr(module, eps_name(module)))
                w = module.weight.to(dtype)
                return (y * (1 + w if is_offset(module) else w)).to(x.dtype)
            return forward
        return replaced([(m, "forward", low(m)) for m in modules])
    return change


def on_mlp(change, *needs):
    def plant(model, layer):
        found = [m for m in feed_forwards(model, layer) if all(hasattr(m, name) for name in needs)]
        return change(found) if len(found) == len(layers(model, layer)) else None
    return plant


def activation(to):
    return on_mlp(lambda found: None if any(same_activation(m.act_fn, to) for m in found)
                  else replaced([(m, "act_fn", to) for m in found]), "act_fn", "gate_proj")


def same_activation(a, b):
    x = torch.linspace(-3, 3, 32)
    return torch.allclose(a(x), b(x), atol=1e-2)


def swap_gate_up(found):
    return replaced([pair for m in found for pair in
                     ((m, "gate_proj", m.up_proj), (m, "up_proj", m.gate_proj))])


def on_projection(name, change, applies=lambda module: True):
    def plant(model, layer):
        found = [getattr(m, name) for m in mixers(model, layer) + feed_forwards(model, layer)
                 if hasattr(m, name)]
        return change(found) if found and all(map(applies, found)) else None
    return plant


def without_bias(modules):
    return replaced([(m, "bias", None) for m in modules])


def eight_bits(w):
    unit = w.abs().amax(-1, keepdim=True).float() / 127
    return ((w.float() / unit).round() * unit).to(w.dtype)


def one_wrong(w):
    w[1, 2] = -4 * w[1, 2] - 0.5
    return w


def zero_row(w):
    w[3] = 0
    return w


def weights(change):
    return lambda modules: weights_changed([(m.weight, change) for m in modules])


def is_square(module):
    return module.weight.shape[0] == module.weight.shape[1]


# --- wiring

def earlier(hook_factory):
    def plant(model, layer):
        chosen = layers(model, layer)
        usual = all(hasattr(one, "post_attention_layernorm") and hasattr(one, "input_layernorm") and
                    not hasattr(one, "pre_feedforward_layernorm") for one in chosen)
        if not usual or "olmo" in type(model).__module__ or "exaone4" in type(model).__module__:
            return None
        return hook_factory(chosen)
    return plant


@contextlib.contextmanager
def ffn_reads_earlier(chosen):
    with contextlib.ExitStack() as stack:
        for one in chosen:
            kept = {}
            keep = lambda _m, args, kept=kept: kept.update(x=args[0])
            give = lambda _m, args, kept=kept: (kept["x"],)
            stack.enter_context(hooked([one.input_layernorm], keep, before=True))
            stack.enter_context(hooked([one.post_attention_layernorm], give, before=True))
        yield


def nothing_added(pick):
    def zero(_m, _args, output):
        return (torch.zeros_like(output[0]), *output[1:]) if isinstance(output, tuple) else torch.zeros_like(output)
    return lambda model, layer: hooked(pick(model, layer), zero)


def unscaled_embedding(model, _layer):
    table = decoder(model).embed_tokens
    if not hasattr(table, "embed_scale"):
        return None
    return replaced([(table, "embed_scale", torch.ones_like(table.embed_scale))])


def uncapped_logits(model, _layer):
    config = text_config(model)
    if not getattr(config, "final_logit_softcapping", None):
        return None
    return replaced([(config, "final_logit_softcapping", None)])


# --- experts

def on_router(change):
    def plant(model, layer):
        found = [child(m, ("gate", "router")) for m in feed_forwards(model, layer) if hasattr(m, "experts")]
        return change(found) if len(found) == len(layers(model, layer)) else None
    return plant


def toggle_norm(found):
    if not all(hasattr(m, "norm_topk_prob") for m in found):
        return None
    return replaced([(m, "norm_topk_prob", not m.norm_topk_prob) for m in found])


def one_less(found):
    return replaced([(m, "top_k", m.top_k - 1) for m in found]) if found[0].top_k > 1 else None


def unscaled_weights(found):
    if not all(getattr(m, "routed_scaling_factor", 1.0) != 1.0 for m in found):
        return None
    return replaced([(m, "routed_scaling_factor", 1.0) for m in found])


def swapped_experts(model, layer):
    found = [m.experts for m in feed_forwards(model, layer) if hasattr(m, "experts")]
    if len(found) != len(layers(model, layer)):
        return None
    order = lambda w: w[[1, 0, *range(2, w.shape[0])]]
    return weights_changed([(p, order) for m in found for p in m.parameters()])


def without_shared(model, layer):
    found = [getattr(m, name) for m in feed_forwards(model, layer)
             for name in ("shared_expert", "shared_experts") if hasattr(m, name)]
    return hooked(found, lambda _m, _args, output: torch.zeros_like(output)) if found else None


ROWS = (
    M("norm eps 1e-3", ("norm_eps",), on_norms(("input_layernorm",), other_eps), structural=False),
    M("final norm eps 1e-3", ("norm_eps",), on_norms((), other_eps), layered=False, structural=False),
    M("norm skipped", ("norm_missing",), on_norms(("post_attention_layernorm",), skipped)),
    M("norm 1 + w dropped", ("norm_offset_missing",),
      on_norms(("input_layernorm",), without_offset, is_offset)),
    M("norm in bfloat16", ("norm_bf16",), on_norms(("input_layernorm",), in_low_precision(torch.bfloat16),
      is_rms), structural=False),
    M("relu", ("activation_relu",), activation(nn.ReLU())),
    M("gelu", ("activation_gelu",), activation(nn.GELU())),
    M("silu", ("activation_silu",), activation(nn.SiLU())),
    M("gate and up swapped", ("gate_up_swapped", "gate_up_weights_swapped"), on_mlp(swap_gate_up, "gate_proj", "up_proj")),
    M("k bias missing", ("bias_missing",), on_projection("k_proj", without_bias, lambda m: m.bias is not None)),
    M("v bias missing", ("bias_missing",), on_projection("v_proj", without_bias, lambda m: m.bias is not None)),
    M("down weights in 8 bits", ("weight_int8",), on_projection("down_proj", weights(eight_bits),
      lambda m: hasattr(m, "weight")), structural=False),
    M("o weight transposed", ("weight_transposed",), on_projection("o_proj", weights(lambda w: w.T.contiguous()),
      is_square)),
    M("one weight wrong", ("weight_element",), on_projection("v_proj", weights(one_wrong)), structural=False),
    M("one row of weights zero", ("output_missing",), on_projection("o_proj", weights(zero_row)),
      structural=False),
    M("feed-forward reads the stream before", ("ffn_reads_earlier",), earlier(ffn_reads_earlier)),
    M("mixer not added", ("branch_missing", "output_missing"), nothing_added(mixers)),
    M("feed-forward not added", ("branch_missing", "output_missing"), nothing_added(feed_forwards)),
    M("embedding unscaled", ("scale_missing",), unscaled_embedding, layered=False),
    M("logits uncapped", ("soft_cap_missing",), uncapped_logits, layered=False),
    M("router normalisation toggled", ("router_normalize",), on_router(toggle_norm)),
    M("one expert less", ("router_count",), on_router(one_less)),
    M("router scaling missing", ("router_scaling_missing",), on_router(unscaled_weights)),
    M("experts swapped", ("experts_swapped",), swapped_experts, structural=False),
    M("shared expert missing", ("branch_missing", "output_missing"), without_shared),
)
