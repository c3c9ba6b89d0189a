#!/usr/bin/env python3
"""plumb's reference on quantised checkpoints, against transformers in pure float64 over weights that are
decoded here, by a second statement of each format in numpy.

  python3 oracles/quantised_models.py [--plumb build/release/plumb] [FORMAT...]

Prints the largest difference of a logit over the largest logit, a family and a format; ends with 1 where one
is above 1e-12.
"""

import argparse
import json
import pathlib
import subprocess
import sys
import tempfile

import h5py
import numpy as np
import torch
from safetensors import safe_open
from safetensors.torch import save_file

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "python"))

from plumbline.oracles.huggingface import Oracle

FORMATS = ("fp8-block", "fp8", "int8", "w4a16", "nvfp4", "mxfp4", "gptq", "awq", "bnb-nf4", "bnb-int8", "mlx-4", "mlx-8")
# Dense, tied and with norms of its own; fused projections; a mixture; latent attention; stacks; odd sizes,
# in which blocks are ragged and grids tell another block (576 and 200 rows).
MODELS = (
    ("qwen3", []), ("gemma2", []), ("phi3", []), ("qwen3_moe", []), ("deepseek_v3", []), ("gpt_oss", []),
    ("llama", ["hidden_size=192", "intermediate_size=576", "num_hidden_layers=2", "head_dim=64",
               "num_attention_heads=3", "num_key_value_heads=1", "tie_word_embeddings=true"]),
    ("qwen2", ["hidden_size=200", "intermediate_size=328", "head_dim=40", "num_attention_heads=5",
               "num_key_value_heads=1", "num_hidden_layers=2"]),
)
TOKENS = [3, 14, 15, 92, 65, 35, 89, 79, 32, 38, 46, 26, 43, 38, 32, 79, 50, 28, 84, 19]
E2M1 = torch.tensor([0, .5, 1, 1.5, 2, 3, 4, 6, -0., -.5, -1, -1.5, -2, -3, -4, -6], dtype=torch.float64)


def stream(words, bits, count):
    """Integers of `bits` along the last axis of 32-bit words, lowest bits first."""
    raw = torch.from_numpy(np.ascontiguousarray(words.numpy()).view(np.uint8))
    ones = (raw[..., None] >> torch.arange(8, dtype=torch.uint8) & 1).reshape(*raw.shape[:-1], -1)[..., :count * bits]
    ones = ones.reshape(*ones.shape[:-1], count, bits)
    return (ones.long() << torch.arange(bits)).sum(-1).double()


def nibbles(codes):
    return torch.stack([codes & 15, codes >> 4], -1).reshape(*codes.shape[:-1], -1).long()


def by_group(scales, columns, group):
    return scales.double().repeat_interleave(group, -1)[..., :columns]


def fp8(t, m, d):
    w, s = t[m + ".weight"].double(), t[m + ".weight_scale_inv"].double()
    rows, columns = d["weight_block_size"]
    return w * s.repeat_interleave(rows, 0)[:w.shape[0]].repeat_interleave(columns, 1)[:, :w.shape[1]]


def compressed(t, m, d):
    scale = t[m + ".weight_scale"]
    weights = d["config_groups"]["group_0"]["weights"]
    if m + ".weight" in t:
        return t[m + ".weight"].double() * scale.double()
    packed = t[m + ".weight_packed"]
    if packed.dtype == torch.int32:
        rows, columns = t[m + ".weight_shape"].tolist()
        return (stream(packed, weights["num_bits"], columns) - 8) * by_group(scale, columns, weights["group_size"])
    values = E2M1[nibbles(packed)]
    if scale.dtype == torch.uint8:
        return values * by_group(2.0**(scale.double() - 127), values.shape[1], 32)
    return values * by_group(scale.float(), values.shape[1], 16) / t[m + ".weight_global_scale"].double()


def gptq(t, m, d):
    q = stream(t[m + ".qweight"].T, 4, t[m + ".qweight"].shape[0] * 8)
    z = stream(t[m + ".qzeros"], 4, t[m + ".qzeros"].shape[1] * 8) + 1
    index = t[m + ".g_idx"].long()
    return t[m + ".scales"].double()[index].T * (q - z[index].T)


def awq(t, m, d):
    order = torch.tensor([0, 4, 1, 5, 2, 6, 3, 7])
    unpack = lambda words: stream(words, 4, words.shape[1] * 8).reshape(words.shape[0], -1, 8)[..., order].reshape(words.shape[0], -1)
    q, z = unpack(t[m + ".qweight"]), unpack(t[m + ".qzeros"])
    index = torch.arange(q.shape[0]) // d["group_size"]
    return ((q - z[index]) * t[m + ".scales"].double()[index]).T


def bitsandbytes(t, m, d):
    w = t[m + ".weight"]
    if w.dtype == torch.int8:
        return w.double() * t[m + ".SCB"].double()[:, None] / 127
    state = json.loads(bytes(t[m + ".weight.quant_state.bitsandbytes__nf4"].tolist()))
    codes = torch.stack([w.reshape(-1) >> 4, w.reshape(-1) & 15], -1).reshape(-1).long()
    absmax = t[m + ".weight.absmax"].double().repeat_interleave(state["blocksize"])[:codes.numel()]
    return (t[m + ".weight.quant_map"].double()[codes] * absmax).reshape(state["shape"])


def mlx(t, m, d):
    w, bits, group = t[m + ".weight"], d["bits"], d["group_size"]
    columns = w.shape[-1] * 32 // bits
    return (by_group(t[m + ".scales"], columns, group) * stream(w.view(torch.int32), bits, columns)
            + by_group(t[m + ".biases"], columns, group))


def mxfp4(t, m, d):
    values = E2M1[nibbles(t[m + "_blocks"])].flatten(2)
    return (values * by_group(2.0**(t[m + "_scales"].double() - 127), values.shape[2], 32)).transpose(1, 2).contiguous()


METHODS = {"fp8": (fp8, ".weight_scale_inv"), "compressed-tensors": (compressed, ".weight_scale"),
           "gptq": (gptq, ".qweight"), "awq": (awq, ".qweight"), "mxfp4": (mxfp4, "_blocks"), None: (mlx, ".scales")}


def decode(folder, target):
    """The checkpoint with plain weights in float64."""
    config = json.loads((folder / "config.json").read_text())
    declaration = config.pop("quantization_config")
    config.pop("quantization", None)
    tensors = {}
    for file in folder.glob("*.safetensors"):
        with safe_open(file, "pt") as opened:
            tensors.update({name: opened.get_tensor(name) for name in opened.keys()})
    method = declaration.get("quant_method")
    if method == "bitsandbytes":
        mark = ".SCB" if declaration["load_in_8bit"] else ".weight.absmax"
        decoder = bitsandbytes
    else:
        decoder, mark = METHODS[method]
    modules = [name[:-len(mark)] for name in tensors if name.endswith(mark)]
    plain = {}
    for m in modules:
        plain[m if mark == "_blocks" else m + ".weight"] = decoder(tensors, m, declaration)
    used = lambda name: any(name.startswith(m + ".") or name in (m + "_blocks", m + "_scales") for m in modules)
    plain |= {name: value.double() for name, value in tensors.items() if not used(name) or name.endswith(".bias")}
    for name in [n for n in plain if ".switch_mlp." in n]:  # mlx-lm's stacks, as experts of their own
        for e, expert in enumerate(plain.pop(name)):
            plain[name.replace("switch_mlp.", f"experts.{e}.")] = expert
    target.mkdir()
    save_file({k: v.contiguous() for k, v in plain.items()}, target / "model.safetensors", {"format": "pt"})
    (target / "config.json").write_text(json.dumps(config))


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--plumb", default="build/release/plumb")
    parser.add_argument("formats", nargs="*", default=FORMATS)
    options = parser.parse_args()
    worst = 0.0
    for format in options.formats:
        for family, settings in MODELS:
            with tempfile.TemporaryDirectory() as scratch:
                folder, trace = pathlib.Path(scratch) / "made", pathlib.Path(scratch) / "run.h5"
                call = [options.plumb, "synth", family, "--quantize", format, "--seed", "3", "-o", folder]
                made = subprocess.run(call + [a for s in settings for a in ("--set", s)], capture_output=True, text=True)
                if made.returncode == 2:
                    print(f"{format:10} {family:12} {made.stderr.strip()}")
                    continue
                made.check_returncode()
                subprocess.run([options.plumb, "run", folder, "--engine", "reference", "--tokens",
                                ",".join(map(str, TOKENS)), "--taps", "logits", "-o", trace], check=True)
                decode(folder, pathlib.Path(scratch) / "plain")
                oracle = Oracle(pathlib.Path(scratch) / "plain", torch.float64).logits(TOKENS)
                with h5py.File(trace) as file:
                    ours = next(iter(file["float64"].values()))["logits"][()]
                apart = np.abs(ours - oracle).max() / np.abs(oracle).max()
                worst = max(worst, apart)
                print(f"{format:10} {family:12} {apart:.1e}", flush=True)
    sys.exit(1 if not worst <= 1e-12 else 0)


if __name__ == "__main__":
    main()
