"""Mistakes with positions, attention and gated delta nets."""

import sys
import types

import torch

from planting import Mistake as M
from planting import beneath, decoder, inside, mixers, replaced, text_config

# --- positions

def in_rope(change):
    def plant(model, layer):
        chosen = [m for m in mixers(model, layer) if hasattr(m, "q_proj") and hasattr(m, "k_proj")]
        file = sys.modules[type(decoder(model)).__module__]
        if not chosen or not hasattr(file, "apply_rotary_pos_emb"):
            return None
        return inside(chosen, decoder(model), "apply_rotary_pos_emb", lambda plain: change(model, plain))
    return plant


def one_column_an_angle(table):
    """None where each angle stands beside itself: pairs are interleaved already."""
    half = table.shape[-1] // 2
    if torch.equal(table[..., :half], table[..., half:]):
        return table[..., :half]
    return None if torch.equal(table[..., ::2], table[..., 1::2]) else table


def interleaved(_model, plain):
    def rotate(q, k, cos, sin, *args, **kwargs):
        if one_column_an_angle(cos) is None:
            return plain(q, k, cos, sin, *args, **kwargs)
        c, s = one_column_an_angle(cos)[:, None], one_column_an_angle(sin)[:, None]
        width = 2 * c.shape[-1]
        def one(x):
            a, b = x[..., :width:2], x[..., 1:width:2]
            y = torch.stack((a * c - b * s, b * c + a * s), -1).flatten(-2)
            return torch.cat((y, x[..., width:]), -1)
        return one(q), one(k)
    return rotate


def with_tables(change):
    """cos and sin from changed angles: change(positions, inverse frequencies)."""
    def made(model, plain):
        rotary = decoder(model).rotary_emb
        inv = getattr(rotary, "inv_freq", None)
        def rotate(q, k, cos, sin, *args, **kwargs):
            angles = change(torch.arange(cos.shape[-2], dtype=torch.float32)[:, None], inv.float())
            if one_column_an_angle(cos) is None:
                angles = angles.repeat_interleave(2, -1)
            elif cos.shape[-1] != inv.shape[-1]:
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
        return beneath(chosen, decoder(model), "eager_attention_forward", wrapped)
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


ROWS = (
    M("rope interleaved", ("rope_interleaved",), in_rope(interleaved)),
    M("rope missing", ("rope_missing",), in_rope(lambda _m, _p: lambda q, k, *a, **kw: (q, k))),
    M("rope missing on keys", ("rope_missing_on_keys",), in_rope(only_queries)),
    M("rope backwards", ("rope_backwards",), in_rope(with_tables(lambda t, f: -t * f))),
    M("rope keys one position late", ("rope_key_position",), in_rope(late_keys)),
    M("rope theta 1.5 times", ("rope_theta",),
      in_rope(with_tables(lambda t, f: t * f * 1.5 ** -torch.linspace(0, 1 - 1 / len(f), len(f)))),
      structural=False),
    M("rope missing in one head", ("rope_missing", "rope_missing_on_queries"), in_rope(first_head_only)),
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
    M("decay of the other sign", ("decay_sign",), in_decay(-1.0)),
    M("decay missing", ("decay_missing",), in_decay(0.0)),
    M("beta doubled", ("beta_range",),
      in_delta_rule(lambda plain, q, k, v, g, beta, kw: plain(q, k, v, g=g, beta=2 * beta, **kw))),
    M("unit length missing", ("delta_length_missing",), in_delta_rule(
        lambda plain, q, k, v, g, beta, kw: plain(q, k, v, g=g, beta=beta, **{**kw, "use_qk_l2norm_in_kernel": False})),
      structural=False),
)
