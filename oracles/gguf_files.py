#!/usr/bin/env python3
"""Records what llama.cpp's own converter makes of synthetic checkpoints: keys, and a digest of each tensor.

  oracles/gguf_files.py LLAMA_CPP PLUMB > oracles/gguf_files.json

LLAMA_CPP is a source tree of llama.cpp (b11434 was used), PLUMB the built program. In float32, with
numbers that float32 holds, so that nothing is rounded but what the converter computes. The
tokenizer is replaced by one word per id, and what published configs say beside the sizes is added
for the converter alone.
"""

import hashlib
import importlib
import json
import pathlib
import pkgutil
import subprocess
import sys
import tempfile

EPS = 2.0**-16
RMS = {"rms_norm_eps": EPS}
LLAMA3 = {"rope_type": "llama3", "factor": 8.0, "low_freq_factor": 1.0, "high_freq_factor": 4.0,
          "original_max_position_embeddings": 32, "rope_theta": 10000.0}
# name: family, settings of the config, settings that only the converter reads
CASES = {
    "llama": ("llama", RMS, {}),
    "llama-biases": ("llama", {**RMS, "attention_bias": True, "mlp_bias": True,
                               "tie_word_embeddings": True, "num_key_value_heads": 4}, {}),
    "mistral": ("mistral", {**RMS, "sliding_window": None}, {}),
    "mixtral": ("mixtral", {**RMS, "head_dim": 24}, {}),
    "ministral3": ("ministral3", RMS, {}),
    "qwen2": ("qwen2", RMS, {}),
    "qwen3": ("qwen3", RMS, {}),
    "gemma": ("gemma", RMS, {}),
    "gemma2": ("gemma2", RMS, {"attn_logit_softcapping": 50.0, "final_logit_softcapping": 30.0}),
    "gemma3": ("gemma3_text", {**RMS, "sliding_window_pattern": 6}, {}),
    "olmo2": ("olmo2", RMS, {}),
    "olmo3": ("olmo3", RMS, {}),
    "olmoe": ("olmoe", {"rms_norm_eps": 1e-5, "clip_qkv": None}, {}),
    "phi3": ("phi3", {**RMS, "head_dim": 12}, {"original_max_position_embeddings": 128}),
    "smollm3": ("smollm3", RMS, {}),
    "granite": ("granite", {**RMS, "head_dim": 12}, {}),
    "seed_oss": ("seed_oss", RMS, {}),
    "qwen2_moe": ("qwen2_moe", RMS, {}),
    "qwen3_moe": ("qwen3_moe", {**RMS, "norm_topk_prob": True}, {}),
    "qwen3_next": ("qwen3_next", RMS, {}),
    "qwen3_5": ("qwen3_5_text", {**RMS, "linear_num_value_heads": 6, "linear_num_key_heads": 2,
                                 "linear_value_head_dim": 24}, {}),
    "deepseek_v3": ("deepseek_v3", {"rms_norm_eps": 1e-6},
                    {"scoring_func": "sigmoid", "norm_topk_prob": True}),
    "gpt_oss": ("gpt_oss", {**RMS, "swiglu_limit": 7.0, "rope_scaling": {
        "beta_fast": 32.0, "beta_slow": 1.0, "factor": 8.0, "original_max_position_embeddings": 16,
        "rope_type": "yarn", "truncate": True}}, {}),
    "solar_open": ("solar_open", RMS, {"scoring_func": "sigmoid", "norm_topk_prob": True,
                                       "partial_rotary_factor": 1.0}),
    "glm4": ("glm4", RMS, {"partial_rotary_factor": 0.5}),
    "ernie4_5": ("ernie4_5", RMS, {}),
    "apertus": ("apertus", {**RMS, "rope_parameters": LLAMA3}, {}),
    "exaone4": ("exaone4", {**RMS, "sliding_window": None,
                            "layer_types": ["full_attention"] * 4}, {}),
    "stablelm": ("stablelm", {"layer_norm_eps": EPS}, {"partial_rotary_factor": 0.25}),
    "starcoder2": ("starcoder2", {"norm_epsilon": EPS}, {}),
    "nemotron": ("nemotron", {"norm_eps": EPS, "head_dim": 12}, {"partial_rotary_factor": 0.5}),
    "cohere2": ("cohere2", {"layer_norm_eps": EPS}, {"rotary_pct": 1.0}),
}


class Converter:
    def __init__(self, source):
        sys.path[:0] = [str(source / "gguf-py"), str(source)]
        import conversion
        for module in pkgutil.iter_modules(conversion.__path__):
            try:
                importlib.import_module("conversion." + module.name)
            except ImportError:
                pass  # a family with needs of its own
        import gguf
        from conversion import base
        self.gguf, self.base, self.find = gguf, base, conversion.get_model_class
        self.load = base.ModelBase.load_hparams
        self.extra = {}
        base.ModelBase.load_hparams = staticmethod(self.hparams)
        self.replace(base.ModelBase)
        base.TextModel.set_vocab = self.vocabulary

    def replace(self, family):
        if "set_vocab" in vars(family):
            family.set_vocab = self.vocabulary
        for child in family.__subclasses__():
            self.replace(child)

    def hparams(self, folder, is_mistral_format=False, **rest):
        loaded = self.load(folder, is_mistral_format, **rest)
        return {**self.extra, **loaded}

    @staticmethod
    def vocabulary(model):
        writer, size = model.gguf_writer, model.hparams["vocab_size"]
        writer.add_tokenizer_model("gpt2")
        writer.add_tokenizer_pre("default")
        writer.add_token_list([f"t{i}" for i in range(size)])
        writer.add_token_types([1] * size)
        writer.add_token_merges(["t 0"])
        writer.add_bos_token_id(1)
        writer.add_eos_token_id(2)
        writer.add_add_bos_token(False)

    def convert(self, folder, extra, target):
        import torch
        self.extra = extra
        vocab = {f"t{i}": i for i in range(json.loads((folder / "config.json").read_text())["vocab_size"])}
        (folder / "tokenizer.json").write_text(json.dumps({"model": {"vocab": vocab}, "added_tokens": []}))
        with torch.inference_mode():
            hparams = self.base.ModelBase.load_hparams(folder, False)
            name = self.base.get_model_architecture(hparams, self.base.ModelType.TEXT)
            family = self.find(name, mmproj=False)
            if hasattr(family, "opt_num_mtp_layers"):
                family.no_mtp = True
            family(folder, self.gguf.LlamaFileType.ALL_F32, target, eager=True).write()


def digest(tensor):
    """Empty for what torch computes with exp and the like in float32, by its own last bit."""
    if tensor.name.endswith("ssm_a") or tensor.name == "rope_freqs.weight":
        return ""
    return hashlib.sha256(tensor.data.tobytes()).hexdigest()[:16]


def describe(path, gguf):
    reader = gguf.GGUFReader(path)
    keys = {}
    for name, field in reader.fields.items():
        if name.split(".")[0] in ("GGUF", "general", "tokenizer"):
            continue
        value = field.contents()
        keys[name] = value.tolist() if hasattr(value, "tolist") else value
    tensors = {t.name: [t.shape[::-1].tolist(), digest(t)] for t in reader.tensors}
    return {"architecture": reader.fields["general.architecture"].contents(), "keys": keys,
            "tensors": tensors}


def main():
    converter = Converter(pathlib.Path(sys.argv[1]))
    record = {}
    for name, (family, settings, extra) in CASES.items():
        with tempfile.TemporaryDirectory() as scratch:
            folder, target = pathlib.Path(scratch) / "hf", pathlib.Path(scratch) / "t.gguf"
            sets = [f"--set={key}={json.dumps(value)}" for key, value in settings.items()]
            subprocess.run([sys.argv[2], "synth", family, "-o", folder, *sets], check=True)
            converter.convert(folder, extra, target)
            record[name] = {"family": family, "settings": settings,
                            **describe(target, converter.gguf)}
    rows = [f' {json.dumps(name)}: {json.dumps(row)}' for name, row in record.items()]
    print("{\n" + ",\n".join(rows) + "\n}")


if __name__ == "__main__":
    main()
