"""Which oracle a family has: transformers' own modules, where no other is named here."""

import importlib

from plumbline.oracles import huggingface, renamed
from plumbline.oracles.oracle import Config, Oracle

ELSEWHERE = {"baichuan_m1": "baichuan_m1", "rlformers": "executorch_llama"}
# What of a params.json only ExecuTorch's static decoder reads.
STATIC = ("act_fn", "attention_multiplier", "embedding_scale_factor", "residual_multiplier",
          "logits_scaling", "attn_logit_softcapping", "final_logit_softcapping", "no_rope_layer_interval",
          "post_attention_norm", "post_ffn_norm", "use_ffn_norm", "output_bias", "norm_type",
          "model_architecture")


def oracle_of(family: str, config: Config) -> type[Oracle]:
    """The subclass of oracle.Oracle. Imports late: ExecuTorch is needed for its own family alone."""
    module = ELSEWHERE.get(family)
    if family == "rlformers" and any(key in config for key in STATIC):
        module = "executorch_static"
    if module is None:
        return renamed.ORACLES.get(family, huggingface.Oracle)
    found: type[Oracle] = importlib.import_module(f"plumbline.oracles.{module}").Oracle
    return found
