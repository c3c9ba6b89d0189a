"""Mistakes that people make in forwards, planted in Hugging Face's modules.

Each is a context around forwards of one model: plant(model, layer) makes it in that layer, or in all
of them where `layer` is None. `causes` are the names that the judge may call it by.
"""

import contextlib
import dataclasses
import sys
import types
import typing

import torch
from torch import nn

from taps import FEED_FORWARDS, MIXERS, child


@dataclasses.dataclass(frozen=True)
class Mistake:
    name: str
    causes: tuple  # of plumb's library; none: it has no name there
    plant: typing.Callable  # (model, layer) -> context, or None where it does not apply
    layered: bool = True  # False: outside the layers
    structural: bool = True


def decoder(model):
    return getattr(model, "model", model)


def layers(model, layer):
    every = decoder(model).layers
    return list(every) if layer is None else [every[layer]]


def mixers(model, layer):
    return [child(one, MIXERS) for one in layers(model, layer)]


def feed_forwards(model, layer):
    return [child(one, FEED_FORWARDS) for one in layers(model, layer)]


def text_config(model):
    return model.config.get_text_config()


@contextlib.contextmanager
def replaced(pairs):
    """Sets attributes: (object, name, value), and puts the old ones back."""
    before = [(thing, name, getattr(thing, name)) for thing, name, _ in pairs]
    for thing, name, value in pairs:
        setattr(thing, name, value)
    try:
        yield
    finally:
        for thing, name, value in reversed(before):
            setattr(thing, name, value)


@contextlib.contextmanager
def inside(modules, source, name, change):
    """While one of `modules` runs, `name` of its source file is change(what it is)."""
    file = sys.modules[type(source).__module__]
    kept = []
    def enter(*_):
        kept.append(getattr(file, name))
        setattr(file, name, change(kept[-1]))
    leave = lambda *_: setattr(file, name, kept.pop())
    with hooked(modules, enter, before=True), hooked(modules, leave):
        yield


@contextlib.contextmanager
def hooked(modules, hook, before=False):
    handles = [module.register_forward_pre_hook(hook) if before else module.register_forward_hook(hook)
               for module in modules]
    try:
        yield
    finally:
        for handle in handles:
            handle.remove()


# --- positions

def in_rope(change):
    def plant(model, layer):
        chosen = [m for m in mixers(model, layer) if hasattr(m, "q_proj") and hasattr(m, "k_proj")]
        file = sys.modules[type(decoder(model)).__module__]
        if not chosen or not hasattr(file, "apply_rotary_pos_emb"):
            return None
        return inside(chosen, decoder(model), "apply_rotary_pos_emb", lambda plain: change(model, plain))
    return plant


def interleaved(_model, _plain):
    def rotate(q, k, cos, sin, *_args, **_kwargs):
        half = cos.shape[-1] // 2 if cos.shape[-1] == q.shape[-1] else cos.shape[-1]
        c, s = cos[:, None, :, :half], sin[:, None, :, :half]
        def one(x):
            a, b = x[..., : 2 * half : 2], x[..., 1: 2 * half : 2]
            y = torch.stack((a * c - b * s, b * c + a * s), -1).flatten(-2)
            return torch.cat((y, x[..., 2 * half:]), -1)
        return one(q), one(k)
    return rotate


def with_tables(change):
    """cos and sin from changed angles: change(positions, inverse frequencies)."""
    def made(model, plain):
        rotary = decoder(model).rotary_emb
        inv = getattr(rotary, "inv_freq", None)
        def rotate(q, k, cos, sin, *args, **kwargs):
            angles = change(torch.arange(cos.shape[-2], dtype=torch.float32)[:, None], inv.float())
            if cos.shape[-1] != inv.shape[-1]:
                angles = torch.cat((angles, angles), -1)
            scale = getattr(rotary, "attention_scaling", 1.0)
            c, s = ((f(angles) * scale).to(cos.dtype)[None] for f in (torch.cos, torch.sin))
            return plain(q, k, c, s, *args, **kwargs)
        return rotate
    return made


def only_queries(model, plain):
    return lambda q, k, *args, **kwargs: (plain(q, k, *args, **kwargs)[0], k)


def first_head_only(model, plain):
    def rotate(q, k, *args, **kwargs):
        a, b = plain(q, k, *args, **kwargs)
        return torch.cat((q[:, :1], a[:, 1:]), 1), b
    return rotate


def from_twelve_on(model, plain):
    def rotate(q, k, *args, **kwargs):
        a, b = plain(q, k, *args, **kwargs)
        return torch.cat((a[:, :, :12], q[:, :, 12:]), 2), torch.cat((b[:, :, :12], k[:, :, 12:]), 2)
    return rotate


def late_keys(model, plain):
    moved = with_tables(lambda t, f: (t + 1) * f)(model, plain)
    return lambda q, k, *args, **kwargs: (plain(q, k, *args, **kwargs)[0], moved(q, k, *args, **kwargs)[1])


# --- attention

def in_attention(change):
    def plant(model, layer):
        chosen = [m for m in mixers(model, layer) if hasattr(m, "o_proj")]
        file = sys.modules[type(decoder(model)).__module__]
        if not chosen or not hasattr(file, "eager_attention_forward"):
            return None
        wrapped = lambda plain: lambda m, q, k, v, mask, **kw: change(plain, m, q, k, v, mask, kw)
        if not change_applies(change, model, chosen):
            return None
        return inside(chosen, decoder(model), "eager_attention_forward", wrapped)
    return plant


def change_applies(change, model, chosen):
    config = text_config(model)
    if change is tiled:
        return all(m.num_key_value_groups > 1 and config.num_key_value_heads > 1 for m in chosen)
    if change is uncapped:
        return bool(getattr(config, "attn_logit_softcapping", None))
    if change in (unwindowed, short_window):
        return all(getattr(m, "sliding_window", None) for m in chosen)
    return True


def causal(mask, window=None, ahead=0):
    """A mask of the same kind, anew."""
    t = mask.shape[-1]
    rows, columns = torch.arange(mask.shape[-2])[:, None] + t - mask.shape[-2], torch.arange(t)
    seen = columns <= rows + ahead
    if window:
        seen &= columns > rows - window
    return torch.where(seen, 0.0, torch.finfo(mask.dtype).min).to(mask.dtype).expand_as(mask)


def scaled(factor):
    return lambda plain, m, q, k, v, mask, kw: plain(
        m, q, k, v, mask, **{**kw, "scaling": factor(kw["scaling"])})


def tiled(plain, m, q, k, v, mask, kw):
    groups = m.num_key_value_groups
    with replaced([(m, "num_key_value_groups", 1)]):
        return plain(m, q, k.repeat(1, groups, 1, 1), v.repeat(1, groups, 1, 1), mask, **kw)


def uncapped(plain, m, q, k, v, mask, kw):
    return plain(m, q, k, v, mask, **{**kw, "softcap": None})


def unmasked(plain, m, q, k, v, mask, kw):
    return plain(m, q, k, v, torch.zeros_like(mask), **kw)


def see_next(plain, m, q, k, v, mask, kw):
    return plain(m, q, k, v, causal(mask, getattr(m, "sliding_window", None), 1), **kw)


def unwindowed(plain, m, q, k, v, mask, kw):
    return plain(m, q, k, v, causal(mask), **kw)


def short_window(plain, m, q, k, v, mask, kw):
    return plain(m, q, k, v, causal(mask, m.sliding_window - 1), **kw)


def short_operands(plain, m, q, k, v, mask, kw):
    to = lambda x: x.to(torch.float16).to(x.dtype)
    return plain(m, to(q), to(k), to(v), mask, **kw)


# --- modules

def norms(model, layer, *names):
    return [getattr(one, name) for one in layers(model, layer) for name in names if hasattr(one, name)]


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


def is_offset(module):
    return "Gemma" in type(module).__name__ or type(module).__name__ in (
        "Qwen3_5RMSNorm", "Qwen3NextRMSNorm")


def without_offset(modules):
    return weights_changed([(m.weight, lambda w: w - 1) for m in modules])


@contextlib.contextmanager
def weights_changed(pairs):
    before = [(weight, weight.data) for weight, _ in pairs]
    for weight, change in pairs:
        weight.data = change(weight.data.clone())
    try:
        yield
    finally:
        for weight, data in before:
            weight.data = data


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


# --- gated delta nets

def nets(model, layer):
    return [] if layer is None else [m for m in mixers(model, layer) if hasattr(m, "conv1d")]


def in_delta_rule(change):
    def plant(model, layer):
        chosen = nets(model, layer)
        wrapped = lambda plain: lambda q, k, v, g=None, beta=None, **kw: change(plain, q, k, v, g, beta, kw)
        return inside(chosen, decoder(model), "torch_chunk_gated_delta_rule", wrapped) if chosen else None
    return plant


def in_decay(factor):
    """The log-decay is minus exp(A) times a softplus."""
    def wrapped(plain):
        changed = types.SimpleNamespace(**vars(plain))
        changed.softplus = lambda x: factor * plain.softplus(x)
        return changed
    def plant(model, layer):
        chosen = nets(model, layer)
        return inside(chosen, decoder(model), "F", wrapped) if chosen else None
    return plant


M = Mistake
MISTAKES = (
    M("rope interleaved", ("rope_interleaved",), in_rope(interleaved)),
    M("rope missing", ("rope_missing",), in_rope(lambda _m, _p: lambda q, k, *a, **kw: (q, k))),
    M("rope missing on keys", ("rope_missing_on_keys",), in_rope(only_queries)),
    M("rope backwards", ("rope_backwards",), in_rope(with_tables(lambda t, f: -t * f))),
    M("rope keys one position late", ("rope_key_position",), in_rope(late_keys)),
    M("rope theta 1.5 times", ("rope_theta",),
      in_rope(with_tables(lambda t, f: t * f * 1.5 ** -torch.linspace(0, 1 - 1 / len(f), len(f)))),
      structural=False),
    M("rope missing in one head", ("rope_missing",), in_rope(first_head_only)),
    M("rope missing from position 12 on", ("rope_missing",), in_rope(from_twelve_on)),
    M("score scale missing", ("score_scale_missing", "score_scale"), in_attention(scaled(lambda s: 1.0))),
    M("score scale 1.1 times", ("score_scale",), in_attention(scaled(lambda s: 1.1 * s)), structural=False),
    M("score scale 1.02 times", ("score_scale",), in_attention(scaled(lambda s: 1.02 * s)), structural=False),
    M("score cap missing", ("score_cap_missing",), in_attention(uncapped)),
    M("mask missing", ("mask_missing",), in_attention(unmasked)),
    M("mask one too far", ("mask_next",), in_attention(see_next)),
    M("window ignored", ("window_ignored",), in_attention(unwindowed)),
    M("window one short", ("window_off_by_one",), in_attention(short_window)),
    M("kv heads tiled", ("heads_tiled",), in_attention(tiled)),
    M("attention operands in float16", ("attention_operands_f16",), in_attention(short_operands),
      structural=False),
    M("norm eps 1e-3", ("norm_eps",), on_norms(("input_layernorm",), other_eps), structural=False),
    M("final norm eps 1e-3", ("norm_eps",), on_norms((), other_eps), layered=False, structural=False),
    M("norm skipped", ("norm_missing",), on_norms(("post_attention_layernorm",), skipped)),
    M("norm 1 + w dropped", ("norm_offset_missing",),
      on_norms(("input_layernorm",), without_offset, is_offset)),
    M("norm in bfloat16", ("norm_bf16",), on_norms(("input_layernorm",), in_low_precision(torch.bfloat16)),
      structural=False),
    M("relu", ("activation_relu",), activation(nn.functional.relu)),
    M("gelu", ("activation_gelu",), activation(nn.functional.gelu)),
    M("silu", ("activation_silu",), activation(nn.functional.silu)),
    M("gate and up swapped", ("gate_up_swapped",), on_mlp(swap_gate_up, "gate_proj", "up_proj")),
    M("k bias missing", ("bias_missing",), on_projection("k_proj", without_bias, lambda m: m.bias is not None)),
    M("v bias missing", ("bias_missing",), on_projection("v_proj", without_bias, lambda m: m.bias is not None)),
    M("down weights in 8 bits", ("weight_int8",), on_projection("down_proj", weights(eight_bits),
      lambda m: hasattr(m, "weight")), structural=False),
    M("o weight transposed", ("weight_transposed",), on_projection("o_proj", weights(lambda w: w.T.contiguous()),
      is_square)),
    M("one weight wrong", ("weight_element",), on_projection("v_proj", weights(one_wrong)), structural=False),
    M("one row of weights zero", ("weight_row_missing",), on_projection("o_proj", weights(zero_row)),
      structural=False),
    M("feed-forward reads the stream before", ("ffn_reads_earlier",), earlier(ffn_reads_earlier)),
    M("mixer not added", ("branch_missing",), nothing_added(mixers)),
    M("feed-forward not added", ("branch_missing",), nothing_added(feed_forwards)),
    M("embedding unscaled", ("scale_missing",), unscaled_embedding, layered=False),
    M("logits uncapped", ("soft_cap_missing",), uncapped_logits, layered=False),
    M("router normalisation toggled", ("router_normalize",), on_router(toggle_norm)),
    M("one expert less", ("router_count",), on_router(one_less)),
    M("router scaling missing", ("router_scaling_missing",), on_router(unscaled_weights)),
    M("experts swapped", ("experts_swapped",), swapped_experts, structural=False),
    M("shared expert missing", ("branch_missing",), without_shared),
    M("decay of the other sign", ("decay_sign",), in_decay(-1.0)),
    M("decay missing", ("decay_missing",), in_decay(0.0)),
    M("beta doubled", ("beta_range",),
      in_delta_rule(lambda plain, q, k, v, g, beta, kw: plain(q, k, v, g=g, beta=2 * beta, **kw))),
    M("unit length missing", ("delta_length_missing",), in_delta_rule(
        lambda plain, q, k, v, g, beta, kw: plain(q, k, v, g=g, beta=beta, **{**kw, "use_qk_l2norm_in_kernel": False})),
      structural=False),
)
