"""One op of a forward by itself: a kernel's output, judged on the inputs that it was given.

    from plumbline import ops
    result = ops.check("rms_norm", {"x": x, "w": w}, my_kernel(x, w), eps=1e-6)
    assert result.passed, result.story

The truth is the op in float64 on exactly these inputs; what the output may be off by is what its precision
contract makes, by emulation. docs/ops.md has the ops; `ops.listing()` tells them with their attributes.
"""

import json
import os
import pathlib
import tempfile
from collections.abc import Mapping
from typing import Any

import numpy as np

from plumbline.program import call
from plumbline.result import Result

PathLike = str | os.PathLike[str]

# By the end of a dtype's name, whichever library it is of: as safetensors writes it.
_DTYPES = {
    "float64": "F64", "float32": "F32", "float16": "F16", "bfloat16": "BF16", "float8_e4m3fn": "F8_E4M3",
    "float8_e5m2": "F8_E5M2", "int64": "I64", "int32": "I32", "int16": "I16", "int8": "I8", "uint8": "U8",
    "uint16": "U16", "uint32": "U32", "uint64": "U64", "bool": "BOOL",
}  # fmt: skip


def _stored(name: str, array: Any) -> tuple[str, list[int], bytes]:
    """(dtype, shape, row-major bytes) of an array of numpy, torch, jax or mlx, its numbers untouched."""
    module = type(array).__module__.partition(".")[0]
    kind = str(getattr(array, "dtype", "")).rpartition(".")[2]
    shape = [int(extent) for extent in np.shape(array)]
    if module == "torch":
        import torch

        flat = array.detach().cpu().contiguous().reshape(-1)
        data = flat.view(torch.uint8).numpy().tobytes()
    elif module == "mlx" and kind == "bfloat16":
        import mlx.core

        data = np.array(array.view(mlx.core.uint16)).tobytes()
    else:
        plain = np.asarray(array)
        kind, shape = plain.dtype.name, list(plain.shape)
        data = np.ascontiguousarray(plain).tobytes()
    if kind not in _DTYPES:
        raise TypeError(f"{name} has dtype {kind or type(array)}; known are {', '.join(_DTYPES)}")
    return _DTYPES[kind], shape, data


def write_tensors(file: PathLike, arrays: Mapping[str, Any]) -> None:
    """Writes a safetensors file; bfloat16 and fp8 stay what they are."""
    header: dict[str, Any] = {}
    parts: list[bytes] = []
    end = 0
    for name, array in arrays.items():
        dtype, shape, data = _stored(name, array)
        header[name] = {"dtype": dtype, "shape": shape, "data_offsets": [end, end + len(data)]}
        parts.append(data)
        end += len(data)
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    pathlib.Path(file).write_bytes(len(text).to_bytes(8, "little") + text + b"".join(parts))


def _text(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, (list, tuple)):
        return ",".join(map(repr, value))
    return str(value)


def check(
    op: str, inputs: Mapping[str, Any], output: Any, *, contract: str | None = None, **attributes: Any
) -> Result:
    """Judges the output of one op (an array, or several by name), as `plumb op` does.

    `inputs`: arrays by the op's names for them, weights and state besides. Shapes are the op's, positions
    first. `contract`: a precision contract's name or file, "auto", or None: by the output's dtype.
    `attributes`: eps=1e-6, theta=1e4, ... Raises CallError where the call has no meaning."""
    outputs = output if isinstance(output, Mapping) else {"": output}
    with tempfile.TemporaryDirectory() as folder:
        base = pathlib.Path(folder)
        given, gave, found = base / "inputs.safetensors", base / "outputs.safetensors", base / "result.json"
        write_tensors(given, inputs)
        write_tensors(gave, {name or "output": array for name, array in outputs.items()})
        arguments = ["op", op, *(f"{name}={given}#{name}" for name in inputs)]
        for name in outputs:
            arguments += ["--out", f"{name}={gave}#{name}" if name else f"{gave}#output"]
        for key, value in attributes.items():
            arguments += ["--set", f"{key}={_text(value)}"]
        if contract is not None:
            arguments += ["--contract", contract]
        done = call([*arguments, "--json", str(found)])
        return Result(json.loads(found.read_text()), done.stdout + done.stderr)


def listing() -> list[dict[str, Any]]:
    """The ops: name, formula, inputs, weights, state, outputs, attributes with their defaults."""
    ops: list[dict[str, Any]] = json.loads(call(["op", "--list", "--json", "-"]).stdout)["ops"]
    return ops
