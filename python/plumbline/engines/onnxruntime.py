"""ONNX Runtime on CPU, on torch's own export of a transformers model: `--candidate py:onnxruntime`.

What is judged is both: the graph that torch.onnx writes, and the runtime's kernels. Taps: what each layer
returns. Cannot: runs in pieces (the graph has no cache), bfloat16 (the CPU provider lacks its kernels).
Needs onnxruntime, onnx, onnxscript, torch, transformers.
"""

import pathlib
import tempfile
from collections.abc import Callable, Mapping, Sequence
from importlib.metadata import version
from typing import Any

import numpy as np
import onnxruntime

from plumbline.engine import Engine, Request, Unsupported, serve
from plumbline.engines.onnx_export import export


class OnnxRuntime(Engine):
    dtype, contract = "float32", "float32"

    def __init__(self, request: Request) -> None:
        if request.dtype not in (None, "float32"):
            raise Unsupported(f"{request.dtype} on CPU")
        self.producer = f"onnxruntime {onnxruntime.__version__}, exported by torch {version('torch')}"
        with tempfile.TemporaryDirectory() as folder:
            file = pathlib.Path(folder) / "model.onnx"
            self.outputs = export(request.checkpoint, file)
            options = onnxruntime.SessionOptions()
            options.intra_op_num_threads = request.threads
            self.session = onnxruntime.InferenceSession(str(file), options, providers=["CPUExecutionProvider"])

    def forward(self, tokens: Sequence[int], wanted: Callable[[str], bool]) -> Mapping[str, Any]:
        names = [name for name in self.outputs if name == "logits" or wanted(name)]
        values = self.session.run(names, {"input_ids": np.array([tokens], dtype=np.int64)})
        return {name: value[0] for name, value in zip(names, values, strict=True)}


if __name__ == "__main__":
    serve(OnnxRuntime)
