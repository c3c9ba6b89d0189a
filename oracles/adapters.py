#!/usr/bin/env python3
"""plumb's reference with a LoRA, against PEFT's own modules in pure float64.

  python3 oracles/adapters.py [--plumb build/release/plumb] [NAME...]

Needs PEFT beside requirements.txt (0.21 was used). Prints the largest difference of a logit over the largest
logit, and how far the adapter moves them; ends with 1 where one is above 1e-12.
"""

import argparse
import pathlib
import subprocess
import sys
import tempfile

import h5py
import numpy as np
import peft
import torch
from safetensors.torch import load_file, save_file

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "python"))

from plumbline.oracles.huggingface import Oracle
from plumbline.oracles.pure_float64 import PureFloat64

TOKENS = [3, 14, 15, 92, 65, 35, 89, 79, 32, 38, 46, 26, 43, 38, 32, 79, 50, 28, 84, 19]

# name: family, settings, LoraConfig, the type of storage
CASES = {
    "patterns": ("qwen3", [], dict(r=4, lora_alpha=7, target_modules=["q_proj", "v_proj", "down_proj"],
                                   rank_pattern={"down_proj": 6, r"layers\.1\.self_attn\.q_proj": 2},
                                   alpha_pattern={"layers.0.self_attn.v_proj": 3}), torch.bfloat16),
    "fused": ("phi3", [], dict(r=8, lora_alpha=16, use_rslora=True, layers_to_transform=[1],
                               target_modules=["qkv_proj", "gate_up_proj", "o_proj"]), torch.float32),
    "mixture": ("qwen3_moe", [], dict(r=3, lora_alpha=5, target_modules=r".*\.self_attn\.(q|k|o)_proj",
                                      exclude_modules=r".*layers\.0.*k_proj"), torch.float32),
    "biases": ("qwen2", [], dict(r=4, lora_alpha=4, bias="all", target_modules=["q_proj", "up_proj"]), torch.float32),
    "bias of B": ("qwen2", [], dict(r=4, lora_alpha=9, lora_bias=True, bias="lora_only",
                                    target_modules=["q_proj", "k_proj"]), torch.float16),
    "dora": ("llama", [], dict(r=4, lora_alpha=4, use_dora=True, target_modules="all-linear"), torch.float32),
    "saved": ("llama", ["tie_word_embeddings=false"],
              dict(r=4, lora_alpha=4, target_modules=["k_proj"], modules_to_save=["lm_head", "norm"]), torch.float32),
    "embedding": ("llama", ["tie_word_embeddings=false"],
                  dict(r=4, lora_alpha=4, target_modules=["embed_tokens", "lm_head", "gate_proj"]), torch.bfloat16),
    "linear attention": ("qwen3_5_text", [], dict(r=4, lora_alpha=4, target_modules=["in_proj_qkv", "out_proj", "q_proj"]),
                         torch.float32),
    "gemma": ("gemma2", [], dict(r=4, lora_alpha=4, target_modules="all-linear"), torch.float32),
}


def adapt(base, settings, folder, dtype):
    """The model with an adapter whose numbers `dtype` holds, which stands in `folder` besides."""
    torch.manual_seed(5)
    model = peft.get_peft_model(base, peft.LoraConfig(task_type="CAUSAL_LM", **settings)).eval()
    for name, value in model.named_parameters():
        saved = "modules_to_save" in name
        # PEFT writes the biases of "all"; those of "lora_only" it looks for under a name that they do not have.
        if "lora_" in name or saved or (name.endswith("bias") and settings.get("bias") == "all"):
            noise = torch.randn(value.shape, dtype=torch.float64)
            spread = value.detach().double().std() if "magnitude" in name or saved else 0.0
            if "magnitude" in name or saved:
                value.data = value.data.double() * (1 + 0.1 * noise) + 0.01 * spread * noise
            else:
                value.data = 0.2 * noise
            value.data = value.data.to(dtype).double()
    model.save_pretrained(folder)
    file = folder / "adapter_model.safetensors"
    stored = {name: value.to(dtype).contiguous() for name, value in load_file(file).items()}
    save_file(stored, file, {"format": "pt"})
    return model


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--plumb", default="build/release/plumb")
    parser.add_argument("names", nargs="*", default=CASES)
    options = parser.parse_args()
    worst = 0.0
    for name in options.names:
        family, settings, config, dtype = CASES[name]
        with tempfile.TemporaryDirectory() as scratch:
            folder, adapter = pathlib.Path(scratch) / "made", pathlib.Path(scratch) / "adapter"
            subprocess.run([options.plumb, "synth", family, "--seed", "3", "-o", folder]
                           + [a for s in settings for a in ("--set", s)], check=True)
            oracle = Oracle(folder, torch.float64)
            plain = oracle.logits(TOKENS)
            model = adapt(oracle._model, config, adapter, dtype)
            with torch.no_grad(), PureFloat64():
                wanted = model(torch.tensor([TOKENS]), use_cache=False).logits[0].numpy()
            trace = pathlib.Path(scratch) / "run.h5"
            subprocess.run([options.plumb, "run", folder, "--adapter", adapter, "--engine", "reference", "--tokens",
                            ",".join(map(str, TOKENS)), "--taps", "logits", "-o", trace], check=True)
            with h5py.File(trace) as file:
                ours = next(iter(file["float64"].values()))["logits"][()]
            apart, moved = (np.abs(a - wanted).max() / np.abs(wanted).max() for a in (ours, plain))
            worst = max(worst, apart)
            print(f"{name:17} {family:13} {apart:.1e}, moves {moved:.1e}", flush=True)
    sys.exit(1 if not worst <= 1e-12 else 0)


if __name__ == "__main__":
    main()
