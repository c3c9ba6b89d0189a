#!/usr/bin/env python3
"""Records how the owners of formats of 8 and 4 bits round a product's operand: digests of the values.

  python3 oracles/operand_codes.py GGML > oracles/operand_codes.json

GGML is a folder with libggml-cpu.so and libggml-base.so (llama.cpp b11739 was used, on a machine with AVX2);
compressed-tensors 0.20 stands for itself. The numbers are those of tests/base/operand_codes_test.cpp.
"""

import ctypes
import hashlib
import json
import pathlib
import sys

import numpy as np
import torch
from compressed_tensors.quantization import QuantizationArgs
from compressed_tensors.quantization.lifecycle.forward import fake_quantize
from compressed_tensors.quantization.utils import compute_dynamic_scales_and_zp

ROWS, COLUMNS = 24, 512
MASK = (1 << 64) - 1


def mix64(z):
    z = ((z ^ (z >> 30)) * 0xbf58476d1ce4e5b9) & MASK
    z = ((z ^ (z >> 27)) * 0x94d049bb133111eb) & MASK
    return z ^ (z >> 31)


def normal(key, counter):
    """base/random.h"""
    bits = mix64((key + (counter + 1) * 0x9e3779b97f4a7c15) & MASK)
    total = (bits & 0xffff) + ((bits >> 16) & 0xffff) + ((bits >> 32) & 0xffff) + (bits >> 48)
    return float(total - 131070) * 2.6428997921303018e-05


def operands():
    """Rows of very different size; one of ties; the last is zeros, and so is a block of the first."""
    x = np.array([[normal(7, r * COLUMNS + c) * 2.0**(r % 7 * 3 - 9) for c in range(COLUMNS)] for r in range(ROWS)])
    x[1] = [(c * 37 % 253) - 126.5 if c % 32 else 127.0 for c in range(COLUMNS)]  # ties of ggml's codes
    x[-1] = 0.0
    x[0, 32:64] = 0.0
    return x.astype(np.float32)


def digest(values):
    return hashlib.sha256((np.asarray(values, dtype=np.float64) + 0.0).tobytes()).hexdigest()


def ggml_values(lib, name, size, layout):
    x = operands()
    blocks = x.size // size
    out = np.zeros(blocks, dtype=layout)
    for r in range(ROWS):
        rows = out[r * COLUMNS // size:]
        getattr(lib, name)(ctypes.c_void_p(x[r].ctypes.data), ctypes.c_void_p(rows.ctypes.data),
                           ctypes.c_int64(COLUMNS))
    return out["d"].astype(np.float64)[:, None] * out["q"].astype(np.float64)


def torch_values(dtype, **settings):
    x = torch.from_numpy(operands()).to(dtype)[None]
    args = QuantizationArgs(dynamic=True, **settings)
    d = torch.tensor([64.0]) if settings.get("num_bits") == 4 else None
    scale, zero = compute_dynamic_scales_and_zp(x, args, torch.nn.Module(), global_scale=d)
    return fake_quantize(x, scale, zero, args, global_scale=d)[0].double().numpy()


def main():
    folder = pathlib.Path(sys.argv[1])
    base = ctypes.CDLL(folder / "libggml-base.so.0", mode=1)
    cpu = ctypes.CDLL(folder / "libggml-cpu.so.0")
    q8_0 = np.dtype([("d", "<f2"), ("q", "i1", 32)])
    q8_1 = np.dtype([("d", "<f2"), ("s", "<f2"), ("q", "i1", 32)])
    q8_k = np.dtype([("d", "<f4"), ("q", "i1", 256), ("b", "<i2", 16)])
    values = {
        "Q8_0": ggml_values(cpu, "quantize_row_q8_0", 32, q8_0),
        "Q8_0 portable": ggml_values(base, "quantize_row_q8_0_ref", 32, q8_0),
        "Q8_1": ggml_values(cpu, "quantize_row_q8_1", 32, q8_1),
        "Q8_1 portable": ggml_values(base, "quantize_row_q8_1_ref", 32, q8_1),
        "Q8_K": ggml_values(cpu, "quantize_row_q8_K", 256, q8_k),
    }
    for dtype, name in ((torch.float32, "f32"), (torch.bfloat16, "bf16")):
        values |= {
            f"int8 token {name}": torch_values(dtype, num_bits=8, type="int", strategy="token"),
            f"int8 asymmetric {name}": torch_values(dtype, num_bits=8, type="int", strategy="token", symmetric=False),
            f"e4m3 token {name}": torch_values(dtype, num_bits=8, type="float", strategy="token"),
            f"e4m3 group {name}": torch_values(dtype, num_bits=8, type="float", strategy="group", group_size=128),
            f"e4m3 tensor {name}": torch_values(dtype, num_bits=8, type="float", strategy="tensor"),
            f"e2m1 {name}": torch_values(dtype, num_bits=4, type="float", strategy="tensor_group", group_size=16,
                                         scale_dtype=torch.float8_e4m3fn),
        }
    json.dump({name: digest(value) for name, value in values.items()}, sys.stdout, indent=1)
    print()


if __name__ == "__main__":
    main()
