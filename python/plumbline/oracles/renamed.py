"""Oracles of families that are one of transformers' models under other names.

Each function rewrites a checkpoint's config and tensors as that model has them; transformers runs the
result. Read against the model code published with MiMo-7B, EXAONE-3.5, InternLM2.5, InternLM3-8B and Kimi-K2.
"""

import json
import pathlib
import re
import tempfile
from collections.abc import Callable
from typing import TypeAlias

import torch
from safetensors.torch import save_file

from plumbline.oracles import huggingface
from plumbline.oracles.oracle import Config, Folder, Oracle, Tensors, tensors_of

Checkpoint: TypeAlias = tuple[Config, Tensors]


def renamed(tensors: Tensors, table: list[tuple[str, str]]) -> Tensors:
    """Tensors under the names that `table`, from regular expressions to replacements, gives them."""
    return {next(re.sub(old, new, name) for old, new in table if re.match(old, name)): tensor
            for name, tensor in tensors.items()}


def mimo(config: Config, tensors: Tensors) -> Checkpoint:
    """Qwen2, without the layers for multi-token prediction. Its windows are not in use."""
    kept = {name: tensor for name, tensor in tensors.items() if not name.startswith("model.mtp_layers.")}
    return config | {"model_type": "qwen2", "use_sliding_window": False}, kept


def exaone(config: Config, tensors: Tensors) -> Checkpoint:
    """Llama, named as GPT-2 is."""
    llama = {key: value for key, value in config.items()
             if key not in ("num_layers", "layer_norm_epsilon", "activation_function")}
    llama |= {"model_type": "llama", "num_hidden_layers": config["num_layers"],
              "rms_norm_eps": config.get("layer_norm_epsilon", 1e-5),
              "hidden_act": config.get("activation_function", "silu"),
              "intermediate_size": config.get("intermediate_size", 4 * config["hidden_size"]),
              "tie_word_embeddings": config.get("tie_word_embeddings", True)}
    layer = r"transformer\.h\.(\d+)\."
    table = [(r"transformer\.wte\.", "model.embed_tokens."), (r"transformer\.ln_f\.", "model.norm."),
             (r"lm_head\.", "lm_head.")]
    for old, new in {"ln_1": "input_layernorm", "ln_2": "post_attention_layernorm",
                     r"attn\.attention\.([qkv])_proj": r"self_attn.\2_proj",
                     r"attn\.attention\.out_proj": "self_attn.o_proj", r"mlp\.c_fc_0": "mlp.gate_proj",
                     r"mlp\.c_fc_1": "mlp.up_proj", r"mlp\.c_proj": "mlp.down_proj"}.items():
        table.append((layer + old, r"model.layers.\1." + new))
    return llama, renamed(tensors, table)


def internlm2(config: Config, tensors: Tensors) -> Checkpoint:
    """Llama; wqkv holds for each key head its queries, its key, its value: (kv, q_per_kv + 2, d)."""
    heads, hidden = config["num_attention_heads"], config["hidden_size"]
    kv = config.get("num_key_value_heads") or heads
    dim, group = hidden // heads, heads // kv
    unpacked = {}
    for name, tensor in tensors.items():
        if ".wqkv." not in name:
            unpacked[name] = tensor
            continue
        rows = tensor.reshape(kv, group + 2, dim, *tensor.shape[1:])
        for letter, part in (("q", rows[:, :group]), ("k", rows[:, group]), ("v", rows[:, group + 1])):
            unpacked[name.replace("wqkv", letter + "_proj")] = part.reshape(-1, *tensor.shape[1:]).contiguous()
    layer = r"model\.layers\.(\d+)\."
    table = [(r"model\.tok_embeddings\.", "model.embed_tokens."), (r"model\.norm\.", "model.norm."),
             (r"output\.", "lm_head.")]
    for old, new in {"attention_norm": "input_layernorm", "ffn_norm": "post_attention_layernorm",
                     r"attention\.([qkv])_proj": r"self_attn.\2_proj", r"attention\.wo": "self_attn.o_proj",
                     r"feed_forward\.w1": "mlp.gate_proj", r"feed_forward\.w3": "mlp.up_proj",
                     r"feed_forward\.w2": "mlp.down_proj"}.items():
        table.append((layer + old, r"model.layers.\1." + new))
    llama = {key: value for key, value in config.items() if key != "bias"}
    return llama | {"model_type": "llama", "attention_bias": config.get("bias", True)}, renamed(unpacked, table)


def internlm3(config: Config, tensors: Tensors) -> Checkpoint:
    """transformers' own, which demands qkv_bias == bias; else Llama, its missing biases zero."""
    def flag(key: str, saved_as: str) -> bool:
        return bool(config.get(key, config.get(saved_as, False)))
    qkv_bias, bias = flag("qkv_bias", "attention_bias"), flag("bias", "mlp_bias")
    if qkv_bias == bias:
        return config, tensors
    defaults = {"num_key_value_heads": 2, "head_dim": 128, "rms_norm_eps": 1e-5,
                "max_position_embeddings": 32768, "rope_theta": 10000.0}
    llama = defaults | {key: value for key, value in config.items() if key not in ("qkv_bias", "bias")}
    filled = dict(tensors)
    for name, weight in tensors.items():
        if re.search(r"self_attn\.[qkvo]_proj\.weight", name):
            filled.setdefault(name.replace(".weight", ".bias"), torch.zeros(weight.shape[0], dtype=weight.dtype))
    return llama | {"model_type": "llama", "attention_bias": True, "mlp_bias": bias}, filled


def text_part(config: Config, tensors: Tensors) -> Checkpoint:
    """Of a multimodal wrapper the text part alone; the wrapper's tie_word_embeddings holds."""
    text = config["text_config"] | {"tie_word_embeddings": config.get("tie_word_embeddings", True)}
    table = [(r"(language_model\.model|model\.language_model)\.", "model."),
             (r"(language_model\.)?lm_head\.", "lm_head.")]
    kept = {name: tensor for name, tensor in tensors.items()
            if "vision_tower." not in name and "multi_modal_projector." not in name}
    return text, renamed(kept, table)


def mistral3(config: Config, tensors: Tensors) -> Checkpoint:
    return text_part(config, tensors)


def gemma3(config: Config, tensors: Tensors) -> Checkpoint:
    return text_part(config, tensors)


def kimi_k2(config: Config, tensors: Tensors) -> Checkpoint:
    """DeepSeek-V3 under another name."""
    return config | {"model_type": "deepseek_v3"}, tensors


class Renamed(huggingface.Oracle):
    """transformers on the rewritten checkpoint; `rewrite` is one of the functions above."""

    rewrite: Callable[[Config, Tensors], Checkpoint]

    def __init__(self, folder: Folder, dtype: torch.dtype) -> None:
        folder = pathlib.Path(folder)
        config = json.loads((folder / "config.json").read_text())
        config, tensors = type(self).rewrite(config, tensors_of(folder))
        config.pop("architectures", None)
        with tempfile.TemporaryDirectory() as target:
            pathlib.Path(target, "config.json").write_text(json.dumps(config))
            save_file(tensors, pathlib.Path(target, "model.safetensors"), {"format": "pt"})
            super().__init__(target, dtype)


def oracle_of(function: Callable[[Config, Tensors], Checkpoint]) -> type[Oracle]:
    return type(function.__name__, (Renamed,), {
        "rewrite": staticmethod(function),
        "PRODUCER": f"{huggingface.Oracle.PRODUCER}, {function.__name__} rewritten"})


ORACLES = {function.__name__: oracle_of(function) for function in (
    mimo, exaone, internlm2, internlm3, mistral3, gemma3, kimi_k2)}
