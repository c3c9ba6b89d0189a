"""Mistakes of layout: the weights are right, and their rows stand elsewhere or belong to another."""

import torch

from mixer_mistakes import in_attention
from planting import Mistake as M
from planting import decoder, feed_forwards, layers, mixers, replaced, text_config, weights_changed


def alternating(parts):
    """In each of `parts` equal parts of the rows, what stands in two halves alternates."""
    return lambda w: w.reshape(parts, 2, w.shape[0] // parts // 2, -1).transpose(1, 2).reshape(w.shape)


def parameters_of(module, rows=None):
    return [p for p in module.parameters() if rows is None or p.shape[0] == rows]


def rows_moved(names, parts_of):
    """parts_of(module, name): None where it does not apply."""
    def plant(model, layer):
        pairs = []
        for mixer in mixers(model, layer):
            for name in names:
                module = getattr(mixer, name, None)
                parts = module is not None and parts_of(mixer, name)
                if not parts or module.weight.shape[0] % (2 * parts) or module.weight.shape[0] // parts < 4:
                    return None
                pairs += [(p, alternating(parts)) for p in module.parameters()]
        return weights_changed(pairs)
    return plant


def heads_of(mixer, name):
    return getattr(mixer, name).weight.shape[0] // mixer.head_dim


def groups_for_heads(mixer, _name):
    """heads / kv_heads in place of kv_heads: llama.cpp's converter of old."""
    kv = heads_of(mixer, "k_proj")
    groups = heads_of(mixer, "q_proj") // kv
    return groups if groups != kv else None


def laid_out(parts, units, by_unit):
    """The rows of several weights as one tensor: part after part, or unit after unit."""
    if not by_unit:
        return torch.cat(parts)
    return torch.cat([p.reshape(units, -1, *p.shape[1:])[u] for u in range(units) for p in parts])


def taken_apart(whole, rows, units, by_unit):
    if not by_unit:
        return list(whole.split(rows))
    turns = whole.split([r // units for _ in range(units) for r in rows])
    return [torch.cat(turns[i::len(rows)]) for i in range(len(rows))]


def cut_wrongly(parts, units, into_blocks):
    whole = laid_out([p.data for p in parts], units, into_blocks)
    new = taken_apart(whole, [p.shape[0] for p in parts], units, not into_blocks)
    return [(p, lambda _, n=n: n) for p, n in zip(parts, new)]


def qkv_cut(into_blocks):
    def plant(model, layer):
        pairs = []
        for mixer in mixers(model, layer):
            if not all(hasattr(mixer, n) for n in ("q_proj", "k_proj", "v_proj")):
                return None
            modules = [mixer.q_proj, mixer.k_proj, mixer.v_proj]
            if modules[0].out_features % modules[1].out_features or heads_of(mixer, "k_proj") == 1:
                return None
            pairs += cut_wrongly([m.weight for m in modules], heads_of(mixer, "k_proj"), into_blocks)
            if all(m.bias is not None for m in modules):
                pairs += cut_wrongly([m.bias for m in modules], heads_of(mixer, "k_proj"), into_blocks)
        return weights_changed(pairs)
    return plant


def query_gate_halves(model, layer):
    """[q | gate] of each head, cut into two halves of the whole."""
    pairs = []
    for mixer in mixers(model, layer):
        if getattr(mixer, "q_proj", None) is None or mixer.q_proj.out_features != 2 * mixer.o_proj.in_features:
            continue
        d, heads = mixer.head_dim, mixer.o_proj.in_features // mixer.head_dim
        # Row j of the halves has to come where the right split finds it.
        wrong = lambda w, d=d, heads=heads: w.reshape(2, heads, d, -1).transpose(0, 1).reshape(w.shape)
        pairs += [(p, wrong) for p in mixer.q_proj.parameters()]
    return weights_changed(pairs) if pairs else None


def gate_up_turns(model, layer):
    pairs = []
    for m in feed_forwards(model, layer):
        if hasattr(m, "gate_proj") and hasattr(m, "up_proj"):
            pairs += cut_wrongly([m.gate_proj.weight, m.up_proj.weight], m.gate_proj.out_features, False)
        elif hasattr(m, "gate_up_proj"):
            half = m.gate_up_proj.weight.shape[0] // 2
            pairs.append((m.gate_up_proj.weight,
                          lambda w, half=half: torch.cat((w[::2], w[1::2]))))
        else:
            return None
    return weights_changed(pairs)


def on_experts(change, applies=lambda experts: True):
    def plant(model, layer):
        found = [m.experts for m in feed_forwards(model, layer) if hasattr(m, "experts")]
        if len(found) != len(layers(model, layer)) or not all(map(applies, found)):
            return None
        return weights_changed([(p, change) for experts in found for p in experts.parameters()])
    return plant


def count(experts):
    return experts.gate_up_proj.shape[0]


def text_order(w):
    return w[sorted(range(w.shape[0]), key=str)]


def alternate_expert_rows(model, layer):
    """Rows of gate and up in halves taken for alternating ones, or the reverse."""
    pairs = []
    for m in feed_forwards(model, layer):
        if not hasattr(m, "experts"):
            return None
        for name, p in m.experts.named_parameters():
            if not name.startswith("gate_up_proj"):
                continue
            alternates = hasattr(m.experts, "alpha")  # gpt_oss, on the last axis
            axis = -1 if alternates else 1
            def other(w, axis=axis, alternates=alternates):
                even, odd = w.movedim(axis, 0)[::2], w.movedim(axis, 0)[1::2]
                half = w.shape[axis] // 2
                if not alternates:
                    return torch.cat((even, odd)).movedim(0, axis)
                x = w.movedim(axis, 0)
                return torch.stack((x[:half], x[half:]), 1).flatten(0, 1).movedim(0, axis)
            pairs.append((p, other))
    return weights_changed(pairs)


def exchanged(find, first, second):
    def plant(model, layer):
        pairs = []
        for m in find(model, layer):
            a, b = getattr(m, first, None), getattr(m, second, None)
            if a is None or b is None or a.weight.shape != b.weight.shape:
                return None
            for p, q in zip(a.parameters(), b.parameters()):
                pairs += [(p, lambda _, d=q.data: d), (q, lambda _, d=p.data: d)]
        return weights_changed(pairs)
    return plant


def added_to_norms(by):
    def plant(model, layer):
        if layer is not None:
            return None
        kinds = [m for m in model.modules() if "RMSNorm" in type(m).__name__ and
                 "Gated" not in type(m).__name__ and getattr(m, "weight", None) is not None]
        return weights_changed([(m.weight, lambda w: w + by) for m in kinds])
    return plant


def untransposed(plain, m, q, k, v, mask, kw):
    y, w = plain(m, q, k, v, mask, **kw)
    return y.transpose(1, 2).contiguous().reshape(y.shape), w


def heads_in_turns(model, layer):
    pairs = []
    for m in mixers(model, layer):
        if not hasattr(m, "k_proj") or not hasattr(m, "head_dim"):
            return None
        kv, d = heads_of(m, "k_proj"), m.head_dim
        if m.q_proj.out_features != m.o_proj.in_features:
            return None
        groups = heads_of(m, "q_proj") // kv
        if kv == 1 or groups == 1:
            return None
        turn = lambda w, g=groups, kv=kv, d=d: w.reshape(kv, g, d, -1).transpose(0, 1).reshape(w.shape)
        pairs += [(p, turn) for p in m.q_proj.parameters()]
    return weights_changed(pairs)


def shifted_head(model, _layer):
    if text_config(model).tie_word_embeddings:
        return None
    return weights_changed([(model.lm_head.weight, lambda w: w.roll(1, 0))])


def shifted_tokens(model, _layer):
    if text_config(model).tie_word_embeddings:
        return None
    return weights_changed([(decoder(model).embed_tokens.weight, lambda w: w.roll(-1, 0))])


def latent_blocks(model, layer):
    pairs = []
    for m in mixers(model, layer):
        if not hasattr(m, "kv_b_proj"):
            return None
        nope, value, heads = m.qk_nope_head_dim, m.v_head_dim, m.num_heads
        def wrong(w, nope=nope, value=value, heads=heads):
            a, b = w[:heads * nope].reshape(heads, nope, -1), w[heads * nope:].reshape(heads, value, -1)
            return torch.cat((a, b), 1).reshape(w.shape)
        pairs.append((m.kv_b_proj.weight, wrong))
    return weights_changed(pairs)


ROWS = (
    M("k rows permuted for heads/kv_heads", ("rows_to_pairs", "rotary_rows_to_pairs"), rows_moved(("k_proj",), groups_for_heads)),
    M("k rows permuted", ("rows_to_pairs", "rows_to_halves"), rows_moved(("k_proj",), heads_of)),
    M("q and k rows permuted", ("rotary_rows_to_pairs", "rope_interleaved"), rows_moved(("q_proj", "k_proj"), heads_of)),
    M("q, k, v by head cut in blocks", ("qkv_cut_in_blocks",), qkv_cut(True)),
    M("q, k, v in blocks cut by head", ("qkv_cut_by_head",), qkv_cut(False)),
    M("queries and gates cut in halves", ("query_gate_cut_in_blocks",), query_gate_halves),
    M("gate and up rows in turns", ("gate_up_cut_in_turns", "gate_up_cut_in_halves"), gate_up_turns),
    M("experts as text", ("experts_in_text_order",), on_experts(text_order, lambda e: count(e) > 10)),
    M("experts reversed", ("experts_reversed",), on_experts(lambda w: w.flip(0))),
    M("experts one on", ("experts_rotated",), on_experts(lambda w: w.roll(1, 0))),
    M("expert rows alternate", ("expert_gate_up_cut_in_turns", "expert_gate_up_cut_in_halves"), alternate_expert_rows),
    M("k and v exchanged", ("weights_exchanged",), exchanged(mixers, "k_proj", "v_proj")),
    M("q and k norms exchanged", ("weights_exchanged",), exchanged(mixers, "q_norm", "k_norm")),
    M("norms exchanged", ("weights_exchanged",), exchanged(layers, "input_layernorm", "post_attention_layernorm")),
    M("norms' weights plus 1", ("norm_weight_added", "norm_offset_added"), added_to_norms(1.0), layered=False),
    M("heads not transposed", ("heads_not_transposed",), in_attention(untransposed)),
    M("query heads in turns", ("heads_in_turns",), heads_in_turns),
    M("head one token off", ("logits_shifted",), shifted_head, layered=False),
    M("tokens one off", ("tokens_shifted",), shifted_tokens, layered=False),
    M("latent keys and values in blocks", ("latent_kv_cut_in_blocks", "latent_kv_cut_by_head"), latent_blocks),
)
