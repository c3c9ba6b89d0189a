"""Mistakes of rotation, of numbers, and of the choice of experts."""

import contextlib
import copy
import math
import sys

import torch
import torch.nn.functional as F
from transformers.modeling_rope_utils import ROPE_INIT_FUNCTIONS

from block_mistakes import eps_name, is_offset
from mixer_mistakes import in_attention, in_delta_rule, in_rope, with_tables
from planting import Mistake as M
from planting import decoder, feed_forwards, hooked, inside, layers, mixers, replaced, text_config, weights_changed
from plumbline.taps import child

# --- rotations


def rope_config(model):
    return getattr(text_config(model), "rope_parameters", None) or {}


def in_frequencies(kind, change):
    """change(frequencies, rope parameters) for a rope of this type (None: any)."""
    def plant(model, _layer):
        rotary = getattr(decoder(model), "rotary_emb", None)
        parameters = rope_config(model)
        if not hasattr(rotary, "inv_freq") or kind not in (None, parameters.get("rope_type")):
            return None
        new = change(rotary.inv_freq.clone(), parameters)
        if new is None or torch.equal(new, rotary.inv_freq):
            return None
        pairs = [(rotary, "inv_freq", new)]
        if hasattr(rotary, "original_inv_freq"):
            pairs.append((rotary, "original_inv_freq", new))
        return replaced(pairs)
    return plant


def plain_frequencies(like, parameters):
    return 1.0 / parameters["rope_theta"] ** (torch.arange(len(like), dtype=torch.float) / len(like))


def middle_band(blend):
    def change(old, p):
        f = plain_frequencies(old, p)
        turns = p["original_max_position_embeddings"] * f / (2 * math.pi)
        share = (turns - p["low_freq_factor"]) / (p["high_freq_factor"] - p["low_freq_factor"])
        inside = (share > 0) & (share < 1)
        return torch.where(inside, blend(f, share, p["factor"]), old)
    return change


def truncated(model, _layer):
    rotary, p = getattr(decoder(model), "rotary_emb", None), rope_config(model)
    if p.get("rope_type") != "yarn" or not hasattr(rotary, "inv_freq"):
        return None
    config = copy.deepcopy(text_config(model))
    config.rope_parameters = {**p, "truncate": not p.get("truncate", True)}
    new = ROPE_INIT_FUNCTIONS["yarn"](config)[0]
    return None if torch.equal(new, rotary.inv_freq) else replaced([(rotary, "inv_freq", new)])


def long_factors(old, p):
    return plain_frequencies(old, p) / torch.tensor(p["long_factor"])


def rotate_anyway(model, layer):
    chosen = [m for m in mixers(model, layer) if getattr(m, "use_rope", True) in (0, False)]
    return replaced([(m, "use_rope", 1) for m in chosen]) if chosen else None


def late_temperature(model, layer):
    file = sys.modules[type(decoder(model)).__module__]
    if not hasattr(file, "get_llama_4_attn_scale") or not rope_config(model).get("llama_4_scaling_beta"):
        return None
    return inside(mixers(model, layer), decoder(model), "get_llama_4_attn_scale",
                  lambda plain: lambda positions, *args: plain(positions + 1, *args))


def kinds_exchanged(model, layer):
    config = text_config(model)
    types_ = getattr(config, "layer_types", None)
    if layer is not None or not types_ or set(types_) != {"sliding_attention", "full_attention"}:
        return None
    other = {"sliding_attention": "full_attention", "full_attention": "sliding_attention"}
    pairs = [(config, "layer_types", [other[t] for t in types_])]
    window = config.sliding_window
    for one in layers(model, None):
        mixer = one.self_attn
        for name in ("attention_type", "layer_type"):
            for thing in (one, mixer):
                if hasattr(thing, name):
                    pairs.append((thing, name, other[getattr(thing, name)]))
        if hasattr(mixer, "is_sliding"):
            pairs.append((mixer, "is_sliding", not mixer.is_sliding))
        if hasattr(mixer, "sliding_window"):
            pairs.append((mixer, "sliding_window", None if mixer.sliding_window else window))
    return replaced(pairs)

# --- numbers


def norm_eps_of(names, eps):
    def plant(model, layer):
        found = [m for mixer in mixers(model, layer) for n in names for m in [getattr(mixer, n, None)]
                 if m is not None and hasattr(m, eps_name(m)) and getattr(m, eps_name(m)) != eps]
        return replaced([(m, eps_name(m), eps) for m in found]) if found else None
    return plant


def all_norms_eps(eps):
    def plant(model, _layer):
        found = [m for m in model.modules() if "RMSNorm" in type(m).__name__]
        found = [m for m in found if getattr(m, eps_name(m)) != eps]
        return replaced([(m, eps_name(m), eps) for m in found]) if found else None
    return plant


def inverse_in_bf16(model, layer):
    found = [m for one in layers(model, layer) for m in one.modules() if "RMSNorm" in type(m).__name__ and
             "Gated" not in type(m).__name__ and getattr(m, "weight", None) is not None]
    def low(module):
        def forward(x):
            y = x.float()
            inverse = torch.rsqrt(y.pow(2).mean(-1, keepdim=True) + getattr(module, eps_name(module)))
            y = y * inverse.bfloat16().float()
            if is_offset(module):
                return (y * (1 + module.weight.float())).to(x.dtype)
            return module.weight * y.to(x.dtype)
        return forward
    return replaced([(m, "forward", low(m)) for m in found]) if layer is None else None


def sinks_twice(model, layer):
    found = [m for m in mixers(model, layer) if hasattr(m, "sinks")]
    return weights_changed([(m.sinks, lambda w: w + math.log(2.0)) for m in found]) if found else None


def scaled_output(pick, factor):
    def scale(_m, _args, output):
        return (factor * output[0], *output[1:]) if isinstance(output, tuple) else factor * output
    def plant(model, layer):
        found = pick(model, layer)
        return hooked(found, scale) if found else None
    return plant


def experts_of(model, layer):
    return [m.experts for m in feed_forwards(model, layer) if hasattr(m, "experts")]


def shared_of(model, layer):
    return [getattr(m, n) for m in feed_forwards(model, layer) for n in ("shared_experts", "shared_expert")
            if hasattr(m, n)]


def narrow_cache(plain, m, q, k, v, mask, kw):
    """8-bit keys and values, read without their scale."""
    def stored(x):
        scale = x.abs().amax().float() / 448
        return (x.float() / scale).to(torch.float8_e4m3fn).to(x.dtype)
    return plain(m, q, stored(k), stored(v), mask, **kw)


def rms_for_length(plain, q, k, v, g, beta, kw):
    rms = lambda x: x * torch.rsqrt(x.pow(2).mean(-1, keepdim=True) + 1e-6)
    return plain(rms(q), rms(k), v, g=g, beta=beta, **{**kw, "use_qk_l2norm_in_kernel": False})


def both(*plants):
    def plant(model, layer):
        contexts = [p(model, layer) for p in plants]
        if any(c is None for c in contexts):
            return None
        @contextlib.contextmanager
        def run():
            with contextlib.ExitStack() as stack:
                for context in contexts:
                    stack.enter_context(context)
                yield
        return run()
    return plant

# --- experts


def routers(model, layer):
    return [child(m, ("gate", "router")) for m in feed_forwards(model, layer) if hasattr(m, "experts")]


def on_routers(change):
    def plant(model, layer):
        found = routers(model, layer)
        return change(found) if found and len(found) == len(layers(model, layer)) else None
    return plant


def scaling_twice(found):
    if not all(getattr(m, "routed_scaling_factor", 1.0) != 1.0 for m in found):
        return None
    return replaced([(m, "routed_scaling_factor", m.routed_scaling_factor ** 2) for m in found])


def grouped(choose):
    """The forward of deepseek_v3's router, with another choice of groups."""
    def change(found):
        if not all(getattr(m, "num_group", 1) > 1 for m in found):
            return None
        def made(m):
            def forward(x):
                x = x.view(-1, m.hidden_dim)
                logits = F.linear(x.float(), m.weight.float())
                scores = logits.sigmoid()
                ids = choose(m, scores + m.e_score_correction_bias).topk(m.top_k, -1, sorted=False)[1]
                w = scores.gather(1, ids)
                if m.norm_topk_prob:
                    w = w / (w.sum(-1, keepdim=True) + 1e-20)
                return logits, w * m.routed_scaling_factor, ids
            return forward
        return replaced([(m, "forward", made(m)) for m in found])
    return on_routers(change)


def groups_by(value, closed):
    def choose(m, scores):
        g = scores.view(len(scores), m.num_group, -1)
        open_ = torch.zeros(len(scores), m.num_group).scatter_(1, value(g).topk(m.topk_group, -1)[1], 1)
        mask = open_[..., None].expand_as(g).reshape(scores.shape).bool()
        return scores.masked_fill(~mask, closed)
    return choose


def on_gpt_experts(**values):
    def plant(model, layer):
        found = experts_of(model, layer)
        if not found or not all(hasattr(m, "alpha") for m in found):
            return None
        return replaced([(m, name, value) for m in found for name, value in values.items()])
    return plant


def unweighted_bias(model, layer):
    found = experts_of(model, layer)
    if not found or not all(hasattr(m, "down_proj_bias") for m in found):
        return None
    def made(m, plain):
        def forward(x, ids=None, weights=None):
            bias = m.down_proj_bias.data
            m.down_proj_bias.data = torch.zeros_like(bias)
            y = plain(x, ids, weights)
            m.down_proj_bias.data = bias
            return y + bias[ids].sum(1)
        return forward
    return replaced([(m, "forward", made(m, m.forward)) for m in found])


def plain_up(model, layer):
    found = experts_of(model, layer)
    if not found or not all(hasattr(m, "alpha") for m in found):
        return None
    def made(m):
        def gate(x):
            a, b = x[..., ::2].clamp(max=m.limit), x[..., 1::2].clamp(-m.limit, m.limit)
            return b * a * torch.sigmoid(a * m.alpha)
        return gate
    return replaced([(m, "_apply_gate", made(m)) for m in found])


ROWS = (
    M("llama3 band unscaled", ("rope_band",), in_frequencies("llama3", middle_band(lambda f, s, k: f)), layered=False),
    M("llama3 band of wavelengths", ("rope_band",),
      in_frequencies("llama3", middle_band(lambda f, s, k: f / ((1 - s) * k + s))), layered=False),
    M("llama3 parentheses", ("rope_band",),
      in_frequencies("llama3", middle_band(lambda f, s, k: f * (1 - s / k + s))), layered=False),
    M("yarn ramp rounded", ("rope_ramp_rounded",), truncated, layered=False),
    M("long factors", ("rope_long_factors",), in_frequencies("longrope", long_factors), layered=False),
    M("frequencies in bfloat16", ("rope_frequencies_bf16",),
      in_frequencies(None, lambda f, p: f.bfloat16().float()), layered=False),
    M("positions doubled", ("rope_position_factor", "rope_factor"), in_rope(with_tables(lambda t, f: 2 * t * f))),
    M("rotated anyway", ("rope_anyway",), rotate_anyway),
    M("temperature one late", ("query_temperature_position",), late_temperature),
    M("kinds of layers exchanged", ("layer_kinds_exchanged", "layer_pattern"), kinds_exchanged, layered=False),
    M("q and k norm eps 1e-5", ("qk_norm_eps",), norm_eps_of(("q_norm", "k_norm"), 1e-5), structural=False),
    M("every norm's eps 1e-4", ("norms_eps",), all_norms_eps(1e-4), layered=False, structural=False),
    M("inverse RMS in bfloat16", ("norm_inverse_bf16",), inverse_in_bf16, layered=False, structural=False),
    M("sinks twice", ("sinks_counted",), sinks_twice),
    M("embedding times 3", ("outputs_scale", "scale_factor"), scaled_output(lambda m, _l: [decoder(m).embed_tokens], 3.0), layered=False),
    M("experts times 1.7", ("router_scaling", "outputs_scale"), scaled_output(experts_of, 1.7)),
    M("shared expert over 2.5", ("output_scale",), scaled_output(shared_of, 0.4)),
    M("8-bit cache without its scale", (), in_attention(narrow_cache)),
    M("RMS for length", ("delta_length_rms",), in_delta_rule(rms_for_length)),
    M("router scaling twice", ("router_scaling_twice", "router_scaling"), on_routers(scaling_twice)),
    M("groups by their best", ("router_groups_by_best",), grouped(groups_by(lambda g: g.max(-1)[0], -math.inf))),
    M("closed groups at 0", ("router_groups_zeroed",), grouped(groups_by(lambda g: g.topk(2, -1)[0].sum(-1), 0.0))),
    M("output bias unweighted", ("expert_bias_unweighted",), unweighted_bias),
    M("glu limit 3", ("glu_limit", "glu_limit_missing"), on_gpt_experts(limit=3.0)),
    M("glu alpha 1", ("glu_alpha_missing",), on_gpt_experts(alpha=1.0)),
    M("up without 1", ("glu_offset_missing",), plain_up),
    M("scale of 1.2 and keys of other rows", ("score_scale",),
      both(in_attention(lambda plain, m, q, k, v, mask, kw: plain(m, q, k, v, mask, **{**kw, "scaling": 1.2 * kw["scaling"]})),
           norm_eps_of(("q_norm", "k_norm"), 1e-4))),
)
