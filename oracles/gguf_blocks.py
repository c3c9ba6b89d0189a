#!/usr/bin/env python3
"""Records what the gguf package decodes from blocks in which every byte takes all 256 values.

  pip install gguf==0.19.0 numpy; oracles/gguf_blocks.py > oracles/gguf_blocks.json

Byte f of block b is (b * (2 f + 1) + 97 f) mod 256, but the exponents of f16 scales of all ones,
which are infinities and NaNs, lose their lowest bit. A digest is the sha256 of the decoded float32
values, little-endian, zeros without a sign. Q1_0 and Q2_0, which the package lacks, are restated.
"""

import hashlib
import json
import sys

import numpy as np
from gguf import GGML_QUANT_SIZES, GGMLQuantizationType, dequantize

BLOCKS = 256
# Where the high bytes of f16 scales stand in a block.
SCALES = {
    "Q4_0": [1], "Q4_1": [1, 3], "Q5_0": [1], "Q5_1": [1, 3], "Q8_0": [1],
    "Q2_K": [81, 83], "Q3_K": [109], "Q4_K": [1, 3], "Q5_K": [1, 3], "Q6_K": [209],
    "IQ4_NL": [1], "IQ4_XS": [1], "IQ2_XXS": [1], "IQ2_XS": [1], "IQ2_S": [1], "IQ3_XXS": [1],
    "IQ3_S": [1], "IQ1_S": [1], "IQ1_M": [], "TQ1_0": [53], "TQ2_0": [65], "MXFP4": [],
    "NVFP4": [], "Q1_0": [1], "Q2_0": [1],
}
SIZES = {"Q1_0": 18, "Q2_0": 18}


def blocks_of(name):
    size = SIZES.get(name) or GGML_QUANT_SIZES[GGMLQuantizationType[name]][1]
    block, field = np.meshgrid(np.arange(BLOCKS), np.arange(size), indexing="ij")
    data = (block * (2 * field + 1) + 97 * field) % 256
    for at in SCALES[name]:
        data[:, at] ^= np.where(data[:, at] & 0x7C == 0x7C, 0x04, 0)
    if name == "IQ1_M":  # its scale's exponent: the top nibble of the last word, low bits 10 to 14
        data[:, 55] ^= np.where(data[:, 55] & 0x70 == 0x70, 0x10, 0)
    if name == "MXFP4":  # beyond, products overflow float32; 255 is no scale
        data[:, 0] %= 252
    if name == "NVFP4":  # 127 and above are no scales
        data[:, :4] %= 127
    return data.astype(np.uint8)


def bits(data, width):
    per = 8 // width
    shifts = np.arange(per, dtype=np.uint8) * width
    return ((data[:, :, None] >> shifts) & ((1 << width) - 1)).reshape(len(data), -1)


def decode(name, data):
    if name not in ("Q1_0", "Q2_0"):
        return dequantize(data, GGMLQuantizationType[name])
    scale = data[:, :2].copy().view(np.float16).astype(np.float32)
    codes = bits(data[:, 2:], 1 if name == "Q1_0" else 2).astype(np.float32)
    return scale * (2 * codes - 1 if name == "Q1_0" else codes - 1)


def main():
    record = {}
    for name in SCALES:
        values = decode(name, blocks_of(name)).astype(np.float32) + np.float32(0)
        assert np.isfinite(values).all(), name
        record[name] = hashlib.sha256(values.astype("<f4").tobytes()).hexdigest()
    json.dump(record, sys.stdout, indent=1)
    print()


if __name__ == "__main__":
    main()
