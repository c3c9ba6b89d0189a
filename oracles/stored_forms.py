#!/usr/bin/env python3
"""Records oracles/stored_forms.json: small quantised weights as each owner's library writes them, and what
they decode to.

Of every case: the tensors as they lie in a file, the declaration, the exact values in float64 by a plain
statement of the format here in numpy, and what the library itself gives, in the type to which it rounds.
The recorder fails where the library's values are not the exact ones rounded to that type.

  pip install --no-deps compressed-tensors==0.20.0 bitsandbytes==0.50.2 mlx==0.32.4 mlx-cpu==0.32.4 \\
      GPTQModel==7.7.0 autoawq==0.2.9 nvidia-modelopt==0.47.0 torchao==0.18.0      (beside torch 2.13)
  python3 oracles/stored_forms.py        writes the file anew
  python3 oracles/stored_forms.py --check
"""

import json
import pathlib
import sys
import types

import numpy as np
import torch

OUT = pathlib.Path(__file__).with_name("stored_forms.json")
E2M1 = np.array([0, 0.5, 1, 1.5, 2, 3, 4, 6, -0.0, -0.5, -1, -1.5, -2, -3, -4, -6])
NAMES = {torch.float32: "F32", torch.float16: "F16", torch.bfloat16: "BF16", torch.int8: "I8",
         torch.uint8: "U8", torch.int32: "I32", torch.int64: "I64", torch.uint32: "U32",
         torch.float8_e4m3fn: "F8_E4M3"}
generator = torch.Generator().manual_seed(17)


def weight(rows, columns):
    """Rows of very different sizes, an outlier in each, and a group of zeros."""
    w = torch.randn(rows, columns, generator=generator) * torch.logspace(-2, 1, rows)[:, None]
    w[torch.arange(rows), torch.arange(rows) * 7 % columns] *= 9
    w[0, :columns // 2] = 0
    return w.to(torch.bfloat16).float()


def double(tensor):
    return tensor.to(torch.float64).numpy()


def stream(words, count, bits):
    """`count` integers of a row of words, lowest bits first."""
    value = int.from_bytes(np.ascontiguousarray(words).astype("<u4").tobytes(), "little")
    return np.array([value >> (i * bits) & (1 << bits) - 1 for i in range(count)], np.float64)


def spread(grid, shape, block):
    """A value for each block, for each element."""
    return np.repeat(np.repeat(grid, block[0], 0), block[1], 1)[:shape[0], :shape[1]]


def nibbles(packed):
    packed = packed.numpy()
    return np.stack([packed & 15, packed >> 4], -1).reshape(packed.shape[0], -1)


def case(name, origin, declaration, tensors, exact, library=None, key="quantization_config", metadata=None,
         every=1):
    rows = {}
    for tensor, value in tensors.items():
        value = value.contiguous()
        raw = value.reshape(-1).view(torch.uint8).numpy().tobytes() if value.ndim else value.reshape(1).view(
            torch.uint8).numpy().tobytes()
        rows[tensor] = {"dtype": NAMES[value.dtype], "shape": list(value.shape), "hex": raw.hex()}
    result = {"name": name, "origin": origin, "key": key, "declaration": declaration, "tensors": rows,
              "shape": list(exact.shape), "every": every, "exact": exact.reshape(-1)[::every].tolist()}
    if metadata:
        result["metadata"] = metadata
    if library is not None:
        rounded = torch.from_numpy(exact.astype(np.float64)).to(library.dtype)
        assert library.shape == rounded.shape and torch.equal(rounded, library), name
        result["library_dtype"] = str(library.dtype).removeprefix("torch.")
    return result


def fp8_blocks():
    for scale_dtype in (torch.float32, torch.bfloat16):
        w, block = weight(40, 24), (16, 16)
        grid = torch.rand(3, 2, generator=generator).to(scale_dtype) * 0.01
        q = w.clamp(-448, 448).to(torch.float8_e4m3fn)
        yield case(f"fp8 ragged blocks, scales {scale_dtype}", "DeepSeek-V3's inference/kernel.py, weight_dequant",
                   {"quant_method": "fp8", "activation_scheme": "dynamic", "fmt": "e4m3", "weight_block_size": [16, 16]},
                   {"m.weight": q, "m.weight_scale_inv": grid},
                   double(q.float()) * spread(double(grid), w.shape, block))


def args(**given):
    from compressed_tensors.quantization import QuantizationArgs, QuantizationScheme
    return QuantizationScheme(targets=["Linear"], weights=QuantizationArgs(**given))


def group(scheme, format):
    weights = {k: v for k, v in scheme.weights.model_dump(mode="json").items() if v is not None}
    return {"quant_method": "compressed-tensors", "format": format,
            "config_groups": {"group_0": {"targets": ["Linear"], "weights": weights}}, "ignore": ["lm_head"]}


def compressed_tensors():
    from compressed_tensors.compressors import BaseCompressor
    origin = "compressed-tensors 0.20.0, BaseCompressor.decompress"

    def run(name, format, scheme, state, exact, dtype=torch.bfloat16):
        compressor = BaseCompressor.get_value_from_registry(format)
        packed = compressor.compress(dict(state), scheme)
        plain = compressor.decompress(dict(packed), scheme)["weight"]
        tensors = {f"m.{k}": v for k, v in packed.items() if v is not None}
        return case(name, origin, group(scheme, format), tensors, exact(packed), plain.to(dtype))

    w = weight(16, 64)
    for strategy, shape in (("tensor", [1]), ("channel", [16, 1])):
        amax = w.abs().amax(1, keepdim=True) if strategy == "channel" else w.abs().max().reshape(1)
        for kind, most in (("float", 448.0), ("int", 127.5)):
            scale = (amax / most).to(torch.bfloat16).reshape(shape)
            scheme = args(num_bits=8, type=kind, strategy=strategy)
            format = "float-quantized" if kind == "float" else "int-quantized"
            yield run(f"{kind}8 a {strategy}", format, scheme, {"weight": w.bfloat16(), "weight_scale": scale},
                      lambda p, s=scale: double(p["weight"].float()) * double(s).reshape(-1, 1))

    for bits, symmetric in ((4, True), (4, False), (8, True), (3, True), (2, False), (5, False)):
        size, levels = 32, 2**bits
        grouped = w.reshape(16, 2, size)
        if symmetric:
            scale, zero = (grouped.abs().amax(2) / ((levels - 1) / 2)).to(torch.bfloat16), None
        else:
            low, high = grouped.amin(2).clamp(max=0), grouped.amax(2).clamp(min=0)
            scale = ((high - low) / (levels - 1)).to(torch.bfloat16)
            zero = (-(levels // 2) - low / scale.float().clamp(min=1e-6)).round().clamp(-(levels // 2), levels // 2 - 1)
        scale[scale == 0] = 1
        scheme = args(num_bits=bits, type="int", strategy="group", group_size=size, symmetric=symmetric)
        state = {"weight": w.bfloat16(), "weight_scale": scale}
        if zero is not None:
            state["weight_zero_point"] = zero.nan_to_num().to(torch.int8)

        def exact(packed, bits=bits, scale=scale, zero=zero):
            q = np.stack([stream(row, 64, bits) for row in packed["weight_packed"].numpy()]) - 2**(bits - 1)
            z = np.zeros((16, 2))
            if zero is not None:
                words = packed["weight_zero_point"].numpy()
                z = np.stack([stream(words[:, g], 16, bits) for g in range(2)], 1) - 2**(bits - 1)
            return (q - spread(z, (16, 64), (1, 32))) * spread(double(scale), (16, 64), (1, 32))

        yield run(f"packed int{bits}, {'symmetric' if symmetric else 'zeros'}", "pack-quantized", scheme, state, exact)

    divisor = (448 * 6 / w.abs().max()).to(torch.float32).reshape(1)
    scale = (w.reshape(16, 4, 16).abs().amax(2) * divisor / 6).clamp(min=2**-9).to(torch.float8_e4m3fn)
    scheme = args(num_bits=4, type="float", strategy="tensor_group", group_size=16)
    compressor = BaseCompressor.get_value_from_registry("nvfp4-pack-quantized")
    packed = compressor.compress({"weight": w.bfloat16(), "weight_scale": scale.float(), "weight_global_scale": divisor}, scheme)
    exact = E2M1[nibbles(packed["weight_packed"])] * spread(double(packed["weight_scale"].float()), w.shape, (1, 16)) / double(divisor)
    plain = compressor.decompress(dict(packed), scheme)["weight"]
    yield case("nvfp4, a divisor", origin, group(scheme, "nvfp4-pack-quantized"),
               {f"m.{k}": v for k, v in packed.items() if v is not None}, exact, plain.bfloat16())

    power = (torch.floor(torch.log2(w.reshape(16, 2, 32).abs().amax(2).clamp(min=2**-20))) - 2)
    scheme = args(num_bits=4, type="float", strategy="group", group_size=32, scale_dtype="torch.uint8")
    compressor = BaseCompressor.get_value_from_registry("mxfp4-pack-quantized")
    packed = compressor.compress({"weight": w.bfloat16(), "weight_scale": (2.0**power).bfloat16()}, scheme)
    exact = E2M1[nibbles(packed["weight_packed"])] * spread(2.0**(packed["weight_scale"].double().numpy() - 127), w.shape, (1, 32))
    plain = compressor.decompress(dict(packed), scheme)["weight"]
    yield case("mxfp4 of compressed-tensors", origin, group(scheme, "mxfp4-pack-quantized"),
               {f"m.{k}": v for k, v in packed.items() if v is not None}, exact, plain.bfloat16())


def modelopt():
    from modelopt.torch.quantization.qtensor.nvfp4_tensor import NVFP4QTensor
    w = weight(6, 64).bfloat16()
    q, scale, scale_2 = NVFP4QTensor.quantize(w, 16)
    data = q._quantized_data
    exact = E2M1[nibbles(data)] * spread(double(scale.float()), w.shape, (1, 16)) * float(scale_2)
    plain = q.dequantize(torch.float32, scale=scale, double_scale=scale_2, block_sizes={-1: 16})
    one = np.spacing(np.abs(exact.astype(np.float32)))
    assert (np.abs(plain.double().numpy() - exact) <= one).all()  # float32 with two roundings
    tensors = {"m.weight": data, "m.weight_scale": scale, "m.weight_scale_2": scale_2.reshape([]),
               "m.input_scale": torch.tensor(0.01)}
    for declaration, key in (({"quant_method": "modelopt", "quant_algo": "NVFP4", "ignore": ["lm_head"]}, "quantization_config"),
                             ({"quantization": {"quant_algo": "NVFP4", "group_size": 16, "exclude_modules": ["lm_head"]}},
                              "hf_quant_config.json")):
        yield case(f"nvfp4, a multiplier, {key}", "ModelOpt 0.47.0, NVFP4QTensor", declaration, tensors, exact, key=key)
    w = weight(16, 64)
    scale = (w.abs().max() / 448).reshape([])
    data = (w / scale).to(torch.float8_e4m3fn)
    yield case("fp8, one scale", "ModelOpt 0.47.0, to_quantized_weight",
               {"quant_method": "modelopt", "quant_algo": "FP8"},
               {"m.weight": data, "m.weight_scale": scale, "m.input_scale": torch.tensor(0.5)},
               double(data.float()) * float(scale))


def gptq():
    from gptqmodel.nn_modules.qlinear.torch import TorchLinear
    for bits, order, version in ((4, False, 1), (4, True, 2), (8, False, 1), (3, True, 1), (2, False, 2)):
        rows, columns, size, most = 32, 64, 32, 2**bits - 1
        words = torch.from_numpy(np.frombuffer(np.random.default_rng(bits).bytes(columns * bits // 32 * rows * 4), "<i4").copy())
        qweight = words.reshape(columns * bits // 32, rows)
        stored = np.random.default_rng(bits + 1).integers(0, most, (2, rows))  # never maxq: versions differ on it
        packed = [sum(int(v) << (i * bits) for i, v in enumerate(line)).to_bytes(rows * bits // 8, "little") for line in stored]
        qzeros = torch.from_numpy(np.stack([np.frombuffer(line, "<i4") for line in packed]).copy())
        scales = (torch.rand(2, rows, generator=generator) * 0.1).half()
        index = torch.arange(columns, dtype=torch.int32) // size
        if order:
            index = index[torch.randperm(columns, generator=generator)]
        q = np.stack([stream(qweight[:, n].numpy(), columns, bits) for n in range(rows)])
        zero = stored + (1 if version == 1 else 0)
        exact = double(scales)[index].T * (q - zero[index].T)
        linear = TorchLinear(bits=bits, group_size=size, sym=False, desc_act=order, in_features=columns, out_features=rows)
        linear.qweight, linear.scales, linear.g_idx = qweight, scales, index.long()
        used = [sum(int(v) << (i * bits) for i, v in enumerate(line)).to_bytes(rows * bits // 8, "little") for line in zero]
        linear.qzeros = torch.from_numpy(np.stack([np.frombuffer(line, "<i4") for line in used]).copy())
        plain = linear.dequantize_weight().T.contiguous()
        declaration = {"quant_method": "gptq", "bits": bits, "group_size": size, "sym": False, "desc_act": order,
                       "checkpoint_format": "gptq" if version == 1 else "gptq_v2"}
        tensors = {"m.qweight": qweight, "m.qzeros": qzeros, "m.scales": scales, "m.g_idx": index}
        yield case(f"gptq v{version}, {bits} bits{', act order' if order else ''}", "GPTQModel 7.7.0, TorchLinear.dequantize_weight",
                   declaration, tensors, exact, plain.half())


def awq():
    sys.modules.setdefault("awq", types.ModuleType("awq")).__path__ = [str(pathlib.Path(torch.__file__).parent)]
    import importlib.util
    source = next(p / "awq/utils/packing_utils.py" for p in map(pathlib.Path, sys.path) if (p / "awq/utils/packing_utils.py").exists())
    spec = importlib.util.spec_from_file_location("packing_utils", source)
    utils = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(utils)
    rows, columns, size = 16, 64, 32
    random = np.random.default_rng(5)
    qweight = torch.from_numpy(random.integers(-2**31, 2**31, (columns, rows // 8), dtype=np.int32))
    qzeros = torch.from_numpy(random.integers(-2**31, 2**31, (2, rows // 8), dtype=np.int32))
    scales = (torch.rand(2, rows, generator=generator) * 0.1).half()
    plain = utils.dequantize_gemm(qweight, qzeros, scales, 4, size).T.contiguous()
    order = [0, 2, 4, 6, 1, 3, 5, 7]

    def columns_of(words):
        result = np.zeros((words.shape[0], words.shape[1] * 8))
        for c in range(words.shape[1]):
            for i in range(8):
                result[:, 8 * c + order[i]] = words[:, c].astype(np.uint32) >> (4 * i) & 15
        return result

    group_of = np.arange(columns) // size
    exact = ((columns_of(qweight.numpy()) - columns_of(qzeros.numpy())[group_of]) * double(scales)[group_of]).T
    yield case("awq gemm", "AutoAWQ 0.2.9, dequantize_gemm",
               {"quant_method": "awq", "bits": 4, "group_size": size, "zero_point": True, "version": "gemm"},
               {"m.qweight": qweight, "m.qzeros": qzeros, "m.scales": scales}, exact, plain.half())


def bitsandbytes():
    import bitsandbytes.functional as F
    for kind, nested in (("nf4", False), ("fp4", False), ("nf4", True)):
        w = weight(12, 64) if not nested else weight(4, 64 * 70)  # past a nested block of 256
        q, state = F.quantize_4bit(w, blocksize=64, quant_type=kind, compress_statistics=nested)
        packed = state.as_dict(packed=True)
        flat = np.stack([q.numpy().reshape(-1) >> 4, q.numpy().reshape(-1) & 15], -1).reshape(-1)
        absmax = double(state.absmax)
        if nested:
            absmax = (double(state.state2.code)[state.absmax.numpy()] * np.repeat(double(state.state2.absmax), 256)[:absmax.size]
                      + float(state.offset))
        exact = (double(state.code)[flat] * np.repeat(absmax, 64)).reshape(w.shape)
        plain = F.dequantize_4bit(q, state)
        tensors = {"m.weight": q} | {f"m.weight.{k}": v for k, v in packed.items()}
        library = None if nested else plain.float()  # nested: float32 rounds twice
        yield case(f"bitsandbytes {kind}{', nested' if nested else ''}", "bitsandbytes 0.50.2, dequantize_4bit",
                   {"quant_method": "bitsandbytes", "load_in_4bit": True, "bnb_4bit_quant_type": kind,
                    "bnb_4bit_use_double_quant": nested}, tensors, exact, library, every=41 if nested else 1)
    w = weight(16, 64)
    q, scale, _ = F.int8_vectorwise_quant(w.half())
    yield case("bitsandbytes int8", "bitsandbytes 0.50.2, int8_vectorwise_quant",
               {"quant_method": "bitsandbytes", "load_in_8bit": True, "llm_int8_threshold": 6.0},
               {"m.weight": q, "m.SCB": scale.float(), "m.weight_format": torch.tensor(0, dtype=torch.uint8)},
               double(q.float()) * double(scale.float())[:, None] / 127)


def mlx():
    import mlx.core as mx

    def torch_of(array):
        kinds = {mx.bfloat16: (mx.uint16, torch.bfloat16), mx.float16: (mx.uint16, torch.float16)}
        if array.dtype in kinds:
            return torch.from_numpy(np.array(array.view(mx.uint16)).view(np.int16)).view(kinds[array.dtype][1])
        return torch.from_numpy(np.array(array))

    for bits in (2, 3, 4, 5, 6, 8):
        w = weight(4, 64)
        q, scales, biases = mx.quantize(mx.array(w.numpy()).astype(mx.float16), 32, bits)
        tensors = {"m.weight": torch_of(q), "m.scales": torch_of(scales), "m.biases": torch_of(biases)}
        codes = np.stack([stream(row, 64, bits) for row in np.array(q)])
        s, b = (spread(double(tensors[f"m.{k}"]), (4, 64), (1, 32)) for k in ("scales", "biases"))
        exact = s * codes + b
        # Its own float16 rounds twice, the product and the sum; the exact scales in float32 do not.
        plain = torch_of(mx.dequantize(q, scales.astype(mx.float32), biases.astype(mx.float32), 32, bits))
        close = np.abs(plain.double().numpy() - exact) <= 2.0**-22 * (np.abs(s * codes) + np.abs(b))
        assert close.all(), bits
        yield case(f"mlx affine, {bits} bits", "MLX 0.32.4, mx.quantize", {"group_size": 32, "bits": bits}, tensors, exact,
                   key="quantization")
    for mode, bits, size in (("mxfp4", 4, 32), ("nvfp4", 4, 16), ("mxfp8", 8, 32)):
        w = weight(4, 64)
        q, scales = mx.quantize(mx.array(w.numpy()).astype(mx.bfloat16), size, bits, mode)
        tensors = {"m.weight": torch_of(q), "m.scales": torch_of(scales)}
        raw = np.array(q).view(np.uint8)
        if mode == "mxfp8":
            values = double(torch.from_numpy(raw.copy()).view(torch.float8_e4m3fn).float())
        else:
            values = E2M1[nibbles(torch.from_numpy(raw.copy()))]
        codes = torch.from_numpy(np.array(scales))
        s = double(codes.view(torch.float8_e4m3fn).float()) if mode == "nvfp4" else 2.0**(codes.double().numpy() - 127)
        exact = values * spread(s, (4, 64), (1, size))
        plain = torch_of(mx.dequantize(q, scales, None, size, bits, mode))
        yield case(f"mlx {mode}", "MLX 0.32.4, mx.dequantize", {"group_size": size, "bits": bits, "mode": mode}, tensors, exact,
                   plain.to(torch.bfloat16), key="quantization")


def mxfp4():
    from transformers.integrations.mxfp4 import convert_moe_packed_tensors
    random = np.random.default_rng(9)
    blocks = torch.from_numpy(random.integers(0, 256, (2, 6, 2, 16), dtype=np.uint8))
    scales = torch.from_numpy(random.integers(100, 140, (2, 6, 2), dtype=np.uint8))
    plain = convert_moe_packed_tensors(blocks, scales)
    values = E2M1[np.stack([blocks.numpy() & 15, blocks.numpy() >> 4], -1).reshape(2, 6, 64)]
    exact = (values * np.repeat(2.0**(scales.double().numpy() - 127), 32, 2)).transpose(0, 2, 1)
    yield case("mxfp4 of gpt-oss", "transformers, convert_moe_packed_tensors", {"quant_method": "mxfp4"},
               {"m.weight_blocks": blocks, "m.weight_scales": scales}, np.ascontiguousarray(exact), plain.contiguous())


def torchao():
    from torchao.quantization import Float8WeightOnlyConfig, Int8WeightOnlyConfig, quantize_
    from torchao.prototype.safetensors.safetensors_support import flatten_tensor_state_dict
    for config, kind in ((Int8WeightOnlyConfig(version=2), "int8"), (Float8WeightOnlyConfig(version=2), "fp8")):
        module = torch.nn.Sequential()
        module.add_module("m", torch.nn.Linear(64, 6, bias=False))
        with torch.no_grad():
            module.m.weight.copy_(weight(6, 64))
        module = module.bfloat16()
        quantize_(module, config)
        tensors, metadata = flatten_tensor_state_dict(module.state_dict())
        q, scale = tensors["m._weight_qdata"], tensors["m._weight_scale"]
        exact = double(q.float()) * double(scale.float()).reshape(-1, 1)
        plain = module.m.weight.dequantize()
        yield case(f"torchao {kind}", "torchao 0.18.0, flatten_tensor_state_dict",
                   {"quant_method": "torchao", "quant_type": {"default": {"_type": type(config).__name__}}}, tensors, exact,
                   plain.bfloat16(), metadata=metadata)


def main():
    families = (fp8_blocks, compressed_tensors, modelopt, gptq, awq, bitsandbytes, mlx, mxfp4, torchao)
    cases = []
    for family in families:
        cases.extend(family())
    text = "[\n" + ",\n".join(json.dumps(c) for c in cases) + "\n]\n"
    if "--check" in sys.argv:
        sys.exit(0 if OUT.read_text() == text else f"{OUT.name} is not what the libraries give")
    OUT.write_text(text)
    print(len(cases), "cases,", len(text), "bytes")


if __name__ == "__main__":
    main()
