"""LitGPT: `--candidate py:litgpt`, for llama and qwen3.

Its own converter copies the weights; plumbline.recorder sees the taps by a map of its modules. Cannot: runs
in pieces as asked here, other families. Needs litgpt (pip install --no-deps is enough) and torch.
"""

from importlib.metadata import version
from typing import Any

import torch
from litgpt import GPT, Config
from litgpt.scripts.convert_hf_checkpoint import copy_weights_hf_llama, copy_weights_qwen_3

from plumbline.checkpoint import config_of
from plumbline.engine import Request, Unsupported, serve
from plumbline.oracles.oracle import tensors_of
from plumbline.recorder import TorchEngine

COPIES = {"llama": copy_weights_hf_llama, "qwen3": copy_weights_qwen_3}
TAPS = {"layer.*.mixer_out": "transformer.h.*.attn", "layer.*.ffn_out": "transformer.h.*.mlp",
        "layer.*.out": "transformer.h.*", "final_norm": "transformer.ln_f"}


def config_for(family: str, config: dict[str, Any]) -> Config:
    """litgpt's Config of Hugging Face's. Raises Unsupported for scaled rotations and biases."""
    rope = config.get("rope_parameters") or config.get("rope_scaling") or {}
    if rope.get("rope_type", "default") != "default" or config.get("attention_bias") or config.get("mlp_bias"):
        raise Unsupported("scaled rotations and biases")
    size, heads = config["hidden_size"], config["num_attention_heads"]
    return Config(
        name="plumbline", block_size=config["max_position_embeddings"], vocab_size=config["vocab_size"],
        padded_vocab_size=config["vocab_size"], n_layer=config["num_hidden_layers"], n_head=heads, n_embd=size,
        n_query_groups=config.get("num_key_value_heads", heads), head_size=config.get("head_dim") or size // heads,
        rotary_percentage=1.0, parallel_residual=False, bias=False, norm_class_name="RMSNorm",
        norm_eps=config["rms_norm_eps"], mlp_class_name="LLaMAMLP", intermediate_size=config["intermediate_size"],
        rope_base=int(config.get("rope_theta") or rope["rope_theta"]), norm_qk=family == "qwen3")


class LitGpt(TorchEngine):
    def __init__(self, request: Request) -> None:
        family, config = config_of(request.checkpoint)
        if family not in COPIES:
            raise Unsupported(family)
        dtype = getattr(torch, request.dtype or "float32")
        torch.set_num_threads(request.threads)
        weights = tensors_of(request.checkpoint)
        if config.get("tie_word_embeddings"):
            weights["lm_head.weight"] = weights["model.embed_tokens.weight"]
        settings, copied = config_for(family, config), dict[str, torch.Tensor]()
        COPIES[family](settings, {}, copied, weights)
        model = GPT(settings).to(dtype)
        model.load_state_dict({name: tensor.to(dtype) for name, tensor in copied.items()}, strict=True)
        super().__init__(model.eval(), places=TAPS, producer=f"litgpt {version('litgpt')}, torch {torch.__version__}")


if __name__ == "__main__":
    serve(LitGpt)
